/** What the editor says; `npm run check` is what makes these fail. */
import type { PGlite } from '@electric-sql/pglite'
import type { Client } from 'pg'
import { test as base, describe, expectTypeOf, test } from 'vitest'
import { describeTransitions } from '../fixtures/vitest.ts'
import {
  createMigratedDatabase,
  type MigratedDatabase,
  memory,
  migrateTo,
  openDatabase,
  type Run,
  withMigratedDatabase,
} from '../index.ts'
import { pglite } from '../presets/pglite.ts'
import { postgres } from '../presets/postgres.ts'

const onPostgres = { server: postgres(), migrations: 'migrations' }
const onPglite = { server: pglite(), migrations: memory({}) }

describe('types', () => {
  test('the client is the library’s own, never any', () => {
    expectTypeOf<Awaited<ReturnType<typeof createMigratedDatabase<Client>>>['client']>().toEqualTypeOf<Client>()
    const database = () => createMigratedDatabase(onPostgres)
    expectTypeOf<Awaited<ReturnType<typeof database>>['client']>().toEqualTypeOf<Client>()
    const inProcess = () => createMigratedDatabase(onPglite)
    expectTypeOf<Awaited<ReturnType<typeof inProcess>>['client']>().toEqualTypeOf<PGlite>()
  })

  test('fixtures infer, in every scope', () => {
    const perTest = base.extend('db', withMigratedDatabase(onPostgres))
    const perFile = base.extend('db', { scope: 'file' }, withMigratedDatabase(onPostgres))
    const perDescribe = base
      .extend('version', 2)
      .extend('db', ({ version, task }, { onCleanup }) =>
        withMigratedDatabase({ ...onPglite, version })({ task }, { onCleanup }),
      )
    expectTypeOf<typeof perTest>().not.toBeAny()
    expectTypeOf<typeof perFile>().not.toBeAny()
    expectTypeOf<typeof perDescribe>().not.toBeAny()
  })

  test('the callback gives what it gave', () => {
    const five = () => withMigratedDatabase(onPostgres, async (db) => (await db.client.query('select 5')).rowCount)
    expectTypeOf<ReturnType<typeof five>>().toEqualTypeOf<Promise<number | null>>()
    expectTypeOf(migrateTo<Client>).returns.toEqualTypeOf<Promise<Run>>()
  })

  test('what cannot be is refused', () => {
    const wrong = (db: MigratedDatabase<Client>) => {
      // @ts-expect-error: a version is a number
      void migrateTo(db, '3')
      // @ts-expect-error: the preset has to be called
      void withMigratedDatabase({ server: postgres, migrations: 'migrations' })
      // @ts-expect-error: a transition says where it goes
      describeTransitions(onPostgres, [{ from: 1 }])
      // @ts-expect-error: a number is no database
      void openDatabase(5)
      // Rows may be interfaces.
      interface User {
        id: number
      }
      return db.query<User>('select 1 as id')
    }
    expectTypeOf(wrong).returns.resolves.toEqualTypeOf<{ id: number }[]>()
  })
})
