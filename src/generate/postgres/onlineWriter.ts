/** Changes of tables in use on PostgreSQL: what the server rewrites is seen by the files in which it keeps tables. */
import type { Attempts, Scratch } from '../attempts.ts'
import type { Seen } from '../online/operation.ts'
import type { OnlineWriter } from '../online/writer.ts'
import type { Statement } from '../statement.ts'
import { merged, singleActions } from './generator.ts'
import { onlineOperations } from './online.ts'

export const postgresOnline: OnlineWriter = {
  generator: singleActions,
  observe,
  operations: onlineOperations,
  joined: merged,
  waitsAtMost: "SET LOCAL lock_timeout = '5s';",
}

// --- internal ---

async function observe(attempts: Attempts, statements: readonly Statement[]): Promise<Seen[]> {
  return attempts.attempt(async (db) => {
    const seen: Seen[] = []
    let before = await filesOf(db)
    const old = new Set(before.keys())
    for (const statement of statements) {
      await db.run(statement.sql)
      const after = await filesOf(db)
      const rewritten = [...after].filter(([oid, { file }]) => old.has(oid) && before.get(oid)?.file !== file)
      seen.push({ statement, rewritten: rewritten.map(([, { name }]) => name) })
      before = after
    }
    return { keep: false, value: seen }
  })
}

/** The file and name of each table, by its oid. */
async function filesOf(db: Scratch): Promise<ReadonlyMap<number, { readonly file: string; readonly name: string }>> {
  const rows = await db.rows(
    "SELECT oid::integer AS oid, relfilenode::text AS file, oid::regclass::text AS name FROM pg_catalog.pg_class WHERE relkind IN ('r', 'm') AND relpersistence <> 't' AND oid >= 16384",
  )
  return new Map(rows.map(({ oid, file, name }) => [Number(oid), { file: String(file), name: String(name) }]))
}
