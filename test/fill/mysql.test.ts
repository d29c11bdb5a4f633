import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test as base, expect } from 'vitest'
import { withMigratedDatabase } from '../../fixtures/withMigratedDatabase.ts'
import { fill } from '../../index.ts'
import { memory } from '../../src/source/memory.ts'
import { failure } from '../support/database.ts'
import { describeOnDatabases } from '../support/servers.ts'

const everything = readFileSync(join(import.meta.dirname, 'everything.mysql.sql'), 'utf8')
const names = [...everything.matchAll(/^create table (\w+)|; create table (\w+)/gm)].map(([, a, b]) => a ?? b ?? '')
const wanted = Object.fromEntries(names.map((name) => [name, 8]))

describeOnDatabases(['MySQL', 'MariaDB'], ({ server }) => {
  const test = base.extend(
    'db',
    withMigratedDatabase({ server, migrations: memory({ '1_everything.up.sql': everything }) }),
  )

  test.for(['plain', 'sparse', 'edge'] as const)('%s rows for every type and constraint', async (rows, { db }) => {
    expect(await fill(db, wanted, { rows })).toMatchObject(wanted)
    for (const name of names) {
      expect(await db.query(`select count(*) as count from ${name}`)).toEqual([{ count: wanted[name] }])
    }
  })

  test('foreign keys are checked again after a circle', async ({ db }) => {
    await fill(db, { a: 3, tree: 2 })
    expect(await db.query('select @@session.foreign_key_checks as checks')).toEqual([{ checks: 1 }])
    expect(
      await db.query('select count(*) as count from a join b on b.id = a.b_id join a as c on c.id = b.a_id'),
    ).toEqual([{ count: 3 }])
  })

  test('in an open transaction the rows are part of it', async ({ db }) => {
    await db.query('begin')
    await fill(db, { countries: 3 })
    await failure(fill(db, { countries: 2, nothing: 2 }))
    expect(await db.query('select count(*) as count from countries')).toEqual([{ count: 3 }])
    await db.query('rollback')
    expect(await db.query('select count(*) as count from countries')).toEqual([{ count: 0 }])
  })

  test('a table that cannot be filled: nothing is inserted, and the reason is told', async ({ db }) => {
    await db.query('create table never (id int primary key, n int not null, constraint narrow check (n > 3 and n < 3))')
    const error = await failure(fill(db, { countries: 2, never: 3 }))
    expect(error).toMatchObject({ code: 'MIGRATEST_FILL', table: 'never' })
    expect(error.message).toContain('no value for n was found that satisfies narrow')
    expect(await db.query('select * from countries')).toEqual([])
  })
})
