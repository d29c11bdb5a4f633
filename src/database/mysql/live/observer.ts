/**
 * Observes the statements of migrations on MySQL and MariaDB: a change of a table that was there is made in the gentlest way
 * that the server accepts for it, which is what the server would have chosen.
 */

import type { MigrationStep, ObservedStatement, StatementObserver } from '../../../migrate/driver.ts'
import { StatementError } from '../../../migrate/errors.ts'
import { now } from '../../../migrate/realTime.ts'
import { cutStatements } from '../../../sql/statements.ts'
import type { Algorithm, Blocks, Effects, HeldLock } from '../../effects.ts'
import { ARE_TABLES } from '../../tableTypes.ts'
import { Beside } from './beside.ts'
import { clauseOf, type Target, tablesIn, targetOf, type Way, waysOf } from './ladder.ts'
import { lockedBy, Prepared } from './meant.ts'
import { rowsBefore } from './rowsChanged.ts'

type Query = ObservedStatement['query']

export class MysqlObserver implements StatementObserver {
  isActive = false
  #effects: Effects[] = []
  #step: MigrationStep | undefined
  /** Names of the tables that were there before the migration. */
  #old: ReadonlySet<string> = new Set()
  #ways: readonly Way[] | undefined
  #prepared = new Prepared()
  /** Other sessions, opened when a statement first needs them. */
  #beside: Beside | undefined

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
      await this.#beside?.close()
      this.#beside = undefined
    }
  }

  async observe(statement: ObservedStatement, run: (text?: string) => Promise<void>): Promise<void> {
    const { step, index, query, inTransaction, another } = statement
    if (step !== this.#step) await this.#begin(step, query)
    const { start = 0, end = 0, words = [] } = statement.statement ?? {}
    const written = step.work.kind === 'sql' ? step.work.script.text.slice(start, end) : soleIn(statement.text ?? '')
    const text = await this.#prepared.textOf(written, query)
    const target = targetOf(text)
    const begun = now()
    const isOld = target !== undefined && this.#old.has(target.table.toLowerCase())
    const change = () => (isOld ? this.#gentlest(target, run) : run().then(() => undefined))
    const rows = await rowsBefore(text, this.#old, query)
    const others = await this.#others(text, query)
    if (another && others.length > 0) this.#beside ??= await Beside.open(another, query)
    const { result: made, locked } =
      this.#beside && others.length > 0
        ? await this.#beside.during(others, change)
        : { result: await change(), locked: new Map<string, Blocks>() }
    const ms = now() - begun
    const changed = rows && (await rows())
    const algorithm = made ?? copyOf(changed?.copied[0])
    const blocks = algorithm?.blocks ?? 'nothing'
    const own = algorithm && blocks !== 'nothing' ? [lockOn(algorithm.table, MODES[blocks], blocks)] : []
    const held = lockedBy(text)
      .filter(([name]) => this.#old.has(name.toLowerCase()))
      .map(([name, how]) => lockOn(name, how === 'reads' ? 'LOCK TABLES … WRITE' : 'LOCK TABLES … READ', how))
    const more = [...locked].map(([name, how]) => lockOn(name, how === 'reads' ? 'EXCLUSIVE' : 'SHARED_NO_WRITE', how))
    this.#effects.push({
      ...NOTHING,
      version: step.version,
      direction: step.direction,
      index,
      range: statement.statement && { start, end },
      words,
      ...(statement.text !== undefined && { within: written }),
      inTransaction,
      ms,
      lockTimeoutMs: await lockWait(query),
      locks: [...own, ...more, ...held],
      ...(changed && { written: changed.written }),
      ...(algorithm && { algorithm }),
    })
  }

  // --- internal ---

  async #begin(step: MigrationStep, query: Query): Promise<void> {
    this.#step = step
    this.#prepared = new Prepared()
    const rows = await query(
      `SELECT LOWER(table_name) AS name FROM information_schema.tables WHERE table_schema = DATABASE() AND ${ARE_TABLES}`,
    )
    this.#old = new Set(rows.map(({ name }) => String(name)))
    const [row] = await query('SELECT VERSION() AS version')
    this.#ways ??= waysOf(/mariadb/i.test(String(row?.version)))
  }

  /** Returns the old tables that a statement might lock besides those that it changes: what foreign keys tie to them. */
  async #others(text: string, query: Query): Promise<string[]> {
    const { changed, referenced } = tablesIn(text)
    if (changed.length === 0) return []
    // Read for each statement: the one before may have dropped or renamed a table.
    const keys = (await query(FOREIGN_KEYS)).map(({ child, parent }) => [String(child), String(parent)] as const)
    const names = new Set(changed.map((name) => name.toLowerCase()))
    const tied = keys.flatMap(([child, parent]) =>
      names.has(child.toLowerCase()) ? [parent] : names.has(parent.toLowerCase()) ? [child] : [],
    )
    const all = new Map([...referenced, ...tied].map((name) => [name.toLowerCase(), name]))
    return [...all].filter(([key]) => this.#old.has(key) && !names.has(key)).map(([, name]) => name)
  }

  /** Runs a statement in the first way that the server accepts. */
  async #gentlest(
    { table, withClause, asked }: Target,
    run: (text?: string) => Promise<void>,
  ): Promise<Algorithm | undefined> {
    const refused = new Map<string, string | undefined>()
    for (const { algorithm, lock, blocks } of this.#ways ?? []) {
      if (asked.algorithm !== undefined && asked.algorithm !== algorithm) continue
      if (asked.lock !== undefined && asked.lock !== (lock ?? 'NONE')) continue
      const used = clauseOf(algorithm, lock)
      const rest = clauseOf(asked.algorithm ? undefined : algorithm, asked.lock ? undefined : lock)
      const isAsked = asked.algorithm !== undefined || asked.lock !== undefined
      try {
        await run(rest === '' ? undefined : withClause(rest))
        const others = [...refused].findLast(([one]) => one !== algorithm)?.[1]
        // A gentler lock was refused, though the server does it in this way: then that is what keeps others out.
        const ofLock = refused.get(algorithm)
        const reason = [others, ofLock && `LOCK=NONE with ${algorithm}: ${ofLock}`].filter(Boolean).join('; ')
        return { table, used, possible: used, blocks, ...(reason && { reason }), ...(isAsked && { isAsked }) }
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

/** A table that a procedure has copied. The server copies while nobody can write, unless it is told otherwise. */
function copyOf(table: string | undefined): Algorithm | undefined {
  const used = 'ALGORITHM=COPY, LOCK=SHARED'
  return table === undefined ? undefined : { table, used, possible: used, blocks: 'writes' }
}

const FOREIGN_KEYS =
  'SELECT DISTINCT table_name AS child, referenced_table_name AS parent FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()'

function lockOn(name: string, mode: string, blocks: Blocks): HeldLock {
  return { name, kind: 'table', table: name, mode, blocks, isNew: true, under: [], isGone: false }
}

const SYNTAX = 1064
/** The server says no to the algorithm or the lock, and has changed nothing: ER_ALTER_OPERATION_NOT_SUPPORTED and others. */
const NOT_THIS_WAY: ReadonlySet<number> = new Set([1845, 1846, 1221, 1800, 4095])

const NOTHING = {
  isMysql: true,
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

/**
 * Returns the statement that code sends, without its semicolon, behind which no clause can be put; an empty text for several
 * in one message, of which the first may have run when the last is refused.
 */
function soleIn(text: string): string {
  const [only, ...others] = cutStatements(text, 'mysql').statements
  return only && others.length === 0 ? text.slice(only.start, only.end) : ''
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
