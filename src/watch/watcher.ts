/** Follows the files of migrations with a database: from one save to the next, as long as it is not closed. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DevelopmentDatabase } from '../database/development.ts'
import { type OpenOptions, openDevelopment, openFallback, openRehearsal } from '../database/open.ts'
import type { Wish } from '../migrate/choose.ts'
import type { MigratestError, MigrationFailedError } from '../migrate/errors.ts'
import type { MigrateEvent } from '../migrate/events.ts'
import type { FollowPlan } from '../migrate/follow.ts'
import { Migrator, type MigratorOptions } from '../migrate/migrator.ts'
import type { Source } from '../migrate/source.ts'
import { NIL_VERSION } from '../migrate/version.ts'
import { diffSchemas } from '../schema/diff.ts'
import type { Schema } from '../schema/schema.ts'
import { type Collector, collect, type Saved } from './collect.ts'
import { Command } from './command.ts'
import type { Applied, Failure, OnWatchEvent, Question, RanStep } from './events.ts'
import { DownFailed, type Outcome, reconcile } from './reconcile.ts'
import { remembering } from './remembering.ts'
import { Schedule } from './schedule.ts'

export interface WatchOptions {
  readonly url: string
  /** Where the server comes from, as a person would say it; empty where it was named. */
  readonly server: string
  readonly source: Source
  /** What is watched. */
  readonly folder: string
  readonly open: OpenOptions
  readonly migrator: Omit<Partial<MigratorOptions>, 'source' | 'database' | 'onEvent'>
  /** Rows that are carried unasked. */
  readonly carryRows: number
  /** Where there is no way back: ask, apply everything from nothing with all rows carried, or leave the database as it is. */
  readonly onIrreversible: 'ask' | 'snapshot' | 'stop'
  /** Files of SQL for a database that was empty. */
  readonly seeds: readonly string[]
  /** Run after each change of the schema. */
  readonly command: string | undefined
  /** Called with the schema after each change. */
  readonly onSchema: ((schema: Schema) => void) | undefined
  /** Undefined where nobody can be asked. Aborted when the answer does not matter any more. */
  readonly ask: ((question: Question, signal: AbortSignal) => Promise<boolean>) | undefined
  readonly onEvent: OnWatchEvent
}

