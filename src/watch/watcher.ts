/** Keeps a database in line with the migration files, save after save, until it is closed. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DevelopmentDatabase } from '../database/development.ts'
import { choicesOf } from '../generate/questions/asking.ts'
import type { Question as GenerateQuestion } from '../generate/questions/questions.ts'
import { type MigratestError, MigrationFailedError } from '../migrate/errors.ts'
import { Migrator } from '../migrate/migrator.ts'
import type { FollowScope } from '../migrate/plan/plan.ts'
import type { Source } from '../migrate/source.ts'
import { NIL_VERSION, type Version, versionOf } from '../migrate/version.ts'
import { diffSchemas } from '../schema/diff.ts'
import type { Schema } from '../schema/schema.ts'
import { CarryOut } from './carryOut.ts'
import { type Collector, collect, type Saved } from './collect.ts'
import { Command } from './command.ts'
import { Effects } from './effects.ts'
import { failureOf } from './events.ts'
import type { WatchOptions } from './options.ts'
import { Proposer, type ProposerOptions } from './proposer.ts'
import { remembering } from './remembering.ts'
import { Schedule } from './schedule.ts'
import { WatchedConnection } from './watchedConnection.ts'

/** A job of the watcher. Saving files also queues one (`follow`). */
export type Job =
  | { readonly kind: 'follow' }
  | { readonly kind: 'move'; readonly wish: Exclude<FollowScope, 'all'> }
  /** Empty the database, rows included, and apply everything. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'seed' }
  /** Ask what is open, and write the proposed migration as a draft. */
  | { readonly kind: 'generate' }
  /** Say that the draft is done. */
  | { readonly kind: 'finish' }

/** A job that the database is needed for. */
type DatabaseJob = Exclude<Job, { kind: 'generate' | 'finish' }>

export class Watcher {
  readonly #options: WatchOptions
  readonly #source: Source
  readonly #command: Command | undefined
  readonly #schedule = new Schedule(() => this.#next())
  readonly #end = new AbortController()
  /** Cancels the running statement. */
  readonly #cancel = new AbortController()
  readonly #link: WatchedConnection
  readonly #proposer: Proposer | undefined
  #carryOut: CarryOut | undefined
  #collector: Collector | undefined
  #jobs: DatabaseJob[] = []
  #saved: Saved | undefined
  #schema: Schema | undefined
  /** Stamp of the database's catalogs when `#schema` was read. */
  #stamp: string | undefined
  #first: Schema | undefined
  readonly #said = new Set<string>()
  readonly #effects = new Effects()
  /** `true` if the database is new or was reset, and has not been seeded since. */
  #seedsDue = false
  #isReady = false
  #runs = 0
  #waitedFor = ''
  /** The saved files that the current run handles. */
  #followed: Saved | undefined
  /** The last failure, until a run succeeds. */
  #failed: { readonly message: string; readonly at: number } | undefined
  /** Number of consecutive runs in which a listed file had changed or disappeared before it was read. */
  #retries = 0

  constructor(options: WatchOptions) {
    this.#options = options
    const { command, url, onEvent } = options
    this.#command =
      command === undefined
        ? undefined
        : new Command(command, url, (finished) => onEvent({ type: 'command', ...finished }))
    this.#source = remembering(options.source)
    this.#proposer = options.proposals && this.#proposerOf(options.proposals)
    // If the connection is lost, start a run although no file was saved: it waits until the server is back.
    this.#link = new WatchedConnection(options, () => this.do({ kind: 'follow' }))
  }

