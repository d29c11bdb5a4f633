/** Runs `verify` for the page: one run at a time, told as it goes, ended on demand. */
import { UsageError } from '../migrate/errors.ts'
import { failureOf } from './failure.ts'
import type { Verify } from './options.ts'
import type { FindingsDocument, UiState } from './protocol.ts'

type Part = Partial<Pick<UiState, 'verifying' | 'verified' | 'unverified'>>

export class Verifying {
  readonly #verify: Verify | undefined
  readonly #tell: (part: Part) => void
  #found: FindingsDocument | undefined
  #verified: UiState['verified']
  #running: { isStopped: boolean } | undefined

  /** @param tell receives what changes in the state of the page */
  constructor(verify: Verify | undefined, tell: (part: Part) => void) {
    this.#verify = verify
    this.#tell = tell
  }

  /** Returns the findings of the last run. @throws UsageError if there was none */
  get findings(): FindingsDocument {
    if (this.#found) return this.#found
    throw new UsageError('The migrations have not been verified yet.')
  }

  /** Begins a run. @throws UsageError if one is running, or if there is nothing to run it */
  start(): void {
    if (!this.#verify) throw new UsageError('This page cannot verify: run "npx migratest verify".')
    if (this.#running) throw new UsageError('A verification is running already.')
    void this.#run(this.#verify)
  }

  /** Ends the run after the check that is running. What was found until then is shown. */
  stop(): void {
    if (!this.#running || this.#running.isStopped) return
    this.#running.isStopped = true
    this.#progress({ stopping: true })
  }

  /** Notes that files were saved, so that what was found is about other texts. */
  outdate(): void {
    if (!this.#verified || this.#verified.outdated) return
    this.#verified = { ...this.#verified, outdated: true }
    this.#tell({ verified: this.#verified })
  }

  // --- internal ---

  #last: NonNullable<UiState['verifying']> = BEGINNING

  async #run(verify: Verify): Promise<void> {
    const running = { isStopped: false }
    this.#running = running
    this.#last = BEGINNING
    this.#tell({ verifying: BEGINNING, unverified: undefined })
    try {
      this.#found = await verify({
        isStopped: () => running.isStopped,
        onCheck: ({ name }, done, all) => this.#progress({ check: name, done, all }),
        onChecked: ({ ok }) => this.#progress({ failed: this.#last.failed + (ok ? 0 : 1), done: this.#last.done + 1 }),
      })
      this.#verified = { at: Date.now(), outdated: false }
      this.#tell({ verified: this.#verified, verifying: undefined })
    } catch (error) {
      this.#tell({ unverified: failureOf(error), verifying: undefined })
    } finally {
      this.#running = undefined
    }
  }

  #progress(part: Partial<NonNullable<UiState['verifying']>>): void {
    this.#last = { ...this.#last, ...part }
    this.#tell({ verifying: this.#last })
  }
}

// --- internal ---

const BEGINNING: NonNullable<UiState['verifying']> = { done: 0, all: 0, check: '', failed: 0, stopping: false }
