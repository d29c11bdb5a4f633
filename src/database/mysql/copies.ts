/** A copy of a database beside it: to go back to where a move fails half-way, and to take rows from. */
import { createHash } from 'node:crypto'
import { UsageError } from '../../migrate/errors.ts'
import type { Fallback } from '../development.ts'
import { type ConnectOptions, placeOf } from './address.ts'
import { openUrl } from './connection.ts'
import { type Blueprint, blueprintOf, copyStatements, createDatabase } from './copy.ts'
import { readDefinitions } from './definitions.ts'
import { dropStatements } from './drop.ts'
import type { Session } from './session.ts'
import { identifier, literal } from './tables.ts'

/** `before`: as it was before the move. `kept`: rows that wait for a place, and what is known of others. */
export function besideOf(database: string, what: 'before' | 'kept'): string {
  const whole = `${database}_${what}_watch`
  // Names are cut at 64 characters, where they may become those of others.
  return whole.length <= 64
    ? whole
    : `${createHash('sha256').update(database).digest('hex').slice(0, 32)}_${what}_watch`
}

export class MysqlCopy implements Fallback {
  readonly #url: string
  readonly #options: ConnectOptions
  readonly #database: string
  readonly #copy: string

  constructor(url: string, options: ConnectOptions) {
    this.#url = url
    this.#options = options
    this.#database = placeOf(url).database
    this.#copy = besideOf(this.#database, 'before')
  }

  /** Nobody has to go for it. */
  take(): Promise<number> {
    return this.#on(async (session) => {
      const blueprint = await this.#blueprintOf(session)
      const statements = copyStatements(blueprint, this.#database, this.#copy, { events: false })
      await session.script(
        [
          `DROP DATABASE IF EXISTS ${identifier(this.#copy)}`,
          createDatabase(this.#copy, blueprint),
          ...statements,
          // Half a copy is none: this is what says that it is whole.
          `CREATE TABLE ${this.#whole} (what longtext NOT NULL)`,
          `INSERT INTO ${this.#whole} VALUES (${literal(JSON.stringify(blueprint))})`,
        ],
        NEVER,
      )
      return 0
    })
  }

  /** In its place, so that whoever is connected stays so. */
  restore(): Promise<void> {
    return this.#on(async (session) => {
      const [row] = await session.query(`SELECT what FROM ${this.#whole}`)
      const blueprint = JSON.parse(String(row?.what)) as Blueprint
      const drops = await dropStatements(session, this.#database, [])
      const copy = copyStatements(blueprint, this.#copy, this.#database, { events: true })
      await session.script([...drops, ...copy, `DROP DATABASE ${identifier(this.#copy)}`], NEVER)
    })
  }

  drop(): Promise<void> {
    return this.#on((session) => session.script([`DROP DATABASE IF EXISTS ${identifier(this.#copy)}`], NEVER))
  }

  async wasCutOff(): Promise<boolean> {
    return this.#on(async (session) => {
      const [row] = await session.query(
        `SELECT (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ${literal(this.#copy)} AND table_name = ${literal(WHOLE)}) AS whole, IS_FREE_LOCK(${literal(watchLock(this.#database))}) AS free`,
      )
      return Number(row?.whole) > 0 && Number(row?.free) === 1
    })
  }

  // --- internal ---

  get #whole(): string {
    return `${identifier(this.#copy)}.${identifier(WHOLE)}`
  }

  async #blueprintOf(session: Session): Promise<Blueprint> {
    const definitions = await readDefinitions(session, this.#database, [])
    const tables = definitions.objects.filter(({ kind }) => kind === 'table').map(({ name }) => name)
    const at = (table: string) => `${identifier(this.#database)}.${identifier(table)}`
    const rows = await session.queries(tables.map((table) => `SELECT EXISTS (SELECT 1 FROM ${at(table)}) AS filled`))
    const filled = tables.filter((_, i) => Number(rows[i]?.[0]?.filled) === 1)
    const blueprint = blueprintOf(definitions, filled, this.#database)
    if (blueprint) return blueprint
    throw new UsageError(`${session.label} has what cannot be copied, so there would be nothing to go back to.`, {
      hint: 'A table of another engine than InnoDB, MyISAM, Aria or MEMORY, one with system versioning, or a text that names the database itself.',
    })
  }

  async #on<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = await openUrl(this.#url, this.#options)
    try {
      return await work(session)
    } finally {
      await session.close().catch(() => undefined)
    }
  }
}

/** On the server of that URL. */
export async function createMissing(server: string, name: string): Promise<void> {
  const session = await openUrl(server)
  try {
    await session.script([`CREATE DATABASE IF NOT EXISTS ${identifier(name)}`], NEVER)
  } finally {
    await session.close().catch(() => undefined)
  }
}

/** Such names are the whole server's, and at most 64 characters long. */
export function watchLock(database: string): string {
  return `migratest watch ${createHash('sha256').update(database).digest('hex').slice(0, 32)}`
}

// --- internal ---

const NEVER = new AbortController().signal
const WHOLE = 'migratest whole'
