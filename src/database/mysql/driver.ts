/**
 * Runs migrations on MySQL and MariaDB. Migrations that only change rows run in one transaction; all others run
 * statement by statement with a journal.
 */
import type {
  DatabaseState,
  Driver,
  HistoryRecord,
  LockOptions,
  MigrationStep,
  StepWork,
} from '../../migrate/driver.ts'
import { LockedError, UsageError } from '../../migrate/errors.ts'
import { NEVER } from '../../migrate/never.ts'
import type { Direction } from '../../migrate/source.ts'
import { leavesSession } from '../../sql/rows.ts'
import { syntaxOfModes } from '../../sql/statements.ts'
import type { Syntax } from '../../sql/tokens.ts'
import type { Lock } from '../locking.ts'
import { ASIDE_TABLE } from '../ownTables.ts'
import { decompressed } from '../storedText.ts'
import { type ToolDatabase, ToolTable } from '../toolTable.ts'
import { dropStatements } from './drop.ts'
import { asStatementError, isMissingTable } from './failure.ts'
import { advisoryLock, rowLock } from './lock.ts'
import type { Session } from './session.ts'
import { ChangedSession } from './steps/changedSession.ts'
import { executeCode } from './steps/codeSteps.ts'
import { fitting } from './steps/fitting.ts'
import { Foreseen } from './steps/foreseen.ts'
import { Journal } from './steps/journal.ts'
import { Looks } from './steps/looks.ts'
import type { DriverParts, MysqlDriverOptions } from './steps/parts.ts'
import { refuseLosingTables, refuseOtherDatabases } from './steps/refusals.ts'
import { applyRows } from './steps/rowSteps.ts'
import { applySeveral } from './steps/severalSteps.ts'
import { type Modes, type StatementJournal, wasApplied } from './steps/statementJournal.ts'
import { SESSION_ONLY } from './steps/statementMessage.ts'
import { executeRows, executeStatement } from './steps/statementSteps.ts'
import { applyTogether } from './steps/togetherSteps.ts'
import * as tables from './tables.ts'

/** Creates a driver for the session's current database. @throws UsageError if the session has no current database */
export async function mysqlDriver(session: Session, options: MysqlDriverOptions = {}): Promise<Driver> {
  const [row] = await session.query(
    'SELECT DATABASE() AS name, @@sql_mode AS mode, @@sql_quote_show_create AS quotes, @@max_allowed_packet AS packet',
  )
  if (row?.name == null) {
    throw new UsageError(`${session.label}: the URL names no database, so there is no place for the version table.`, {
      hint: 'Write it behind the host: mysql://user:password@host:3306/database',
    })
  }
  const names = tables.tablesIn(String(row.name), options.table)
  const modes = { mode: String(row.mode), quotes: Number(row.quotes) }
  return new MysqlDriver(session, names, { ...modes, packet: Number(row.packet) }, options)
}

class MysqlDriver implements Driver {
  readonly dialect = 'mysql'
  readonly transactionalDdl = false
  readonly transactionalRows = true
  readonly syntax: Syntax
  readonly database: string
  readonly disposable: boolean
  readonly applyAll?: Driver['applyAll']
  readonly applySome?: Driver['applySome']
  readonly #session: Session
  readonly #options: MysqlDriverOptions
  #tables: tables.Tables
  #lock: Lock
  readonly #tool: ToolTable
  #locked = false
  /** `true` if the lock is held although no run is on. */
  #isKept = false
  readonly #changed: ChangedSession
  readonly #journal: Journal
  readonly #parts: DriverParts
  /** The work of the step that begins as soon as the running one has finished. */
  #next: StepWork | undefined

