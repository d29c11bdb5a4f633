/** A driver without transactions, in memory: it shows what the engine does where nothing can be rolled back. */
import type {
  DatabaseState,
  Driver,
  HistoryEntry,
  HistoryRecord,
  LockOptions,
  MigrationStep,
} from '../../src/migrate/driver.ts'
import { LockedError, StateMovedError, StatementError } from '../../src/migrate/errors.ts'
import type { Direction } from '../../src/migrate/source.ts'

/** A database that several drivers can have open at once. `fail` is refused; `die` ends the connection without an answer. */
export class PlainDatabase {
  readonly executed: string[] = []
  readonly things = new Set<string>()
  version = -1
  dirty = false
  history = new Map<number, HistoryEntry & Pick<HistoryRecord, 'up' | 'down'>>()
  holder: Driver | undefined
}

export class PlainDriver implements Driver {
  readonly dialect = 'postgres'
  readonly database = 'a plain database'
  readonly transactionalDdl = false
  readonly #db: PlainDatabase

  constructor(db: PlainDatabase) {
    this.#db = db
  }

  async lock({ timeout, signal }: LockOptions): Promise<void> {
    const end = performance.now() + timeout
    while (this.#db.holder) {
      signal.throwIfAborted()
      if (performance.now() >= end) throw new LockedError(this.database, undefined, timeout)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    this.#db.holder = this
  }

  async unlock(): Promise<void> {
    if (this.#db.holder === this) this.#db.holder = undefined
  }

  async state(): Promise<DatabaseState> {
    const { version, dirty, history } = this.#db
    return { version, dirty, history: [...history.values()].sort((a, b) => a.version - b.version) }
  }

  async recorded(version: number, direction: Direction): Promise<string | null> {
    return this.#db.history.get(version)?.[direction] ?? null
  }

  async apply(step: MigrationStep): Promise<void> {
    this.#move(step.from, false, step.to, false)
    if (step.work.kind === 'sql') for (const i of step.work.script.statements.keys()) this.#run(step, i)
    this.#record(step)
  }

  async begin(step: MigrationStep): Promise<void> {
    this.#move(step.from, false, step.to, true)
    const total = step.work.kind === 'sql' ? step.work.script.statements.length : 1
    const running = { direction: step.direction, started: 0, done: 0, total }
    const known = this.#db.history.get(step.version)
    const text = step.work.kind === 'sql' ? step.work.script.text : null
    const entry = step.history.put
      ? entryOf(step.history.put)
      : known && { ...known, down: known.recorded ? text : null }
    this.#db.history.set(step.version, { ...(entry ?? entryOf(blank(step))), running })
  }

  async execute(step: MigrationStep, index: number, signal: AbortSignal): Promise<void> {
    this.#journal(step, index + 1, index)
    try {
      const { work } = step
      if (work.kind === 'code')
        await work.run({ client: undefined, dialect: 'mysql', sql: async () => [], signal, log: work.log })
      this.#run(step, index)
    } catch (error) {
      if (error instanceof StatementError) this.#journal(step, index, index)
      throw error
    }
    this.#journal(step, index + 1, index + 1)
  }

  async finish(step: MigrationStep): Promise<void> {
    this.#move(step.to, true, step.to, false)
    const entry = this.#db.history.get(step.version)
    if (step.direction === 'up' && entry) this.#db.history.set(step.version, { ...entry, running: null })
    this.#record({ ...step, history: { ...step.history, put: undefined } })
  }

  async force(version: number): Promise<void> {
    Object.assign(this.#db, { version, dirty: false })
    for (const [key, entry] of this.#db.history) {
      if (key > version || entry.running?.direction === 'up') this.#db.history.delete(key)
    }
    if (version >= 0) this.#baseline(version)
  }

  async rerecord(records: readonly HistoryRecord[]): Promise<void> {
    for (const { version, down, downFingerprint } of records) {
      const entry = this.#db.history.get(version)
      if (entry) this.#db.history.set(version, { ...entry, down, downFingerprint })
    }
  }

  async drop(): Promise<void> {
    this.#db.executed.push('DROP')
    this.#db.things.clear()
    this.#db.history.clear()
    Object.assign(this.#db, { version: -1, dirty: false })
  }

  async close(): Promise<void> {
    await this.unlock()
  }

  #move(from: number, fromDirty: boolean, to: number, toDirty: boolean): void {
    const { version, dirty } = this.#db
    if (version !== from || dirty !== fromDirty) throw new StateMovedError(from, `${version}${dirty ? ' (dirty)' : ''}`)
    Object.assign(this.#db, { version: to, dirty: toDirty })
  }

  #run(step: MigrationStep, index: number): void {
    if (step.work.kind !== 'sql') return
    const { text, statements } = step.work.script
    const { start = 0, end = 0 } = statements[index] ?? {}
    const sql = text.slice(start, end)
    if (sql === 'fail') throw new StatementError({ message: 'refused', statement: index }, undefined)
    if (sql === 'die') throw new Error('connection lost')
    this.#db.executed.push(sql)
    const [verb, thing = ''] = sql.split(' ')
    if (verb === 'create') this.#db.things.add(thing)
    if (verb === 'drop') this.#db.things.delete(thing)
  }

  #journal(step: MigrationStep, started: number, done: number): void {
    const entry = this.#db.history.get(step.version)
    if (entry?.running) this.#db.history.set(step.version, { ...entry, running: { ...entry.running, started, done } })
  }

  #record({ history: { baseline, put, remove } }: MigrationStep): void {
    if (baseline) {
      for (const key of [...this.#db.history.keys()]) if (key > baseline.above) this.#db.history.delete(key)
      if (baseline.version >= 0) this.#baseline(baseline.version)
      for (const version of baseline.adopt ?? []) this.#baseline(version, false)
    }
    for (const version of [remove ?? []].flat()) this.#db.history.delete(version)
    if (put) this.#db.history.set(put.version, entryOf(put))
  }

  #baseline(version: number, baseline = true): void {
    const entry = this.#db.history.get(version)
    const fresh = {
      ...entryOf({ version, name: 'baseline', fingerprint: '', downFingerprint: null, up: null, down: null }),
      fingerprint: null,
    }
    this.#db.history.set(version, { ...(entry ?? fresh), baseline: baseline || entry?.baseline === true })
  }
}

function entryOf(record: HistoryRecord): HistoryEntry & Pick<HistoryRecord, 'up' | 'down'> {
  return {
    ...record,
    baseline: false,
    recorded: record.up !== null,
    running: null,
    appliedAt: new Date(),
    appliedBy: 'test',
    durationMs: 0,
  }
}

function blank({ version, name }: MigrationStep): HistoryRecord {
  return { version, name, fingerprint: '', downFingerprint: null, up: null, down: null }
}
