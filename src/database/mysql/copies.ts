/**
 * A copy of a database, next to it on the server: restored if a move fails half-way, and the source of rows to carry
 * over.
 */
import { createHash } from 'node:crypto'
import { UsageError } from '../../migrate/errors.ts'
import { NEVER } from '../../migrate/never.ts'
import type { Fallback } from '../development.ts'
import { type ConnectOptions, placeOf } from './address.ts'
import { openUrl } from './connection.ts'
import { type Blueprint, blueprintOf, copyStatements, createDatabase } from './copy.ts'
import { readDefinitions } from './definitions.ts'
import { dropStatements } from './drop.ts'
import { type MysqlError, ScriptFailure, type Session } from './session.ts'
import { identifier, literal } from './tables.ts'

/**
 * Returns the name of an additional database. `before`: the state before the move. `kept`: kept rows and records about
 * others.
 */
export function besideOf(database: string, what: 'before' | 'kept'): string {
  const whole = `${database}_${what}_watch`
  // Names are limited to 64 characters; cut ones might collide with others.
  return whole.length <= 64
    ? whole
    : `${createHash('sha256').update(database).digest('hex').slice(0, 32)}_${what}_watch`
}

export class DatabaseCopy implements Fallback {
  readonly alone = false
  readonly #url: string
  readonly #options: ConnectOptions
  readonly #database: string
  readonly #copy: string
  /** Session whose lock says that the copy's maker is alive. */
  #held: Session | undefined

  constructor(url: string, options: ConnectOptions) {
    this.#url = url
    this.#options = options
    this.#database = placeOf(url).database
    this.#copy = besideOf(this.#database, 'before')
  }

  /** Makes the copy, without disconnecting anybody. @returns 0, the number of sessions ended */
  async take(): Promise<number> {
    const session = await this.#hold(TAKE_S)
    if (!session) throw new UsageError('Somebody else is moving this database just now.')
    try {
      const blueprint = await this.#blueprintOf(session)
      const statements = copyStatements(blueprint, this.#database, this.#copy, { events: false })
      await session.script(
        [
          `DROP DATABASE IF EXISTS ${identifier(this.#copy)}`,
          createDatabase(this.#copy, blueprint),
          ...statements,
          ...numbersOf(blueprint, this.#database, this.#copy),
          // An incomplete copy must not be used: this table marks it as complete.
          `CREATE TABLE ${this.#whole} (what longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL) AS SELECT ${literal(JSON.stringify(blueprint))} AS what`,
        ],
        NEVER,
      )
      return 0
    } catch (cause) {
      await this.#release()
      const { errno } = cause instanceof ScriptFailure ? cause.error : (cause as MysqlError)
      if (errno !== ACCESS_DENIED) throw cause
      throw new UsageError(`Each move wants a copy of ${session.label} to go back to, which this user may not make.`, {
        hint: `GRANT ALL ON \`${this.#database}\\_%\`.* TO the user, on a server for development.`,
        cause,
      })
    }
  }

  /** Restores the database in place, so that connected sessions stay connected. */
  async restore(): Promise<void> {
    const session = await this.#hold(TAKE_S)
    if (!session) throw new UsageError('Somebody else is moving this database just now.')
    const [row] = await session.query(`SELECT what FROM ${this.#whole}`)
    const blueprint = JSON.parse(String(row?.what)) as Blueprint
    const drops = await dropStatements(session, this.#database, [])
    const { characterSet, collation } = blueprint
    await session.script(
      [
        `ALTER DATABASE ${identifier(this.#database)} CHARACTER SET ${characterSet} COLLATE ${collation}`,
        ...drops,
        ...copyStatements(blueprint, this.#copy, this.#database, { events: true }),
        ...numbersOf(blueprint, this.#copy, this.#database),
      ],
      NEVER,
    )
    await this.drop()
  }

  /** Drops the copy, first the table that marks it as complete, so that a partly dropped copy is not used. */
  async drop(): Promise<void> {
    const session = await this.#hold(TAKE_S)
    await session?.script(
      [`DROP TABLE IF EXISTS ${this.#whole}`, `DROP DATABASE IF EXISTS ${identifier(this.#copy)}`],
      NEVER,
    )
    await this.#release()
  }

  async wasCutOff(): Promise<boolean> {
    const session = await this.#hold(0)
    if (!session) return false
    const [table] = await session.query(
      `SELECT COUNT(*) AS n FROM information_schema.tables WHERE table_schema = ${literal(this.#copy)} AND table_name = ${literal(WHOLE)}`,
    )
    const [row] = Number(table?.n) > 0 ? await session.query(`SELECT COUNT(*) AS n FROM ${this.#whole}`) : []
    const isCutOff = Number(row?.n) === 1
    if (!isCutOff) await this.#release()
    return isCutOff
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
    // Texts that name the database are right again after restoring, and nothing runs in the copy.
    const blueprint = blueprintOf(definitions, filled, undefined)
    if (blueprint) return blueprint
    throw new UsageError(`${session.label} has what cannot be copied, so there would be nothing to go back to.`, {
      hint: 'A table of another engine than InnoDB, MyISAM, Aria or MEMORY, or one with system versioning.',
    })
  }

  /** Takes the lock of the copy; undefined if another session holds it. */
  async #hold(seconds: number): Promise<Session | undefined> {
    if (this.#held) return this.#held
    const session = await openUrl(this.#url, this.#options)
    const [row] = await session.query(`SELECT GET_LOCK(${literal(lockOf('copy', this.#database))}, ${seconds}) AS got`)
    if (Number(row?.got) === 1) {
      this.#held = session
      return session
    }
    await session.close().catch(() => undefined)
    return undefined
  }

  async #release(): Promise<void> {
    const session = this.#held
    this.#held = undefined
    await session?.close().catch(() => undefined)
  }
}

/** Creates the database on the server of that URL if it is missing. */
export async function createMissing(server: string, name: string): Promise<void> {
  const session = await openUrl(server)
  try {
    await session.script([`CREATE DATABASE IF NOT EXISTS ${identifier(name)}`], NEVER)
  } finally {
    await session.close().catch(() => undefined)
  }
}

/** Returns a lock name. Lock names are shared by the whole server and have at most 64 characters. */
export function lockOf(what: 'watch' | 'copy', database: string): string {
  return `migratest ${what} ${createHash('sha256').update(database).digest('hex').slice(0, 32)}`
}

/** Name of the table that marks a complete copy. */
export const WHOLE = 'migratest whole'

// --- internal ---
const TAKE_S = 30
/** ER_DBACCESS_DENIED_ERROR */
const ACCESS_DENIED = 1044

/** Returns statements that copy the next number of each sequence, which its definition does not contain. */
function numbersOf({ objects }: Blueprint, from: string, to: string): string[] {
  return objects
    .filter(({ kind }) => kind === 'sequence')
    .map(({ name }) => {
      const at = (database: string) => `${identifier(database)}.${identifier(name)}`
      return `SELECT SETVAL(${at(to)}, (SELECT next_not_cached_value FROM ${at(from)}), 0)`
    })
}
