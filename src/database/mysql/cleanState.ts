/** Records the state of a database for a later comparison: all its statements, and a hash of each table's rows. */
import { createHash } from 'node:crypto'
import { type ColumnFacts, type Definitions, readDefinitions } from './definitions.ts'
import type { Row, Session } from './session.ts'
import { identifier } from './tables.ts'

export class CleanState {
  readonly #schema: string
  readonly #tables: ReadonlyMap<string, TableLikeness>
  /** `true` if all rows are in InnoDB, whose log tells whether anything has been written. */
  readonly isLogged: boolean

  private constructor(definitions: Definitions, tables: ReadonlyMap<string, TableLikeness>) {
    this.#schema = schemaOf(definitions)
    this.#tables = tables
    this.isLogged = definitions.objects.every(({ kind, sql }) => kind !== 'table' || INNODB.test(sql))
  }

  /**
   * Reads the state; undefined if the database has something we cannot compare: sequences, whose numbers the server
   * keeps in its memory, or values longer than the server's longest message.
   */
  static async read(session: Session, database: string): Promise<CleanState | undefined> {
    const definitions = await readDefinitions(session, database, [])
    if (definitions.objects.some(({ kind }) => kind === 'sequence')) return undefined
    return CleanState.#readRows(session, database, definitions)
  }

  /**
   * Returns a hash of what the database holds, 32 hex digits; undefined if it has values longer than the server's
   * longest message. It leaves out the next numbers of sequences: a database with a used sequence is never copied.
   */
  static async digestOf(session: Session, database: string): Promise<string | undefined> {
    const state = await CleanState.#readRows(session, database, await readDefinitions(session, database, []))
    return state?.digest
  }