  /**
   * Starts watching and resolves after the first run. A migration that fails is reported as an event.
   * @throws errors that prevent opening the database
   */
  async start(): Promise<void> {
    try {
      await this.#start()
    } finally {
      // `close` may have run before this method opened the connection or the watcher of the folder: close them again.
      if (this.#end.signal.aborted) await this.close()
    }
  }

  do(job: Job): void {
    if (this.#end.signal.aborted) return
    if (job.kind === 'generate' || job.kind === 'finish') {
      this.#ofProposals(job.kind)
      return
    }
    if (job.kind !== 'follow' || !this.#jobs.some(({ kind }) => kind === 'follow')) this.#jobs.push(job)
    // A new job may change the plan, so withdraw a question about the current plan.
    this.#carryOut?.withdraw()
    this.#schedule.poke()
  }

  /** Returns the schema's changes since the watch started. */
  async sinceStart(): Promise<ReturnType<typeof diffSchemas> | undefined> {
    await this.#schedule.idle()
    return this.#first && this.#schema && diffSchemas(this.#first, this.#schema)
  }

  /** Resolves when nothing runs, neither in the database nor for a proposal. */
  async idle(): Promise<void> {
    await this.#schedule.idle()
    await this.#proposer?.idle()
  }

  /**
   * Stops watching after the current run. If that takes longer than 2 s, cancels the run, which is then rolled back.
   */
  async close(): Promise<void> {
    this.#end.abort()
    const hurry = setTimeout(() => this.#cancel.abort(), CLOSE_MS)
    this.#carryOut?.withdraw()
    this.#command?.stop()
    this.#jobs = []
    await this.#collector?.close()
    await this.#proposer?.close()
    await this.#schedule.idle()
    clearTimeout(hurry)
    await this.#link.close()
  }

  // --- internal ---

  async #start(): Promise<void> {
    const { folder, onEvent, server, reason, poll } = this.#options
    await this.#link.recover()
    const development = await this.#link.open()
    // If the folder has a problem, the first run reports it.
    const status = await new Migrator({ source: this.#source, database: development.driver })
      .status()
      .catch(() => undefined)
    const pending = status?.migrations.filter(({ state }) => state === 'pending').length ?? 0
    const { history, version: recorded } = await development.driver.state()
    const version = status?.version ?? recorded
    if (this.#end.signal.aborted) return
    onEvent({
      type: 'opened',
      database: development.driver.database,
      server,
      reason,
      version,
      pending,
      watching: folder,
    })
    const onPolling = (why: string) =>
      onEvent({ type: 'warning', message: `The files are checked every 100 ms, because ${why}.` })
    this.#collector = collect(folder, { poll, onPolling }, (saved) => this.#notice(saved))
    await this.#collector.ready
    this.#schema = await development.schema()
    this.#first = this.#schema
    this.#seedsDue = version === NIL_VERSION && recorded === NIL_VERSION
    if (this.#seedsDue) await this.#fill(development)
    const known = await (await this.#link.open()).effects()
    if (known !== undefined)
      this.#effects.load(
        known,
        history.map((entry) => (this.#source.format ? { ...entry, version: entry.name } : entry)),
      )
    this.do({ kind: 'follow' })
    await this.#schedule.idle()
    const now = await this.#version().catch(() => version)
    if (this.#end.signal.aborted) return
    this.#isReady = true
    onEvent({ type: 'ready', version: now })
    await this.#proposer?.start()
  }

  #proposerOf(options: ProposerOptions): Proposer {
    const { poll, onEvent, answer } = this.#options
    const ask = async (question: GenerateQuestion, signal: AbortSignal) => {
      const asked = { about: 'generate', why: question.why, question, choices: choicesOf(question) } as const
      onEvent({ type: 'asked', question: asked })
      return answer?.(asked, signal)
    }
    return new Proposer(options, { source: this.#source, poll, onEvent, answer: answer && ask })
  }

  #ofProposals(kind: 'generate' | 'finish'): void {
    if (kind === 'generate') this.#proposer?.write()
    else this.#proposer?.finish()
    if (!this.#proposer) this.#options.onEvent({ type: 'idle', why: NOTHING_WANTED })
  }

  /** Runs what the tool of the folder has in each database before the first migration. */
  async #fill(development: DevelopmentDatabase): Promise<void> {
    for (const sql of this.#options.before) await development.run(sql, 'before the first migration')
    if (this.#options.before.length === 0) return
    // The texts may set what new sessions begin with, such as search_path.
    await this.#link.close()
    this.#schema = await (await this.#link.open()).schema()
    this.#first ??= this.#schema
  }

  async #version(): Promise<Version> {
    const { driver } = await this.#link.open()
    return (await new Migrator({ source: this.#source, database: driver }).version()).version
  }

  #notice(saved: Saved): void {
    const before = this.#saved
    this.#saved = before ? { files: [...new Set([...before.files, ...saved.files])], at: saved.at } : saved
    this.do({ kind: 'follow' })
  }

  async #next(): Promise<void> {
    const job = this.#jobs.shift()
    if (!job || this.#end.signal.aborted) return
    const waits = setInterval(() => void this.#tellWait(), PATIENCE_MS)
    try {
      await this.#run(job)
    } catch (error) {
      if (this.#end.signal.aborted) return
      // A file was saved or renamed while the folder was being read. Run again with its current content.
      if (sawTwoStates(error) && this.#retries++ < MOST_RETRIES) {
        await sleep(RETRY_MS)
        this.#saved ??= this.#followed
        this.do(job)
        return
      }
      // Forget the failed run, so that `#tellWait` does not report its step as running.
      this.#carryOut = undefined
      const back = await this.#link.reconnect(error, this.#end.signal).catch((why: Error) => why)
      if (back === true) this.do(job)
      else if (!this.#end.signal.aborted) this.#fail(back || (error as Error))
    } finally {
      clearInterval(waits)
      this.#waitedFor = ''
    }
    if (this.#jobs.length > 0) this.#schedule.poke()
  }

  #run(job: DatabaseJob): Promise<void> {
    if (job.kind === 'seed') return this.#seed()
    if (job.kind === 'reset') return this.#reset()
    return this.#follow(job.kind === 'move' ? job.wish : 'all')
  }

  async #follow(wish: FollowScope): Promise<void> {
    const begun = Date.now()
    const saved = this.#saved ?? { files: [], at: begun }
    this.#saved = undefined
    this.#followed = saved
    const { onEvent } = this.#options
    if (saved.files.length > 0) onEvent({ type: 'changed', files: saved.files })
    const drift = this.#drift(await this.#link.open())
    drift.catch(() => undefined)
    let planned = 0
    const beside = {
      source: this.#source,
      link: this.#link,
      cancel: this.#cancel.signal,
      said: this.#said,
      effects: this.#effects,
      isDraft: (name: string) => this.#proposer?.isDraft(name) ?? false,
    }
    const carryOut = new CarryOut(this.#options, beside, wish, async () => {
      await drift
      planned = Date.now()
    })
    this.#carryOut = carryOut
    const { outcome, how, why } = await carryOut.run()
    const ran = Date.now()
    if (this.#isReady && saved.files.length > 0) this.#proposer?.look(saved.files)
    if (outcome === undefined) return
    if (outcome.kind === 'nothing') {
      await drift
      if (saved.files.length > 0) {
        onEvent({ type: 'unchanged', files: saved.files, mended: this.#failed !== undefined })
      } else if (this.#isReady) onEvent({ type: 'idle', why: nothingTo(wish) })
      this.#succeeded()
      return this.#seedIfDue()
    }
    const { plan, carried } = outcome
    const before = this.#schema
    const development = await this.#link.open()
    const schema = await development.schema()
    this.#schema = schema
    await development.recordEffects(String(this.#effects))
    this.#stamp = await development.stamp()
    onEvent({
      type: 'applied',
      from: plan.shown.from,
      // A rebuild also undoes migrations whose downs are not in the plan.
      to: how === 'rebuilt' ? await this.#version() : plan.shown.to,
      changes: plan.changes.map((change) => ({ ...change, version: versionOf(change) })),
      steps: carryOut.steps,
      how,
      why,
      carried,
      diff: before ? diffSchemas(before, schema) : { changes: [], minor: [] },
      warnings: plan.warnings,
      ms: {
        noticed: Math.max(0, begun - saved.at),
        planned: planned - begun,
        run: ran - planned - carryOut.askedMs,
        shown: Date.now() - ran,
      },
    })
    this.#succeeded()
    await this.#seedIfDue()
    this.#after()
    // A server process keeps memory for dropped tables until its session ends, so reconnect now and then.
    if (++this.#runs % FRESH_AFTER !== 0) return
    await this.#link.close()
    await this.#link.open()
  }

  async #seedIfDue(): Promise<void> {
    if (this.#seedsDue && this.#options.seeds.length > 0) await this.#seed()
  }

  async #seed(): Promise<void> {
    const { seeds, onEvent } = this.#options
    if (seeds.length === 0) return onEvent({ type: 'idle', why: 'there are no seeds; name them with --seeds FILE' })
    const development = await this.#link.open()
    this.#seedsDue = false
    for (const file of seeds) await development.run(readFileSync(file, 'utf8'), file)
    onEvent({ type: 'seeded', files: seeds })
  }

  async #reset(): Promise<void> {
    const development = await this.#link.open()
    const { driver } = development
    await driver.lock({ timeout: LOCK_MS, signal: this.#end.signal })
    try {
      await driver.drop()
      await driver.force(NIL_VERSION)
    } finally {
      await driver.unlock()
    }
    await development.rows.forget()
    await this.#fill(development)
    this.#effects.clear()
    this.#seedsDue = true
    this.#jobs.unshift({ kind: 'follow' })
    this.#schema = await development.schema()
  }

  /** Reports a schema that differs from what the last run left: something else changed it. */
  async #drift(development: DevelopmentDatabase): Promise<void> {
    if ((await development.stamp()) === this.#stamp) return
    const now = await development.schema()
    const before = this.#schema
    this.#schema = now
    if (!before || String(before) === String(now)) return
    this.#options.onEvent({ type: 'drifted', diff: diffSchemas(before, now) })
  }

  #after(): void {
    if (this.#schema) this.#options.onSchema?.(this.#schema)
    // If more jobs are queued, run the command only after the last of them.
    if (this.#jobs.length === 0) this.#command?.start()
  }

  #succeeded(): void {
    this.#failed = undefined
    this.#retries = 0
  }

  /** Reports who holds the lock that the run waits for. Without such a lock, reports a step that takes long. */
  async #tellWait(): Promise<void> {
    const running = this.#carryOut?.running
    const seconds = running ? Math.floor((Date.now() - running.since) / 1000) : 0
    const who = (await this.#link.current?.blockers().catch(() => undefined)) ?? ''
    if (who !== '' && who !== this.#waitedFor) this.#options.onEvent({ type: 'waiting', why: who })
    this.#waitedFor = who
    if (who === '' && running && SAID_AT_S.includes(seconds)) {
      this.#options.onEvent({ type: 'running', step: running.step, seconds })
    }
  }

  #fail(error: Error): void {
    const { version } = error as Partial<MigrationFailedError>
    const { message } = error
    const now = Date.now()
    // The system may report one save in two parts. Both runs then fail with the same error: report it once.
    const isRepeated = this.#failed?.message === message && now - this.#failed.at < REPEATED_MS
    this.#failed = { message, at: now }
    if (isRepeated && (this.#followed?.files.length ?? 0) > 0) return
    this.#options.onEvent({
      type: 'failed',
      error: { ...failureOf(error), message: afterRollback(error).message },
      version,
    })
  }
}

// --- internal ---

/**
 * Replaces what the error says about the database. That text describes the middle of the run, but the whole run has
 * been rolled back since.
 */
function afterRollback(error: Error): Error {
  return error instanceof MigrationFailedError
    ? error.withState('The run was undone: the database and its rows are unchanged.')
    : error
}

const NOTHING_WANTED = 'no schema is wanted; name a file with --schema schema.sql, or set wanted in migratest.config.ts'
const PATIENCE_MS = 1000
/** Running times, in seconds, at which a step is reported. */
const SAID_AT_S = [3, 10, 30, 60, 120, 300, 600, 1800, 3600]
const REPEATED_MS = 500
const MOST_RETRIES = 10
const RETRY_MS = 20
const LOCK_MS = 15_000
const CLOSE_MS = 2000
/** Number of runs after which the watch reconnects. Each run costs a server process about 10 KiB. */
const FRESH_AFTER = 250

/** Returns `true` if a listed file changed or disappeared before it was read. */
function sawTwoStates(error: unknown): boolean {
  const { code, cause } = error as MigratestError
  if (code === 'MIGRATEST_SOURCE_CHANGED') return true
  return code === 'MIGRATEST_UNREADABLE_FILE' && (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
}

function nothingTo(wish: FollowScope): string {
  if (wish === 'all') return 'the database matches the files'
  return wish.kind === 'up' ? 'there is nothing more to apply' : 'there is nothing to undo'
}
