/** Snapshots on a server: which there are, which are whole, and which go when they take too much room. */
import { ConnectionError } from '../../migrate/errors.ts'
import { now } from '../../migrate/realTime.ts'
import type { SnapshotStorage } from './databaseServer.ts'
import { readMark, type SnapshotMark, writeMark } from './marks.ts'
import { NoSpaceError } from './noSpace.ts'
import type { Registry } from './registry.ts'

export interface FreezeAbout {
  readonly digest: string
  readonly keys: readonly string[]
}

export abstract class SnapshotStore<R extends Registry> implements SnapshotStorage {
  protected readonly registry: R
  readonly #budgetBytes: number
  /** What is known of those that were looked at. */
  readonly #marks = new Map<string, SnapshotMark>()
  /** Compared with what is written on them, or made here. */
  readonly #verified = new Set<string>()
  /** Keys whose databases could not be copied: asking again would only take time. */
  readonly #refused = new Set<string>()

  constructor(registry: R, budgetBytes: number) {
    this.registry = registry
    this.#budgetBytes = budgetBytes
  }

  /** Makes an empty database. @throws NoSpaceError */
  abstract createEmpty(name: string): Promise<void>
  /** Makes `name` a copy of it. False where the snapshot went meanwhile, or cannot be copied just now. */
  protected abstract copyOf(key: string, name: string, mark: SnapshotMark | undefined): Promise<boolean>
  /**
   * Keeps a copy under the snapshot's name, with what is written on it; whole, or not at all. Undefined where a copy would
   * lack something.
   */
  protected abstract keepCopy(name: string, key: string, about: FreezeAbout): Promise<SnapshotMark | undefined>
  /** Whether that is no reason for words: another process was first, or there is no room. */
  protected abstract isExpected(error: unknown): boolean
  protected abstract isFull(error: unknown): boolean
  /** A copy could not be made, for whatever reason. */
  protected async failed(_key: string, _error: Error): Promise<void> {}

  /** The last of these keys that there is a snapshot of, and where a chain like this one was parted from at the latest. */
  async look(keys: readonly string[]): Promise<{ nearest: string | undefined; parted: number }> {
    let parted = 0
    const there = new Set<string>()
    for (const { name, comment, valid } of await this.registry.list(PREFIX)) {
      const mark = readMark(comment)
      // Where dropping one was broken off, its name is still taken.
      if (!valid) await this.registry.dropIfUnused(name).catch(() => undefined)
      if (mark?.kind !== 'snapshot' || !valid) continue
      const key = name.slice(PREFIX.length)
      there.add(key)
      this.#marks.set(key, mark)
      if (!keys.includes(key)) parted = Math.max(parted, commonLength(mark.chain, keys))
    }
    return { nearest: keys.findLast((key) => there.has(key)), parted }
  }

  async clone(key: string, name: string): Promise<boolean> {
    const mark = this.#marks.get(key)
    try {
      if (!(await this.copyOf(key, name, mark))) return false
    } catch (error) {
      if (error instanceof NoSpaceError) throw error
      // Whatever keeps it from being copied, the migrations can still run.
      if (!(error instanceof ConnectionError || this.isExpected(error))) await this.failed(key, error as Error)
      return false
    }
    if (mark && now() - Date.parse(mark.used) > USED_EVERY_MS) await this.#markUsed(key, mark)
    return true
  }

  isVerified(key: string): boolean {
    return this.#verified.has(key)
  }

  /** One that does not hold it is dropped, and made again by who needs it. */
  async verify(key: string, digest: string): Promise<boolean> {
    const mark = this.#marks.get(key)
    if (mark?.digest === digest) {
      this.#verified.add(key)
      await this.#markUsed(key, mark)
      return true
    }
    await this.registry.dropIfUnused(snapshotName(key)).catch(() => undefined)
    this.#marks.delete(key)
    return false
  }

  canFreeze(key: string): boolean {
    return !this.#refused.has(key)
  }

