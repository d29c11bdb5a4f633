/** Records the state of a database for a later comparison: all its statements, and a hash of each table's rows. */
import { createHash } from 'node:crypto'
import { writtenColumns } from './copy.ts'
import { type ColumnFacts, type Definitions, PLAIN_SETTINGS, readDefinitions, tableSql } from './definitions.ts'
import { at } from './rowTables.ts'
import type { Row, Session } from './session.ts'
import type { Stamps } from './stamps.ts'
import { identifier } from './tables.ts'

export class CleanState {
  readonly #schema: string
  readonly #tables: ReadonlyMap<string, TableLikeness>
  /** `true` if all rows are in InnoDB, whose log tells whether anything has been written. */
  readonly isLogged: boolean
  /** `true` if rows of other databases can change rows here. */
  readonly refersElsewhere: boolean

  private constructor(definitions: Definitions, tables: ReadonlyMap<string, TableLikeness>) {
    this.#schema = schemaOf(definitions)
    this.#tables = tables
    this.isLogged = definitions.objects.every(({ kind, sql }) => kind !== 'table' || INNODB.test(sql))
    this.refersElsewhere = [...tables.values()].some(({ sql }) => ELSEWHERE.test(sql))
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
      tables.set(name, {
        sql: withoutNumber(sql),
        number: numberIn(sql),
        rows: '',
        triggers,
        counter: columns.find(({ extra }) => /auto_increment/i.test(extra))?.name,
        written: writtenColumns(columns, name),
        hash: (of) => hashOf(of, name, columns),
      })
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
   * Restores the database if only rows differ.
   * @returns `false` if more than rows differs, or the result is not the same
   */
  async restore(session: Session, place: Place): Promise<boolean> {
    const { database } = place
    const now = await readDefinitions(session, database, [], { withColumns: false })
    if (schemaOf(now) !== this.#schema) return false
    const numbers = new Map(now.objects.map(({ name, sql, kind }) => [kind === 'table' ? name : '', numberIn(sql)]))
    const names = [...this.#tables.keys()]
    const rows = await readRows(
      session,
      names.map((name) => this.#of(name).hash(database)),
    )
    if (!rows) return false
    const found = names.map((name, i) => ({ name, number: numbers.get(name) ?? '', rows: rows[i] ?? '' }))
    return this.#putBack(session, place, this.#changed(found))
  }

  /**
   * Restores these tables, if only their rows differ and nothing else in the database has changed.
   * @param written tables whose rows were written; those that cascade to others bring these along
   * @param others tables that may have changed
   * @returns `'same'` if there was nothing to restore; `undefined` if more than rows differs, or the result is not the
   *   same
   */
  async restoreTables(
    session: Session,
    place: Place,
    { written, others, sizes }: { written: ReadonlySet<string>; others: readonly string[]; sizes: Stamps['sizes'] },
  ): Promise<'same' | 'restored' | undefined> {
    const all = this.#withCascades([...written, ...others])
    if (all.some((name) => !this.#tables.has(name))) return undefined
    if (all.length === 0) return 'same'
    // Small tables that were written are restored without looking, since they are compared afterwards.
    const known = all.flatMap((name) => {
      const { number = '', rows = 0 } = sizes.get(name) ?? {}
      const isSmall = rows <= MOST_DELETED && countOf(this.#of(name).rows) <= MOST_DELETED
      return written.has(name) && isSmall && !this.#of(name).triggers ? [{ name, number, rows: `${rows} ?` }] : []
    })
    const unknown = all.filter((name) => !known.some((table) => table.name === name))
    const now = unknown.length === 0 ? [] : await this.#look(session, place.database, unknown)
    if (!now || now.some(({ name, sql }) => sql !== this.#of(name).sql)) return undefined
    const changed = [...known, ...this.#changed(now)]
    if (changed.length === 0) return 'same'
    return (await this.#putBack(session, place, changed)) ? 'restored' : undefined
  }

  #of(name: string): TableLikeness {
    return this.#tables.get(name) as TableLikeness
  }

  /**
   * Reads the statements and rows of these tables; undefined if a row could not be read.
   * @param first statements to run before
   */
  async #look(
    session: Session,
    database: string,
    names: readonly string[],
    first: readonly string[] = [],
  ): Promise<TableFound[] | undefined> {
    const all = await session.queries([
      ...first,
      `SET SESSION ${PLAIN_SETTINGS}`,
      ...names.map((name) => `SHOW CREATE TABLE ${at(database, name)}`),
      'SET SESSION sql_mode = DEFAULT, sql_quote_show_create = DEFAULT, time_zone = DEFAULT',
      ...names.map((name) => this.#of(name).hash(database)),
    ])
    const results = all.slice(first.length)
    const hashes = readHashes(results.slice(names.length + 2))
    return (
      hashes &&
      names.map((name, i) => {
        const sql = tableSql(results[i + 1]?.[0] ?? {}, database)
        return { name, sql: withoutNumber(sql), number: numberIn(sql), rows: hashes[i] ?? '' }
      })
    )
  }

  #changed<T extends RowsFound>(found: readonly T[]): T[] {
    return found.filter(({ name, rows, number }) => rows !== this.#of(name).rows || number !== this.#of(name).number)
  }

  /** Adds the tables whose rows InnoDB itself changes when rows of these change. */
  #withCascades(names: Iterable<string>): string[] {
    const all = new Set(names)
    for (const name of all) {
      for (const [child, { sql }] of this.#tables) {
        const isChild = sql.split('\n').some((line) => CASCADE.exec(line)?.groups?.parent === identifier(name))
        if (isChild) all.add(child)
      }
    }
    return [...all]
  }

  /** Restores the rows of these tables; first in a way that is fast for what tests do, then, if need be, from scratch. */
  async #putBack(session: Session, place: Place, changed: readonly RowsFound[]): Promise<boolean> {
    let left = changed
    for (const statementsFor of [quickly, thoroughly]) {
      if (left.length === 0) return true
      const all = left.map((found) => statementsFor(this.#of(found.name), found, place))
      if (all.some((statements) => statements === undefined)) return false
      // These statements fail if somebody holds row locks for long; the copy is then dropped.
      const names = left.map(({ name }) => name)
      const restoring = [SETTINGS, ...all.flatMap((statements) => statements ?? [])]
      const now = await this.#look(session, place.database, names, restoring)
      if (!now || now.some(({ name, sql }) => sql !== this.#of(name).sql)) return false
      left = this.#changed(now)
    }
    return left.length === 0
  }
}

/** The names of a table and of the copy of its original rows. */
export interface Place {
  readonly database: string
  /** The database that has the rows. */
  readonly from: string
  readonly isMariadb: boolean
}

// --- internal ---

const SETTINGS =
  "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', SESSION foreign_key_checks = 0, SESSION innodb_lock_wait_timeout = 1, SESSION lock_wait_timeout = 1"

interface RowsFound {
  readonly name: string
  readonly number: string
  readonly rows: string
}

interface TableFound extends RowsFound {
  /** Its statement, without the next AUTO_INCREMENT value. */
  readonly sql: string
}

interface TableLikeness {
  readonly sql: string
  /** The AUTO_INCREMENT column. */
  readonly counter: string | undefined
  /** The columns that are not generated. */
  readonly written: readonly string[]
  /** Returns the query that reads `rows` in a database of that name. */
  readonly hash: (database: string) => string
  /** Next AUTO_INCREMENT value; empty if the table has none or has not given one yet. */
  readonly number: string
  /** Number of rows, and two sums of hashes. */
  readonly rows: string
  readonly triggers: boolean
}

/** A foreign key to another database. */
const ELSEWHERE = /^\s*CONSTRAINT .* REFERENCES `(?:[^`]|``)+`\.`/m

/** A foreign key with which changes of the parent's rows reach those of the table. */
const CASCADE = /^\s*CONSTRAINT .* REFERENCES (?<parent>`(?:[^`]|``)+`) .*\b(?:CASCADE|SET NULL|SET DEFAULT)\b/

/**
 * Returns statements that restore a table of which rows were added, or in which a few have changed; undefined if triggers
 * would fire.
 */
function quickly(was: TableLikeness, now: RowsFound, place: Place): string[] | undefined {
  const statements = thoroughly(was, now, place)
  const isFilled = !was.rows.startsWith(EMPTY)
  const isNumbered = now.number !== was.number
  if (!statements || !isFilled || !isNumbered || was.number === '' || was.counter === undefined) return statements
  const table = at(place.database, now.name)
  const again = `ALTER TABLE ${table} AUTO_INCREMENT = ${was.number}`
  if (now.rows === was.rows) return [again]
  // In MySQL, setting the number costs more than to fill a small table anew, after which it is right in most cases.
  if (!place.isMariadb && countOf(was.rows) <= MOST_DELETED) return [`TRUNCATE TABLE ${table}`, refill(was, now, place)]
  return [`DELETE FROM ${table} WHERE ${identifier(was.counter)} >= ${was.number}`, again]
}

/** Returns statements that restore a table whatever has happened to its rows; undefined if triggers would fire. */
function thoroughly(was: TableLikeness, now: RowsFound, place: Place): string[] | undefined {
  const table = at(place.database, now.name)
  const isFilled = !was.rows.startsWith(EMPTY)
  const isNumbered = now.number !== was.number
  if (isFilled && was.triggers) return undefined
  // A schema change takes the server longer than deleting what a test has written.
  const emptied = was.triggers || countOf(now.rows) > MOST_DELETED || (isNumbered && !isFilled)
  return [
    emptied ? `TRUNCATE TABLE ${table}` : `DELETE FROM ${table}`,
    ...(isFilled ? [refill(was, now, place)] : []),
    ...(isFilled && isNumbered && was.number !== '' ? [`ALTER TABLE ${table} AUTO_INCREMENT = ${was.number}`] : []),
  ]
}

function refill({ written }: TableLikeness, { name }: RowsFound, { database, from }: Place): string {
  const columns = written.map(identifier).join(', ')
  return `INSERT INTO ${at(database, name)} (${columns}) SELECT ${columns} FROM ${at(from, name)}`
}

function countOf(rows: string): number {
  return Number.parseInt(rows, 10)
}

function withoutNumber(sql: string): string {
  return sql.replace(/ AUTO_INCREMENT=\d+/, '')
}

const EMPTY = '0 '
const MOST_DELETED = 1000
const INNODB = /\) ENGINE=InnoDB\b/

function numberIn(sql: string): string {
  return / AUTO_INCREMENT=(\d+)/.exec(sql)?.[1] ?? ''
}

/** Returns a text of everything except rows and AUTO_INCREMENT values. */
function schemaOf({ objects, characterSet, collation, options }: Definitions): string {
  const all = objects.map(({ kind, name, sql, settings }) => [kind, name, withoutNumber(sql), settings])
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
