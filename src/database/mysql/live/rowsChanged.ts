/** Counts the rows that a statement changes, and finds tables that a procedure copies. */
import type { ObservedStatement } from '../../../migrate/driver.ts'
import type { WrittenRows } from '../../effects.ts'
import { identifier, literal } from '../tables.ts'
import { rowsIn } from './ladder.ts'

type Query = ObservedStatement['query']

export interface RowsChanged {
  readonly written: readonly WrittenRows[]
  /** Tables that were copied row by row. */
  readonly copied: readonly string[]
}

/**
 * Looks at the tables before a statement runs. Returns what looks at them again when it has run; undefined for a statement
 * that changes no rows of old tables.
 * @param old names of the tables that were there before the migration, in lower case
 */
export async function rowsBefore(
  text: string,
  old: ReadonlySet<string>,
  query: Query,
): Promise<(() => Promise<RowsChanged>) | undefined> {
  const found = rowsIn(text)
  // From LOCK TABLES to UNLOCK TABLES is one statement for us.
  const isCall = /^(?:call|lock\s+tables?)\b/i.test(text)
  const tables = isCall ? [...old] : found && old.has(found.table.toLowerCase()) ? [found.table] : []
  if (tables.length === 0) return undefined
  // Our own bookkeeping follows the statement in the same message, so the server's counters are about that, too.
  const read = async (table: string) =>
    (await query(`SELECT * FROM ${identifier(table)}`).catch(() => [])).map((row) => JSON.stringify(row))
  const before = new Map<string, readonly string[]>()
  for (const table of tables) before.set(table, await read(table))
  const isCommitted = isCall && (await commitsOnItsWay(text, query))
  const copies = isCall ? await CopyCount.begin(query) : undefined
  return async () => {
    const copied = (await copies?.since(before)) ?? []
    const written: WrittenRows[] = []
    for (const [name, rows] of before) {
      const after = new Set(await read(name))
      const gone = rows.filter((row) => !after.has(row)).length
      // Values of a column that has another type are written otherwise, and nobody has changed them.
      if (isCall && (gone === 0 || copied.includes(name))) continue
      const isDeleted = isCall ? after.size < rows.length : found?.is === 'deleted'
      const counts = { inserted: 0, updated: isDeleted ? 0 : gone, deleted: isDeleted ? gone : 0 }
      written.push({ name, isOld: true, of: rows.length, ...counts, ...(isCommitted && { isCommitted }) })
    }
    return { written, copied }
  }
}

// --- internal ---

/**
 * Returns whether a statement calls a procedure with a COMMIT in it, which lets go of the rows. The server counts commits,
 * and those of our own bookkeeping among them.
 */
async function commitsOnItsWay(text: string, query: Query): Promise<boolean> {
  const name = /^call\s+(?:[`"]?[\w$]+[`"]?\s*\.\s*)?[`"]?([\w$]+)/i.exec(text)?.[1]
  if (name === undefined) return false
  const rows = await query(
    `SELECT routine_definition AS body FROM information_schema.routines WHERE routine_schema = DATABASE() AND routine_name = ${literal(name)}`,
  )
  return rows.some(({ body }) => /\bcommit\b/i.test(String(body)))
}

/** Finds the tables that a procedure copies: they have another number, and their rows went through the server. MySQL only. */
class CopyCount {
  readonly #query: Query
  readonly #ids: ReadonlyMap<string, string>
  readonly #written: number

  private constructor(query: Query, ids: ReadonlyMap<string, string>, written: number) {
    this.#query = query
    this.#ids = ids
    this.#written = written
  }

  /** @returns undefined on MariaDB, which copies while others write */
  static async begin(query: Query): Promise<CopyCount | undefined> {
    const ids = await idsOf(query).catch(() => undefined)
    return ids && new CopyCount(query, ids, await writtenRows(query))
  }

  async since(before: ReadonlyMap<string, readonly string[]>): Promise<string[]> {
    const written = (await writtenRows(this.#query)) - this.#written
    const now = await idsOf(this.#query)
    return [...before].flatMap(([name, rows]) => {
      const [then, later] = [this.#ids.get(name), now.get(name)]
      return then !== undefined && later !== undefined && then !== later && rows.length > 0 && written >= rows.length
        ? [name]
        : []
    })
  }
}

async function idsOf(query: Query): Promise<Map<string, string>> {
  const rows = await query(
    "SELECT LOWER(SUBSTRING(name, CHAR_LENGTH(DATABASE()) + 2)) AS name, table_id AS id FROM information_schema.innodb_tables WHERE name LIKE CONCAT(DATABASE(), '/%')",
  )
  return new Map(rows.map(({ name, id }) => [String(name), String(id)]))
}

async function writtenRows(query: Query): Promise<number> {
  const [row] = await query("SHOW SESSION STATUS LIKE 'Handler_write'")
  return Number(Object.values(row ?? {})[1] ?? 0)
}