/** What a person asks for beside saving. */
export type Job =
  | { readonly kind: 'follow' }
  | { readonly kind: 'move'; readonly wish: Exclude<Wish, 'all'> }
  /** Everything from nothing, and no rows. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'seed' }

export class Watcher {
  readonly #options: WatchOptions
  readonly #source: Source
  readonly #command: Command | undefined
  readonly #schedule = new Schedule(() => this.#next())
  readonly #end = new AbortController()
  /** Ends the running statement. */
  readonly #cancel = new AbortController()
  #development: DevelopmentDatabase | undefined
  #collector: Collector | undefined
  #jobs: Job[] = []
  #saved: Saved | undefined
  #schema: Schema | undefined
  /** Of the catalogs, when the schema was read. */
  #stamp: string | undefined
  #first: Schema | undefined
  #question: AbortController | undefined
  #steps = new Map<string, RanStep>()
  readonly #said = new Set<string>()
  /** The database is new, and nothing has filled it yet. */
  #seedsDue = false
  /** Milliseconds of this run in which a person was asked. */
  #askedMs = 0
  #isReady = false
  #runs = 0
  #waitedFor = ''

  constructor(options: WatchOptions) {
    this.#options = options
    const { command, url, onEvent } = options
    this.#command =
      command === undefined
        ? undefined
        : new Command(command, url, (finished) => onEvent({ type: 'command', ...finished }))
    this.#source = remembering(options.source)
  }

  /** Resolves when the database follows. @throws what keeps it from being opened; a migration that fails is told as an event */
  async start(): Promise<void> {
    const { folder, onEvent, server } = this.#options
    await this.#recover()
    const development = await this.#open()
    const { version } = await development.driver.state()
    onEvent({ type: 'opened', database: development.driver.database, server, version, watching: folder })
    this.#collector = collect(folder, (saved) => this.#notice(saved))
    await this.#collector.ready
    this.#schema = await development.schema()
    this.#first = this.#schema
    this.#seedsDue = version === NIL_VERSION
    this.do({ kind: 'follow' })
    await this.#schedule.idle()
    const now = (await this.#development?.driver.state().catch(() => undefined))?.version ?? version
    this.#isReady = true
    onEvent({ type: 'ready', version: now })
  }

  do(job: Job): void {
    if (this.#end.signal.aborted) return
    if (job.kind !== 'follow' || !this.#jobs.some(({ kind }) => kind === 'follow')) this.#jobs.push(job)
    // What was asked about is another plan by now.
    this.#question?.abort()
    this.#schedule.poke()
  }

  /** What the schema has by now that it had not when this began. */
  async sinceStart(): Promise<ReturnType<typeof diffSchemas> | undefined> {
    await this.#schedule.idle()
    return this.#first && this.#schema && diffSchemas(this.#first, this.#schema)
  }

  idle(): Promise<void> {
    return this.#schedule.idle()
  }

  /** After what is running, or, where that takes long, without it: it is taken back. */
  async close(): Promise<void> {
    this.#end.abort()
    const hurry = setTimeout(() => this.#cancel.abort(), CLOSE_MS)
    this.#question?.abort()
    this.#command?.stop()
    this.#jobs = []
    await this.#collector?.close()
    await this.#schedule.idle()
    clearTimeout(hurry)
    await this.#development?.close()
    this.#development = undefined
  }

  // --- internal ---

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
      // Saved between the plan and the run: once more, with what it says now.
      if ((error as MigratestError).code === 'MIGRATEST_SOURCE_CHANGED') this.do(job)
      else if (await this.#reconnected(error)) this.do(job)
      else this.#fail(error as Error)
    } finally {
      clearInterval(waits)
      this.#waitedFor = ''
    }
    if (this.#jobs.length > 0) this.#schedule.poke()
  }

  #run(job: Job): Promise<void> {
    if (job.kind === 'seed') return this.#seed()
    if (job.kind === 'reset') return this.#reset()
    return this.#follow(job.kind === 'move' ? job.wish : 'all')
  }

  async #follow(wish: Wish): Promise<void> {
    const begun = Date.now()
    const saved = this.#saved ?? { files: [], at: begun }
    this.#saved = undefined
    const { onEvent, carryRows } = this.#options
    if (saved.files.length > 0) onEvent({ type: 'noticed', files: saved.files })
    const drift = this.#drift(await this.#open())
    drift.catch(() => undefined)
    let planned = 0
    this.#steps.clear()
    this.#askedMs = 0
    const onPlan = async () => {
      await drift
      planned = Date.now()
    }
    const options = { most: carryRows, way: 'together', wish } as const
    const { outcome, how, why } = await this.#decided(await this.#reconcile(options, onPlan), onPlan, wish)
    const ran = Date.now()
    if (outcome === undefined) return
    if (outcome.kind === 'nothing') {
      await drift
      if (saved.files.length > 0) onEvent({ type: 'unchanged', files: saved.files })
      else if (this.#isReady) onEvent({ type: 'nothing', why: nothingTo(wish) })
      return this.#seedIfDue()
    }
    const { plan, carried } = outcome
    const before = this.#schema
    const development = await this.#open()
    this.#schema = await development.schema()
    this.#stamp = await development.stamp()
    onEvent({
      type: 'applied',
      from: plan.from,
      to: plan.to,
      changes: plan.changes,
      steps: [...this.#steps.values()],
      how,
      why,
      carried,
      diff: before ? diffSchemas(before, this.#schema) : { changes: [], minor: [] },
      warnings: plan.warnings,
      ms: {
        noticed: Math.max(0, begun - saved.at),
        planned: planned - begun,
        run: ran - planned - this.#askedMs,
        shown: Date.now() - ran,
      },
    })
    await this.#seedIfDue()
    this.#after()
    // What a server keeps for a session of tables that are gone, it never lets go.
    if (++this.#runs % FRESH_AFTER !== 0) return
    await this.#shut()
    await this.#open()
  }

  async #seedIfDue(): Promise<void> {
    if (this.#seedsDue && this.#options.seeds.length > 0) await this.#seed()
  }

  async #reconcile(
    options: Parameters<typeof reconcile>[2],
    onPlan: (plan: FollowPlan) => Promise<void>,
  ): Promise<Reconciled> {
    const development = await this.#open()
    const migrator = new Migrator({
      ...this.#options.migrator,
      source: this.#source,
      database: development.driver,
      signal: this.#cancel.signal,
      onEvent: (event) => this.#hear(event),
    })
    try {
      return await reconcile(development, migrator, options, onPlan)
    } catch (error) {
      if ((error as MigratestError).code !== 'MIGRATEST_TOO_MANY_ROWS') throw error
      const why = (error as Error).message
      if (!(await this.#asked({ about: 'many rows', why }))) return { kind: 'declined', why }
      return reconcile(development, migrator, { ...options, most: Number.POSITIVE_INFINITY }, onPlan)
    }
  }

  /** What becomes of a plan that could not simply be carried out. */
  async #decided(
    first: Reconciled,
    onPlan: () => Promise<void>,
    wish: Wish,
  ): Promise<{
    outcome: Extract<Outcome, { kind: 'done' | 'nothing' }> | undefined
    how: How
    why: string | undefined
  }> {
    if (first.kind === 'declined') {
      this.#options.onEvent({ type: 'left', why: first.why })
      return { outcome: undefined, how: 'in one transaction', why: first.why }
    }
    if (first.kind === 'apart') {
      const rehearsed = await this.#rehearse(wish)
      if (typeof rehearsed === 'object') {
        const blocked = { kind: 'blocked', plan: first.plan, why: rehearsed.message, loss: undefined } as const
        return this.#decided(blocked, onPlan, wish)
      }
      const outcome = await this.#beside('apart', onPlan, wish)
      return {
        ...(await this.#decided(outcome, onPlan, wish)),
        how: rehearsed ? 'rehearsed' : 'one by one',
        why: first.why,
      }
    }
    if (first.kind === 'blocked') {
      const { why, loss, plan } = first
      const { onIrreversible, onEvent, carryRows } = this.#options
      const agreed =
        onIrreversible === 'snapshot' ||
        (onIrreversible === 'ask' && (await this.#asked({ about: 'no way back', changes: plan.changes, why, loss })))
      if (!agreed) {
        onEvent({ type: 'left', why })
        return { outcome: undefined, how: 'from nothing', why }
      }
      this.#steps.clear()
      const { driver } = await this.#open()
      const outcome = driver.together
        ? await this.#reconcile({ most: carryRows, way: 'replay', wish }, onPlan)
        : await this.#beside('replay apart', onPlan, wish)
      if (outcome.kind === 'apart') {
        this.#steps.clear()
        const last = await this.#beside('replay apart', onPlan, wish)
        return { outcome: last.kind === 'done' ? last : undefined, how: 'from nothing', why }
      }
      return { outcome: outcome.kind === 'done' ? outcome : undefined, how: 'from nothing', why }
    }
    return { outcome: first, how: 'in one transaction', why: undefined }
  }

  /** One by one, with a copy of the database to go back to. */
  async #beside(way: 'apart' | 'replay apart', onPlan: () => Promise<void>, wish: Wish): Promise<Reconciled> {
    const { carryRows, onEvent } = this.#options
    const { fallback } = await this.#open()
    await this.#shut()
    const ended = await fallback.take()
    if (ended > 0) {
      const others = ended === 1 ? 'a session' : `${ended} sessions`
      onEvent({ type: 'warning', message: `To copy the database, ${others} of others had to be ended.` })
    }
    try {
      this.#steps.clear()
      const outcome = await this.#reconcile({ most: carryRows, way, wish }, onPlan)
      await fallback.drop()
      return outcome
    } catch (error) {
      await this.#shut()
      await fallback.restore()
      if (!(error instanceof DownFailed)) throw error
      return this.#reconcileBlocked(error, onPlan, wish)
    }
  }

  /** A down failed among steps that share no transaction. */
  async #reconcileBlocked(error: Error, onPlan: () => Promise<void>, wish: Wish): Promise<Reconciled> {
    const again = await this.#reconcile({ most: this.#options.carryRows, way: 'together', wish }, onPlan)
    if (again.kind !== 'apart') return again
    return { kind: 'blocked', plan: again.plan, why: error.message, loss: undefined }
  }

  /**
   * On an empty copy of the schema, where a failure would leave something behind.
   * @returns whether there was any need; why there is no way back, where a down fails. @throws what fails of the ups
   */
  async #rehearse(wish: Wish): Promise<boolean | Error> {
    const { url, open, migrator } = this.#options
    const rehearsal = await openRehearsal(url, open)
    if (!rehearsal) return false
    try {
      const other = new Migrator({ ...migrator, source: this.#source, database: rehearsal.database })
      return await other.follow(async (following) => {
        const failed = await following.down().then(
          () => undefined,
          (error: Error) => error,
        )
        if (failed) return failed
        await following.up()
        return true
      }, wish)
    } finally {
      await rehearsal.drop()
    }
  }

  async #asked(question: Question): Promise<boolean> {
    const { ask, onEvent } = this.#options
    onEvent({ type: 'asked', question })
    if (!ask) return false
    this.#question = new AbortController()
    const { signal } = this.#question
    const begun = Date.now()
    try {
      return (await ask(question, signal)) && !signal.aborted
    } finally {
      this.#askedMs += Date.now() - begun
      this.#question = undefined
    }
  }

  async #seed(): Promise<void> {
    const { seeds, onEvent } = this.#options
    if (seeds.length === 0) return onEvent({ type: 'nothing', why: 'there are no seeds: say --seeds FILE' })
    const development = await this.#open()
    this.#seedsDue = false
    for (const file of seeds) await development.run(readFileSync(file, 'utf8'), file)
    onEvent({ type: 'seeded', files: seeds })
  }

  async #reset(): Promise<void> {
    const development = await this.#open()
    const { driver } = development
    await driver.lock({ timeout: LOCK_MS, signal: this.#end.signal })
    try {
      await driver.drop()
      await driver.force(NIL_VERSION)
    } finally {
      await driver.unlock()
    }
    await development.rows.forget()
    this.#seedsDue = true
    this.#jobs.unshift({ kind: 'follow' })
    this.#schema = await development.schema()
  }

  /** Where the schema is not as it was left, somebody else changed it. */
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
    // Another change comes at once: that one counts.
    if (this.#jobs.length === 0) this.#command?.start()
  }

  /** Who holds what this run waits for. */
  async #tellWait(): Promise<void> {
    const who = (await this.#development?.blockers().catch(() => undefined)) ?? ''
    if (who !== '' && who !== this.#waitedFor) this.#options.onEvent({ type: 'waiting', why: who })
    this.#waitedFor = who
  }

  #hear(event: MigrateEvent): void {
    const { onEvent } = this.#options
    if (event.type === 'log') onEvent({ type: 'warning', message: `${event.step.name}: ${event.message}` })
    // The same is said at each plan.
    if (event.type === 'warning' && !this.#said.has(event.message)) {
      this.#said.add(event.message)
      onEvent({ type: 'warning', message: event.message })
    }
    if (event.type !== 'finished') return
    const { version, name, direction, origin } = event.step
    this.#steps.set(`${direction} ${version}`, { version, name, direction, origin, ms: event.ms })
  }

  // --- the database ---

  async #open(): Promise<DevelopmentDatabase> {
    if (this.#development) return this.#development
    const development = await openDevelopment(this.#options.url, this.#options.open)
    try {
      await development.watch()
    } catch (error) {
      await development.close()
      throw error
    }
    this.#development = development
    void development.lost.then(() => {
      if (this.#development !== development) return
      // Also where nobody saves just now: it has to be known when it is back.
      this.do({ kind: 'follow' })
    })
    return development
  }

  async #shut(): Promise<void> {
    const development = this.#development
    this.#development = undefined
    await development?.close()
  }

  /** A run that was cut off left the copy that it would have gone back to. */
  async #recover(): Promise<void> {
    const { url, open, onEvent } = this.#options
    const fallback = await openFallback(url, open)
    if (!(await fallback.wasCutOff().catch(notThere))) return
    await fallback.restore()
    onEvent({
      type: 'warning',
      message: 'The last run was cut off half-way: the database is again as it was before it.',
    })
  }

  /** Waits until the server is back. False where the error is another. */
  async #reconnected(error: unknown): Promise<boolean> {
    if ((error as MigratestError).code !== 'MIGRATEST_CONNECTION') return false
    const { onEvent } = this.#options
    onEvent({ type: 'lost', why: (error as Error).message.split('\n')[0] ?? '' })
    await this.#shut()
    while (!this.#end.signal.aborted) {
      try {
        await this.#recover()
        await this.#open()
        onEvent({ type: 'back' })
        return true
      } catch (again) {
        if ((again as MigratestError).code !== 'MIGRATEST_CONNECTION') throw again
        await sleep(RETRY_MS, undefined, { signal: this.#end.signal }).catch(() => undefined)
      }
    }
    return false
  }

  #fail(error: Error): void {
    const { code = 'UNKNOWN', file, line, column, version } = error as Partial<MigrationFailedError>
    this.#options.onEvent({ type: 'failed', error: { code, message: this.#words(error), file, line, column }, version })
  }

  /** What a step says of the database is of the middle of a run that was taken back. */
  #words(error: Error & { stands?: string }): Failure['message'] {
    const { stands } = error
    return stands
      ? error.message.replace(stands, 'Nothing was kept: the database and its rows are as they were.')
      : error.message
  }
}

// --- internal ---

const RETRY_MS = 250
const PATIENCE_MS = 1000
const LOCK_MS = 15_000
const CLOSE_MS = 2000
/** Some 10 KiB each. */
const FRESH_AFTER = 250

/** Who may not look beside the database made no copy either. Whether the database can be reached is told by opening it. */
function notThere(error: MigratestError): false {
  if (error.code === 'MIGRATEST_CONNECTION') return false
  throw error
}

function nothingTo(wish: Wish): string {
  if (wish === 'all') return 'the database is what the files say'
  return wish.kind === 'up' ? 'there is nothing more to apply' : 'there is nothing to undo'
}

/** `declined`: nothing was done, as a person said. */
type Reconciled = Outcome | { readonly kind: 'declined'; readonly why: string }

type How = Applied['how']
