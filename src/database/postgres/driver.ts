import type {
  DatabaseState,
  Driver,
  HistoryRecord,
  LockOptions,
  MigrationStep,
  SharedTransaction,
  StatementObserver,
} from '../../migrate/driver.ts'
import { LockedError, UsageError } from '../../migrate/errors.ts'
import { NEVER } from '../../migrate/never.ts'
import type { Direction, Hidden } from '../../migrate/source.ts'
import { NIL_VERSION } from '../../migrate/version.ts'
import type { Syntax } from '../../sql/tokens.ts'
import type { Lock } from '../locking.ts'
import { ASIDE_SCHEMA, ownTables } from '../ownTables.ts'
import { decompressed } from '../storedText.ts'
import { type ToolDatabase, ToolTable } from '../toolTable.ts'
import { DriverSession, noticeOf, OurTablesGone, StatementGone, TRIAL } from './driverSession.ts'
import { createSchema, dropStatements } from './drop.ts'
import { asStatementError, isMissingTable } from './failure.ts'
import { advisoryLock, holderOf, migrationLockIds, rowLock } from './lock.ts'
import type { Row, Session } from './session.ts'
import { readSessionSettings, type SessionSettings } from './sessionSettings.ts'
import { readState } from './state.ts'
import { AloneSteps } from './steps/aloneSteps.ts'
import { CodeSteps } from './steps/codeSteps.ts'
import { InFlight } from './steps/inFlight.ts'
import { REBUILDS, type Rebuild } from './steps/keptTables.ts'
import { OneTransaction } from './steps/oneTransaction.ts'
import { isUsual, Records } from './steps/records.ts'
import { RunEnd } from './steps/runEnd.ts'
import { type Message, messagesOf } from './steps/stepMessages.ts'
import { type Around, canBeGuarded, StepSql, sqlOf } from './steps/stepSql.ts'
import * as tables from './tables.ts'

export interface PostgresDriverOptions {
  /** Schema of our tables, default the current schema. */
  readonly schema?: string
  /**
   * Name of the version table, default `schema_migrations`. The history table next to it has the same name plus
   * `_history`.
   */
  readonly table?: string
  /**
   * `advisory` (default): golang-migrate's lock keys. `table`: a locked row, for poolers and servers without
   * session-level locks.
   */
  readonly lock?: 'advisory' | 'table'
  /** Extensions that `drop()` keeps. */
  readonly keepExtensions?: readonly string[]
  /**
   * Names of tables that `drop()` keeps, in any schema: the additional tables of a development database. Steps that
   * remove them restore them like our own tables.
   */
  readonly keepTables?: readonly string[]
  /** Tables and schemas of another tool, which do not count as part of the schema. */
  readonly hidden?: Hidden
  /** Looks at the database before and after each statement, which then is a message of its own. */
  readonly observer?: StatementObserver | undefined
  /** `true` if nobody else migrates this database: the lock stays from one run to the next, until the driver is closed. */
  readonly keepsLock?: boolean | undefined
}

/** Creates a driver. @param lock a lock to use when the session's own locks are not suitable */
export async function postgresDriver(
  session: Session,
  options: PostgresDriverOptions = {},
  lock?: Lock,
): Promise<Driver> {
  const opened = await readSessionSettings(session, ownTables(options.table)[0])
  const schema = options.schema ?? opened.schema
  if (schema === null) {
    throw new UsageError(
      `${session.label}: search_path names no schema that this user may use, so there is no place for the version table.`,
      {
        hint: 'Create the schema, or let the user in: GRANT USAGE, CREATE ON SCHEMA … TO …. Which schemas are meant is said by ?search_path= or ?schema= in the URL.',
      },
    )
  }
  const names = tables.tablesIn(schema, options.table)
  const lockFor = (of: tables.Tables) =>
    lock ??
    (options.lock === 'table' ? rowLock(session, of) : advisoryLock(session, migrationLockIds(opened.database, of)))
  return new PostgresDriver(session, names, lockFor, opened, options)
}

class PostgresDriver implements Driver {
  readonly dialect = 'postgres'
  readonly transactionalDdl = true
  readonly syntax: Syntax
  readonly database: string
  readonly #options: PostgresDriverOptions
  readonly #databaseName: string
  readonly #on: DriverSession
  readonly #records: Records
  readonly #code: CodeSteps
  readonly #alone: AloneSteps
  readonly #one: OneTransaction
  readonly #tool: ToolTable
  readonly #sql: StepSql
  #locked = false
  /** `true` if the lock is held although no run is on. Our tables are there then, too. */
  #isKept = false
  /** The state at the end of the last run, if the lock has been kept since. */
  #known: DatabaseState | undefined
  readonly #end: RunEnd
  /** `true` if this run has dropped our tables. */
  #hasDropped = false
  readonly #inFlight = new InFlight()

