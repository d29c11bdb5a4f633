/**
 * The test databases of a server: which exist, which process owns each, and whether that process is alive. The server
 * itself stores this: a process holds a lock while it is connected, and the names of its databases contain the number
 * of that lock. Neither clocks nor process ids are compared, so runs, worktrees and machines that share a server need
 * not know of each other.
 */

import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { URL } from 'node:url'
import { now } from '../../migrate/realTime.ts'
import { ENDING_MS } from '../ending.ts'
import { readMark, writeMark } from './marks.ts'

/** The kinds of locks. A process holds `living` as long as it lives, the others only while it does something. */
export type LockKind = 'living' | 'claimed' | 'building' | 'ticket' | 'all'

export interface FoundDatabase {
  readonly name: string
  /** The mark stored with the database (its comment); empty if there is none. */
  readonly comment: string
  readonly connections: number
  /** `false` if an earlier attempt to drop it was interrupted. */
  readonly valid: boolean
}

export interface RegistryOptions {
  /** An administrator's URL. */
  readonly url: string
  /** `true` if we started the server on demand: it holds no user data, and its databases go with it. */
  readonly ours: boolean
  /** The prefix of the names of all test databases on this server. */
  readonly family: string
  /** Eight hex digits that identify this process. */
  readonly token: string
  readonly maxConnections: number
}

/** The most unused databases that a sweep leaves for other processes. */
const MOST_FREE = 12

/** With fewer connections than this, the number of tests that have a database at the same time is limited. */
const FEW_CONNECTIONS = 60

export abstract class Registry {
  /** An administrator's URL. */
  readonly url: string
  /** `true` if we started the server on demand: it holds no user data, and its databases go with it. */
  readonly ours: boolean
  protected readonly family: string
  protected readonly token: string
  protected readonly few: boolean
  readonly #maxConnections: number
  #count = 0
  readonly #tickets = new Set<number>()
  /**
   * Databases of processes that have ended, which this process has claimed or is about to drop. The server's lock does
   * not exclude one from the other: a session can acquire its own locks again.
   */
  readonly #taken = new Set<string>()
  /**
   * The last build in this process, by snapshot key. The server's lock does not exclude builds within one process: a
   * session can acquire its own locks again.
   */
  readonly #building = new Map<string, Promise<void>>()

  protected constructor({ url, ours, family, token, maxConnections }: RegistryOptions) {
    this.url = url
    this.ours = ours
    this.family = family
    this.token = token
    this.#maxConnections = maxConnections
    this.few = maxConnections < FEW_CONNECTIONS
  }

  /** Calls the listener when the connection is lost, and the `living` lock with it. */
  abstract onLost(listener: () => void): void
  /**
   * Runs SQL that affects the whole server. Many workers start at once, so each waits for the others: two that create
   * the same role at the same time would collide.
   */
  abstract setUp(statements: readonly string[]): Promise<void>
  /** Lists the databases whose names begin with `prefix`, in the order in which they were made. */
  abstract list(prefix: string): Promise<FoundDatabase[]>
  /** Stores a mark with a database (or removes it), for other processes and for people. */
  abstract write(name: string, comment: string | null): Promise<void>
  /** Drops a database and ends all sessions connected to it. Does nothing if the database does not exist. */
  abstract drop(name: string): Promise<void>
  /** Drops a database. @throws if a session is connected to it */
  abstract dropIfUnused(name: string): Promise<void>

  /** Tries to take a lock without waiting. Returns `false` if another session holds it. */
  protected abstract tryLock(kind: LockKind, which: string): Promise<boolean>
  protected abstract unlock(kind: LockKind, which: string): Promise<void>
  /** Returns `true` if the process with that token is connected. */
  protected abstract isLiving(token: string): Promise<boolean>
  protected abstract countLiving(): Promise<number>

  /** Returns a database name that no other process uses. */
  newName(): string {
    return `${this.family}${this.token}_${this.#count++}`
  }

  urlOf(name: string): string {
    const url = new URL(this.url)
    url.pathname = `/${name}`
    return url.href
  }

