/** Runs migrations on PostgreSQL, over any session. */
import { randomBytes } from 'node:crypto'
import type {
  DatabaseState,
  Driver,
  HistoryRecord,
  LockOptions,
  MigrationStep,
  OnNotice,
  SharedTransaction,
  StatementObserver,
} from '../../migrate/driver.ts'
import { LockedError, StateMovedError, StatementError, UsageError } from '../../migrate/errors.ts'
import { NEVER } from '../../migrate/never.ts'
import type { Direction, Hidden, Log, MigrationContext, RunSql } from '../../migrate/source.ts'
import { NIL_VERSION } from '../../migrate/version.ts'
import { refusesTransaction, type Script } from '../../sql/script.ts'
import type { Statement } from '../../sql/statements.ts'
import type { Syntax } from '../../sql/tokens.ts'
import type { Lock } from '../locking.ts'
import { ASIDE_SCHEMA, ownTables } from '../ownTables.ts'
import { decompressed } from '../storedText.ts'
import { type ToolDatabase, ToolTable } from '../toolTable.ts'
import { createSchema, dropStatements } from './drop.ts'
import { asStatementError, isAnswer, isMissingTable } from './failure.ts'
import { InFlight } from './inFlight.ts'
import { advisoryLock, holderOf, migrationLockIds, rowLock } from './lock.ts'
import { developmentTables, type OwnDevelopment } from './rows/development.ts'
import { type PostgresError, type Row, ScriptFailure, type Session } from './session.ts'
import { readSessionSettings, type SessionSettings } from './sessionSettings.ts'
import { readState, stateQuery, toState } from './state.ts'
import { type Message, messagesOf } from './stepMessages.ts'
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
  readonly #session: Session
  readonly #options: PostgresDriverOptions
  readonly #lockFor: (names: tables.Tables) => Lock
  readonly #databaseName: string
  #tables: tables.Tables
  #lock: Lock
  readonly #tool: ToolTable
  readonly #restore: string
  #locked = false
  /** `true` if the lock is held although no run is on. Our tables are there then, too. */
  #isKept = false
  /** The state at the end of the last run, if the lock has been kept since. */
  #known: DatabaseState | undefined
  /** `true` if this run has dropped our tables. */
  #hasDropped = false
  /** `true` while everything runs in one shared transaction, which single steps neither begin nor commit. */
  #inside = false
  #prepared: string | undefined
  /** Name of the prepared statement that checks the version. */
  #guards: string | undefined
  readonly #inFlight = new InFlight()
  /** Id of the transaction that has been begun for a step in code that comes next. */
  #begun: string | undefined
  /** Names of all statements prepared on this session; some may not exist because their transaction failed. */
  readonly #names = new Set<string>()

  constructor(
    session: Session,
    names: tables.Tables,
    lockFor: (names: tables.Tables) => Lock,
    { restore, syntax, database }: SessionSettings,
    options: PostgresDriverOptions,
  ) {
    this.#session = session
    this.#tables = names
    this.#lockFor = lockFor
    this.#lock = lockFor(names)
    this.#tool = new ToolTable(this.#toolDatabase(session))
    this.#restore = restore
    this.syntax = syntax
    this.#databaseName = database
    this.#options = options
    this.database = session.label
  }

  standAside(): void {
    const { schema, table } = this.#options
    if (schema !== undefined || table !== undefined) return
    this.#tables = tables.tablesIn(ASIDE_SCHEMA)
    this.#lock = this.#lockFor(this.#tables)
  }

  async rows(query: string): Promise<Row[] | null> {
    try {
      return await this.#session.query(query)
    } catch (error) {
      if (isMissingTable(error)) return null
      throw asStatementError(error)
    }
  }

  async lock(options: LockOptions): Promise<void> {
    if (this.#locked) throw new LockedError(this.database, 'this very session.', 0)
    const isKept = this.#isKept
    if (!isKept) await this.#lock.acquire(options)
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
    if (this.#begun !== undefined) await this.#putBack()
    this.#begun = undefined
    this.#known = undefined
    const hasDropped = this.#hasDropped
    this.#hasDropped = false
    if (this.#options.keepsLock && this.#lock.keep && !this.#session.borrowed && !hasDropped) {
      await this.#tool.release()
      this.#known = await this.#keepLock(this.#lock.keep)
      this.#isKept = true
      return
    }
    // A borrowed session must be returned unchanged, and one of our own may live for days. The next run must not see
    // this run's temporary tables; elsewhere it would have a new session.
    const tidy = [...this.#names].map((name) => `DEALLOCATE ${name}`)
    if (!this.#session.borrowed) tidy.push('DISCARD TEMP')
    await this.#each(tidy)
    this.#names.clear()
    this.#prepared = undefined
    this.#guards = undefined
    await this.#tool.release()
    await this.#lock.release()
  }

  async state(): Promise<DatabaseState> {
    const known = this.#known
    this.#known = undefined
    return known ?? readState(this.#session, this.#tables)
  }

  async recorded(version: number, direction: Direction): Promise<string | null> {
    const rows = await this.#session.query(
      `SELECT ${direction} AS text FROM ${this.#tables.historyTable} WHERE version = ${version}`,
    )
    return decompressed((rows[0]?.text ?? null) as string | null)
  }

  async apply(step: MigrationStep, signal: AbortSignal): Promise<void> {
    if (step.work.kind === 'code') return this.#applyCode(step, step.work, signal)
    // A migration may remove our tables (a down that drops the schema). It is then rolled back and run again with our
    // rows saved aside. Creating the schema again needs more privileges, so that is tried last.
    const ways = [...REBUILDS]
    for (let way = ways.shift(); way !== undefined; ) {
      try {
        return await this.#applySql(step, way, signal)
      } catch (error) {
        // We do not know whether the statement that the failed step prepared exists.
        this.#prepared = undefined
        if (error instanceof OurTablesGone && ways.length > 0) way = ways.shift()
        else if (!(error instanceof StatementGone)) throw error
      }
    }
  }

  get window(): number {
    const { sendsAhead, roundTripMs = 0 } = this.#session
    if (!sendsAhead || this.#lock.table !== undefined || this.#inside || this.#observer) return 1
    return Math.max(2, Math.min(MOST_AHEAD, 1 + Math.ceil(roundTripMs / SERVED_MS)))
  }

  applyNext(step: MigrationStep, signal: AbortSignal): Promise<void> | undefined {
    if (this.window === 1 || !isUsual(step) || !canBeGuarded(step)) return undefined
    const behind = !this.#inFlight.isEmpty
    const around = this.#inTransaction(step, 'no', behind ? this.#guard(step.from) : [])
    const message = messagesOf(around, false)[0] as Message
    return this.#inFlight.run(
      () => this.#session.script(sqlOf(message, around), signal, noticeOf(step)),
      async (thrown) => {
        this.#prepared = undefined
        this.#guards = undefined
        await this.#rollBack()
        const error = this.#failureOf(thrown, step, message, around)
        if (!(error instanceof OurTablesGone || error instanceof StatementGone)) throw error
        await this.apply(step, signal)
      },
    )
  }

  async applyAll(steps: readonly MigrationStep[], signal: AbortSignal): Promise<void> {
    const sql = steps
      .map((step) => this.#inTransaction(step, 'no'))
      .map(({ prefix, script, suffix }) => `${prefix}${script?.text ?? ''}${suffix}`)
      .join('\n')
    try {
      await this.#session.script(sql, signal)
    } catch (error) {
      // We do not know whether the prepared statement exists.
      this.#prepared = undefined
      await this.#session.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  }

  async inOneTransaction<T>(work: (together: SharedTransaction) => Promise<T>): Promise<T> {
    await this.#session.script('BEGIN READ WRITE', NEVER)
    this.#inside = true
    try {
      const rolledBack = async <R>(trial: () => Promise<R>): Promise<R> => {
        await this.#session.script(`SAVEPOINT ${TRIAL}`, NEVER)
        try {
          return await trial()
        } finally {
          // If the connection broke, the original error already says so.
          await this.#session.script(`ROLLBACK TO ${TRIAL}; RELEASE ${TRIAL}`, NEVER).catch(() => undefined)
        }
      }
      const result = await work({ rolledBack })
      await this.#session.script('COMMIT', NEVER)
      return result
    } catch (error) {
      await this.#session.query('ROLLBACK').catch(() => undefined)
      throw asStatementError(error)
    } finally {
      this.#inside = false
      this.#prepared = undefined
    }
  }

  async begin(step: MigrationStep): Promise<void> {
    // The journal is committed after each statement, which would also commit everything else in the shared transaction.
    if (this.#inside) {
      const message = `${nameOf(step)} runs outside a transaction`
      throw new StatementError({ message, sqlState: ACTIVE_TRANSACTION }, undefined)
    }
    const { baseline } = step.history
    const total = step.work.kind === 'sql' ? step.work.script.statements.length : 1
    this.#refuseLosingOurTables(step)
    await this.#transaction([
      baseline && step.direction === 'up' ? tables.setBaseline(this.#tables, baseline) : '',
      tables.moveRow(this.#tables, { version: step.from, dirty: false }, { version: step.to, dirty: true }),
      tables.beginJournal(this.#tables, step, total),
    ])
  }

  async execute(step: MigrationStep, index: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await this.#writeJournal(step, { started: index + 1, done: index })
    const { work } = step
    const unhear = this.#hear(step)
    try {
      if (work.kind === 'code')
        await this.#observed(step, { index, inTransaction: false }, async () => {
          await work.run(this.#context(work.log, signal))
        })
      else if (work.kind === 'sql') await this.#executeObserved(step, work.script, index, signal)
    } catch (error) {
      await this.#putBack()
      // The server rejected the statement, so it had no effect. After a lost connection we cannot know, nor can we
      // after code.
      if (work.kind !== 'sql' || !isAnswer(error)) throw asStatementError(error, index)
      await this.#writeJournal(step, { started: index, done: index })
      const { words = [] } = work.script.statements[index] ?? {}
      throw await this.#withEffect(asStatementError(error, index), words)
    } finally {
      unhear()
    }
    await this.#writeJournal(step, { started: index + 1, done: index + 1 })
  }

  async finish(step: MigrationStep): Promise<void> {
    if (step.work.kind === 'sql' && step.work.script.statements.some(givesUpLocks)) {
      // The migration gave up the session's locks, ours among them.
      await this.#lock.acquire({ timeout: RETAKE_MS, signal: NEVER })
    }
    const { remove, baseline } = step.history
    const history =
      step.direction === 'up'
        ? tables.endJournal(this.#tables, step.version, step.history.put)
        : tables.changeHistory(this.#tables, { remove, baseline })
    await this.#transaction([
      this.#restore,
      history,
      bookkeepingSql(step),
      tables.moveRow(this.#tables, { version: step.to, dirty: true }, { version: step.to, dirty: false }),
    ])
  }

  async abandon(step: MigrationStep): Promise<void> {
    await this.#transaction([
      this.#restore,
      tables.forgetJournal(this.#tables, step),
      tables.moveRow(this.#tables, { version: step.to, dirty: true }, { version: step.from, dirty: false }),
    ])
  }

  async force(version: number): Promise<void> {
    const { versionTable, historyTable } = this.#tables
    await this.#transaction([
      `DELETE FROM ${versionTable};`,
      version === NIL_VERSION ? '' : `INSERT INTO ${versionTable} (version, dirty) VALUES (${version}, false);`,
      `DELETE FROM ${historyTable} WHERE running = 'up';`,
      `UPDATE ${historyTable} SET running = NULL, started = NULL, done = NULL, total = NULL WHERE running IS NOT NULL;`,
      tables.setBaseline(this.#tables, { version, above: version }),
    ])
  }

  async rerecord(records: readonly HistoryRecord[]): Promise<void> {
    await this.#transaction(
      records.map(
        ({ version, downFingerprint, down }) =>
          `UPDATE ${this.#tables.historyTable} SET down_fingerprint = ${tables.literal(downFingerprint)}, down = ${tables.literal(tables.stored(down))} WHERE version = ${version};`,
      ),
    )
  }

  async drop(): Promise<void> {
    const drops = await dropStatements(this.#session, {
      keepSchemas: [...new Set([this.#tables.schema, 'public'])],
      keepExtensions: this.#options.keepExtensions ?? [],
      // Dropping the table whose row our own lock holds would make us wait for ourselves.
      keepTables: [this.#lock.table ?? '', ...(this.#options.keepTables ?? [])],
    })
    // In development, the migrations are applied again at once.
    const again = this.#options.keepTables ? this.#tool.creation : []
    await this.#transaction([...drops, ...again.map((sql) => `${sql};`)])
    this.#hasDropped = true
  }

  async close(): Promise<void> {
    if (this.#isKept) await this.#lock.release().catch(() => undefined)
    await this.unlock().catch(() => undefined)
    await this.#session.close().catch(() => undefined)
  }

  // --- internal ---

  /** Tidies up and keeps the lock. Returns the state, which nobody else changes meanwhile; undefined if it has no tables. */
  async #keepLock(keep: NonNullable<Lock['keep']>): Promise<DatabaseState | undefined> {
    const tidy = (query: string) => `DISCARD TEMP; ${query}`
    try {
      return toState(await keep((held) => tidy(stateQuery(this.#tables, held))))
    } catch (error) {
      if (!isMissingTable(error)) throw error
      await keep(tidy)
      return undefined
    }
  }

  /** Runs each statement, whether the others fail or not; in one round trip if the session can. */
  async #each(statements: readonly string[]): Promise<void> {
    const run = (sql: string) => this.#session.script(sql, NEVER).catch(() => undefined)
    if (this.#session.sendsAhead) await Promise.all(statements.map(run))
    else for (const sql of statements) await run(sql)
  }

  async #ensureTables(): Promise<void> {
    const { schema, versionTable, historyTable } = this.#tables
    const [row] = await this.#session.query(
      'SELECT to_regclass($1) IS NOT NULL AND to_regclass($2) IS NOT NULL AS there, EXISTS (SELECT FROM pg_namespace WHERE nspname = $3) AS schema',
      [versionTable, historyTable, schema],
    )
    if (row?.there) return
    await this.#transaction([row?.schema ? '' : createSchema(schema), tables.createTables(this.#tables)])
  }

  #toolDatabase(session: Session): ToolDatabase {
    return {
      label: session.label,
      // Where our own lock is a row, sessions hold no locks: a pooler would give them to somebody else.
      keys: ({ locks }) => (this.#lock.table === undefined ? (locks?.(this.#databaseName) ?? []) : []),
      tryLock: async (key) =>
        (await session.query(`SELECT pg_try_advisory_lock(${key}) AS locked`))[0]?.locked === true,
      unlock: (key) => session.query(`SELECT pg_advisory_unlock(${key})`),
      holder: (key) => holderOf(session, [BigInt(key)]),
      rows: (query) => this.rows(query),
      create: (statements) => this.#transaction(statements.map((sql) => `${sql};`)),
    }
  }

  /**
   * Runs a step in one round trip: begin, body, our writes, commit. A long body is sent in several messages of the same
   * transaction.
   */
  async #applySql(step: MigrationStep, rebuild: Rebuild, signal: AbortSignal): Promise<void> {
    const around = this.#inTransaction(step, rebuild)
    for (const message of messagesOf(around, this.#observer !== undefined)) {
      const send = async () => {
        try {
          await this.#session.script(sqlOf(message, around), signal, noticeOf(step))
        } catch (error) {
          await this.#rollBack()
          throw this.#failureOf(error, step, message, around)
        }
      }
      await (message.alone ? this.#observed(step, { index: message.first, inTransaction: true }, send) : send())
    }
  }

  /** Converts the error of a message of a step. */
  #failureOf(error: unknown, step: MigrationStep, message: Message, around: Around): Error {
    if (!(error instanceof ScriptFailure)) return asStatementError(error)
    const { head, start, end, own, first } = message
    const index = first + error.completed - own
    const isGuard = around.guarded && index < first && error.completed > 0
    if (isGuard || index >= (around.script?.statements.length ?? 0)) return this.#tailError(error.error, step)
    // Positions count from the beginning of the message.
    const sent = { sql: sqlOf(message, around), from: head.length, length: end - start, shift: start }
    return asStatementError(error.error, index, sent)
  }

  /** Returns the statements before a step that was sent before the answer to the one before it. */
  #guard(from: number): string[] {
    const name = this.#guards ?? `migratest_${RUN}_${++preparations}`
    const prepare = this.#guards === undefined ? [tables.prepareGuard(this.#tables, name)] : []
    this.#guards = name
    this.#names.add(name)
    return [...prepare, `EXECUTE ${name} (${from});`]
  }

  get #observer(): StatementObserver | undefined {
    const { observer } = this.#options
    return observer?.isActive ? observer : undefined
  }

  /** Runs a statement under the eyes of the observer, if there is one. @param statement if it is a part of a unit */
  #observed(
    step: MigrationStep,
    { index, inTransaction, statement }: { index: number; inTransaction: boolean; statement?: Statement },
    run: () => Promise<void>,
  ): Promise<void> {
    const observer = this.#observer
    if (!observer) return run()
    const session = this.#session
    const own = step.work.kind === 'sql' ? step.work.script.statements[index] : undefined
    const query = (sql: string) => session.query(sql)
    return observer.observe(
      { step, index, statement: statement ?? own, inTransaction, query, another: session.another },
      run,
    )
  }

  /**
   * Runs a statement outside our transaction. For an observer, a unit runs part by part, and a statement that may be in a
   * transaction runs in one of its own, so that its locks can still be seen when it has ended.
   */
  async #executeObserved(step: MigrationStep, script: Script, index: number, signal: AbortSignal): Promise<void> {
    const statement = script.statements[index]
    if (!statement || !this.#observer) return this.#executeSql(script, index, signal)
    if (statement.parts) {
      for (const part of statement.parts) {
        const run = () => this.#executeSql(script, index, signal, part)
        await this.#observed(step, { index, inTransaction: true, statement: part }, run)
      }
      return
    }
    const run = () => this.#executeSql(script, index, signal)
    if (isOwnTransaction(statement)) return this.#observed(step, { index, inTransaction: false }, run)
    await this.#session.script('BEGIN', signal)
    await this.#observed(step, { index, inTransaction: true }, run)
    await this.#session.script('COMMIT', signal)
  }

  /** Passes the server's notices on while a step runs. @returns a function that stops that */
  #hear({ work }: MigrationStep): () => void {
    const notice = work.kind === 'nil' ? undefined : work.notice
    return (notice && this.#session.onNotice?.(notice)) ?? (() => undefined)
  }

  /** Builds the SQL around a step's body. `before`: how many statements precede the body. */
  #inTransaction(step: MigrationStep, rebuild: Rebuild, guard: readonly string[] = []): Around {
    const script = step.work.kind === 'sql' ? step.work.script : undefined
    // A migration that drops our schema would wait forever for the row that the lock holds; the timeout makes it fail
    // instead.
    const limit = this.#lock.table ? ["SET LOCAL lock_timeout = '15s';"] : []
    const before = [
      this.#inside ? `SAVEPOINT ${STEP};` : `BEGIN ${script?.transactionMode ?? ''};`,
      ...limit,
      ...guard,
      ...(rebuild === 'no' ? [] : this.#saveTables()),
    ]
    const prefix = `${before.join('\n')}\n`
    // The newline is for a body that ends in a comment, the semicolon for one that ends without a semicolon.
    const suffix = `\n;${this.#tail(step, rebuild)}\n${this.#end}`
    return { before: before.length, prefix, script, suffix, guarded: guard.length > 0 }
  }

  async #applyCode(
    step: MigrationStep,
    work: Extract<MigrationStep['work'], { kind: 'code' }>,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted()
    const begin = `${this.#inside ? `SAVEPOINT ${STEP}` : 'BEGIN'}; ${TRANSACTION_ID}`
    const id = this.#begun ?? idIn(await this.#session.query(begin))
    this.#begun = undefined
    let recording = false
    try {
      await this.#observed(step, { index: 0, inTransaction: true }, async () => {
        await work.run(this.#context(work.log, signal))
      })
      recording = true
      this.#begun = await this.#recordCode(step, id, signal)
    } catch (error) {
      await this.#putBack()
      const isCommitted = await this.#isCommitted(id)
      const ended = recording && isAnswer(error) ? this.#endedByCode(error as PostgresError) : undefined
      // The signal came between our commit and the beginning of the next transaction.
      if (recording && isCommitted && !ended) return
      const told = ended ?? (recording && isAnswer(error) ? this.#tailError(error as PostgresError, step) : undefined)
      throw isCommitted ? endedByCode(told ?? asStatementError(error)) : (told ?? asStatementError(error))
    }
  }

  /**
   * Records a step in code and commits it, in one message.
   * @param id the transaction that the code should still be in
   * @returns the id of the transaction that was begun for the next step; undefined if none was
   */
  async #recordCode(step: MigrationStep, id: string, signal: AbortSignal): Promise<string | undefined> {
    const isNextBegun = step.beforeCode === true && !this.#inside && this.#lock.table === undefined
    const next = isNextBegun ? `BEGIN; ${TRANSACTION_ID}` : ''
    const send = async (record: string, before: string) => {
      const sql = [before, record, bookkeepingSql(step), this.#end, next].join('\n')
      const rows = await this.#session.query(sql, [], signal)
      return isNextBegun ? idIn(rows) : undefined
    }
    const check = `${tables.checkTransaction(this.#tables, id)}\n${this.#restore}\nSAVEPOINT ${RECORD};`
    try {
      return await send(this.#record(step), check)
    } catch (error) {
      // The code has removed the prepared statements, and cannot be run a second time.
      if ((error as PostgresError).code !== NO_SUCH_STATEMENT) throw error
      this.#prepared = undefined
      return send(this.#recordPlainly(step), `ROLLBACK TO ${RECORD};`)
    }
  }

  /** Returns whether the code has committed the transaction that we began. */
  async #isCommitted(id: unknown): Promise<boolean> {
    const rows = await this.#session
      .query('SELECT pg_catalog.txid_status($1) AS status', [id])
      .catch((): { status?: unknown }[] => [])
    return rows[0]?.status === 'committed'
  }

  /** Builds the SQL that restores role and settings, then writes the history and the version row. */
  #tail(step: MigrationStep, rebuild: Rebuild): string {
    return [
      this.#restore,
      rebuild === 'no' ? '' : this.#restoreTables(rebuild),
      this.#record(step),
      bookkeepingSql(step),
    ].join('\n')
  }

  #record(step: MigrationStep): string {
    const { from, history } = step
    // Without session locks there may be a pooler that hands each transaction to another session, so nothing may be
    // left on a session.
    const usual = isUsual(step) && this.#lock.table === undefined
    return usual && history.put ? this.#moveUp(from, history.put) : this.#recordPlainly(step)
  }

  #recordPlainly({ from, to, history }: MigrationStep): string {
    const moved = tables.moveRow(this.#tables, { version: from, dirty: false }, { version: to, dirty: false })
    return `${tables.changeHistory(this.#tables, history)}\n${moved}`
  }

  /**
   * Returns the SQL of a usual step (one version up). The first step that needs the prepared statement prepares it in
   * its own round trip.
   */
  #moveUp(from: number, put: HistoryRecord): string {
    const name = this.#prepared ?? `migratest_${RUN}_${++preparations}`
    const prepare = this.#prepared === undefined ? tables.prepareMoveUp(this.#tables, name) : ''
    this.#prepared = name
    this.#names.add(name)
    return `${prepare}\n${tables.executeMoveUp(name, from, put)}`
  }

  /**
   * SQL that commits a step. In a shared transaction it instead checks the deferred constraints as a commit would,
   * while we still know which step caused a violation. It then rolls that check back, since the next step must find the
   * constraints deferred.
   */
  get #end(): string {
    if (!this.#inside) return 'COMMIT;'
    return `SAVEPOINT ${TRIAL}; SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK TO ${TRIAL}; RELEASE ${TRIAL}; RELEASE ${STEP};`
  }

  /** SQL for the additional tables of a development database; undefined if there are none. */
  get #development(): OwnDevelopment | undefined {
    return this.#options.keepTables ? developmentTables(this.#tables) : undefined
  }

  async #rollBack(): Promise<void> {
    const sql = this.#inside ? `ROLLBACK TO ${STEP}; RELEASE ${STEP}` : 'ROLLBACK'
    await this.#session.script(sql, NEVER).catch(() => undefined)
  }

  /** Rolls back after a failure and restores role and settings. */
  async #putBack(): Promise<void> {
    await this.#rollBack()
    await this.#session.script(this.#restore, NEVER).catch(() => undefined)
  }

  #tailError(error: PostgresError, step: MigrationStep): Error {
    const found = error.message.indexOf(tables.MOVED)
    if (found !== -1) {
      return new StateMovedError(step.from, error.message.slice(found + tables.MOVED.length).replace(/"$/, ''))
    }
    if (isMissingTable(error)) return new OurTablesGone(error.message, { cause: error })
    if (error.code === NO_SUCH_STATEMENT) return new StatementGone(error.message, { cause: error })
    return asStatementError(error)
  }

  /** Returns the error for what `checkTransaction` has found, if that is the failure. */
  #endedByCode({ message }: PostgresError): Error | undefined {
    if (message.includes(tables.ENDED)) return new Error(ENDED_BY_CODE)
    if (!message.includes(tables.GONE)) return undefined
    return new Error('The migration removed the version table; write it in SQL, where it is put back.')
  }

  /** Throws for a migration that would drop our tables outside a transaction: we could not restore them. */
  #refuseLosingOurTables({ work }: MigrationStep): void {
    if (work.kind !== 'sql') return
    const drop = work.script.statements.find(
      ({ words: [first, second] }) => first === 'drop' && (second === 'schema' || second === 'owned'),
    )
    if (!drop) return
    throw new UsageError(
      `"${work.script.text.slice(drop.start, drop.end)}" may remove the version table, which only a transaction can put back.`,
      { hint: 'Give the statement a migration of its own, without "-- migrate: no-transaction".' },
    )
  }

  #saveTables(): string[] {
    const { versionTable, historyTable } = this.#tables
    return [
      ...(this.#development?.save ?? []),
      `CREATE TEMPORARY TABLE ${KEPT_VERSION} ON COMMIT DROP AS SELECT version, dirty FROM ${versionTable};`,
      `CREATE TEMPORARY TABLE ${KEPT_HISTORY} ON COMMIT DROP AS SELECT * FROM ${historyTable};`,
    ]
  }

  #restoreTables(rebuild: Rebuild): string {
    const { schema, versionTable, historyTable } = this.#tables
    return `${rebuild === 'schema' ? createSchema(schema) : ''}
${tables.createTables(this.#tables)}
${this.#development?.restore ?? ''}
INSERT INTO ${versionTable} (version, dirty) SELECT version, dirty FROM pg_temp.${KEPT_VERSION} WHERE NOT EXISTS (SELECT FROM ${versionTable});
INSERT INTO ${historyTable} SELECT * FROM pg_temp.${KEPT_HISTORY} WHERE NOT EXISTS (SELECT FROM ${historyTable});
${this.#tool.creation.map((sql) => `${sql};`).join('\n')}`
  }

  /**
   * Adds to the error whether the rejected statement had an effect. Only statements that use several transactions can
   * have one.
   */
  async #withEffect(error: Error, words: readonly string[]): Promise<Error> {
    if (!(error instanceof StatementError)) return error
    const { info } = error
    if (['call', 'do', 'execute', 'vacuum'].includes(words[0] ?? '')) return error
    if (!words.includes('concurrently')) return new StatementError({ ...info, undone: true }, error.cause)
    const rows = await this.#session
      .query(
        'SELECT indexrelid::regclass::text AS name FROM pg_catalog.pg_index WHERE NOT indisvalid ORDER BY 1 LIMIT 3',
      )
      .catch(() => [])
    if (rows.length === 0) return new StatementError({ ...info, undone: true }, error.cause)
    const names = rows.map(({ name }) => String(name)).join(', ')
    const left = `It left an invalid index behind (${names}), which costs writes and serves no query: DROP INDEX CONCURRENTLY it before you run this again.`
    return new StatementError({ ...info, hint: [info.hint, left].filter(Boolean).join('\n\n') }, error.cause)
  }

  #executeSql(
    script: Script,
    index: number,
    signal: AbortSignal,
    { start, end } = script.statements[index] as { start: number; end: number },
  ): Promise<void> {
    return this.#session.script(script.text.slice(start, end), signal).catch((error) => {
      if (error instanceof ScriptFailure) {
        throw asStatementError(error.error, index, {
          sql: script.text.slice(start, end),
          from: 0,
          length: end - start,
          shift: start,
        })
      }
      throw error
    })
  }

  /**
   * Writes the journal under the role and in the transaction mode that the session had when it was opened. The
   * migration's own settings are kept.
   */
  async #writeJournal(step: MigrationStep, progress: { started: number; done: number }): Promise<void> {
    const local = this.#restore
      .split('\n')
      .filter((line) => /^SET (SESSION AUTHORIZATION|ROLE)/.test(line))
      .map((line) => line.replace('SET ', 'SET LOCAL '))
    const sql = ['BEGIN READ WRITE;', ...local, tables.journal(this.#tables, step.version, progress), 'COMMIT;'].join(
      '\n',
    )
    try {
      await this.#session.script(sql, NEVER)
    } catch (error) {
      await this.#session.query('ROLLBACK').catch(() => undefined)
      throw error instanceof ScriptFailure ? this.#tailError(error.error, step) : error
    }
  }

  async #transaction(statements: readonly string[]): Promise<void> {
    const begin = this.#inside ? `SAVEPOINT ${STEP};` : 'BEGIN READ WRITE;'
    try {
      await this.#session.script([begin, ...statements, this.#end].join('\n'), NEVER)
    } catch (error) {
      await this.#rollBack()
      if (error instanceof ScriptFailure) throw this.#tailError(error.error, { from: NIL_VERSION } as MigrationStep)
      throw asStatementError(error)
    }
  }

  #context(log: Log, signal: AbortSignal): MigrationContext {
    const sql = ((text, params) => this.#session.query(text, params, signal)) as RunSql
    return { client: this.#session.client, dialect: this.dialect, sql, signal, log }
  }
}

