/** Shortcuts on a database's way up and down with rows: each gives what the whole way gives. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openUrl } from '../../src/database/postgres/connection.ts'
import { fillTables } from '../../src/fill/fillTables.ts'
import type { RowSet } from '../../src/fill/model.ts'
import { postgresFill } from '../../src/fill/postgres/database.ts'
import { memory } from '../../src/source/memory.ts'
import { rememberingFill } from '../../src/verify/rows/rememberingFill.ts'
import { RowDatabase } from '../../src/verify/rows/rowDatabase.ts'
import type { State } from '../../src/verify/rows/rowMemory.ts'
import { test as onDatabase } from '../support/database.ts'
import { anyPostgres } from '../support/servers.ts'

const EVERYTHING = readFileSync(join(import.meta.dirname, '../fill/everything.postgres.sql'), 'utf8')
const NOTHING = { tables: [], schemas: [] }

describe('rows that only the upper version allows', () => {
  const wanted = [
    { set: 'edge', rows: 12 },
    { set: 'sparse', rows: 2 },
  ] as const

  test.for([
    [
      'a version with every type and constraint',
      { '1_one.up.sql': 'select 1', '2_two.up.sql': EVERYTHING.replaceAll(/^create table hashed.*$/gm, '') },
    ],
    [
      'a version with a table in parts by hash, whose bounds have its identity',
      {
        '1_one.up.sql': 'select 1',
        '2_two.up.sql': `create table hashed (id int primary key) partition by hash (id);
          create table hashed_0 partition of hashed for values with (modulus 2, remainder 1)`,
      },
    ],
    [
      'a version that gives a table columns, over rows',
      {
        '1_one.up.sql': 'create table one (id serial primary key, name text check (length(name) < 9))',
        '2_two.up.sql': `alter table one add column n int check (n > 0), add column kind text default 'x' check (kind in ('x', 'y'));
          create table kid (id bigint generated always as identity primary key, one int not null references one, unique (one, id))`,
        '2_two.down.sql': 'drop table kid; alter table one drop column n, drop column kind',
      },
    ],
  ] as const)('are the same without reading what is there: %s', async ([, files]) => {
    const down = 'drop schema public cascade; create schema public'
    const source = memory({ '1_one.down.sql': '', '2_two.down.sql': down, ...files })
    const options = { server: anyPostgres, migrations: source, snapshots: false }
    const verified = { options, source, migrations: await source.list(), irreversible: new Map() }
    const filled = async (fill: (database: RowDatabase<unknown>, state: State) => Promise<unknown>) => {
      const database = new RowDatabase<unknown>(verified, { isWhole: true, isCounted: true })
      onTestFinished(() => database.dispose())
      await database.reach(1)
      await database.fill([{ set: 'plain', rows: 5 }])
      await database.move(2)
      const state = await database.state()
      await database.move(1)
      await database.move(2)
      await fill(database, state)
      return shown(await database.state())
    }
    const isMeant = () => true
    const whole = await filled((database) => database.fill(wanted, { isMeant }))
    expect(await filled((database, state) => database.fillAgain(wanted, state, isMeant))).toEqual(whole)
    expect(whole.length).toBeGreaterThan(12)
  })
})

onDatabase('what the server has said of values is not asked again, and the rows are the same', async ({ db }) => {
  await db.rows(EVERYTHING)
  const session = await openUrl(db.url)
  onTestFinished(() => session.close())
  const asked: string[] = []
  const fill = postgresFill({
    query: (sql) => {
      asked.push(sql)
      return session.query(sql)
    },
  })
  const tables = await fill.readTables(NOTHING)
  const rowsOf = async (set: RowSet, known?: Map<string, number[][]>) => {
    await db.rows(`truncate ${tables.map(({ sql }) => sql).join(', ')} restart identity cascade`)
    asked.splice(0)
    const each = new Map(tables.map(({ id }) => [id, 5]))
    const database = known ? rememberingFill(fill, known) : fill
    await fill.transaction(() => fillTables(database, tables, each, { set, partitions: false }))
    const rows: unknown[] = []
    for (const { sql } of tables) rows.push(...(await db.rows(`select r::text from ${sql} r order by 1`)))
    return { rows, questions: asked.filter((sql) => sql.includes('migratest.answers')).length }
  }
  const known = new Map<string, number[][]>()
  for (const set of ['plain', 'edge', 'sparse', 'mixed'] as const) {
    const whole = await rowsOf(set)
    expect((await rowsOf(set, known)).rows).toEqual(whole.rows)
    const again = await rowsOf(set, known)
    expect(again.rows).toEqual(whole.rows)
    expect(again.questions).toBeLessThan(whole.questions / 4)
  }
})

onDatabase('keys are asked for once until there may be others, and the rows are the same', async ({ db }) => {
  await db.rows(`create table a (id serial primary key, name text not null);
    create table heir (more int) inherits (a); create table tree (id int primary key, parent int references tree);
    create table b (id serial primary key, a int not null references a, tree int references tree);
    create table c (a int references a, b int not null references b, n int, unique (a, b))`)
  const session = await openUrl(db.url)
  onTestFinished(() => session.close())
  const asked: string[] = []
  const fill = postgresFill({
    query: (sql) => {
      asked.push(sql)
      return session.query(sql)
    },
  })
  const tables = await fill.readTables(NOTHING)
  const fillAll = async (database: typeof fill) => {
    await db.rows(`truncate ${tables.map(({ sql }) => sql).join(', ')} restart identity cascade`)
    asked.splice(0)
    for (const names of [['a', 'heir', 'tree', 'b', 'c'], ['c'], ['b'], ['heir', 'c'], ['c'], ['tree', 'c']]) {
      const some = tables.filter(({ name }) => names.includes(name))
      for (const set of ['edge', 'sparse', 'mixed'] as const) {
        const each = new Map(some.map(({ id }) => [id, 4]))
        await fill.transaction(() => fillTables(database, tables, each, { set }))
      }
    }
    const rows: unknown[] = []
    for (const { sql } of tables) rows.push(...(await db.rows(`select r::text from ${sql} r order by 1`)))
    return { rows, questions: asked.filter((sql) => sql.includes(' AS k0')).length }
  }
  const whole = await fillAll(fill)
  const again = await fillAll(rememberingFill(fill, new Map()))
  expect(again.rows).toEqual(whole.rows)
  expect(again.questions).toBeLessThan(whole.questions)
})

onDatabase('what the server says of values is asked again where it depends on more than they', async ({ db }) => {
  await db.rows(`create table later (id int, at timestamptz check (at > now()), name text check (name <> 'x'))`)
  const session = await openUrl(db.url)
  onTestFinished(() => session.close())
  const fill = postgresFill(session)
  const known = new Map<string, number[][]>()
  const database = rememberingFill(fill, known)
  const tables = await fill.readTables(NOTHING)
  const each = new Map(tables.map(({ id }) => [id, 5]))
  await fill.transaction(() => fillTables(database, tables, each, { set: 'plain' }))
  const questions = [...known.keys()].join('\n')
  expect(questions).toContain("name <> 'x'")
  expect(questions).not.toContain('now()')
})

// --- internal ---

/** All rows but the time at which they were written. */
function shown({ rows: all }: State): string[] {
  return all.flatMap(({ table, rows }) =>
    rows.map((row) =>
      JSON.stringify(
        Object.fromEntries([
          ['table', table.name],
          ...table.columns.map(({ name, default: sql }, n) => [name, /now\(\)|random/.test(sql ?? '') ? null : row[n]]),
        ]),
      ),
    ),
  )
}