  /** The number of databases that may be made and connected before tests need them. */
  get ahead(): number {
    return this.few ? 0 : Math.min(8, Math.floor(this.#maxConnections / 12))
  }

  /**
   * Waits for a ticket, if connections are few: the number of tickets limits how many tests have a database at the same
   * time. Returns the function that gives the ticket back.
   */
  async ticket(): Promise<() => Promise<void>> {
    if (!this.few) return async () => undefined
    for (;;) {
      const processes = Math.max(await this.countLiving(), availableParallelism(), 8)
      // Each test needs two connections: its own and one for migrating. One connection stays free, so that tests that
      // wait for theirs make progress in turn.
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

  /**
   * Runs `work` while no other process, on any machine, builds the same snapshot. The others wait until this one is
   * done or gone.
   */
  async exclusively<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#building.get(key)
    const turn = Promise.withResolvers<void>()
    this.#building.set(key, turn.promise)
    try {
      await before
      // We do not wait for ever for a build that hangs. Two processes then build the same snapshot, and the second
      // finds it finished.
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

  /** Marks a database as free: once this process is gone, another may claim it. */
  async markFree(name: string, key: string): Promise<void> {
    await this.write(name, writeMark({ kind: 'free', key }))
  }

  async unmark(name: string): Promise<void> {
    await this.write(name, null)
  }

  /** Claims an unused copy of that snapshot, left by a process that has ended. Returns its name. */
  async claim(key: string): Promise<string | undefined> {
    const mark = writeMark({ kind: 'free', key })
    for (const database of await this.list(this.family)) {
      if (database.comment !== mark || !(await this.#takeLeft(database))) continue
      await this.unmark(database.name)
      return database.name
    }
    return undefined
  }

  /**
   * The `--server` option for the printed command, without the password; empty if the command finds the server without
   * it.
   */
  get serverOption(): string {
    if (this.ours || this.url === process.env.MIGRATEST_SERVER_URL) return ''
    const url = new URL(this.url)
    url.password = ''
    return ` --server '${url.href}'`
  }

  /** Drops the kept databases of failed tests except the `newest` ones. Databases with a connection stay. */
  async dropFailedBeyond(newest: number): Promise<void> {
    const kept = (await this.list(this.family)).flatMap(({ name, comment, connections }) => {
      const mark = readMark(comment)
      return mark?.kind === 'kept' && mark.failed ? [{ name, connections, at: mark.at ?? '' }] : []
    })
    const oldest = kept.sort((a, b) => (a.at < b.at ? 1 : -1)).slice(newest)
    // Dropping a database with connections would have to wait for them.
    for (const { name } of oldest.filter(({ connections }) => connections === 0))
      await this.dropIfUnused(name).catch(() => undefined)
  }

  /**
   * Drops the databases of processes that have ended, and kept databases whose time is over. Only one process sweeps at
   * a time; a second one returns, or, if a database may have been left just now, waits up to `patienceMs` for its turn.
   * @param all also drop databases marked as free
   */
  async sweep({ all = !this.ours, patienceMs = 0 } = {}): Promise<void> {
    const deadline = now() + patienceMs
    while (!(await this.tryLock('all', 'sweeping'))) {
      if (now() >= deadline) return
      await sleep(25)
    }
    try {
      // To the server, a process that has just ended still counts as connected.
      const again = now() + Math.min(patienceMs, ENDING_MS.atMost)
      while ((await this.#sweepOnce(all)) > 0 && now() < again) await sleep(25)
    } finally {
      await this.unlock('all', 'sweeping').catch(() => undefined)
    }
  }

  // --- internal ---

  /** Sweeps once. @returns the number of databases that seem to be in use */
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

  /**
   * Takes a database whose process has ended, so that no other caller in any process can. A session that is still
   * connected may belong to a process that only lost the connection that held its lock, so such a database stays.
   */
  async #takeLeft({ name, comment, connections }: FoundDatabase): Promise<boolean> {
    if (connections > 0 || this.#isOurs(name)) return false
    this.#taken.add(name)
    if (!(await this.isLiving(this.#tokenOf(name))) && (await this.tryLock('claimed', name))) {
      // Another process may have claimed it, and even ended, since we listed it.
      const [found] = await this.list(name)
      if (found?.name === name && found.connections === 0 && found.comment === comment) return true
      await this.unlock('claimed', name)
    }
    this.#taken.delete(name)
    return false
  }

  #isOurs(name: string): boolean {
    return this.#tokenOf(name) === this.token || this.#taken.has(name)
  }

  #tokenOf(name: string): string {
    return name.slice(this.family.length).split('_')[0] ?? ''
  }

  /** Drops a database whose process has ended. @returns `false` if it is in use */
  async #dropIfLeft(database: FoundDatabase): Promise<boolean> {
    const { name } = database
    if (!/^[0-9a-f]{8}$/.test(this.#tokenOf(name))) return true
    if (!(await this.#takeLeft(database))) return false
    // Even without a connection a database can be in use (by a prepared transaction, for instance); `drop` then ends
    // whatever holds it.
    await this.dropIfUnused(name).catch(() => this.drop(name).catch(() => undefined))
    await this.unlock('claimed', name)
    this.#taken.delete(name)
    return true
  }
}

// --- internal ---

const BUILD_MS = 60_000
