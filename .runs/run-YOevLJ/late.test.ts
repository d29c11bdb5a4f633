
            import { test as base } from 'vitest'
            import { createMigratedDatabase, memory, withMigratedDatabase } from 'migratest'
            import { postgres } from 'migratest/presets/postgres'
            const server = postgres()
            const test = base.extend('db', withMigratedDatabase({ server, migrations: 'slow', snapshots: false }))
            base('warm', { timeout: 60_000 }, async () => { await (await server.create()).drop() })
            test('late', { timeout: 700 }, async ({ db }) => { await db.query('select 1') })
            base('after', { timeout: 20_000 }, async ({ expect }) => {
              await new Promise((resolve) => setTimeout(resolve, 2500))
              await using db = await createMigratedDatabase({ server, migrations: memory({}), version: 'nil' })
              const mine = db.name.replace(/_\d+$/, '_')
              expect(await db.query('select datname from pg_database where starts_with(datname, $1)', [mine])).toEqual([{ datname: db.name }])
            })