  static async #readRows(
    session: Session,
    database: string,
    definitions: Definitions,
  ): Promise<CleanState | undefined> {
    const tables = new Map<string, TableLikeness>()
    for (const { kind, name, sql } of definitions.objects) {
      if (kind !== 'table') continue
      const triggers = definitions.objects.some((object) => object.kind === 'trigger' && object.table === name)
      const columns = definitions.columns.filter(({ table }) => table === name)
      tables.set(name, { number: numberIn(sql), rows: '', triggers, hash: (of) => hashOf(of, name, columns) })
    }
    const rows = await readRows(
      session,
      [...tables.values()].map(({ hash }) => hash(database)),
    )
    if (!rows) return undefined
    for (const [i, [name, table]] of [...tables].entries()) tables.set(name, { ...table, rows: rows[i] ?? '' })
    return new CleanState(definitions, tables)
  }

  /** Hash of the state, 32 hex digits. */
  get digest(): string {
    const rows = [...this.#tables].map(([name, table]) => [name, table.rows, table.number])
    return createHash('sha256')
      .update(JSON.stringify([this.#schema, rows]))
      .digest('hex')
      .slice(0, 32)
  }

  /**
   * Restores the database if only rows differ: empties the changed tables and copies their rows back.
   * @param from the database that has the rows.
   * @returns `false` if more than rows differs, or the result is not the same
   */
  async restore(session: Session, database: string, from: string): Promise<boolean> {
    const now = await readDefinitions(session, database, [], { withColumns: false })
    if (schemaOf(now) !== this.#schema) return false
    const numbers = new Map(now.objects.map(({ name, sql, kind }) => [kind === 'table' ? name : '', numberIn(sql)]))
    const tables = [...this.#tables]
    const rows = await readRows(
      session,
      tables.map(([, { hash }]) => hash(database)),
    )
    if (!rows) return false
    const changed = tables.filter(([name, was], i) => rows[i] !== was.rows || numbers.get(name) !== was.number)
    if (changed.length === 0) return true
    const statements: string[] = []
    for (const [name, { rows: wanted, number, triggers }] of changed) {
      const table = `${identifier(database)}.${identifier(name)}`
      const filled = !wanted.startsWith(EMPTY)
      // The triggers would fire.
      if (filled && triggers) return false
      const isNumbered = numbers.get(name) !== number
      const count = Number.parseInt(rows[tables.findIndex(([other]) => other === name)] ?? '0', 10)
      // A schema change takes the server longer than deleting what a test has written.
      const emptied = triggers || count > MOST_DELETED || (isNumbered && !filled)
      statements.push(emptied ? `TRUNCATE TABLE ${table}` : `DELETE FROM ${table}`)
      if (!filled) continue
      statements.push(`INSERT INTO ${table} SELECT * FROM ${identifier(from)}.${identifier(name)}`)
      if (isNumbered && number !== '') statements.push(`ALTER TABLE ${table} AUTO_INCREMENT = ${number}`)
    }
    // These statements fail if somebody holds row locks for long or a table has generated columns; the copy is then
    // dropped.
    const shown = changed.map(([name]) => `SHOW CREATE TABLE ${identifier(database)}.${identifier(name)}`)
    const hashes = changed.map(([, { hash }]) => hash(database))
    const results = await session.queries([SETTINGS, ...statements, ...shown, ...hashes])
    const tail = results.slice(1 + statements.length)
    const restored = readHashes(tail.slice(shown.length))
    return changed.every(
      ([, was], i) => restored?.[i] === was.rows && numberIn(String(tail[i]?.[0]?.['Create Table'])) === was.number,
    )
  }
}

// --- internal ---

const SETTINGS =
  "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', SESSION foreign_key_checks = 0, SESSION innodb_lock_wait_timeout = 1, SESSION lock_wait_timeout = 1"

interface TableLikeness {
  /** Returns the query that reads `rows` in a database of that name. */
  readonly hash: (database: string) => string
  /** Next AUTO_INCREMENT value; empty if the table has none or has not given one yet. */
  readonly number: string
  /** Number of rows, and two sums of hashes. */
  readonly rows: string
  readonly triggers: boolean
}

const EMPTY = '0 '
const MOST_DELETED = 1000
const INNODB = /\) ENGINE=InnoDB\b/

function numberIn(sql: string): string {
  return / AUTO_INCREMENT=(\d+)/.exec(sql)?.[1] ?? ''
}

/** Returns a text of everything except rows and AUTO_INCREMENT values. */
function schemaOf({ objects, characterSet, collation, options }: Definitions): string {
  const all = objects.map(({ kind, name, sql, settings }) => [
    kind,
    name,
    sql.replace(/ AUTO_INCREMENT=\d+/, ''),
    settings,
  ])
  return JSON.stringify([characterSet, collation, options, all])
}

/** Reads the rows' hashes; undefined if a row could not be read. */
async function readRows(session: Session, hashes: readonly string[]): Promise<string[] | undefined> {
  return readHashes(await session.queries(hashes))
}

function readHashes(results: readonly Row[][]): string[] | undefined {
  const all: string[] = []
  for (const [row = {}] of results) {
    const { unread, ...hash } = row
    if (Number(unread ?? 0) > 0) return undefined
    all.push(Object.values(hash).join(' '))
  }
  return all
}

/** Returns SQL of a text that no other value of the column has. Binary values cannot be quoted as text. */
function asText({ name, type }: ColumnFacts): string {
  const column = identifier(name)
  if (BYTES.test(type)) return `IFNULL(HEX(${column}), '-')`
  // A float loses digits when converted to text.
  return `CAST(QUOTE(${/^float/i.test(type) ? `${column} + 0e0` : column}) AS BINARY)`
}

const BYTES = /blob|binary|^bit|geometry|point|linestring|polygon|geomcollection|vector/i

/**
 * Returns a query with two sums, each over half of each row's SHA-256, independent of the order of rows. The server's
 * CHECKSUM TABLE would be faster, but does not notice a text that moves from one column to the next.
 */
function hashOf(database: string, table: string, columns: readonly ColumnFacts[]): string {
  const row = columns.map(asText).join(', ')
  const half = (from: number) => `SUM(CAST(CONV(SUBSTR(h, ${from}, 15), 16, 10) AS UNSIGNED))`
  // Without the LIMIT, the server would compute the hash of a row once for each use.
  return `SELECT COUNT(*) AS n, ${half(1)} AS a, ${half(16)} AS b, SUM(h IS NULL) AS unread FROM (SELECT SHA2(CONCAT_WS(',', ${row}), 256) AS h FROM ${identifier(database)}.${identifier(table)} LIMIT 18446744073709551615) AS hashes`
}
