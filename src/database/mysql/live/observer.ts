/**
 * Observes the statements of migrations on MySQL and MariaDB: a change of a table that was there is made in the gentlest way
 * that the server accepts for it, which is what the server would have chosen.
 */

import type { MigrationStep, ObservedStatement, StatementObserver } from '../../../migrate/driver.ts'
import { StatementError } from '../../../migrate/errors.ts'
import { now } from '../../../migrate/realTime.ts'
import type { Algorithm, Effects } from '../../effects.ts'
import { targetOf, type Way, waysOf } from './ladder.ts'

type Query = ObservedStatement['query']

export class MysqlObserver implements StatementObserver {
  isActive = false
  #effects: Effects[] = []
  #step: MigrationStep | undefined
  /** Names of the tables that were there before the migration. */
  #old: ReadonlySet<string> = new Set()
  #ways: readonly Way[] | undefined

  /** Observes what `work` runs, and returns what its statements did. */
  async during(work: () => Promise<void>): Promise<Effects[]> {
    this.isActive = true
    this.#step = undefined
    try {
      await work()
      return this.#effects.splice(0)
    } finally {
      this.isActive = false
      this.#effects = []
    }
  }

  async observe(statement: ObservedStatement, run: (text?: string) => Promise<void>): Promise<void> {
    const { step, index, query, inTransaction } = statement
    if (step !== this.#step) await this.#begin(step, query)
    const { start = 0, end = 0, words = [] } = statement.statement ?? {}
    const text = step.work.kind === 'sql' ? step.work.script.text.slice(start, end) : ''
    const target = targetOf(text)
    const begun = now()
    const isOld = target !== undefined && this.#old.has(target.table.toLowerCase())
    const algorithm = isOld ? await this.#gentlest(target.withClause, run) : await run().then(() => undefined)
    const ms = now() - begun
    const blocks = algorithm?.blocks ?? 'nothing'
    const table = target?.table ?? ''
    this.#effects.push({
      ...NOTHING,
      version: step.version,
      direction: step.direction,
      index,
      range: statement.statement && { start, end },
      words,
      inTransaction,
      ms,
      lockTimeoutMs: await lockWait(query),
      locks:
        blocks === 'nothing'
          ? []
          : [{ name: table, kind: 'table', table, mode: MODES[blocks], blocks, isNew: true, under: [], isGone: false }],
      ...(algorithm && { algorithm }),
    })
  }

  // --- internal ---

  async #begin(step: MigrationStep, query: Query): Promise<void> {
    this.#step = step
    const rows = await query(
      "SELECT LOWER(table_name) AS name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'",
    )
    this.#old = new Set(rows.map(({ name }) => String(name)))
    const [row] = await query('SELECT VERSION() AS version')
    this.#ways ??= waysOf(/mariadb/i.test(String(row?.version)))
  }

  /** Runs a statement in the first way that the server accepts. */
  async #gentlest(
    withClause: (clause: string) => string,
    run: (text?: string) => Promise<void>,
  ): Promise<Algorithm | undefined> {
    const refused = new Map<string, string | undefined>()
    for (const { clause, algorithm, blocks } of this.#ways ?? []) {
      try {
        await run(withClause(clause))
        return {
          used: clause,
          possible: clause,
          blocks,
          reason: [...refused].findLast(([one]) => one !== algorithm)?.[1],
        }
      } catch (error) {
        const errno = errnoOf(error)
        if (errno === SYNTAX) break
        if (errno === undefined || !NOT_THIS_WAY.has(errno)) throw error
        refused.set(algorithm, reasonIn(error))
      }
    }
    await run()
    return undefined
  }
}

const MODES = { reads: 'LOCK=EXCLUSIVE', writes: 'LOCK=SHARED' } as const

const SYNTAX = 1064
/** The server says no to the algorithm or the lock, and has changed nothing: ER_ALTER_OPERATION_NOT_SUPPORTED and others. */
const NOT_THIS_WAY: ReadonlySet<number> = new Set([1845, 1846, 1221, 1800, 4095])

const NOTHING = {
  rewritten: [],
  built: [],
  scanned: [],
  written: [],
  columns: [],
  constraints: [],
  waited: [],
  invalid: [],
  passedOver: [],
}

function errnoOf(error: unknown): number | undefined {
  const cause = error instanceof StatementError ? (error.cause as { errno?: number } | undefined) : undefined
  return cause?.errno
}

/** Returns the server's reason: `ALGORITHM=INPLACE is not supported. Reason: Cannot change column type INPLACE. Try …`. */
function reasonIn(error: unknown): string | undefined {
  const { message } = (error as StatementError).info
  return /Reason: (.*?)\. Try/.exec(message)?.[1]
}

/** Returns the time to wait for a lock on a table, in force for migrations that set none. */
async function lockWait(query: Query): Promise<number> {
  const [row] = await query('SELECT @@session.lock_wait_timeout AS own, @@global.lock_wait_timeout AS usual')
  const own = Number(row?.own)
  // Our own sessions on test servers wait for less, so that a test that waits for itself ends.
  return (own === OWN_SECONDS ? Number(row?.usual) : own) * 1000
}

const OWN_SECONDS = 20
