/** A driver for SQLite on `node:sqlite`, as an outsider would write one: it imports what `migratest` exports, and nothing else. */
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Baseline,
  type DatabaseState,
  type Direction,
  type Driver,
  type HistoryChange,
  type HistoryEntry,
  type HistoryRecord,
  LockedError,
  type LockOptions,
  type MigrationStep,
  StateMovedError,
  StatementError,
} from 'migratest'

const TABLES = ['schema_migrations', 'schema_migrations_history']

const CREATE = `
CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER NOT NULL, dirty INTEGER NOT NULL);
INSERT INTO schema_migrations SELECT -1, 0 WHERE NOT EXISTS (SELECT 1 FROM schema_migrations);
CREATE TABLE IF NOT EXISTS schema_migrations_history (
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, fingerprint TEXT, down_fingerprint TEXT,
  baseline INTEGER NOT NULL DEFAULT 0, up TEXT, down TEXT,
  direction TEXT, started INTEGER, done INTEGER, total INTEGER,
  applied_at TEXT, duration_ms REAL
);`

/** Every method is synchronous inside: SQLite has no server to wait for. */
export class SqliteDriver implements Driver {
  readonly dialect = 'postgres'
  readonly database: string
  readonly transactionalDdl = true
  readonly #db: DatabaseSync
  readonly #file: string
  readonly #owned: boolean
  #lock: DatabaseSync | undefined

  /** @param db a database in a file, which the driver closes only if `owned` */
  constructor(db: DatabaseSync, owned: boolean) {
    this.#db = db
    this.#file = db.location() ?? ''
    this.#owned = owned
    this.database = `the SQLite database ${this.#file}`
  }

  // 1. The lock: an exclusive transaction on a file beside the database. It ends with the process that holds it.

  async lock({ timeout, signal }: LockOptions): Promise<void> {
    const end = performance.now() + timeout
    while (!this.#tryLock()) {
      if (performance.now() >= end) throw new LockedError(this.database, undefined, timeout)
      await sleep(10, undefined, { signal })
    }
    this.#db.exec(CREATE)
  }

  async unlock(): Promise<void> {
    this.#lock?.close()
    this.#lock = undefined
  }

  #tryLock(): boolean {
    if (this.#lock) return false
    const lock = new DatabaseSync(`${this.#file}-migrating`)
    try {
      lock.exec('BEGIN EXCLUSIVE')
      this.#lock = lock
      return true
    } catch {
      lock.close()
      return false
    }
  }

  // 2. What is applied. This must also work on a database that has none of our tables, and must not create them.

  async state(): Promise<DatabaseState> {
    if (!this.#exists()) return { version: -1, dirty: false, history: [] }
    const row = this.#db.prepare('SELECT version, dirty FROM schema_migrations').get()
    const rows = this.#db.prepare('SELECT * FROM schema_migrations_history ORDER BY version').all()
    return { version: Number(row?.version ?? -1), dirty: Boolean(row?.dirty), history: rows.map(entryOf) }
  }

  async recorded(version: number, direction: Direction): Promise<string | null> {
    const row = this.#db.prepare('SELECT up, down FROM schema_migrations_history WHERE version = ?').get(version)
    return (row?.[direction] as string | null | undefined) ?? null
  }

  #exists(): boolean {
    return this.#db.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(TABLES[0] ?? '') !== undefined
  }

  // 3. One step: its body, the version row and the history, all or nothing.

  async apply(step: MigrationStep, signal: AbortSignal): Promise<void> {
    const begun = performance.now()
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const count = step.work.kind === 'sql' ? step.work.script.statements.length : 1
      for (let i = 0; i < count; i++) await this.#run(step, i, signal)
      this.#move(step.from, false, step.to, false)
      this.#change(step.history, performance.now() - begun)
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  async #run({ work }: MigrationStep, index: number, signal: AbortSignal): Promise<void> {
    if (work.kind === 'nil') return
    if (work.kind === 'code') {
      const sql = async (text: string, params: readonly unknown[] = []) =>
        this.#db.prepare(text).all(...(params as string[])) as never[]
      await work.run({ dialect: 'postgres', client: this.#db, sql, signal, log: work.log })
      return
    }
    const { start = 0, end = 0 } = work.script.statements[index] ?? {}
    try {
      this.#db.exec(work.script.text.slice(start, end))
    } catch (error) {
      throw new StatementError({ message: (error as Error).message, statement: index, undone: true }, error)
    }
  }

  #move(from: number, wasDirty: boolean, to: number, dirty: boolean): void {
    const { changes } = this.#db
      .prepare('UPDATE schema_migrations SET version = ?, dirty = ? WHERE version = ? AND dirty = ?')
      .run(to, Number(dirty), from, Number(wasDirty))
    if (changes === 1) return
    const row = this.#db.prepare('SELECT version, dirty FROM schema_migrations').get()
    throw new StateMovedError(from, `${row?.version}${row?.dirty ? ' (dirty)' : ''}`)
  }

  #change({ baseline, put, remove }: HistoryChange, ms: number): void {
    if (baseline) this.#baseline(baseline)
    const forget = this.#db.prepare('DELETE FROM schema_migrations_history WHERE version = ?')
    for (const version of [remove ?? []].flat()) forget.run(version)
    if (put) this.#put(put, ms)
  }

