/**
 * Test databases of a server: which there are, whose they are, and whether that process lives. The server itself knows: a
 * process holds a lock while it is connected, and its databases carry the number of that lock. No clocks, no process ids,
 * so runs, worktrees and machines that share a server need not know of each other.
 */

import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { URL } from 'node:url'
import { now } from '../../migrate/realTime.ts'
import { ENDING_MS } from '../ending.ts'
import { readMark, writeMark } from './marks.ts'

/** What is locked: by a process as long as it lives, and for as long as it does something. */
export type LockKind = 'living' | 'claimed' | 'building' | 'ticket' | 'all'

export interface FoundDatabase {
  readonly name: string
  /** What is written on it; empty where nothing is. */
  readonly comment: string
  readonly connections: number
  /** False where dropping it was broken off. */
  readonly valid: boolean
}

export interface RegistryOptions {
  /** Of an administrator. */
  readonly url: string
  /** Made on demand, so that nobody's data is on it, and all goes with it. */
  readonly ours: boolean
  /** What the names of all test databases of this server begin with. */
  readonly family: string
  /** Eight hex digits: this process's. */
  readonly token: string
  readonly maxConnections: number
}

/** Databases without a test that are left for other processes. */
const MOST_FREE = 12

/** Below this, how many tests have a database at a time is counted. */
const FEW_CONNECTIONS = 60

export abstract class Registry {
  /** Of an administrator. */
  readonly url: string
  /** Made on demand, so that nobody's data is on it, and all goes with it. */
  readonly ours: boolean
  protected readonly family: string
  protected readonly token: string
  protected readonly few: boolean
  readonly #maxConnections: number
  #count = 0
  readonly #tickets = new Set<number>()
  /** Made by a process that is gone, and ours by now. */
  readonly #claimed = new Set<string>()
  /** By key, the last one here: a session gets its own locks again. */
  readonly #building = new Map<string, Promise<void>>()

  protected constructor({ url, ours, family, token, maxConnections }: RegistryOptions) {
    this.url = url
    this.ours = ours
    this.family = family
    this.token = token
    this.#maxConnections = maxConnections
    this.few = maxConnections < FEW_CONNECTIONS
  }

  /** Called when the connection, and with it the lock, is lost. */
  abstract onLost(listener: () => void): void
  /** SQL of the whole server, one after another, though many workers begin at once: two who make the same role would meet. */
  abstract setUp(statements: readonly string[]): Promise<void>
  /** In the order in which they were made. */
  abstract list(prefix: string): Promise<FoundDatabase[]>
  /** Writes on a database, for other processes and for people. */
  abstract write(name: string, comment: string | null): Promise<void>
  /** Whatever is connected to it is ended. A database that is not there is fine. */
  abstract drop(name: string): Promise<void>
  /** Fails where somebody is connected. */
  abstract dropIfUnused(name: string): Promise<void>

  /** Fails at once where another session has it. */
  protected abstract tryLock(kind: LockKind, which: string): Promise<boolean>
  protected abstract unlock(kind: LockKind, which: string): Promise<void>
  /** Whether the process of that token is connected. */
  protected abstract isLiving(token: string): Promise<boolean>
  protected abstract countLiving(): Promise<number>

  /** A name that no other process gives. */
  newName(): string {
    return `${this.family}${this.token}_${this.#count++}`
  }

  urlOf(name: string): string {
    const url = new URL(this.url)
    url.pathname = `/${name}`
    return url.href
  }