/** Returns the SQL that records a step in another tool's table; empty if there is no such tool. */
function bookkeepingSql({ bookkeeping = [] }: MigrationStep): string {
  return bookkeeping.map((sql) => `${sql};`).join('\n')
}

/** Returns whether a step goes one version up from another version, and records nothing else. */
function isUsual({ version, from, to, history: { put, remove, baseline } }: MigrationStep): boolean {
  return put !== undefined && remove === undefined && !baseline && from !== NIL_VERSION && to === version
}

/**
 * Returns whether a step may be sent before the answer to the one before it: in one short message, whose guard does not
 * come before a statement that must be the first of its transaction.
 */
function canBeGuarded({ work }: MigrationStep): boolean {
  if (work.kind !== 'sql') return work.kind === 'nil'
  const { text, statements, transactionMode } = work.script
  if (text.length > LONGEST_AHEAD || transactionMode !== '') return false
  return !statements.some(
    ({ words, changesSyntax, start, end }) =>
      changesSyntax || (words[0] === 'set' && /transaction/i.test(text.slice(start, end))),
  )
}

function noticeOf({ work }: MigrationStep): OnNotice | undefined {
  return work.kind === 'nil' ? undefined : work.notice
}

/** The SQL around a step's body, and how many statements precede the body. */
interface Around {
  readonly before: number
  readonly prefix: string
  readonly script: Script | undefined
  readonly suffix: string
  /** `true` if the statements before the body check the version. */
  readonly guarded: boolean
}

