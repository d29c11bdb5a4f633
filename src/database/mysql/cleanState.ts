/** Records the state of a database for a later comparison: all its statements, and a hash of each table's rows. */
import { createHash } from 'node:crypto'
import { writtenColumns } from './copy.ts'
import { type Definitions, PLAIN_SETTINGS, readDefinitions, tableSql } from './definitions.ts'
import { hashOf, readHashes, readRows } from './rows/hashes.ts'
import {
  countOf,
  MOST_DELETED,
  type Place,
  quickly,
  type RowsFound,
  type TableLikeness,
  thoroughly,
} from './rows/restore.ts'
import { at } from './rows/tables.ts'
import type { Session } from './session.ts'
import type { Stamps } from './stamps.ts'
import { identifier } from './tables.ts'

export class CleanState {
  readonly #schema: string
  readonly #tables: ReadonlyMap<string, TableLikeness>
  /** The foreign keys with which rows of one table change when those of another do; found when they are first needed. */
  #cascades: readonly { readonly parent: string; readonly child: string }[] | undefined
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
    this.#cascades ??= [...this.#tables].flatMap(([child, { sql }]) =>
      sql.split('\n').flatMap((line) => {
        const parent = CASCADE.exec(line)?.groups?.parent
        return parent === undefined ? [] : [{ parent, child }]
      }),
    )
    const all = new Set(names)
    for (const name of all) {
      for (const { parent, child } of this.#cascades) if (parent === identifier(name)) all.add(child)
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

// --- internal ---

const SETTINGS =
  "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', SESSION foreign_key_checks = 0, SESSION innodb_lock_wait_timeout = 1, SESSION lock_wait_timeout = 1"

interface TableFound extends RowsFound {
  /** Its statement, without the next AUTO_INCREMENT value. */
  readonly sql: string
}

/** A foreign key to another database. */
const ELSEWHERE = /^\s*CONSTRAINT .* REFERENCES `(?:[^`]|``)+`\.`/m

/** A foreign key with which changes of the parent's rows reach those of the table. */
const CASCADE = /^\s*CONSTRAINT .* REFERENCES (?<parent>`(?:[^`]|``)+`) .*\b(?:CASCADE|SET NULL|SET DEFAULT)\b/

function withoutNumber(sql: string): string {
  return sql.replace(/ AUTO_INCREMENT=\d+/, '')
}

const INNODB = /\) ENGINE=InnoDB\b/

function numberIn(sql: string): string {
  return / AUTO_INCREMENT=(\d+)/.exec(sql)?.[1] ?? ''
}

/** Returns a text of everything except rows and AUTO_INCREMENT values. */
function schemaOf({ objects, characterSet, collation, options }: Definitions): string {
  const all = objects.map(({ kind, name, sql, settings }) => [kind, name, withoutNumber(sql), settings])
  return JSON.stringify([characterSet, collation, options, all])
}