  constructor(
    session: Session,
    names: tables.Tables,
    lockFor: (names: tables.Tables) => Lock,
    { restore, report, syntax, database }: SessionSettings,
    options: PostgresDriverOptions,
  ) {
    this.#on = new DriverSession(session, lockFor, { tables: names, restore, report, observer: options.observer })
    this.#end = new RunEnd(this.#on)
    this.#records = new Records(this.#on)
    this.#code = new CodeSteps(this.#on, this.#records)
    this.#alone = new AloneSteps(this.#on)
    this.#one = new OneTransaction(this.#on)
    this.#tool = new ToolTable(this.#toolDatabase(session))
    this.#sql = new StepSql(this.#on, this.#records, this.#one, this.#tool, options.keepTables !== undefined)
    this.syntax = syntax
    this.#databaseName = database
    this.#options = options
    this.database = session.label
  }

  standAside(): void {
    const { schema, table } = this.#options
    if (schema !== undefined || table !== undefined) return
    this.#on.tables = tables.tablesIn(ASIDE_SCHEMA)
  }

  async rows(query: string): Promise<Row[] | null> {
    try {
      return await this.#on.session.query(query)
    } catch (error) {
      if (isMissingTable(error)) return null
      throw asStatementError(error)
    }
  }

  async lock(options: LockOptions): Promise<void> {
    if (this.#locked) throw new LockedError(this.database, 'this very session.', 0)
    const isKept = this.#isKept
    if (!isKept) await this.#on.lock.acquire(options)
    this.#isKept = false
    this.#locked = true
    try {
      if (!isKept) await this.#ensureTables()
      if (options.bookkeeping) await this.#tool.hold(options.bookkeeping, options)
    } catch (error) {
      await this.unlock().catch(() => undefined)
      throw asStatementError(error)
    }
  }

  async unlock(): Promise<void> {
    if (!this.#locked) return
    this.#locked = false
    await this.#code.end()
    this.#known = undefined
    const hasDropped = this.#hasDropped
    this.#hasDropped = false
    const { keep } = this.#on.lock
    if (this.#options.keepsLock && keep && !this.#on.session.borrowed && !hasDropped) {
      await this.#tool.release()
      this.#known = await this.#end.keepLock(keep)
      this.#isKept = true
      return
    }
    // A borrowed session must be returned unchanged, and one of our own may live for days. The next run must not see
    // this run's temporary tables; elsewhere it would have a new session.
    const tidy = this.#records.removal()
    if (!this.#on.session.borrowed) tidy.push('DISCARD TEMP')
    if (this.#options.keepsLock) tidy.push(this.#on.report)
    await this.#each(tidy)
    await this.#tool.release()
    await this.#on.lock.release()
  }

  async state(): Promise<DatabaseState> {
    const state = this.#known ?? (await readState(this.#on.session, this.#on.tables))
    this.#known = undefined
    this.#end.begin(state)
    return state
  }

  async recorded(version: number, direction: Direction): Promise<string | null> {
    const rows = await this.#on.session.query(
      `SELECT ${direction} AS text FROM ${this.#on.tables.historyTable} WHERE version = ${version}`,
    )
    return decompressed((rows[0]?.text ?? null) as string | null)
  }

  async apply(step: MigrationStep, signal: AbortSignal): Promise<void> {
    this.#end.note(step.history)
    if (step.work.kind === 'code') {
      return this.#one.isOn ? this.#one.apply(step, step.work, signal) : this.#code.apply(step, step.work, signal)
    }
    if (this.#one.isOn) return this.#one.applySql(() => this.#applySql(step, 'no', signal), signal)
    // A migration may remove our tables (a down that drops the schema). It is then rolled back and run again with our
    // rows saved aside. Creating the schema again needs more privileges, so that is tried last.
    const ways = [...REBUILDS]
    for (let way = ways.shift(); way !== undefined; ) {
      try {
        return await this.#applySql(step, way, signal)
      } catch (error) {
        // We do not know whether the statement that the failed step prepared exists.
        this.#records.forget()
        if (error instanceof OurTablesGone && ways.length > 0) way = ways.shift()
        else if (!(error instanceof StatementGone)) throw error
      }
    }
  }

  get window(): number {
    const { sendsAhead, roundTripMs = 0 } = this.#on.session
    if (!sendsAhead || this.#on.lock.table !== undefined || this.#on.observer) return 1
    return Math.max(2, Math.min(MOST_AHEAD, 1 + Math.ceil(roundTripMs / SERVED_MS)))
  }

  applyNext(step: MigrationStep, signal: AbortSignal): Promise<void> | undefined {
    const { inside } = this.#on
    if (this.window === 1 || !(inside || isUsual(step)) || !canBeGuarded(step)) return undefined
    this.#end.note(step.history)
    // In a shared transaction, a failure aborts all of it, until it is rolled back to the savepoint of the step.
    const isGuarded = !inside && !this.#inFlight.isEmpty
    const around = this.#withEnd(step, this.#sql.around(step, 'no', isGuarded ? this.#records.guard(step.from) : []))
    const message = messagesOf(around, false)[0] as Message
    return this.#inFlight.run(
      () => this.#on.session.script(sqlOf(message, around), signal, noticeOf(step), around.wanted),
      async (thrown) => {
        if (this.#end.lacksOnlyAnswer(thrown)) return
        this.#records.forget()
        await this.#on.rollBack()
        const error = this.#sql.failureOf(thrown, step, message, around)
        if (!(error instanceof OurTablesGone || error instanceof StatementGone)) throw error
        await this.apply(step, signal)
      },
    )
  }

  async applyAll(steps: readonly MigrationStep[], signal: AbortSignal): Promise<void> {
    for (const { history } of steps) this.#end.note(history)
    const sql = steps
      .map((step) => this.#sql.around(step, 'no'))
      .map(({ prefix, script, suffix }) => `${prefix}${script?.text ?? ''}${suffix}`)
      .join('\n')
    try {
      await this.#on.session.script(sql, signal)
    } catch (error) {
      // We do not know whether the prepared statement exists.
      this.#records.forget()
      await this.#on.session.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  }

  async allOrNothing(work: () => Promise<void>): Promise<void> {
    await this.#code.end()
    await this.#one.run(work)
  }

  async inOneTransaction<T>(work: (together: SharedTransaction) => Promise<T>): Promise<T> {
    await this.#on.session.script('BEGIN READ WRITE', NEVER)
    this.#on.inside = true
    try {
      const rolledBack = async <R>(trial: () => Promise<R>): Promise<R> => {
        await this.#on.session.script(`SAVEPOINT ${TRIAL}`, NEVER)
        try {
          return await trial()
        } finally {
          // If the connection broke, the original error already says so.
          await this.#on.session.script(`ROLLBACK TO ${TRIAL}; RELEASE ${TRIAL}`, NEVER).catch(() => undefined)
        }
      }
      const result = await work({ rolledBack })
      await this.#on.session.script('COMMIT', NEVER)
      return result
    } catch (error) {
      await this.#on.session.query('ROLLBACK').catch(() => undefined)
      throw asStatementError(error)
    } finally {
      this.#on.inside = false
      this.#records.forget()
    }
  }

  begin(step: MigrationStep): Promise<void> {
    this.#end.forget()
    return this.#alone.begin(step)
  }

  execute(step: MigrationStep, index: number, signal: AbortSignal): Promise<void> {
    this.#end.forget()
    return this.#alone.execute(step, index, signal)
  }

  finish(step: MigrationStep): Promise<void> {
    this.#end.forget()
    return this.#alone.finish(step)
  }

  abandon(step: MigrationStep): Promise<void> {
    this.#end.forget()
    return this.#alone.abandon(step)
  }

  async force(version: number): Promise<void> {
    this.#end.forget()
    const { versionTable, historyTable } = this.#on.tables
    await this.#on.transaction([
      `DELETE FROM ${versionTable};`,
      version === NIL_VERSION ? '' : `INSERT INTO ${versionTable} (version, dirty) VALUES (${version}, false);`,
      `DELETE FROM ${historyTable} WHERE running = 'up';`,
      `UPDATE ${historyTable} SET running = NULL, started = NULL, done = NULL, total = NULL WHERE running IS NOT NULL;`,
      tables.setBaseline(this.#on.tables, { version, above: version }),
    ])
  }

  async rerecord(records: readonly HistoryRecord[]): Promise<void> {
    this.#end.forget()
    await this.#on.transaction(
      records.map(
        ({ version, downFingerprint, down }) =>
          `UPDATE ${this.#on.tables.historyTable} SET down_fingerprint = ${tables.literal(downFingerprint)}, down = ${tables.literal(tables.stored(down))} WHERE version = ${version};`,
      ),
    )
  }

  async drop(): Promise<void> {
    this.#end.forget()
    const drops = await dropStatements(this.#on.session, {
      keepSchemas: [...new Set([this.#on.tables.schema, 'public'])],
      keepExtensions: this.#options.keepExtensions ?? [],
      // Dropping the table whose row our own lock holds would make us wait for ourselves.
      keepTables: [this.#on.lock.table ?? '', ...(this.#options.keepTables ?? [])],
    })
    // In development, the migrations are applied again at once.
    const again = this.#options.keepTables ? this.#tool.creation : []
    await this.#on.transaction([...drops, ...again.map((sql) => `${sql};`)])
    this.#hasDropped = true
  }

  async close(): Promise<void> {
    if (this.#isKept) await this.#on.lock.release().catch(() => undefined)
    await this.unlock().catch(() => undefined)
    await this.#on.session.close().catch(() => undefined)
  }

  // --- internal ---

  /** Lets the last step of a run ask what is asked at its end. */
  #withEnd(step: MigrationStep, around: Around): Around {
    const keeps = step.isLast && this.#options.keepsLock && !this.#on.session.borrowed && !this.#on.inside
    const end = keeps ? this.#end.withLastStep() : undefined
    return end ? { ...around, suffix: `${around.suffix}\n${end.sql}`, wanted: end.wanted } : around
  }

  /** Runs each statement, whether the others fail or not; in one round trip if the session can. */
  async #each(statements: readonly string[]): Promise<void> {
    const run = (sql: string) => this.#on.session.script(sql, NEVER).catch(() => undefined)
    if (this.#on.session.sendsAhead) await Promise.all(statements.map(run))
    else for (const sql of statements) await run(sql)
  }

  async #ensureTables(): Promise<void> {
    const { schema, versionTable, historyTable } = this.#on.tables
    const [row] = await this.#on.session.query(
      'SELECT to_regclass($1) IS NOT NULL AND to_regclass($2) IS NOT NULL AS there, EXISTS (SELECT FROM pg_namespace WHERE nspname = $3) AS schema',
      [versionTable, historyTable, schema],
    )
    if (row?.there) return
    await this.#on.transaction([row?.schema ? '' : createSchema(schema), tables.createTables(this.#on.tables)])
  }

  #toolDatabase(session: Session): ToolDatabase {
    return {
      label: session.label,
      // Where our own lock is a row, sessions hold no locks: a pooler would give them to somebody else.
      keys: ({ locks }) => (this.#on.lock.table === undefined ? (locks?.(this.#databaseName) ?? []) : []),
      tryLock: async (key) =>
        (await session.query(`SELECT pg_try_advisory_lock(${key}) AS locked`))[0]?.locked === true,
      unlock: (key) => session.query(`SELECT pg_advisory_unlock(${key})`),
      holder: (key) => holderOf(session, [BigInt(key)]),
      rows: (query) => this.rows(query),
      create: (statements) => this.#on.transaction(statements.map((sql) => `${sql};`)),
    }
  }

  /**
   * Runs a step in one round trip: begin, body, our writes, commit. A long body is sent in several messages of the same
   * transaction.
   */
  async #applySql(step: MigrationStep, rebuild: Rebuild, signal: AbortSignal): Promise<void> {
    const around = this.#withEnd(step, this.#sql.around(step, rebuild))
    for (const message of messagesOf(around, this.#on.observer !== undefined)) {
      const send = async () => {
        try {
          const wanted = message.tail === '' ? undefined : around.wanted
          await this.#on.session.script(sqlOf(message, around), signal, noticeOf(step), wanted)
        } catch (error) {
          if (this.#end.lacksOnlyAnswer(error)) return
          await this.#on.rollBack()
          throw this.#sql.failureOf(error, step, message, around)
        }
      }
      await (message.alone ? this.#on.observed(step, { index: message.first, inTransaction: true }, send) : send())
    }
  }
}

/**
 * How many steps are sent at most before the first is answered. As many are sent as the server needs to be busy during a
 * round trip, if each takes it SERVED_MS.
 */
const MOST_AHEAD = 16
const SERVED_MS = 0.5
