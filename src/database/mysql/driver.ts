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
  OnNotice,
  StatementObserver,
  StepWork,
} from '../../migrate/driver.ts'
import { ConnectionError, LockedError, StateMovedError, StatementError, UsageError } from '../../migrate/errors.ts'
import { NEVER } from '../../migrate/never.ts'
import type { Direction, Hidden, Log, MigrationContext, RunSql } from '../../migrate/source.ts'
import { describeVersion } from '../../migrate/version.ts'
import { leavesSession } from '../../sql/rows.ts'
import type { Script } from '../../sql/script.ts'
import { syntaxOfModes } from '../../sql/statements.ts'
import type { Syntax } from '../../sql/tokens.ts'
import type { Lock } from '../locking.ts'
import { ASIDE_TABLE } from '../ownTables.ts'
import { decompressed } from '../storedText.ts'
import { type ToolDatabase, ToolTable } from '../toolTable.ts'
import { dropStatements } from './drop.ts'
import { asStatementError, isMissingTable } from './failure.ts'
import { advisoryLock, rowLock } from './lock.ts'
import { refuseLosingTables, refuseOtherCharset, refuseOtherDatabases, refuseTooLong, setsCharset } from './refusals.ts'
import { type Row, ScriptFailure, type Session } from './session.ts'
import { readSessionSettings, restoreSessionSettings, type SessionSettings } from './sessionSettings.ts'
import { readState } from './state.ts'
import {
  hasChanged,
  type Look,
  type Looked,
  lookAt,
  type Modes,
  readJournal,
  type StatementJournal,
  wasApplied,
} from './statementJournal.ts'
import {
  composeMessage,
  describeEffect,
  effectOf,
  isDeferred,
  kindOf,
  type OwnWrites,
  recordDone,
  rowsFrom,
  SESSION_ONLY,
  type StatementKind,
  type StatementToSend,
  staysStarted,
  withWarnings,
} from './statementMessage.ts'
import * as tables from './tables.ts'

