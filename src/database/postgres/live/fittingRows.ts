/**
 * Gives tables rows over which a statement succeeds that fails over those that are there: the statement runs over none, the
 * tables are filled as its new schema asks, and these rows are there when it runs again.
 */
import { literal } from '../tables.ts'
import type { Query, Relation } from './snapshot.ts'

export interface Unfitting {
  readonly query: Query
  /** The statement, which fails over the rows that are there. */
  readonly text: string
  /** The tables that are there. */
  readonly tables: readonly Relation[]
  /** Adds rows that the present schema accepts, within the transaction that is open. */
  readonly fill: () => Promise<unknown>
}

/** Returns `true` if the statement can run over the rows that are there now; otherwise the tables are empty. */
export async function makeFitting({ query, text, tables, fill }: Unfitting): Promise<boolean> {
  const leaves = tables.filter(({ kind }) => kind === 'r')
  await query(`SAVEPOINT ${MARK}`)
  await empty(query, leaves)
  await query(text)
  await fill()
  const rows = await rowsOf(query, leaves)
  await query(`ROLLBACK TO SAVEPOINT ${MARK}`)
  await empty(query, leaves)
  await asReplica(query, async () => {
    for (const [{ shown }, own] of rows) await put(query, shown, own).catch(() => undefined)
  })
  const fits = await undone(query, () => query(text)).then(
    () => true,
    () => false,
  )
  if (!fits) await empty(query, leaves)
  await query(`RELEASE SAVEPOINT ${MARK}`)
  return fits
}

// --- internal ---

const MARK = 'migratest_fitting'

/** Deletes all rows. Neither triggers nor foreign keys hear of it. */
async function empty(query: Query, tables: readonly Relation[]): Promise<void> {
  await asReplica(query, async () => {
    for (const { shown } of tables) await query(`DELETE FROM ONLY ${shown}`)
  })
}

async function asReplica(query: Query, work: () => Promise<void>): Promise<void> {
  const [row] = await query("SELECT pg_catalog.current_setting('session_replication_role') AS role")
  const set = (role: string) => query(`SELECT pg_catalog.set_config('session_replication_role', '${role}', true)`)
  await set('replica')
  await work()
  await set(String(row?.role))
}

/** Returns the rows of the tables that are still there, as JSON. */
async function rowsOf(query: Query, tables: readonly Relation[]): Promise<(readonly [Relation, string])[]> {
  const rows: (readonly [Relation, string])[] = []
  for (const table of tables) {
    const [now] = await query(
      `SELECT c.oid::pg_catalog.regclass::text AS name FROM pg_catalog.pg_class c WHERE c.oid = ${table.oid}`,
    )
    if (!now) continue
    const [row] = await query(`SELECT pg_catalog.json_agg(t.*)::text AS rows FROM ONLY ${String(now.name)} t`)
    if (row?.rows) rows.push([table, String(row.rows)])
  }
  return rows
}

/** Inserts rows: the columns that they have values for, but for generated ones. */
async function put(query: Query, table: string, rows: string): Promise<void> {
  const text = literal(rows)
  const [row] =
    await query(`SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = ${literal(table)}::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      AND pg_catalog.jsonb_exists(${text}::pg_catalog.jsonb -> 0, a.attname)`)
  await attempted(query, () =>
    query(
      `INSERT INTO ${table} (${String(row?.columns)}) OVERRIDING SYSTEM VALUE SELECT ${String(row?.columns)} FROM pg_catalog.json_populate_recordset(NULL::${table}, ${text})`,
    ),
  )
}

/** Runs what may fail without ending the transaction. */
async function attempted(query: Query, work: () => Promise<unknown>): Promise<void> {
  await query(`SAVEPOINT ${MARK}_part`)
  try {
    await work()
    await query(`RELEASE SAVEPOINT ${MARK}_part`)
  } catch (error) {
    await query(`ROLLBACK TO SAVEPOINT ${MARK}_part; RELEASE SAVEPOINT ${MARK}_part`)
    throw error
  }
}

/** Runs what may fail, and undoes it. */
async function undone(query: Query, work: () => Promise<unknown>): Promise<void> {
  await query(`SAVEPOINT ${MARK}_part`)
  try {
    await work()
  } finally {
    await query(`ROLLBACK TO SAVEPOINT ${MARK}_part; RELEASE SAVEPOINT ${MARK}_part`)
  }
}
