/** Queries that are prepared while there are few objects, and asked when there are many: their work must not grow with the square. */
import { expect, onTestFinished } from 'vitest'
import { readSchema } from '../../../src/database/postgres/catalog/catalog.ts'
import { openUrl } from '../../../src/database/postgres/connection.ts'
import type { Session } from '../../../src/database/postgres/session.ts'
import { postgresFill } from '../../../src/fill/postgres/database.ts'
import { postgresReader } from '../../../src/verify/rows/postgresReader.ts'
import { test as base } from '../../support/database.ts'

const NOTHING = { tables: [], schemas: [] }

/** A session on which everything was asked while there was one table; then come many. */
const test = base.extend('grown', async ({ db }) => {
  await db.rows(tableSql(0))
  const session = await openUrl(db.url)
  onTestFinished(() => session.close())
  const read = () => readSchema(session, { exclude: NOTHING, keep: true })
  for (let times = 0; times < 3; times++) await read()
  await postgresFill(session).readTables(NOTHING, true)
  const reader = postgresReader(session)
  await reader.uses([])
  await reader.marks?.()
  let count = 1
  return async (tables: number) => {
    while (count < tables) await db.rows(tableSql(count++))
    return session
  }
})

test.for([
  'migratest_schema',
  'migratest_schema_marks',
  'migratest_fill_tables',
  'migratest_objects',
  'migratest_rows_marks',
])('%s', { timeout: 60_000 }, async (name, { grown }) => {
  const some = await rowsSeen(await grown(60), name)
  const twice = await rowsSeen(await grown(120), name)
  // Time that grows with the square of the size would be four times as much.
  expect(twice / some).toBeLessThan(2.8)
})

// --- internal ---

function tableSql(n: number): string {
  const parent = n === 0 ? '' : `, parent int references t${n - 1}`
  return `create table t${n} (id serial primary key, name text not null default 'x' check (name <> '') ${parent}); create index on t${n} (name);
    create view v${n} as select id, name from t${n}; create trigger changed before update on t${n} for each row execute function suppress_redundant_updates_trigger()`
}

interface Node {
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Join Filter'?: number
  readonly Plans?: readonly Node[]
}

/** The rows that all parts of the plan have looked at. */
async function rowsSeen(session: Session, name: string): Promise<number> {
  const [prepared] = await session.query(
    `SELECT cardinality(parameter_types) AS parameters FROM pg_prepared_statements WHERE name = '${name}'`,
  )
  // What was counted at the last reading: nothing, so everything is read.
  const counted = prepared?.parameters === 1 ? "('')" : ''
  // As the whole schema is read.
  const before = name === 'migratest_schema' ? 'SET enable_nestloop = off; SET enable_seqscan = off; ' : ''
  const rows = await session.query(`${before}EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE ${name} ${counted}`)
  const [explained] = (rows[0]?.['QUERY PLAN'] ?? []) as { Plan: Node }[]
  if (!explained) throw new Error(`${name} has no plan.`)
  const seenBy = (node: Node): number =>
    node['Actual Loops'] *
      (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Join Filter'] ?? 0)) +
    (node.Plans ?? []).reduce((sum, inner) => sum + seenBy(inner), 0)
  return seenBy(explained.Plan)
}
