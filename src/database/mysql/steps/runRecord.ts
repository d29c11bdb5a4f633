/**
 * Keeps our tables up to date while migrations follow each other. A write costs the server as much as a small schema change, so
 * we leave out what a later write implies:
 *
 * - That an up has ended is implied by the beginning of the next one. All ends are written together.
 * - That the version row has moved from one up to the next is implied too, while it says dirty. It moves again as soon
 *   as it has stayed behind for {@link LAG_MS}. Rows alone, whose transaction records that they are applied, leave it as
 *   it is, too.
 *
 * `state.ts` reads what is implied, and `lock()` writes it if a run has died.
 */
import type { MigrationStep } from '../../../migrate/driver.ts'
import { now } from '../../../migrate/realTime.ts'
import * as tables from '../tables.ts'

interface Finished {
  readonly step: MigrationStep
  /** `true` if its record was written when it began. */
  readonly isRecorded: boolean
  readonly ms: number
}

export interface RunRecordOptions {
  readonly tables: () => tables.Tables
  /** `false` if the version row has to move with each migration. */
  readonly lags: boolean
  /** Returns the step without texts that are too large for a message. */
  readonly fitting: (step: MigrationStep) => MigrationStep
  /** Returns the statements that record a step in another tool's table. */
  readonly books: (step: MigrationStep) => readonly string[]
}

export class RunRecord {
  readonly #options: RunRecordOptions
  /** The migration whose end is still to be written, while the version row says that it runs. */
  #finished: Finished | undefined
  /** Those before it whose end the history does not say yet. */
  #ended: tables.Ended[] = []
  /** The version that the version row has, and since when, while it says dirty. */
  #row: { readonly version: number; readonly at: number } | undefined
  /** Version of the migration that runs. */
  #running: number | undefined
  /** The version reached, if the row says dirty and nothing runs. */
  #reached: number | undefined
  /** Applies what the last `beginning` means once it has committed. */
  #took: () => void = () => undefined

  constructor(options: RunRecordOptions) {
    this.#options = options
  }

  /** The migration that has finished last, if its end is not written yet. */
  get last(): MigrationStep | undefined {
    return this.#finished?.step
  }

  /** Call when all statements of a migration have run. */
  finish(finished: Finished): void {
    this.#running = undefined
    this.#finished = finished
  }