function sqlOf({ head, start, end, tail }: Message, { script }: Around): string {
  return `${head}${script?.text.slice(start, end) ?? ''}${tail}`
}

/**
 * How many steps are sent at most before the first is answered, and how long a text may be for that. As many are sent as
 * the server needs to be busy during a round trip, if each takes it SERVED_MS.
 */
const MOST_AHEAD = 16
const SERVED_MS = 0.5
const LONGEST_AHEAD = 2 ** 16

/** Gives the transaction an id, by which its fate can be told later. */
const TRANSACTION_ID = 'SELECT pg_catalog.txid_current()::text AS id'

function idIn(rows: readonly Row[]): string {
  return String(rows[0]?.id)
}

/** Returns a migration's name. In a folder of another tool, the name is whole. */
function nameOf({ version, name, bookkeeping }: MigrationStep): string {
  return bookkeeping ? name : `${version}_${name}`
}

/** Returns whether a statement refuses to be in a transaction, or may end it. */
function isOwnTransaction({ words }: Statement): boolean {
  return ['call', 'do', 'set', 'reset', 'discard'].includes(words[0] ?? '') || refusesTransaction(words, 'postgres')
}

const RETAKE_MS = 15_000

function givesUpLocks({ words: [first, second] }: Statement): boolean {
  return first === 'discard' && second === 'all'
}

