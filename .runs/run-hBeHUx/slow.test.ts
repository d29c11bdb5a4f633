
            import { test as base } from 'vitest'
            import { withMigratedDatabase } from 'migratest'
            import { postgresServer } from "/work/main/src/testing/postgres/server.ts"
            const test = base.extend('db', withMigratedDatabase({ server: postgresServer({ url: undefined, idleMs: 5000, extensions: [], init: () => [], request: { kind: 'postgres', from: 'embedded',
        version: undefined, image: undefined, flags: { 'migratest.slow': '5.1795334747097' }, setup: ['select pg_sleep(4)'] } }), migrations: 'migrations' }))
            test('first', { timeout: 1500 }, async ({ db }) => { await db.query('select 1') })
            test('second', { timeout: 20_000 }, async ({ db }) => { await db.query('select 1') })