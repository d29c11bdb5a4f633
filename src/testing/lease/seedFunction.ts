/**
 * Seeds that are functions: their rows are copied by every process in which the function is made of the same text and
 * values, unless it remembers something.
 */
import { fileURLToPath } from 'node:url'
import { now } from '../../migrate/realTime.ts'
import { shorten } from '../../source/folder.ts'
import type { FunctionKey } from '../../source/function/key.ts'
import { textOfObject } from '../../source/identity.ts'
import type { SeedTarget } from './options.ts'
import { runText, tellUnshared, WITH_PLUGIN } from './run.ts'
import type { SeedKey } from './seedFile.ts'

// biome-ignore lint/suspicious/noExplicitAny: a seed takes a client of whatever library its test has
type Run = (db: SeedTarget<any>) => unknown

/** Returns what is known of a function; the same object for the same function. */
export function seedFunction(run: Run): SeedFunction {
  const found = known.get(run) ?? new SeedFunction(run)
  known.set(run, found)
  return found
}

class SeedFunction {
  readonly #run: Run
  #found: FunctionKey | undefined
  /** Why each process has to run it, once that has been noticed. */
  #own: string | undefined
  #hint: string | undefined

  constructor(run: Run) {
    this.#run = run
  }

  /** Tells it apart from others of this process, and from itself before it turned out to remember something. */
  get name(): string {
    return `${textOfObject(this.#run)}${this.#own === undefined ? '' : ' of this process'}`
  }

  /**
   * `true` if its key has been computed. That should be when a test begins and not while its file is loaded, since the
   * variables that it uses may get their values in between.
   */
  get isKnown(): boolean {
    return this.#found !== undefined
  }

  /**
   * Returns what determines its rows: computed once, so that one process runs it once, and again after a change of a
   * file or variable of the environment that it reads.
   */
  async key(): Promise<SeedKey> {
    const found = await this.#key()
    const files = 'hash' in found ? found.files : []
    const variables = 'hash' in found ? found.variables : []
    return { text: this.#textOf(found), files, variables, once: true }
  }

  /**
   * Runs it. If that changes a variable that it uses, an object in one, or a factory's counter, other processes cannot
   * do without the run: from then on, its key is of this process.
   */
  async run(option: string, db: SeedTarget): Promise<void> {
    const begun = now()
    if (this.#found !== undefined && this.#own === undefined) await this.#runAndLook(db)
    else await this.#run(db)
    if (this.#found !== undefined) tellUnshared(`${option}, a function`, this.#own, now() - begun, this.#hint)
  }

  // --- internal ---

  async #runAndLook(db: SeedTarget): Promise<void> {
    const before = await this.#look()
    const { noticingLoads } = await import('../../source/function/loads.ts')
    const { loaded } = await noticingLoads(() => this.#run(db))
    if (loaded !== undefined) this.#own = `it loads ${shorten(fileURLToPath(loaded))} while it runs`
    else if (!(isSame(before, this.#found) && isSame(before, await this.#look()))) {
      this.#own = 'its run changes a variable or an object that it uses'
    }
  }

  #textOf(found: FunctionKey): string {
    if ('unknown' in found) this.#own ??= found.unknown
    if (this.#own === undefined && 'hash' in found) {
      if (found.because === undefined) return `function ${found.hash}`
      const run = runText()
      if (run !== undefined) return `function ${found.hash} ${run}`
      this.#own = found.because
      this.#hint = WITH_PLUGIN
    }
    return textOfObject(this.#run)
  }

  async #key(): Promise<FunctionKey> {
    const known = this.#found
    if (known && 'hash' in known && known.reads === '') return known
    const found = await this.#look()
    const isStill = known && (!('hash' in known) || ('hash' in found && found.reads === known.reads))
    this.#found = isStill ? known : found
    return this.#found
  }

  async #look(): Promise<FunctionKey> {
    const { keyOfFunction } = await import('../../source/function/key.ts')
    return keyOfFunction(this.#run)
  }
}

// --- internal ---

const known = new WeakMap<Run, SeedFunction>()

function isSame(one: FunctionKey, other: FunctionKey | undefined): boolean {
  return 'hash' in one && other !== undefined && 'hash' in other && one.hash === other.hash
}