/** How much of our tables is created again after the body: nothing, the tables, or the schema too. */
type Rebuild = 'no' | 'tables' | 'schema'
const REBUILDS: readonly Rebuild[] = ['no', 'tables', 'schema']

/**
 * Names that no migration uses: temporary tables come first on the search path and would hide a table of the same name.
 */
const KEPT_VERSION = '"migratest kept version"'
const KEPT_HISTORY = '"migratest kept history"'

const ENDED_BY_CODE =
  'The migration ended the transaction it runs in, so what it did could not be recorded with it. Export "transaction = false" for a migration that begins and ends its own.'

/** Returns the same error with a database state that no longer promises that everything was rolled back. */
function endedByCode(error: Error): StatementError {
  const info = error instanceof StatementError ? error.info : { message: error.message }
  const databaseState =
    'It had ended the transaction it runs in: what it did up to there stays, and the version does not say so. Take that back by hand, or say with "migratest fake" that it is applied.'
  return new StatementError({ ...info, databaseState }, error instanceof StatementError ? error.cause : error)
}

/** The prepared statement is gone: a migration ran DEALLOCATE ALL. */
class StatementGone extends Error {}
const NO_SUCH_STATEMENT = '26000'
const ACTIVE_TRANSACTION = '25001'

/**
 * Savepoint names: STEP for one of several steps in one transaction, RECORD for our own writes, TRIAL for work that is
 * rolled back again.
 */
const STEP = '"migratest step"'
const RECORD = '"migratest record"'
const TRIAL = '"migratest trial"'

/**
 * Number of prepared statements so far. With RUN it makes each name unique, since another driver may reuse the session,
 * and processes may share it by turns.
 */
let preparations = 0
const RUN = randomBytes(6).toString('hex')

/** The version or history table did not exist when we wrote to it. */
class OurTablesGone extends Error {}