  async freeze(name: string, key: string, about: FreezeAbout): Promise<boolean> {
    if (this.#refused.has(key)) return false
    try {
      const mark = await this.keepCopy(name, key, about)
      if (!mark) {
        this.#refused.add(key)
        return false
      }
      this.#marks.set(key, mark)
      this.#verified.add(key)
      await this.#dropSurplus(key)
      return true
    } catch (error) {
      if (!this.isExpected(error)) {
        const { message } = error as Error
        tellOnce(`a snapshot could not be made, so the migrations run each time: ${message}`)
      }
      return false
    }
  }

  /** It can be kept, and not be copied: trying once more for each test would only take time. */
  protected refuse(key: string, error: Error): void {
    this.#refused.add(key)
    tellOnce(`a snapshot cannot be copied, so the migrations run each time: ${error.message}`)
  }

  /** What is written on a snapshot that is made now. */
  protected markOf(bytes: number, { digest, keys }: FreezeAbout): SnapshotMark {
    const chain = keys.map((part) => part.slice(0, 8)).join('')
    return { kind: 'snapshot', bytes, used: new Date(now()).toISOString(), digest, chain }
  }

  /** Where the disk is full, snapshots go before tests fail. @param afterwards when it was full */
  protected async withRoom(work: () => Promise<void>, afterwards: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await work()
      } catch (cause) {
        if (!this.isFull(cause)) throw cause
        await afterwards()
        if (await this.#dropOldest()) continue
        throw new NoSpaceError('There is no room left on the server for another test database.', {
          cause,
          hint: 'Kept databases take room too: "migratest databases gc" removes them. A container has as much as its tmpfs, embedded binaries what is free in /dev/shm or the temporary folder.',
        })
      }
    }
  }

  // --- internal ---

  /** Who has been used lately stays. */
  async #markUsed(key: string, mark: SnapshotMark): Promise<void> {
    const used = { ...mark, used: new Date(now()).toISOString() }
    this.#marks.set(key, used)
    await this.registry.write(snapshotName(key), writeMark(used)).catch(() => undefined)
  }

  /** Least lately used first. */
  async #all(): Promise<{ name: string; mark: SnapshotMark }[]> {
    const found = (await this.registry.list(PREFIX)).flatMap(({ name, comment }) => {
      const mark = readMark(comment)
      return mark?.kind === 'snapshot' ? [{ name, mark }] : []
    })
    return found.sort((a, b) => (a.mark.used < b.mark.used ? -1 : 1))
  }

  /** One that is just being copied stays. */
  async #dropSurplus(newest: string): Promise<void> {
    const all = await this.#all()
    let bytes = all.reduce((sum, { mark }) => sum + mark.bytes, 0)
    for (const { name, mark } of all) {
      if (bytes <= this.#budgetBytes) return
      if (name === snapshotName(newest)) continue
      await this.registry.dropIfUnused(name).catch(() => undefined)
      bytes -= mark.bytes
    }
  }

  /** @returns whether there was one to drop */
  async #dropOldest(): Promise<boolean> {
    for (const { name } of (await this.#all()).slice(0, -1)) {
      const dropped = await this.registry.dropIfUnused(name).then(
        () => true,
        () => false,
      )
      if (dropped) return true
    }
    return false
  }
}

/** Larger ones are not worth the memory. */
export const MOST_COPIED_BYTES = 64 * 2 ** 20

export function snapshotName(key: string): string {
  return `${PREFIX}${key}`
}

// --- internal ---

/** Of the format of what is written on them, too. */
const PREFIX = 'migratest_snapshot_'

/** Written so often at most. */
const USED_EVERY_MS = 20_000

const told = new Set<string>()

function tellOnce(message: string): void {
  if (told.has(message)) return
  told.add(message)
  process.stderr.write(`migratest: ${message}\n`)
}

/** How many of the first keys they share. */
function commonLength(chain: string, keys: readonly string[]): number {
  let n = 0
  while (n < keys.length && chain.slice(n * 8, n * 8 + 8) === keys[n]?.slice(0, 8)) n++
  return n
}
