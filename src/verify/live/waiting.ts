/** Measures how long others wait while a migration runs: one reads a row of a table again and again, one writes one. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FillTable } from '../../fill/model.ts'
import type { OtherSession } from '../../migrate/driver.ts'
import { MigrationFailedError } from '../../migrate/errors.ts'
import type { Observation } from '../finding.ts'
import type { LiveDatabase } from './liveDatabase.ts'

export interface Waited {
  /** Rows of each table. */
  readonly rows: number
  readonly tookMs: number
  /** The longest wait of one statement, by table: a reader's, and a writer's. */
  readonly tables: ReadonlyMap<string, { readonly readerMs: number; readonly writerMs: number }>
}

/**
 * Runs a migration over many rows beside a reader and a writer.
 * @param database is below the migration
 * @param names tables as the findings name them
 * @returns undefined if the migration fails over so many rows, or the database has only one session
 */
export async function measureWaiting<Client>(
  database: LiveDatabase<Client>,
  version: number,
  names: readonly string[],
  rows: number,
): Promise<Waited | undefined> {
  const wanted = names.map(unquoted)
  const all = await database.fillMany({ rows, tables: wanted })
  const tables = all.filter(({ name }) => wanted.includes(name))
  const loops: Loop[] = []
  try {
    for (const table of tables) {
      for (const sql of [reading(table), writing(table)]) {
        const session = await database.another()
        if (!session) return undefined
        loops.push(new Loop(session, sql))
      }
    }
    await Promise.all(loops.map((loop) => loop.begin()))
    const begun = performance.now()
    await database.reach(version)
    const tookMs = performance.now() - begun
    const waits = await Promise.all(loops.map((loop) => loop.end()))
    const found = tables.map(({ name }, n) => {
      return [name, { readerMs: waits[n * 2] ?? 0, writerMs: waits[n * 2 + 1] ?? 0 }] as const
    })
    return { rows, tookMs, tables: new Map(found) }
  } catch (error) {
    if (error instanceof MigrationFailedError) return undefined
    throw error
  } finally {
    await Promise.all(loops.map((loop) => loop.end().then(() => loop.close())))
  }
}

/** Says in findings how long others waited. */
export function withWaiting(observations: readonly Observation[], waited: Waited | undefined): Observation[] {
  if (!waited) return [...observations]
  return observations.map((observation) => {
    const own = (observation.worked ?? []).flatMap((name) => waited.tables.get(unquoted(name)) ?? [])
    if (own.length === 0) return observation
    const reader = Math.round(Math.max(...own.map(({ readerMs }) => readerMs)))
    const writer = Math.round(Math.max(...own.map(({ writerMs }) => writerMs)))
    const measured = `Over ${waited.rows.toLocaleString('en')} rows, the migration took ${Math.round(waited.tookMs)} ms; a reader waited up to ${reader} ms, a writer up to ${writer} ms.`
    const evidence = {
      ...observation.evidence,
      waited: { rows: waited.rows, tookMs: Math.round(waited.tookMs), readerMs: reader, writerMs: writer },
    }
    return { ...observation, message: `${observation.message} ${measured}`, evidence }
  })
}

// --- internal ---

const PAUSE_MS = 4

class Loop {
  readonly #session: OtherSession
  readonly #sql: string
  #longest = 0
  #isOver = false
  #running: Promise<void> = Promise.resolve()

  constructor(session: OtherSession, sql: string) {
    this.#session = session
    this.#sql = sql
  }

  /** Returns when the statement has run once, so that what is measured is no connecting or planning. */
  async begin(): Promise<void> {
    await this.#session.query(this.#sql).catch(() => undefined)
    this.#running = this.#run()
  }

  /** Returns the longest wait, in milliseconds. */
  async end(): Promise<number> {
    this.#isOver = true
    await this.#running
    return this.#longest
  }

  close(): Promise<void> {
    return this.#session.close().catch(() => undefined)
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const begun = performance.now()
      // The migration may rename or drop what is used here; the wait until then counts.
      await this.#session.query(this.#sql).catch(() => undefined)
      this.#longest = Math.max(this.#longest, performance.now() - begun)
      await sleep(PAUSE_MS)
    }
  }
}

function reading({ sql }: FillTable): string {
  return `SELECT 1 FROM ${sql} LIMIT 1`
}

function writing({ sql, columns }: FillTable): string {
  const column = columns.find(({ generated, numbered }) => generated === null && !numbered)?.sql ?? columns[0]?.sql
  // MySQL quotes names with backticks, and can limit an UPDATE.
  if (sql.includes('`')) return `UPDATE ${sql} SET ${column} = ${column} LIMIT 1`
  return `UPDATE ${sql} SET ${column} = ${column} WHERE ctid = (SELECT ctid FROM ${sql} LIMIT 1)`
}

function unquoted(name: string): string {
  return name.replaceAll(/["`]/g, '')
}