  constructor(
    session: Session,
    names: tables.Tables,
    { packet, ...modes }: Modes & { readonly packet: number },
    options: MysqlDriverOptions,
  ) {
    this.#options = options
    this.disposable = options.disposable === true
    if (this.disposable) this.applyAll = (steps, signal) => applyTogether(this.#parts, steps, signal)
    this.syntax = syntaxOfModes(modes.mode)
    this.#session = session
    this.#tables = names
    this.#lock = lockOn(session, names, options)
    this.#tool = new ToolTable(this.#toolDatabase(session))
    this.database = session.label
    const ours = () => this.#tables
    const books = (step: MigrationStep) => this.#booksOf(step)
    const changed = new ChangedSession(session)
    const journal = new Journal(session, {
      tables: ours,
      lags: this.#lock.table === undefined,
      fitting: (step) => fitting(step, packet),
      books,
    })
    const isObserved = () => options.observer?.isActive === true
    const looks = new Looks({ session, changed, modes, database: () => this.#tables.database, isObserved })
    this.#changed = changed
    this.#journal = journal
    this.#parts = { session, options, packet, names: ours, changed, journal, looks, foreseen: new Foreseen(), books }
    // Migrations are not sent together if the version row moves with each of them, or if an observer looks at each statement.
    const isAlone = this.disposable || options.onlyHere || options.observer || this.#lock.table !== undefined
    if (!isAlone) this.applySome = (steps, signal) => applySeveral(this.#parts, steps, signal)
  }

  standAside(): void {
    if (this.#options.table !== undefined) return
    this.#tables = tables.tablesIn(this.#tables.database, ASIDE_TABLE)
    this.#lock = lockOn(this.#session, this.#tables, this.#options)
  }

  async rows(query: string): Promise<Record<string, unknown>[] | null> {
    try {
      return await this.#session.query(query)
    } catch (error) {
      if (isMissingTable(error)) return null
      throw asStatementError(error)
    }
  }

  async lock(options: LockOptions): Promise<void> {
    if (this.#locked) throw new LockedError(this.database, 'this very session.', 0)
    if (!this.#isKept) await this.#lock.acquire(options)
    this.#isKept = false
    this.#locked = true
    this.#parts.foreseen.forget()
    try {
      // `resume` sets again what the unfinished migration had set in its session, and puts it back at the end.
      if (await this.#journal.prepare()) await this.#changed.remember(undefined, true)
      if (options.bookkeeping) await this.#tool.hold(options.bookkeeping, options)
    } catch (error) {
      await this.unlock().catch(() => undefined)
      throw asStatementError(error)
    }
  }

  async unlock(): Promise<void> {
    if (!this.#locked) return
    this.#locked = false
    this.#parts.looks.forget()
    const finished = await this.#journal.end().then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    // A failed migration must not leave its settings on the caller's connection.
    if (this.#changed.isUnsettled) await this.#changed.putBack(undefined, true)
    await this.#tool.release()
    if (this.#options.keepsLock && this.#lock.keep && !finished) {
      await this.#lock.keep((held) => held)
      this.#isKept = true
      return
    }
    await this.#lock.release()
    if (finished) throw finished.error
  }

  state(): Promise<DatabaseState> {
    return this.#journal.state()
  }

  async recorded(version: number, direction: Direction): Promise<string | null> {
    await this.#journal.writeFinished()
    const rows = await this.#session.query(tables.readRecorded(this.#tables, version, direction))
    return decompressed((rows[0]?.text ?? null) as string | null)
  }

  /** Applies a migration that is empty or only changes rows: one transaction, one round trip. */
  apply(step: MigrationStep, signal: AbortSignal, next?: StepWork): Promise<void> {
    return applyRows(this.#parts, step, signal, next)
  }

  /** Defers the writes to the first statement, which sends them in the same message: nothing has begun before that. */
  async begin(step: MigrationStep, next?: StepWork): Promise<void> {
    refuseLosingTables(step, this.#tables)
    if (this.#options.onlyHere) refuseOtherDatabases(step)
    await this.#changed.remember(step.work.kind === 'sql' ? step.work.script : undefined, step.work.kind === 'code')
    await this.#journal.begin(step)
    this.#next = next
    this.#parts.looks.begin(next)
  }

  async execute(step: MigrationStep, index: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) await this.#journal.writeBegun()
    signal.throwIfAborted()
    const { work } = step
    try {
      if (work.kind === 'code') {
        this.#parts.foreseen.ranOther()
        await executeCode(this.#parts, step, work, signal)
      } else if (work.kind === 'sql') await executeStatement(this.#parts, step, work.script, index, signal)
    } catch (error) {
      throw asStatementError(error, index)
    }
  }

  /** Defers the writes to the beginning of the next migration, if that follows at once. */
  async finish(step: MigrationStep): Promise<void> {
    await this.#journal.finish(step)
    const script = step.work.kind === 'sql' ? step.work.script : undefined
    if (!this.#next || script?.statements.some(leavesSession)) await this.#journal.writeFinished()
    await this.#changed.putBack(script, step.work.kind === 'code')
  }

  async abandon(step: MigrationStep): Promise<void> {
    await this.#journal.abandon(step)
    await this.#changed.putBack(undefined, true)
  }

  async executeSome(step: MigrationStep, index: number, signal: AbortSignal): Promise<number> {
    const ran = await executeRows(this.#parts, step, index, signal)
    if (ran === 0) await this.execute(step, index, signal)
    return Math.max(ran, 1)
  }

  async wasApplied(version: number): Promise<boolean | undefined> {
    await this.#journal.settle()
    const [row] = await this.#session.query(tables.readProgress(this.#tables, version))
    if (typeof row?.progress !== 'string') return undefined
    // A statement that only changes the session leaves nothing in the database, so it may run again.
    if (row.progress === SESSION_ONLY) return false
    return wasApplied(this.#session, JSON.parse(row.progress) as StatementJournal)
  }

  async force(version: number): Promise<void> {
    await this.#journal.settle()
    await this.#journal.transaction(undefined, tables.force(this.#tables, version))
  }

  async rerecord(records: readonly HistoryRecord[]): Promise<void> {
    await this.#journal.settle()
    await this.#journal.transaction(
      undefined,
      records.map((record) => tables.rerecord(this.#tables, record)),
    )
  }

  async drop(): Promise<void> {
    await this.#journal.settle()
    const kept = [...(this.#options.keepTables ?? []), ...(this.#lock.table === undefined ? [] : [this.#lock.table])]
    const drops = await dropStatements(this.#session, this.#tables.database, kept)
    try {
      await this.#session.script(drops, NEVER)
      // In development, the migrations are applied again at once.
      if (this.#options.keepTables && this.#tool.creation.length > 0) {
        await this.#session.script(this.#tool.creation, NEVER)
      }
    } catch (error) {
      throw asStatementError(error)
    }
  }

  async close(): Promise<void> {
    if (this.#isKept) await this.#lock.release().catch(() => undefined)
    await this.unlock().catch(() => undefined)
    await this.#session.close().catch(() => undefined)
  }

  // --- internal ---

  #toolDatabase(session: Session): ToolDatabase {
    return {
      label: session.label,
      // Where our own lock is a row, a named lock would exist on one node of the cluster only.
      keys: ({ locks }) => (this.#lock.table === undefined ? (locks?.(this.#tables.database) ?? []) : []),
      tryLock: async (name) =>
        Number((await session.query(`SELECT GET_LOCK(${tables.literal(name)}, 0) AS locked`))[0]?.locked) === 1,
      unlock: (name) => session.query(`SELECT RELEASE_LOCK(${tables.literal(name)})`),
      holder: async (name) => `its tool's lock ${name} is taken.`,
      rows: (query) => this.rows(query),
      create: (statements) => session.script(statements, NEVER),
    }
  }

  /** Returns the statements that record a step in another tool's table. A migration may have changed the database. */
  #booksOf({ bookkeeping = [] }: MigrationStep): readonly string[] {
    const moved = bookkeeping.length > 0 && this.#changed.database !== undefined
    return moved ? [`USE ${tables.identifier(this.#tables.database)}`, ...bookkeeping] : bookkeeping
  }
}

function lockOn(session: Session, names: tables.Tables, { lock }: MysqlDriverOptions): Lock {
  return lock === 'table' ? rowLock(session, names) : advisoryLock(session, names)
}