export interface MysqlDriverOptions {
  /**
   * Name of the version table, default `schema_migrations`. The history table next to it has the same name plus
   * `_history`.
   */
  readonly table?: string
  /**
   * `advisory` (default): golang-migrate's named lock. `table`: a locked row, for clusters, where a named lock only
   * exists on one node.
   */
  readonly lock?: 'advisory' | 'table'
  /**
   * `true` refuses migrations that contain USE or name another database: the driver works on a copy and must change
   * nothing else.
   */
  readonly onlyHere?: boolean
  /** `true` if the caller drops the database after any failure: see {@link Driver.disposable}. */
  readonly disposable?: boolean
  /** Looks at the database before and after each statement. */
  readonly observer?: StatementObserver | undefined
  /** Names of tables that `drop()` keeps. */
  readonly keepTables?: readonly string[]
  /** Tables of another tool, which do not count as part of the schema. */
  readonly hidden?: Hidden | undefined
}

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
  readonly #session: Session
  readonly #options: MysqlDriverOptions
  #tables: tables.Tables
  #lock: Lock
  readonly #tool: ToolTable
  readonly #modes: Modes
  /** Size in bytes of the largest message the server accepts (max_allowed_packet). */
  readonly #packet: number
  #locked = false
  /** Session settings, read before the first migration that may change them. */
  #settings: SessionSettings | undefined
  /** `true` if a migration may have changed session settings that we have not restored yet. */
  #unsettled = false
  /** The migration to record as begun together with its first statement. */
  #begun: MigrationStep | undefined
  /** The migration to record as finished together with the beginning of the next one. */
  #finished: { readonly step: MigrationStep; readonly isRecorded: boolean } | undefined
  /** What the step does that begins as soon as the running one has finished. */
  #next: StepWork | undefined
  /** The objects of the next statement, read at the end of the message before it. */
  #looked: Looked | undefined
  /** A statement that took effect, to record as done with the beginning of the next statement. */
  #done: { readonly version: number; readonly index: number } | undefined
  /** Version of the migration whose record was written when it began, so that `finish` need not write it again. */
  #recorded: number | undefined
  /** The database that unqualified names refer to, if a migration has changed it with USE. */
  #current: string | undefined

  constructor(
    session: Session,
    names: tables.Tables,
    { packet, ...modes }: Modes & { readonly packet: number },
    options: MysqlDriverOptions,
  ) {
    this.#options = options
    this.disposable = options.disposable === true
    if (this.disposable) this.applyAll = (steps, signal) => this.#applyTogether(steps, signal)
    this.#modes = modes
    this.#packet = packet
    this.syntax = syntaxOfModes(modes.mode)
    this.#session = session
    this.#tables = names
    this.#lock = lockOn(session, names, options)
    this.#tool = new ToolTable(this.#toolDatabase(session))
    this.database = session.label
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
    await this.#lock.acquire(options)
    this.#locked = true
    try {
      await this.#ensureTables()
      if (options.bookkeeping) await this.#tool.hold(options.bookkeeping, options)
    } catch (error) {
      await this.unlock().catch(() => undefined)
      throw asStatementError(error)
    }
  }

  async unlock(): Promise<void> {
    if (!this.#locked) return
    this.#locked = false
    this.#begun = undefined
    this.#looked = undefined
    await this.#writeDone().catch(() => undefined)
    const finished = await this.#writeFinished().then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    // A failed migration must not leave its settings on the caller's connection.
    if (this.#unsettled) await this.#putBack(undefined, true)
    await this.#tool.release()
    await this.#lock.release()
    if (finished) throw finished.error
  }

  async state(): Promise<DatabaseState> {
    await this.#settle()
    return readState(this.#session, this.#tables)
  }

  async recorded(version: number, direction: Direction): Promise<string | null> {
    await this.#writeFinished()
    const rows = await this.#session.query(tables.readRecorded(this.#tables, version, direction))
    return decompressed((rows[0]?.text ?? null) as string | null)
  }

  /** Applies a migration that is empty or only changes rows: one transaction, one round trip. */
  async apply(step: MigrationStep, signal: AbortSignal, next?: StepWork): Promise<void> {
    const script = step.work.kind === 'sql' ? step.work.script : undefined
    if (this.#options.onlyHere) refuseOtherDatabases(step)
    refuseOtherCharset(step, this.#tables)
    const body = script?.statements ?? []
    await this.#remember(script)
    const { from, to, history } = this.#fitting(step)
    const { observer } = this.#options
    if (observer?.isActive) await this.#writeFinished()
    this.#next = next
    this.#looked = undefined
    const ended = this.#ending(undefined)
    const before = [...ended, tables.BEGIN_MEASURING, `START TRANSACTION ${script?.transactionMode ?? ''}`]
    const moved = tables.moveRow(this.#tables, { version: from, dirty: false }, { version: to, dirty: false })
    const after = [...tables.changeHistory(this.#tables, history), ...moved, ...this.#booksOf(step), 'COMMIT']
    const texts = body.map(({ start, end }) => script?.text.slice(start, end) ?? '')
    for (const [i, text] of texts.entries()) refuseTooLong(text, i, body[i]?.start ?? 0, this.#packet)
    const heard = withWarnings(texts, noticeOf(step))
    const look = this.#lookAfter('rows', undefined, 0)
    const statements = [...before, ...heard.statements, ...after]
    let seen: Row | undefined
    const onRow = (row: Row, at: number) => {
      if (at === statements.length) seen = row
      else heard.onRow(row)
    }
    const took = (errno?: number) => {
      this.#finished = undefined
      this.#looked = look?.read(seen, errno)
    }
    try {
      if (observer?.isActive) await this.#applyObserved(observer, step, { before, texts, after }, signal)
      else await this.#session.script([...statements, ...(look ? [look.sql] : [])], signal, onRow)
      took()
    } catch (error) {
      if (error instanceof ScriptFailure && error.index === statements.length) return took(error.error.errno)
      await this.#rollBack()
      if (!(error instanceof ScriptFailure)) throw asStatementError(error)
      if (error.index >= ended.length) this.#finished = undefined
      const index = heard.textAt(error.index - before.length)
      const statement = body[index]
      if (!statement) throw await this.#tailError(error, step)
      const databaseState = (await this.#rowsStay()) ? this.#rowsStand(step) : undefined
      throw asStatementError(error, index, { sql: texts[index] ?? '', from: statement.start }, { databaseState })
    } finally {
      await this.#putBack(script)
    }
  }

  /** Sends each statement as a message of its own, so that the observer can look before and after it. */
  async #applyObserved(
    observer: StatementObserver,
    step: MigrationStep,
    { before, texts, after }: Readonly<Record<'before' | 'texts' | 'after', readonly string[]>>,
    signal: AbortSignal,
  ): Promise<void> {
    const session = this.#session
    const query = (sql: string) => session.query(sql)
    const statements = step.work.kind === 'sql' ? step.work.script.statements : []
    await session.script(before, signal)
    for (const [index, text] of texts.entries()) {
      const run = (other?: string) =>
        session
          .script([other ?? text], signal)
          .catch((error) =>
            Promise.reject(asStatementError(error, index, { sql: text, from: statements[index]?.start ?? 0 })),
          )
      const statement = {
        step,
        index,
        statement: statements[index],
        inTransaction: true,
        query,
        another: session.another,
      }
      await observer.observe(statement, run)
    }
    await session.script(after, signal)
  }

  /** Defers the writes to the first statement, which sends them in the same message: nothing has begun before that. */
  async begin(step: MigrationStep, next?: StepWork): Promise<void> {
    refuseLosingTables(step, this.#tables)
    if (this.#options.onlyHere) refuseOtherDatabases(step)
    await this.#remember(step.work.kind === 'sql' ? step.work.script : undefined, step.work.kind === 'code')
    const before = this.#finished?.step
    if (before && (before.to !== step.from || step.to === step.from)) await this.#writeFinished()
    this.#begun = step
    this.#next = next
    this.#recorded = step.version
  }

  async execute(step: MigrationStep, index: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) await this.#writeBegun()
    signal.throwIfAborted()
    const { work } = step
    try {
      if (work.kind === 'code') await this.#executeCode(step, work, signal)
      else if (work.kind === 'sql') await this.#executeObserved(step, work.script, index, signal)
    } catch (error) {
      throw asStatementError(error, index)
    }
  }

  /** Defers the writes to the beginning of the next migration, if that follows at once. */
  async finish(step: MigrationStep): Promise<void> {
    await this.#writeBegun()
    this.#done = undefined
    this.#finished = { step, isRecorded: this.#recorded === step.version }
    const script = step.work.kind === 'sql' ? step.work.script : undefined
    if (!this.#next || script?.statements.some(leavesSession)) await this.#writeFinished()
    await this.#putBack(script, step.work.kind === 'code')
  }

  async abandon(step: MigrationStep): Promise<void> {
    await this.#writeBegun()
    await this.#transaction(step, [
      ...tables.forgetJournal(this.#tables, step),
      ...tables.moveRow(this.#tables, { version: step.to, dirty: true }, { version: step.from, dirty: false }),
    ])
    await this.#putBack(undefined, true)
  }

  async wasApplied(version: number): Promise<boolean | undefined> {
    await this.#settle()
    const [row] = await this.#session.query(
      `SELECT progress FROM ${this.#tables.journalTable} WHERE version = ${version}`,
    )
    if (typeof row?.progress !== 'string') return undefined
    // A statement that only changes the session leaves nothing in the database, so it may run again.
    if (row.progress === SESSION_ONLY) return false
    return wasApplied(this.#session, JSON.parse(row.progress) as StatementJournal)
  }

  async force(version: number): Promise<void> {
    await this.#settle()
    await this.#transaction(undefined, tables.force(this.#tables, version))
  }

  async rerecord(records: readonly HistoryRecord[]): Promise<void> {
    await this.#settle()
    await this.#transaction(
      undefined,
      records.map((record) => tables.rerecord(this.#tables, record)),
    )
  }

  async drop(): Promise<void> {
    await this.#settle()
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
    await this.unlock().catch(() => undefined)
    await this.#session.close().catch(() => undefined)
  }

  // --- internal ---

  /**
   * Runs migrations without a journal, as many in one message as possible, and records them at its end. A migration that
   * may change the session ends a message, since its settings are put back before the next one.
   */
  async #applyTogether(steps: readonly MigrationStep[], signal: AbortSignal): Promise<void> {
    await this.#settle()
    for (let at = 0; at < steps.length; ) {
      const leaves = ({ work }: MigrationStep) => work.kind === 'sql' && work.script.statements.some(leavesSession)
      const last = steps.findIndex((step, i) => i >= at && leaves(step))
      const end = last === -1 ? steps.length : last + 1
      const message = steps.slice(at, end)
      const script = message.at(-1)?.work
      if (last !== -1 && script?.kind === 'sql') await this.#remember(script.script)
      for (const step of message) {
        refuseLosingTables(step, this.#tables)
        refuseOtherCharset(step, this.#tables)
      }
      const [from = 0, to = 0] = [message[0]?.from, message.at(-1)?.to]
      await this.#session.script(
        [
          ...message.flatMap((step) => this.#bodyOf(step)),
          tables.BEGIN_MEASURING,
          'START TRANSACTION',
          ...message.flatMap((step) => tables.changeHistory(this.#tables, this.#fitting(step).history)),
          ...tables.moveRow(this.#tables, { version: from, dirty: false }, { version: to, dirty: false }),
          ...message.flatMap((step) => this.#booksOf(step)),
          'COMMIT',
        ],
        signal,
      )
      if (last !== -1 && script?.kind === 'sql') await this.#putBack(script.script)
      at = end
    }
  }

  /** Returns the statements of a migration, those of its units one by one. */
  #bodyOf({ work }: MigrationStep): string[] {
    if (work.kind !== 'sql') return []
    const { text, statements } = work.script
    const pieces = statements.flatMap((statement, i) =>
      (statement.parts ?? [statement]).map(({ start, end }) => ({ sql: text.slice(start, end), start, i })),
    )
    for (const { sql, start, i } of pieces) refuseTooLong(sql, i, start, this.#packet)
    return pieces.map(({ sql }) => sql)
  }

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
    const moved = bookkeeping.length > 0 && this.#current !== undefined
    return moved ? [`USE ${tables.identifier(this.#tables.database)}`, ...bookkeeping] : bookkeeping
  }

  /**
   * Returns the step without texts too large for one message of the server: then only fingerprints are recorded, and
   * the step warns about that.
   */
  #fitting(step: MigrationStep): MigrationStep {
    const { put } = step.history
    if (!put) return step
    const size = [put.up, put.down].reduce((sum, text) => sum + (tables.stored(text)?.length ?? 0), 0)
    // A byte takes two hex digits, and a character up to three bytes in UTF-8; only short texts are written that way.
    if (size < this.#packet / 2) return step
    const megabytes = (this.#packet / 2 ** 20).toFixed(0)
    if (step.work.kind === 'sql') {
      step.work.warn?.(
        `${nameOf(step)}: its text does not fit into a message of this server (max_allowed_packet is ${megabytes} MB), so only its fingerprint is recorded: it cannot be undone once its file is edited or gone. Raise max_allowed_packet to keep texts.`,
      )
    }
    return { ...step, history: { ...step.history, put: { ...put, up: null, down: null } } }
  }

  #beginning(step: MigrationStep, first: { started: number; progress: string | null }): string[] {
    const { baseline } = step.history
    const total = step.work.kind === 'sql' ? step.work.script.statements.length : 1
    const moved = { version: step.to, dirty: true }
    return [
      ...(this.#finished
        ? this.#ending(step)
        : ['START TRANSACTION', ...tables.moveRow(this.#tables, { version: step.from, dirty: false }, moved)]),
      ...(baseline && step.direction === 'up' ? tables.setBaseline(this.#tables, baseline) : []),
      ...tables.beginJournal(this.#tables, this.#fitting(step), total, first),
      'COMMIT',
    ]
  }

  /**
   * Returns the statements that record the finished migration, if there is one.
   * @param next the migration whose beginning is written in the same transaction, which that one commits
   */
  #ending(next: MigrationStep | undefined): string[] {
    if (!this.#finished) return []
    const { step, isRecorded } = this.#finished
    const { version, direction, to } = step
    const { remove, baseline, put } = isRecorded ? step.history : this.#fitting(step).history
    return [
      'START TRANSACTION',
      ...(direction === 'up'
        ? tables.endJournal(this.#tables, version, isRecorded ? undefined : put)
        : tables.changeHistory(this.#tables, { remove, baseline })),
      ...tables.moveRow(
        this.#tables,
        { version: to, dirty: true },
        next ? { version: next.to, dirty: true } : { version: to, dirty: false },
      ),
      ...this.#booksOf(step),
      ...(next ? [] : ['COMMIT']),
    ]
  }

  /** Writes what has been deferred. */
  async #settle(): Promise<void> {
    if (this.#begun) await this.#writeBegun()
    else await this.#writeFinished()
    await this.#writeDone()
  }

  /** Records the finished migration, if that has been deferred. */
  async #writeFinished(): Promise<void> {
    const { step } = this.#finished ?? {}
    if (!step) return
    const statements = this.#ending(undefined)
    this.#finished = undefined
    try {
      await this.#session.script(statements, NEVER)
    } catch (error) {
      await this.#rollBack()
      if (!(error instanceof ScriptFailure)) throw asStatementError(error)
      throw await this.#tailError(error, { ...step, from: step.to })
    }
  }

  /** Records the statement that took effect, if that has been deferred. */
  async #writeDone(): Promise<void> {
    if (!this.#done) return
    const { version, index } = this.#done
    this.#done = undefined
    await this.#session.script(recordDone(index, this.#journalOf(version)), NEVER)
  }

  #journalOf(version: number): Pick<OwnWrites, 'journal'> {
    return { journal: (counts, progress) => tables.journal(this.#tables, version, counts, progress) }
  }

  /** Records the migration as begun if none of its statements has run yet. */
  async #writeBegun(): Promise<void> {
    const step = this.#begun
    if (!step) return
    const statements = this.#beginning(step, { started: 0, progress: null })
    this.#begun = undefined
    try {
      await this.#session.script(statements, NEVER)
      this.#finished = undefined
    } catch (error) {
      await this.#rollBack()
      throw error instanceof ScriptFailure ? await this.#tailError(error, step) : asStatementError(error)
    }
  }

  async #ensureTables(): Promise<void> {
    const { database, version, history, journal } = this.#tables
    const names = [version, history, journal].map(tables.literal).join(', ')
    const [row] = await this.#session.query(
      `SELECT COUNT(*) AS n FROM information_schema.tables WHERE table_schema = ${tables.literal(database)} AND table_name IN (${names})`,
    )
    if (Number(row?.n) < 3) await this.#session.script(tables.createTables(this.#tables), NEVER)
  }

  #executeObserved(step: MigrationStep, script: Script, index: number, signal: AbortSignal): Promise<void> {
    const { observer } = this.#options
    const run = (text?: string) => this.#executeSql(step, script, index, signal, text)
    if (!observer?.isActive) return run()
    const session = this.#session
    return observer.observe(
      {
        step,
        index,
        statement: script.statements[index],
        inTransaction: false,
        query: (sql) => session.query(sql),
        another: session.another,
      },
      // The observer is told of a failure as the engine is.
      (text) => run(text).catch((error) => Promise.reject(asStatementError(error, index))),
    )
  }

  /** @param text another text of the statement that does the same */
  async #executeSql(
    step: MigrationStep,
    script: Script,
    index: number,
    signal: AbortSignal,
    text?: string,
  ): Promise<void> {
    const isFirst = this.#begun === step
    if (isFirst) refuseOtherCharset(step, this.#tables)
    const { start = 0, end = 0, words = [], parts } = script.statements[index] ?? {}
    const sql = script.text.slice(start, end)
    // A unit that the file itself delimits (from BEGIN or LOCK TABLES to its end) is sent piece by piece.
    const pieces = (parts ?? [{ start, end }]).map((piece) => ({
      sql: text ?? script.text.slice(piece.start, piece.end),
      from: piece.start,
    }))
    for (const piece of pieces) refuseTooLong(piece.sql, index, piece.from, this.#packet)
    const kind = kindOf(sql, words, parts !== undefined)
    const statement: StatementToSend = {
      kind,
      index,
      texts: pieces.map((piece) => piece.sql),
      progress: await this.#progressOf(kind, sql),
      rowsStay: kind === 'rows' && (await this.#rowsStay()),
      isFirst,
      isLast: index === script.statements.length - 1,
    }
    const writes: OwnWrites = { begin: (first) => this.#beginning(step, first), ...this.#journalOf(step.version) }
    const look = this.#lookAfter(kind, script, index)
    const message = composeMessage(statement, writes, noticeOf(step), look?.sql)
    this.#begun = undefined
    this.#looked = undefined
    let seen: Row | undefined
    const onRow = (row: Row, at: number) => {
      if (message.partAt(at) === 'look') seen = row
      else message.onRow(row)
    }
    const took = (errno?: number) => {
      this.#finished = undefined
      this.#done = isDeferred(statement) ? { version: step.version, index } : undefined
      this.#looked = look?.read(seen, errno)
    }
    try {
      await this.#session.script(message.statements, signal, onRow)
      took()
    } catch (error) {
      if (error instanceof ScriptFailure && message.partAt(error.index) === 'look') return took(error.error.errno)
      await this.#rollBack()
      if (!(error instanceof ScriptFailure)) {
        // The run was cancelled before the message was sent.
        if (isFirst && signal.aborted && !(error instanceof ConnectionError)) {
          this.#begun = step
          await this.#writeBegun()
        }
        throw error
      }
      const part = message.partAt(error.index)
      if (part !== 'beginning') this.#finished = undefined
      this.#done = undefined
      if (this.#isOurs(error) || part === 'beginning') throw await this.#tailError(error, step)
      // The statement took effect; only recording it failed or was cancelled.
      if (part === 'ending') return await this.#session.script(recordDone(index, writes), NEVER)
      const effect = await this.#readEffect(statement, error)
      if (!staysStarted(kind, effect)) {
        const refused = writes.journal({ started: index, done: index })
        await this.#session.script([refused, 'COMMIT'], NEVER).catch(() => undefined)
      }
      const databaseState = effect === true ? describeEffect(kind, index, step.to) : undefined
      const piece = pieces[message.textAt(error.index)]
      throw asStatementError(error, index, piece, { undone: effect === false, databaseState })
    } finally {
      if (words[0] === 'use' || kind === 'opaque') await this.#findCurrent()
    }
  }

  /**
   * Runs consecutive statements that only change rows as one transaction and one message, which moves the journal once.
   * If one of them fails, the statements before it are run again and committed, so that the result is the same as when
   * running them one by one.
   * @returns how many statements have run
   */
  async executeSome(step: MigrationStep, index: number, signal: AbortSignal): Promise<number> {
    const { work } = step
    const some = work.kind === 'sql' ? rowsFrom(work.script, index) : []
    if (work.kind !== 'sql' || some.length < 2 || signal.aborted || (await this.#rowsStay())) {
      await this.execute(step, index, signal)
      return 1
    }
    const { text } = work.script
    const texts = some.map(({ start, end }) => text.slice(start, end))
    const isFirst = this.#begun === step
    const begun = isFirst ? this.#beginning(step, { started: 0, progress: null }) : []
    const move = (done: number) => tables.journal(this.#tables, step.version, { started: done, done }, null)
    this.#begun = undefined
    try {
      await this.#session.script(
        [...begun, 'START TRANSACTION', ...texts, move(index + texts.length), 'COMMIT'],
        signal,
      )
      if (isFirst) this.#finished = undefined
      this.#done = undefined
      return texts.length
    } catch (error) {
      await this.#rollBack()
      if (!(error instanceof ScriptFailure)) throw asStatementError(error, index)
      if (isFirst && error.index >= begun.length) this.#finished = undefined
      await this.#writeDone()
      if (this.#isOurs(error) || error.index < begun.length) throw await this.#tailError(error, step)
      const at = Math.min(error.index - begun.length - 1, texts.length - 1)
      if (at < 0 || signal.aborted) throw asStatementError(error, index)
      if (at > 0)
        await this.#session.script(['START TRANSACTION', ...texts.slice(0, at), move(index + at), 'COMMIT'], NEVER)
      const sent = { sql: texts[at] ?? '', from: some[at]?.start ?? 0 }
      throw asStatementError(error, index + at, sent, { undone: true })
    }
  }

  /** Returns what the journal stores about a statement that is about to run: the state of the objects it changes. */
  async #progressOf(kind: StatementKind, sql: string): Promise<string | null> {
    if (kind === 'session') return SESSION_ONLY
    if (kind !== 'schema') return null
    if (this.#looked?.sql === sql) return JSON.stringify(this.#looked.progress)
    const where = { database: this.#current ?? this.#tables.database, modes: this.#modes, changed: this.#unsettled }
    const progress = await readJournal(this.#session, sql, where)
    return progress ? JSON.stringify(progress) : null
  }

  /**
   * Returns the look at the object of the next statement, if that may be sent behind this one: neither may have changed
   * the session, which decides what names mean and how definitions are written.
   */
  #lookAfter(kind: StatementKind, script: Script | undefined, index: number): Look | undefined {
    if (kind === 'opaque' || this.#unsettled || this.#options.observer?.isActive) return undefined
    const own = script?.statements[index + 1]
    const following = own ? script : this.#next?.kind === 'sql' ? this.#next.script : undefined
    const statement = own ?? following?.statements[0]
    if (!following || !statement || statement.parts) return undefined
    const sql = following.text.slice(statement.start, statement.end)
    if (kindOf(sql, statement.words, false) !== 'schema') return undefined
    return lookAt(sql, { database: this.#current ?? this.#tables.database, modes: this.#modes })
  }

  /** Returns whether a rejected statement had an effect; undefined if that is unknown. */
  async #readEffect(statement: StatementToSend, { error }: ScriptFailure): Promise<boolean | undefined> {
    const effect = effectOf(statement, error.errno)
    if (typeof effect !== 'object') return effect
    return hasChanged(this.#session, JSON.parse(effect.compare) as StatementJournal).catch(() => undefined)
  }

  /** Reads which database unqualified names now refer to. */
  async #findCurrent(): Promise<void> {
    const [row] = await this.#session.query('SELECT DATABASE() AS name').catch(() => [])
    this.#current = row?.name == null ? undefined : String(row.name)
  }

  #rowsStand({ from }: MigrationStep): string {
    return `${this.database} is at version ${describeVersion(from)}, clean; but rows that it wrote to tables without transactions (MyISAM, MEMORY) are there.`
  }

  /** Returns whether the database has tables whose rows cannot be rolled back. */
  async #rowsStay(): Promise<boolean> {
    const [row] = await this.#session.query(
      `SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = ${tables.literal(this.#tables.database)} AND engine IN ('MyISAM', 'MEMORY', 'Aria', 'CSV', 'ARCHIVE')) AS some`,
    )
    return Number(row?.some) === 1
  }

  /**
   * Runs code in a transaction as far as possible: a schema change commits it implicitly, and everything before that
   * change stays.
   */
  async #executeCode(
    step: MigrationStep,
    work: Extract<MigrationStep['work'], { kind: 'code' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const journal = (started: number, done: number) => tables.journal(this.#tables, step.version, { started, done })
    await this.#writeBegun()
    await this.#session.script([journal(1, 0), 'COMMIT', 'START TRANSACTION', `SAVEPOINT ${UNTOUCHED}`], NEVER)
    try {
      await work.run(this.#context(work.log, signal, step))
      await this.#session.script([journal(1, 1), 'COMMIT'], NEVER)
    } catch (error) {
      // The savepoint no longer exists if something has committed.
      const whole = await this.#session.query(`RELEASE SAVEPOINT ${UNTOUCHED}`).then(
        () => true,
        () => false,
      )
      await this.#rollBack()
      const undone = whole && !(await this.#rowsStay().catch(() => true))
      if (undone) await this.#session.script([journal(0, 0), 'COMMIT'], NEVER).catch(() => undefined)
      if (!undone || error instanceof ConnectionError) throw asStatementError(error)
      const told = asStatementError(error, undefined, undefined, { undone })
      if (told instanceof StatementError) throw told
      throw new StatementError({ message: told.message, undone }, error)
    }
  }

  /** Runs a statement of code under the eyes of the observer. Code is told of a failure as without it. */
  async #observedCode(
    about: { readonly step: MigrationStep; readonly index: number; readonly text: string },
    run: (text?: string) => Promise<Row[]>,
  ): Promise<Row[]> {
    const session = this.#session
    let rows: Row[] = []
    let failure: unknown
    const statement = {
      ...about,
      statement: undefined,
      inTransaction: false,
      query: (sql: string) => session.query(sql),
      another: session.another,
    }
    const observed = async (text?: string) => {
      failure = undefined
      try {
        rows = await run(text)
      } catch (error) {
        failure = error
        throw asStatementError(error)
      }
    }
    await this.#options.observer?.observe(statement, observed).catch((error) => {
      throw failure ?? error
    })
    return rows
  }

  /** Reads the session settings before the first migration that may leave changed settings behind. */
  async #remember(script: Script | undefined, always = false): Promise<void> {
    if (!always && !script?.statements.some(leavesSession)) return
    this.#settings ??= await readSessionSettings(this.#session)
    this.#unsettled = true
  }

  async #putBack(script: Script | undefined, always = false): Promise<void> {
    if (!this.#settings || !(always || script?.statements.some(leavesSession))) return
    await restoreSessionSettings(this.#session, this.#settings).catch(() => undefined)
    this.#unsettled = false
    this.#current = undefined
  }

  async #rollBack(): Promise<void> {
    await this.#session.query('ROLLBACK').catch(() => undefined)
    await this.#session.query('UNLOCK TABLES').catch(() => undefined)
  }

  async #transaction(step: MigrationStep | undefined, statements: readonly string[]): Promise<void> {
    try {
      await this.#session.script(['START TRANSACTION', ...statements, 'COMMIT'], NEVER)
    } catch (error) {
      await this.#rollBack()
      if (error instanceof ScriptFailure && step) throw await this.#tailError(error, step)
      throw asStatementError(error)
    }
  }

  /** Converts an error of our own writes. The check after the version row fails with a number out of range. */
  async #tailError(error: ScriptFailure, step: MigrationStep): Promise<Error> {
    if (error.error.errno !== OUT_OF_RANGE) return asStatementError(error)
    const { version, dirty } = await this.state()
    return new StateMovedError(step.from, `${describeVersion(version)}${dirty ? ' (dirty)' : ''}`)
  }

  /** Returns whether the error says that one of our tables no longer exists. */
  #isOurs(error: ScriptFailure): boolean {
    const { history, journal } = this.#tables
    return isMissingTable(error) && [history, journal].some((name) => error.message.includes(name))
  }

  /** @param step the migration, if an observer may look at its statements */
  #context(log: Log, signal: AbortSignal, step?: MigrationStep): MigrationContext {
    let index = 0
    const sql = ((text, params) => {
      const { observer } = this.#options
      const run = (other = text) => this.#session.query(other, other === text ? params : undefined, signal)
      if (!setsCharset(text))
        return step && observer?.isActive ? this.#observedCode({ step, index: index++, text }, run) : run()
      const message = 'Code sends UTF-8: after this statement, the server would read other characters.'
      return Promise.reject(new UsageError(message, { hint: 'Leave it out: no setting is needed for UTF-8.' }))
    }) as RunSql
    return { client: this.#session.client, dialect: this.dialect, sql, signal, log }
  }
}

function lockOn(session: Session, names: tables.Tables, { lock }: MysqlDriverOptions): Lock {
  return lock === 'table' ? rowLock(session, names) : advisoryLock(session, names)
}

/** Returns a migration's name. In a folder of another tool, the name is whole. */
function nameOf({ version, name, bookkeeping }: MigrationStep): string {
  return bookkeeping ? name : `${version}_${name}`
}

function noticeOf({ work }: MigrationStep): OnNotice | undefined {
  return work.kind === 'nil' ? undefined : work.notice
}

const OUT_OF_RANGE = 1690
const UNTOUCHED = 'migratest_untouched'