  /** Returns a function that takes everything back to what it is now: for messages that were composed and then failed. */
  remember(): () => void {
    const [finished, ended, row, running, reached] = [
      this.#finished,
      [...this.#ended],
      this.#row,
      this.#running,
      this.#reached,
    ]
    return () => {
      this.#finished = finished
      this.#ended = [...ended]
      this.#row = row
      this.#running = running
      this.#reached = reached
      this.#took = () => undefined
    }
  }

  /** Sets how long migrations took that were finished before anybody knew. */
  measured(versions: ReadonlySet<number>, ms: number): void {
    this.#ended = this.#ended.map((one) => (versions.has(one.version) ? { ...one, ms } : one))
    if (this.#finished && versions.has(this.#finished.step.version)) this.#finished = { ...this.#finished, ms }
  }

  /** Returns whether the end of the finished migration can be written together with the beginning of this one, or later. */
  canPrecede(step: MigrationStep): boolean {
    const finished = this.#finished?.step
    return finished === undefined || (finished.to === step.from && step.to !== step.from)
  }

  /**
   * Returns the statements that record the beginning of a migration, and all ends that it does not imply. They commit.
   * Call `began` when they have.
   */
  beginning(step: MigrationStep, first: tables.FirstStatement): string[] {
    const { baseline } = step.history
    const fitting = this.#options.fitting(step)
    const total = step.work.kind === 'sql' ? step.work.script.statements.length : 1
    const begun = tables.beginJournal(this.#tables, fitting, total, first)
    if (this.#lags(step) && tables.isSeen(step, first)) {
      this.#took = () => {
        this.#defer()
        this.#running = step.to
      }
      return begun
    }
    const isImplied = this.#implies(step)
    this.#took = () => {
      if (isImplied) this.#defer()
      else this.ended()
      this.#row = { version: step.to, at: now() }
      this.#running = step.to
    }
    return [
      'START TRANSACTION',
      ...(isImplied ? [] : this.#ends()),
      ...this.#move(step.from, { version: step.to, dirty: true }),
      ...(baseline && step.direction === 'up' ? tables.setBaseline(this.#tables, baseline) : []),
      ...begun,
      'COMMIT',
    ]
  }

  /** Call when the statements of `beginning` have committed. */
  began(): void {
    this.#took()
    this.#took = () => undefined
  }

  /** Returns the statements that record all ends; none if there are none. Call `ended` when they have committed. */
  ending(): string[] {
    const ends = this.#ends()
    const to = this.#finished?.step.to ?? this.#reached
    const moved = to === undefined ? this.#catchUp() : this.#move(to, { version: to, dirty: false })
    return ends.length + moved.length === 0 ? [] : ['START TRANSACTION', ...ends, ...moved, 'COMMIT']
  }

  /** Call when all ends are written. */
  ended(): void {
    this.#finished = undefined
    this.#ended = []
    this.#row = undefined
    this.#reached = undefined
  }

  /**
   * Returns how a migration that runs in one transaction is recorded: the statements before that transaction, and those
   * at its end that move the version row. Call `took` when it has committed.
   */
  around(step: MigrationStep): { readonly before: string[]; readonly moved: string[]; readonly took: () => void } {
    const isImplied = this.#implies(step)
    const to = { version: step.to, dirty: false }
    if (this.#lags(step)) {
      const took = () => {
        this.#defer()
        this.#reached = step.to
      }
      return { before: [], moved: [], took }
    }
    return {
      before: isImplied ? [] : this.ending(),
      moved: isImplied ? this.#move(step.from, to) : tables.moveRow(this.#tables, { ...to, version: step.from }, to),
      took: () => {
        if (isImplied) this.#defer()
        else this.ended()
        this.#row = undefined
      },
    }
  }

  /** Returns the statements that make a migration not begun again, and write all ends. Call `ended` when they have run. */
  abandoning(step: MigrationStep): string[] {
    return [
      ...this.#ends(),
      ...tables.forgetJournal(this.#tables, step),
      ...tables.moveRow(this.#tables, this.#rowOf(step.to), { version: step.from, dirty: false }),
    ]
  }

  // --- internal ---

  get #tables(): tables.Tables {
    return this.#options.tables()
  }

  /** Returns whether the row and the history imply the ends of all before this migration once it has begun. */
  #implies(step: MigrationStep): boolean {
    if (!isPlain(step) || this.#ended.length >= MOST_ENDED) return false
    if (!this.#finished) return true
    const { step: before, isRecorded } = this.#finished
    return isRecorded && isPlain(before) && before.to === step.from && before.version < step.version
  }

  /** Returns whether the version row stays as it is when this migration begins, or when it is applied as a whole. */
  #lags(step: MigrationStep): boolean {
    if (!this.#options.lags || !this.#row || !this.#implies(step)) return false
    return step.history.put !== undefined && now() - this.#row.at < LAG_MS
  }

  #defer(): void {
    if (this.#finished) this.#ended.push({ version: this.#finished.step.version, ms: this.#finished.ms })
    this.#finished = undefined
    this.#reached = undefined
  }

  /** Returns the statements that record all ends, but for the version row. */
  #ends(): string[] {
    const ended = [...this.#ended]
    const { step, isRecorded = false, ms = 0 } = this.#finished ?? {}
    if (!step) return tables.endJournals(this.#tables, ended)
    const { version, direction } = step
    const { remove, baseline, put } = this.#options.fitting(step).history
    const isUp = direction === 'up'
    if (isUp && (isRecorded || !put)) ended.push({ version, ms })
    return [
      ...tables.endJournals(this.#tables, ended),
      ...(isUp
        ? isRecorded || !put
          ? []
          : tables.endJournal(this.#tables, version, put)
        : tables.changeHistory(this.#tables, { remove, baseline })),
      ...this.#options.books(step),
    ]
  }

  /** Returns the statements that move the version row on from a migration, which has finished or was clean. */
  #move(from: number, to: tables.VersionRow): string[] {
    const isDirty = this.#finished !== undefined || this.#reached !== undefined
    return tables.moveRow(this.#tables, isDirty ? this.#rowOf(from) : { version: from, dirty: false }, to)
  }

  /** Returns the statements that move the version row on to the migration that runs, if it has stayed behind. */
  #catchUp(): string[] {
    if (!this.#row || this.#running === undefined || this.#row.version === this.#running) return []
    return tables.moveRow(this.#tables, this.#rowOf(this.#running), { version: this.#running, dirty: true })
  }

  /** Returns the version row while it says dirty. */
  #rowOf(version: number): tables.VersionRow {
    return { version: this.#row?.version ?? version, dirty: true }
  }
}

// --- internal ---

/** Returns whether a migration is an up to its own version, with nothing to write but its row. */
export function isPlain({ direction, version, from, to, bookkeeping, history }: MigrationStep): boolean {
  return direction === 'up' && version === to && from !== to && !bookkeeping && !history.baseline
}

/** Ends that one statement writes: it takes time for each of them and each row. */
const MOST_ENDED = 200

/** A migration that takes longer than this is named by the version row while the next one runs. */
const LAG_MS = 50
