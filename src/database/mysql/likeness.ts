/** What a database is like, to be held against it later: all its statements, and the server's own checksums of its rows. */
import { createHash } from 'node:crypto'
import { readDefinitions } from './definitions.ts'
import type { Session } from './session.ts'
import { identifier } from './tables.ts'

export class Likeness {
  readonly #schema: string
  readonly #tables: ReadonlyMap<string, TableLikeness>

  private constructor(schema: string, tables: ReadonlyMap<string, TableLikeness>) {
    this.#schema = schema
    this.#tables = tables
  }

  static async read(session: Session, database: string): Promise<Likeness> {
    const { objects, characterSet, collation } = await readDefinitions(session, database, [])
    const schema: unknown[] = [characterSet, collation]
    const tables = new Map<string, TableLikeness>()
    for (const object of objects) {
      const number = / AUTO_INCREMENT=(\d+)/.exec(object.sql)?.[1] ?? ''
      schema.push([object.kind, object.name, object.sql.replace(/ AUTO_INCREMENT=\d+/, ''), object.settings])
      if (object.kind === 'table') tables.set(object.name, { number, sum: '', triggers: false })
      const table = object.table === null ? undefined : tables.get(object.table)
      if (table) tables.set(object.table ?? '', { ...table, triggers: true })
    }
    const names = [...tables.keys()]
    if (names.length > 0) {
      const list = names.map((name) => `${identifier(database)}.${identifier(name)}`)
      // As they are asked for, they come.
      const sums = await session.query(`CHECKSUM TABLE ${list.join(', ')}`)
      for (const [i, name] of names.entries()) {
        const known = tables.get(name) as TableLikeness
        tables.set(name, { ...known, sum: String(sums[i]?.Checksum) })
      }
    }
    return new Likeness(JSON.stringify(schema), tables)
  }

  /** 32 hex digits. */
  get digest(): string {
    const rows = [...this.#tables].map(([name, { sum, number }]) => [name, sum, number])
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
    if (now.#schema !== this.#schema) return false
    const changed = [...this.#tables].filter(([name, was]) => {
      const is = now.#tables.get(name)
      return is?.sum !== was.sum || is.number !== was.number
    })
    if (changed.length === 0) return true
    const statements = ["SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', SESSION foreign_key_checks = 0"]
    for (const [name, { sum, number, triggers }] of changed) {
      const table = `${identifier(database)}.${identifier(name)}`
      const filled = sum !== EMPTY
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
    return after.digest === this.digest
  }
}

// --- internal ---

interface TableLikeness {
  /** Where its numbers go on; empty where it has none, or has given none. */
  readonly number: string
  /** `0` where it is empty. */
  readonly sum: string
  readonly triggers: boolean
}

const EMPTY = '0'