  /** How many databases may be made and connected ahead of the tests that need them. */
  get ahead(): number {
    return this.few ? 0 : Math.min(8, Math.floor(this.#maxConnections / 12))
  }

  /** One of the lot that says how many tests can have a database at a time, where connections are few. */
  async ticket(): Promise<() => Promise<void>> {
    if (!this.few) return async () => undefined
    for (;;) {
      const processes = Math.max(await this.countLiving(), availableParallelism(), 8)
      // The test's own connection and one for migrating; one is left, so that those who wait for theirs go on in turn.
      const tickets = Math.max(1, Math.floor((this.#maxConnections - processes - 1) / 2))
      for (let n = 0; n < tickets; n++) {
        if (this.#tickets.has(n)) continue
        this.#tickets.add(n)
        if (await this.tryLock('ticket', String(n))) {
          return async () => {
            await this.unlock('ticket', String(n)).catch(() => undefined)
            this.#tickets.delete(n)
          }
        }
        this.#tickets.delete(n)
      }
      await sleep(25)
    }
  }

  /** Others who want to build the same wait until this one is done, on whatever machine they are, or gone. */
  async exclusively<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#building.get(key)
    const turn = Promise.withResolvers<void>()
    this.#building.set(key, turn.promise)
    try {
      await before
      // One that hangs is not waited for: then two build the same, and the second finds it there.
      const deadline = now() + BUILD_MS
      let locked = await this.tryLock('building', key)
      while (!locked && now() < deadline) {
        await sleep(15)
        locked = await this.tryLock('building', key)
      }
      return await work().finally(() => locked && this.unlock('building', key).catch(() => undefined))
    } finally {
      turn.resolve()
      if (this.#building.get(key) === turn.promise) this.#building.delete(key)
    }
  }

  /** Lets whoever comes next have it, once this process is gone. */
  async markFree(name: string, key: string): Promise<void> {
    await this.write(name, writeMark({ kind: 'free', key }))
  }

  async unmark(name: string): Promise<void> {
    await this.write(name, null)
  }

  /** A copy of that snapshot which a process that is gone has left unused. */
  async claim(key: string): Promise<string | undefined> {
    const mark = writeMark({ kind: 'free', key })
    for (const { name, comment } of await this.list(this.family)) {
      // A session gets its own locks again: what this process has, it knows.
      if (comment !== mark || this.#isOurs(name)) continue
      this.#claimed.add(name)
      if (await this.#claimOne(name, mark)) return name
      this.#claimed.delete(name)
    }
    return undefined
  }

  /** For the command, where it would not find the server by itself: without the password. */
  get serverOption(): string {
    if (this.ours || this.url === process.env.MIGRATEST_SERVER_URL) return ''
    const url = new URL(this.url)
    url.password = ''
    return ` --server '${url.href}'`
  }

  /** The oldest go first; not those that somebody looks at. */
  async dropFailedBeyond(newest: number): Promise<void> {
    const kept = (await this.list(this.family)).flatMap(({ name, comment, connections }) => {
      const mark = readMark(comment)
      return mark?.kind === 'kept' && mark.failed ? [{ name, connections, at: mark.at ?? '' }] : []
    })
    const oldest = kept.sort((a, b) => (a.at < b.at ? 1 : -1)).slice(newest)
    // The server would wait for those who are connected.
    for (const { name } of oldest.filter(({ connections }) => connections === 0))
      await this.dropIfUnused(name).catch(() => undefined)
  }

  /**
   * Drops what processes left that are gone, and what was kept for long enough. Whoever sweeps already is enough, unless
   * something has just been left: then `patienceMs` is how long it is waited for.
   * @param all also those that are free to be used
   */
  async sweep({ all = !this.ours, patienceMs = 0 } = {}): Promise<void> {
    const deadline = now() + patienceMs
    while (!(await this.tryLock('all', 'sweeping'))) {
      if (now() >= deadline) return
      await sleep(25)
    }
    try {
      // A process that ended a moment ago is still connected, as the server sees it.
      const again = now() + Math.min(patienceMs, ENDING_MS.atMost)
      while ((await this.#sweepOnce(all)) > 0 && now() < again) await sleep(25)
    } finally {
      await this.unlock('all', 'sweeping').catch(() => undefined)
    }
  }

  // --- internal ---

  /** @returns how many databases seem to be in use */
  async #sweepOnce(all: boolean): Promise<number> {
    const found = (await this.list(this.family)).filter(({ name }) => !this.#isOurs(name))
    let free = 0
    let used = 0
    for (const database of found.toReversed()) {
      const mark = readMark(database.comment)
      if (mark?.kind === 'kept') {
        if (mark.until !== undefined && Date.parse(mark.until) < now())
          await this.dropIfUnused(database.name).catch(() => undefined)
      } else if ((mark?.kind !== 'free' || all || ++free > MOST_FREE) && !(await this.#dropIfLeft(database))) used++
    }
    return used
  }

  async #claimOne(name: string, mark: string): Promise<boolean> {
    if ((await this.isLiving(this.#tokenOf(name))) || !(await this.tryLock('claimed', name))) return false
    // Somebody may have had it since it was listed.
    const [still] = await this.list(name)
    if (still?.name === name && still.comment === mark && still.connections === 0) {
      await this.unmark(name)
      return true
    }
    await this.unlock('claimed', name)
    return false
  }

  #isOurs(name: string): boolean {
    return this.#tokenOf(name) === this.token || this.#claimed.has(name)
  }

  #tokenOf(name: string): string {
    return name.slice(this.family.length).split('_')[0] ?? ''
  }

  /**
   * Nobody lives who made it. Who is connected to it may have lost the connection that held the lock.
   * @returns false where it is in use
   */
  async #dropIfLeft({ name, connections }: FoundDatabase): Promise<boolean> {
    const token = this.#tokenOf(name)
    if (!/^[0-9a-f]{8}$/.test(token)) return true
    if (connections > 0 || (await this.isLiving(token))) return false
    if (!(await this.tryLock('claimed', name))) return true
    // Nobody is connected, and still it may be in use: then whatever holds it is ended.
    await this.dropIfUnused(name).catch(() => this.drop(name).catch(() => undefined))
    await this.unlock('claimed', name)
    return true
  }
}

// --- internal ---

const BUILD_MS = 60_000
