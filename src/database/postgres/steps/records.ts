/** Writes the record of a step: history and version row. The usual step is a statement that the server plans once. */
import { randomBytes } from 'node:crypto'
import type { HistoryRecord, MigrationStep } from '../../../migrate/driver.ts'
import { NIL_VERSION } from '../../../migrate/version.ts'
import type { DriverSession } from '../driverSession.ts'
import * as tables from '../tables.ts'

export class Records {
  readonly #on: DriverSession
  /** Names of the prepared statements for steps up and down. */
  #ups: string | undefined
  #downs: string | undefined
  /** Name of the prepared statement that checks the version. */
  #guards: string | undefined
  /** Names of all statements prepared on this session; some may not exist because their transaction failed. */
  readonly #names = new Set<string>()

  constructor(on: DriverSession) {
    this.#on = on
  }

  /** Returns the SQL that records a step. */
  record(step: MigrationStep): string {
    const { from, history } = step
    // Without session locks there may be a pooler that hands each transaction to another session, so nothing may be
    // left on a session.
    if (this.#on.lock.table !== undefined) return this.recordPlainly(step)
    if (isUsual(step) && history.put) return this.#moveUp(from, history.put)
    const removed = removedByUsualDown(step)
    return removed === undefined ? this.recordPlainly(step) : this.#moveDown(step, removed)
  }

  /** Returns SQL that needs no prepared statement. */
  recordPlainly({ from, to, history }: MigrationStep): string {
    const moved = tables.moveRow(this.#on.tables, { version: from, dirty: false }, { version: to, dirty: false })
    return `${tables.changeHistory(this.#on.tables, history)}\n${moved}`
  }

  /** Returns the statements before a step that was sent before the answer to the one before it. */
  guard(from: number): string[] {
    const name = this.#guards ?? this.#newName()
    const prepare = this.#guards === undefined ? [tables.prepareGuard(this.#on.tables, name)] : []
    this.#guards = name
    return [...prepare, `EXECUTE ${name} (${from});`]
  }

  /** Forgets what is prepared: we do not know whether the transaction that prepared it has failed. */
  forget(): void {
    this.#ups = undefined
    this.#downs = undefined
    this.#guards = undefined
  }

  /** Returns the statements that remove what was prepared, and forgets it. */
  removal(): string[] {
    const removal = [...this.#names].map((name) => `DEALLOCATE ${name}`)
    this.#names.clear()
    this.forget()
    return removal
  }

  // --- internal ---

  /**
   * Returns the SQL of a usual step (one version up). The first step that needs the prepared statement prepares it in
   * its own round trip.
   */
  #moveUp(from: number, put: HistoryRecord): string {
    const name = this.#ups ?? this.#newName()
    const prepare = this.#ups === undefined ? tables.prepareMoveUp(this.#on.tables, name) : ''
    this.#ups = name
    return `${prepare}\n${tables.executeMoveUp(name, from, put)}`
  }

  #moveDown({ from, to }: MigrationStep, removed: number): string {
    const name = this.#downs ?? this.#newName()
    const prepare = this.#downs === undefined ? tables.prepareMoveDown(this.#on.tables, name) : ''
    this.#downs = name
    return `${prepare}\nEXECUTE ${name} (${from}, ${to}, ${removed});`
  }

  #newName(): string {
    const name = `migratest_${RUN}_${++preparations}`
    this.#names.add(name)
    return name
  }
}

/** Returns whether a step goes one version up from another version, and records nothing else. */
export function isUsual({ version, from, to, history: { put, remove, baseline } }: MigrationStep): boolean {
  return put !== undefined && remove === undefined && !baseline && from !== NIL_VERSION && to === version
}

// --- internal ---

/** Returns the version whose record a step removes, if it goes down to another version and changes nothing else. */
function removedByUsualDown({ from, to, history }: MigrationStep): number | undefined {
  const { put, remove, baseline } = history
  const removed = [remove ?? []].flat()
  if (put !== undefined || baseline || from === to || from === NIL_VERSION || to === NIL_VERSION) return undefined
  return removed.length === 1 ? removed[0] : undefined
}

/**
 * Number of prepared statements so far. With RUN it makes each name unique, since another driver may reuse the session,
 * and processes may share it by turns.
 */
let preparations = 0
const RUN = randomBytes(6).toString('hex')
