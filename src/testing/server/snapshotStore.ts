/**
 * The snapshots on a server: lists and verifies them, and drops the least recently used when they take too much room.
 */
import { ConnectionError } from '../../migrate/errors.ts'
import { now } from '../../migrate/realTime.ts'
import type { SnapshotStorage } from './databaseServer.ts'
import { readMark, type SnapshotMark, writeMark } from './marks.ts'
import { NoSpaceError } from './noSpace.ts'
import type { Registry } from './registry.ts'

export interface FreezeAbout {
  /** `undefined` if the content cannot be hashed. */
  readonly digest: string | undefined
  readonly keys: readonly string[]
}

export abstract class SnapshotStore<R extends Registry> implements SnapshotStorage {
  protected readonly registry: R
  readonly #budgetBytes: number
  /** Marks of the snapshots that have been listed or made, by key. */
  readonly #marks = new Map<string, SnapshotMark>()
  /** Keys of the snapshots whose digest was compared with their mark, or that this process made. */
  readonly #verified = new Set<string>()
  /** Keys whose databases could not be copied; trying again would only waste time. */
  readonly #refused = new Set<string>()

  constructor(registry: R, budgetBytes: number) {
    this.registry = registry
    this.#budgetBytes = budgetBytes
  }

  /** Makes an empty database. @throws NoSpaceError */
  abstract createEmpty(name: string): Promise<void>
  /**
   * Creates the database `name` as a copy of the snapshot. Returns `false` if the snapshot has been dropped meanwhile
   * or cannot be copied at the moment.
   */
  protected abstract copyOf(key: string, name: string, mark: SnapshotMark | undefined): Promise<boolean>
  /**
   * Keeps a complete copy of `name` under the snapshot's name, and stores its mark. On failure nothing is left. Returns
   * `undefined` if a copy would be incomplete.
   */
  protected abstract keepCopy(name: string, key: string, about: FreezeAbout): Promise<SnapshotMark | undefined>
  /** Returns `true` for errors that need no message: another process was first, or there is no room. */
  protected abstract isExpected(error: unknown): boolean
  protected abstract isFull(error: unknown): boolean
  /** Called when a copy could not be made, for whatever reason. */
  protected async failed(_key: string, _error: Error): Promise<void> {}

  /**
   * Finds the last of these keys that has a snapshot, and the latest point at which a similar chain diverges from this
   * one.
   */
  async look(keys: readonly string[]): Promise<{ nearest: string | undefined; parted: number }> {
    let parted = 0
    const there = new Set<string>()
    for (const { name, comment, valid } of await this.registry.list(PREFIX)) {
      const mark = readMark(comment)
      // If dropping a database was interrupted, its name is still taken.
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
      // Even if the snapshot cannot be copied, the migrations can still run.
      if (!(error instanceof ConnectionError || this.isExpected(error))) await this.failed(key, error as Error)
      return false
    }
    if (mark && now() - Date.parse(mark.used) > USED_EVERY_MS) await this.#markUsed(key, mark)
    return true
  }

  async drop(key: string): Promise<void> {
    this.#marks.delete(key)
    await this.registry.dropIfUnused(snapshotName(key)).catch(() => undefined)
  }

  isVerified(key: string): boolean {
    return this.#verified.has(key)
  }

  /** Drops the snapshot if its digest differs or there is none; whoever needs it next makes it again. */
  async verify(key: string, digest: string | undefined): Promise<boolean> {
    const mark = this.#marks.get(key)
    if (mark && digest !== undefined && mark.digest === digest) {
      this.#verified.add(key)
      await this.#markUsed(key, mark)
      return true
    }
    await this.drop(key)
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

  /**
   * Gives up on a snapshot that could be made but cannot be copied: trying again for each test would only waste time.
   */
  protected refuse(key: string, error: Error): void {
    this.#refused.add(key)
    tellOnce(`a snapshot cannot be copied, so the migrations run each time: ${error.message}`)
  }

  /** Returns the mark of a snapshot that is being made. */
  protected markOf(bytes: number, { digest, keys }: FreezeAbout): SnapshotMark {
    const chain = keys.map((part) => part.slice(0, 8)).join('')
    return { kind: 'snapshot', bytes, used: new Date(now()).toISOString(), digest, chain }
  }

  /**
   * Runs `work`. If the disk is full, drops snapshots, least recently used first, and tries again, so that tests do not
   * fail.
   * @param afterwards called each time the disk was full
   * @throws NoSpaceError if no snapshot is left to drop
   */
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

  /** Records that the snapshot was used just now: the least recently used ones are dropped first. */
  async #markUsed(key: string, mark: SnapshotMark): Promise<void> {
    const used = { ...mark, used: new Date(now()).toISOString() }
    this.#marks.set(key, used)
    await this.registry.write(snapshotName(key), writeMark(used)).catch(() => undefined)
  }

  /** Lists all snapshots, the least recently used first. */
  async #all(): Promise<{ name: string; mark: SnapshotMark }[]> {
    const found = (await this.registry.list(PREFIX)).flatMap(({ name, comment }) => {
      const mark = readMark(comment)
      return mark?.kind === 'snapshot' ? [{ name, mark }] : []
    })
    return found.sort((a, b) => (a.mark.used < b.mark.used ? -1 : 1))
  }

  /** Drops the least recently used snapshots beyond the budget, except one that is being copied. */
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

  /**
   * Drops the least recently used snapshot that is not in use; never the most recently used one.
   * @returns `true` if one was dropped
   */
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

/** The most bytes a database may have to become a snapshot; larger ones are not worth the memory. */
export const MOST_COPIED_BYTES = 64 * 2 ** 20

export function snapshotName(key: string): string {
  return `${PREFIX}${key}`
}

// --- internal ---

/** The prefix of the names of snapshots. It also identifies the format of their marks. */
const PREFIX = 'migratest_snapshot_'

/** Milliseconds before the time of the last use is written again. */
const USED_EVERY_MS = 20_000

const told = new Set<string>()

function tellOnce(message: string): void {
  if (told.has(message)) return
  told.add(message)
  process.stderr.write(`migratest: ${message}\n`)
}

/** Returns how many leading keys the two chains share. */
function commonLength(chain: string, keys: readonly string[]): number {
  let n = 0
  while (n < keys.length && chain.slice(n * 8, n * 8 + 8) === keys[n]?.slice(0, 8)) n++
  return n
}
