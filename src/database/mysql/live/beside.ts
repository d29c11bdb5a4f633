/**
 * Finds the other tables that a change of a table locks. The server tells nobody (performance_schema costs too much to be on),
 * so a second session has them in an open transaction, and a third sees whether the statement waits. If it does, it is stopped
 * before it has changed anything, and runs again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ObservedStatement, OtherSession } from '../../../migrate/driver.ts'
import type { Blocks } from '../../effects.ts'
import { identifier } from '../tables.ts'

type Another = NonNullable<ObservedStatement['another']>

export class Beside {
  readonly #another: Another
  /** The number of the session that runs the statements. */
  readonly #id: number
  #holder: OtherSession | undefined
  #watcher: OtherSession | undefined

  private constructor(another: Another, id: number) {
    this.#another = another
    this.#id = id
  }

  static async open(another: Another, query: ObservedStatement['query']): Promise<Beside> {
    const [row] = await query('SELECT CONNECTION_ID() AS id')
    return new Beside(another, Number(row?.id))
  }

  /**
   * Runs `work` to its end once. Before that, it may be stopped some times while it waits.
   * @param tables the tables that it might lock
   * @returns what it kept others from in each of these tables
   */
  async during<T>(
    tables: readonly string[],
    work: () => Promise<T>,
  ): Promise<{ result: T; locked: Map<string, Blocks> }> {
    const locked = new Map<string, Blocks>()
    const beside = async (held: readonly string[], how: 'read' | 'write') => this.#beside(held, how, work)
    const written = await beside(tables, 'write')
    if (written.ended) return { result: written.result, locked }
    const read = await beside(tables, 'read')
    if (read.ended) {
      for (const table of tables) locked.set(table, 'writes')
      return { result: read.result, locked }
    }
    // Whoever lets all others go on and waits no more has waited for the one that is left out.
    for (const table of tables) {
      const others = tables.filter((one) => one !== table)
      if (others.length === 0) break
      const one = await beside(others, 'read')
      if (one.ended) return { result: one.result, locked: locked.set(table, 'reads') }
    }
    for (const table of tables) locked.set(table, 'reads')
    return { result: await work(), locked }
  }

  async close(): Promise<void> {
    const sessions = [this.#holder, this.#watcher]
    this.#holder = undefined
    this.#watcher = undefined
    await Promise.all(sessions.map((session) => session?.close().catch(() => undefined)))
  }

  // --- internal ---

  /** Runs the work while a transaction has the tables, and stops it if it waits for that. */
  async #beside<T>(
    tables: readonly string[],
    how: 'read' | 'write',
    work: () => Promise<T>,
  ): Promise<{ ended: true; result: T } | { ended: false }> {
    this.#holder ??= await this.#another()
    this.#watcher ??= await this.#another()
    const [holder, watcher] = [this.#holder, this.#watcher]
    await holder.query('START TRANSACTION')
    for (const table of tables) await holder.query(how === 'read' ? reading(table) : writing(table))
    let isOver = false
    let isStopped = false
    const watch = async () => {
      while (!isOver && !isStopped) {
        await sleep(LOOK_EVERY_MS)
        const rows = isOver ? [] : await watcher.query('SHOW FULL PROCESSLIST')
        const own = rows.find((row) => Number(row.Id) === this.#id)
        if (isOver || !WAITING.test(String(own?.State ?? ''))) continue
        isStopped = true
        await watcher.query(`KILL QUERY ${this.#id}`)
      }
    }
    const watching = watch()
    try {
      return { ended: true, result: await work() }
    } catch (error) {
      if (isStopped) return { ended: false }
      throw error
    } finally {
      isOver = true
      await watching
      await holder.query('ROLLBACK')
    }
  }
}

// --- internal ---

const LOOK_EVERY_MS = 4
const WAITING = /^Waiting for (?:table|schema) metadata lock/

function reading(table: string): string {
  return `SELECT 1 FROM ${identifier(table)} LIMIT 0`
}

/** No row is touched, and yet the table counts as written by this transaction. A DELETE would concern its children, too. */
function writing(table: string): string {
  return `SELECT 1 FROM ${identifier(table)} LIMIT 0 FOR UPDATE`
}
