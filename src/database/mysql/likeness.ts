/** What a database is like, to be held against it later: all its statements, and a hash of each table's rows. */
import { createHash } from 'node:crypto'
import { type ColumnFacts, readDefinitions } from './definitions.ts'
import type { Session } from './session.ts'
import { identifier } from './tables.ts'

export class Likeness {
  readonly #schema: string
  readonly #tables: ReadonlyMap<string, TableLikeness>

  private constructor(schema: string, tables: ReadonlyMap<string, TableLikeness>) {
    this.#schema = schema
    this.#tables = tables
  }

  /** Undefined where it has what cannot be held against anything: sequences, whose numbers the server keeps in its memory. */
  static async read(session: Session, database: string): Promise<Likeness | undefined> {
    const { objects, characterSet, collation, options, columns } = await readDefinitions(session, database, [])
    if (objects.some(({ kind }) => kind === 'sequence')) return undefined
    const schema: unknown[] = [characterSet, collation, options]
    const tables = new Map<string, TableLikeness>()
    for (const object of objects) {
      const number = / AUTO_INCREMENT=(\d+)/.exec(object.sql)?.[1] ?? ''
      schema.push([object.kind, object.name, object.sql.replace(/ AUTO_INCREMENT=\d+/, ''), object.settings])
      if (object.kind === 'table') tables.set(object.name, { number, rows: '', triggers: false })
      const table = object.table === null ? undefined : tables.get(object.table)
      if (table) tables.set(object.table ?? '', { ...table, triggers: true })
    }
    const names = [...tables.keys()]
    const hashes = await session.queries(
      names.map((name) =>
        hashOf(
          database,
          name,
          columns.filter(({ table }) => table === name),
        ),
      ),
    )
    for (const [i, name] of names.entries()) {
      tables.set(name, { ...(tables.get(name) as TableLikeness), rows: Object.values(hashes[i]?.[0] ?? {}).join(' ') })
    }
    return new Likeness(JSON.stringify(schema), tables)
  }

  /** 32 hex digits. */
  get digest(): string {
    const rows = [...this.#tables].map(([name, table]) => [name, table.rows, table.number])
    return createHash('sha256')
      .update(JSON.stringify([this.#schema, rows]))
      .digest('hex')
      .slice(0, 32)
  }

  /**
   * Makes it what it was, if only rows are others: empties tables, and fetches again what was in them.
   * @param from where the rows are. @returns false where more is another, or it did not become the same
   */
  async restore(session: Session, database: string, from: string): Promise<boolean> {
    const now = await Likeness.read(session, database)
    if (!now || now.#schema !== this.#schema) return false
    const changed = [...this.#tables].filter(([name, was]) => {
      const is = now.#tables.get(name)
      return is?.rows !== was.rows || is.number !== was.number
    })
    if (changed.length === 0) return true
    // Whoever holds its rows holds them for long: then it is dropped.
    const statements = [
      "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', SESSION foreign_key_checks = 0, SESSION innodb_lock_wait_timeout = 1, SESSION lock_wait_timeout = 1",
    ]
    for (const [name, { rows, number, triggers }] of changed) {
      const table = `${identifier(database)}.${identifier(name)}`
      const filled = !rows.startsWith(EMPTY)
      // They would fire.
      if (filled && triggers) return false
      const numbered = now.#tables.get(name)?.number !== number
      statements.push(numbered || triggers ? `TRUNCATE TABLE ${table}` : `DELETE FROM ${table}`)
      if (filled) {
        statements.push(`INSERT INTO ${table} SELECT * FROM ${identifier(from)}.${identifier(name)}`)
        if (numbered && number !== '') statements.push(`ALTER TABLE ${table} AUTO_INCREMENT = ${number}`)
      }
    }
    // One with generated columns cannot be filled like this: then it is dropped.
    await session.queries(statements)
    const after = await Likeness.read(session, database)
    return after?.digest === this.digest
  }
}

// --- internal ---

interface TableLikeness {
  /** Where its numbers go on; empty where it has none, or has given none. */
  readonly number: string
  /** How many, and two sums of hashes. */
  readonly rows: string
  readonly triggers: boolean
}

const EMPTY = '0 '

/** A text that no other value has. What is bytes cannot be quoted as text. */
function asText({ name, type }: ColumnFacts): string {
  const column = identifier(name)
  return BYTES.test(type) ? `IFNULL(HEX(${column}), '-')` : `CAST(QUOTE(${column}) AS BINARY)`
}

const BYTES = /blob|binary|^bit|geometry|point|linestring|polygon|geomcollection|vector/i

/**
 * Two sums over half of each row's SHA-256, in whatever order the rows come. The server's CHECKSUM TABLE would be faster, and
 * does not see a text that moves from one column to the next.
 */
function hashOf(database: string, table: string, columns: readonly ColumnFacts[]): string {
  const row = columns.map(asText).join(', ')
  const half = (from: number) => `SUM(CAST(CONV(SUBSTR(h, ${from}, 15), 16, 10) AS UNSIGNED))`
  return `SELECT COUNT(*) AS n, ${half(1)} AS a, ${half(16)} AS b FROM (SELECT SHA2(CONCAT_WS(',', ${row}), 256) AS h FROM ${identifier(database)}.${identifier(table)}) AS hashes`
}