  #put(record: HistoryRecord, ms: number): void {
    const { version, name, fingerprint, downFingerprint, up, down } = record
    this.#db
      .prepare(
        `INSERT OR REPLACE INTO schema_migrations_history
         (version, name, fingerprint, down_fingerprint, up, down, applied_at, duration_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(version, name, fingerprint, downFingerprint, up, down, new Date().toISOString(), ms)
  }

  #baseline({ version, above, adopt = [] }: Baseline): void {
    this.#db.prepare('DELETE FROM schema_migrations_history WHERE version > ?').run(above)
    const insert = this.#db.prepare(
      `INSERT INTO schema_migrations_history (version, name, baseline) VALUES (?, 'baseline', ?)
       ON CONFLICT (version) DO UPDATE SET baseline = max(baseline, excluded.baseline)`,
    )
    if (version >= 0) insert.run(version, 1)
    for (const each of adopt) insert.run(each, 0)
  }

  // 4. The way without a transaction (`-- migrate: no-transaction`): dirty, statement by statement with a journal, clean.

  async begin(step: MigrationStep): Promise<void> {
    const { work, direction, version, name, history } = step
    const total = work.kind === 'sql' ? work.script.statements.length : 1
    this.#move(step.from, false, step.to, true)
    if (history.put) this.#put(history.put, 0)
    this.#db
      .prepare(
        `INSERT INTO schema_migrations_history (version, name, direction, started, done, total) VALUES (?, ?, ?, 0, 0, ?)
         ON CONFLICT (version) DO UPDATE SET direction = excluded.direction, started = 0, done = 0, total = excluded.total`,
      )
      .run(version, name, direction, total)
  }

  async execute(step: MigrationStep, index: number, signal: AbortSignal): Promise<void> {
    this.#journal(step, index + 1, index)
    try {
      await this.#run(step, index, signal)
    } catch (error) {
      if (error instanceof StatementError) this.#journal(step, index, index)
      throw error
    }
    this.#journal(step, index + 1, index + 1)
  }

  #journal({ version }: MigrationStep, started: number, done: number): void {
    this.#db
      .prepare('UPDATE schema_migrations_history SET started = ?, done = ? WHERE version = ?')
      .run(started, done, version)
  }

  async finish(step: MigrationStep): Promise<void> {
    this.#move(step.to, true, step.to, false)
    this.#db.prepare('UPDATE schema_migrations_history SET direction = NULL WHERE version = ?').run(step.version)
    this.#change({ ...step.history, put: undefined }, 0)
  }

  // 5. Repairs: set the version by hand, replace recorded downs, empty the database.

  async force(version: number): Promise<void> {
    this.#db.exec(CREATE)
    this.#db.prepare('UPDATE schema_migrations SET version = ?, dirty = 0').run(version)
    this.#db.exec("DELETE FROM schema_migrations_history WHERE direction = 'up'")
    this.#baseline({ version, above: version })
  }

  async rerecord(records: readonly HistoryRecord[]): Promise<void> {
    const update = this.#db.prepare(
      'UPDATE schema_migrations_history SET down = ?, down_fingerprint = ? WHERE version = ?',
    )
    for (const { version, down, downFingerprint } of records) update.run(down, downFingerprint, version)
  }

  async drop(): Promise<void> {
    this.#db.exec('PRAGMA foreign_keys = OFF')
    const list = `SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND type IN ('view', 'table')`
    for (const { type, name } of this.#db.prepare(list).all()) {
      this.#db.exec(`DROP ${type} IF EXISTS "${String(name).replaceAll('"', '""')}"`)
    }
  }

  async close(): Promise<void> {
    await this.unlock()
    if (this.#owned && this.#db.isOpen) this.#db.close()
  }
}

function entryOf(row: Record<string, unknown>): HistoryEntry {
  const running = row.direction as Direction | null
  return {
    version: Number(row.version),
    name: String(row.name),
    fingerprint: row.fingerprint as string | null,
    downFingerprint: row.down_fingerprint as string | null,
    baseline: Boolean(row.baseline),
    recorded: row.up !== null,
    running: running && {
      direction: running,
      started: Number(row.started),
      done: Number(row.done),
      total: Number(row.total),
    },
    appliedAt: row.applied_at === null ? null : new Date(String(row.applied_at)),
    appliedBy: null,
    durationMs: row.duration_ms as number | null,
  }
}
