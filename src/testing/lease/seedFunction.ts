/**
 * Seeds that are functions: their rows are copied by every process in which the function is made of the same text and
 * values, unless it remembers something.
 */
import { now } from '../../migrate/realTime.ts'
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
  /** Goes up when a variable that it uses has got another value. */
  #changes = 0
  /** Why each process has to run it, once that has been noticed. */
  #own: string | undefined
  #hint: string | undefined

  constructor(run: Run) {
    this.#run = run
  }

  /** Tells it apart from others of this process, and from itself before it changed or turned out to remember something. */
  get name(): string {
    return `${textOfObject(this.#run)} ${this.#changes}${this.#own === undefined ? '' : ' of this process'}`
  }

  /**
   * Looks at what it is made of, when a test begins: a variable that it uses may have got its value since the file was
   * loaded, or another one since the test before. Once it is known that each process runs it, it runs once.
   */
  async look(): Promise<void> {
    if (this.#own !== undefined) return
    const found = await this.#look()
    if (this.#found !== undefined && !isSame(this.#found, found)) this.#changes++
    this.#found = found
    if (!('unknown' in found)) return
    this.#own = found.unknown
    // A file makes its own objects, so what they hold depends on nothing else.
    if (/^it uses (?:an? |this$)/.test(found.unknown)) this.#hint = IN_A_FILE
  }

  /** Returns what determines its rows: the same as long as its name is. */
  async key(): Promise<SeedKey> {
    if (this.#found === undefined) await this.look()
    const found = this.#found
    const { files = [], variables = [] } = found !== undefined && 'hash' in found ? found : {}
    return { text: this.#text(found), files, variables, once: true }
  }

  /**
   * Runs it. If that changes a variable that it uses, an object in one, or a factory's counter, or does something else
   * that a copy of the database lacks, other processes cannot do without the run: from then on, its key is of this
   * process.
   */
  async run(option: string, db: SeedTarget): Promise<void> {
    const begun = now()
    if (this.#found === undefined || this.#own !== undefined) await this.#call(db)
    else await this.#runAndLook(this.#found, db)
    if (this.#found !== undefined) this.#tell(`${option}, a function`, this.#found, now() - begun)
  }

  // --- internal ---

  async #runAndLook(found: FunctionKey, db: SeedTarget): Promise<void> {
    const before = await this.#look()
    const { noticingEffects } = await import('../../source/function/effects.ts')
    const { effect } = await noticingEffects(() => this.#call(db), db.url)
    // One whose text says that it reads something else runs once in a run, whether that is the network or not.
    const isNoticed = effect === NETWORK && 'hash' in found && found.because !== undefined
    if (effect !== undefined && !isNoticed) this.#own = effect
    else if (!(isSame(before, found) && isSame(before, await this.#look()))) {
      this.#own = 'its run changes a variable or an object that it uses'
      this.#hint = IN_A_FILE
    }
  }

  async #call(db: SeedTarget): Promise<void> {
    const run = this.#run
    await run(db)
  }

  #tell(shown: string, found: FunctionKey, ms: number): void {
    if (this.#own !== undefined) tellUnshared(shown, this.#own, ms, this.#hint)
    else if ('hash' in found && runText() === undefined) tellUnshared(shown, found.because, ms, WITH_PLUGIN)
  }

  #text(found: FunctionKey | undefined): string {
    if (this.#own !== undefined || found === undefined || 'unknown' in found) return textOfObject(this.#run)
    if (found.because === undefined) return `function ${found.hash}`
    return `function ${found.hash} ${runText() ?? textOfObject(this.#run)}`
  }

  async #look(): Promise<FunctionKey> {
    const { keyOfFunction } = await import('../../source/function/key.ts')
    return keyOfFunction(this.#run)
  }
}

// --- internal ---

const known = new WeakMap<Run, SeedFunction>()

/** The reason that {@link noticingEffects} gives after a request. */
const NETWORK = 'it uses the network'

const IN_A_FILE = ' In a file of its own, which shares no variables with the tests, it would run once for all of them.'

function isSame(one: FunctionKey, other: FunctionKey | undefined): boolean {
  return 'hash' in one && other !== undefined && 'hash' in other && one.hash === other.hash
}
