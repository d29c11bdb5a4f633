/** Snapshots on a PostgreSQL server: databases that nobody can connect to, copied by CREATE DATABASE … TEMPLATE. */
import { setTimeout as sleep } from 'node:timers/promises'
import { copyBelongings } from '../../database/postgres/belongings.ts'
import {
  type Admin,
  canBeCopied,
  commentOn,
  createDatabase,
  dropIfUnused,
  listDatabases,
  renameDatabase,
  type Strategy,
} from '../../database/postgres/cluster.ts'
import { NoSpaceError } from '../noSpace.ts'
import { readMark, type SnapshotMark, writeMark } from './marks.ts'
import type { Registry } from './registry.ts'

export class SnapshotStore {
  readonly #registry: Registry
  readonly #budgetBytes: number
  /** What is known of those that were looked at. */
  readonly #marks = new Map<string, SnapshotMark>()
  /** Compared with what is written on them, or made here. */
  readonly #verified = new Set<string>()
  /** Keys whose databases could not be copied: asking again would only take time. */
  readonly #refused = new Set<string>()

  constructor(registry: Registry, budgetBytes: number) {
    this.#registry = registry
    this.#budgetBytes = budgetBytes
  }

  /** The last of these keys that there is a snapshot of, and where a chain like this one was parted from at the latest. */
  async look(keys: readonly string[]): Promise<{ nearest: string | undefined; parted: number }> {
    const found = await listDatabases(this.#registry.admin, PREFIX)
    let parted = 0
    const there = new Set<string>()
    for (const { name, comment, valid } of found) {
      const mark = readMark(comment)
      // Where dropping one was broken off, its name is still taken.
      if (!valid) await dropIfUnused(this.#registry.admin, name).catch(() => undefined)
      if (mark?.kind !== 'snapshot' || !valid) continue
      const key = name.slice(PREFIX.length)
      there.add(key)
      this.#marks.set(key, mark)
      if (!keys.includes(key)) parted = Math.max(parted, commonLength(mark.chain, keys))
    }
    return { nearest: keys.findLast((key) => there.has(key)), parted }
  }

  /** Makes `name` a copy of it. False where the snapshot went meanwhile, or cannot be copied just now. */
  async copy(key: string, name: string): Promise<boolean> {
    const mark = this.#marks.get(key)
    try {
      await this.#withRoom((admin) =>
        createDatabase(admin, name, { template: nameOf(key), strategy: this.#strategyFor(mark) }),
      )
    } catch (error) {
      if (error instanceof NoSpaceError) throw error
      // Whatever keeps it from being copied, the migrations can still run.
      return false
    }
    if (mark?.belongings) {
      await copyBelongings(await this.#registry.maker(), nameOf(key), name).catch(async (error) => {
        await this.#registry.drop(name).catch(() => undefined)
        throw error
      })
    }
    if (mark && Date.now() - Date.parse(mark.used) > USED_EVERY_MS) await this.#markUsed(key, mark)
    return true
  }

  /** Makes an empty database. @throws NoSpaceError */
  async createEmpty(name: string): Promise<void> {
    await this.#withRoom((admin) => createDatabase(admin, name, { strategy: this.#strategyFor(undefined) }))
  }

  isVerified(key: string): boolean {
    return this.#verified.has(key)
  }

  /** Whether a copy holds what the snapshot is to hold. One that does not is dropped, and made again by who needs it. */
  async verify(key: string, digest: string): Promise<boolean> {
    const mark = this.#marks.get(key)
    if (mark?.digest === digest) {
      this.#verified.add(key)
      await this.#markUsed(key, mark)
      return true
    }
    await dropIfUnused(this.#registry.admin, nameOf(key)).catch(() => undefined)
    this.#marks.delete(key)
    return false
  }

  canFreeze(key: string): boolean {
    return !this.#refused.has(key)
  }

  /**
   * Keeps a copy of a database that nobody is to be connected to, under another name until it is whole. Not where
   * a copy would lack something, and not where there is no room.
   */
  async freeze(name: string, key: string, about: { digest: string; keys: readonly string[] }): Promise<boolean> {
    if (this.#refused.has(key)) return false
    const scratch = `${this.#registry.newName()}_snapshot`
    try {
      const admin = await this.#registry.maker()
      const sizeBytes = await this.#whenAlone(admin, name)
      if (sizeBytes === undefined || sizeBytes > MOST_COPIED_BYTES) {
        this.#refused.add(key)
        return false
      }
      const strategy = await this.#probe(admin, name)
      await createDatabase(admin, scratch, {
        template: name,
        strategy: strategy ?? this.#strategyFor(undefined),
        closed: true,
      })
      const belongings = await copyBelongings(admin, name, scratch)
      const chain = about.keys.map((part) => part.slice(0, 8)).join('')
      const mark: SnapshotMark = {
        kind: 'snapshot',
        bytes: sizeBytes,
        used: new Date().toISOString(),
        digest: about.digest,
        belongings,
        strategy,
        chain,
      }
      await commentOn(admin, scratch, writeMark(mark))
      await renameDatabase(admin, scratch, nameOf(key))
      this.#marks.set(key, mark)
      this.#verified.add(key)
      await this.#dropSurplus(admin, key)
      return true
    } catch (error) {
      // Another process was first, or there is no room: the next who needs it makes it.
      const { code = '', message } = error as { code?: string; message: string }
      if (!EXPECTED.includes(code))
        tellOnce(`a snapshot could not be made, so the migrations run each time: ${message}`)
      await dropIfUnused(this.#registry.admin, scratch).catch(() => undefined)
      return false
    }
  }

  // --- internal ---

  /** Who has been used lately stays. */
  async #markUsed(key: string, mark: SnapshotMark): Promise<void> {
    const used = { ...mark, used: new Date().toISOString() }
    this.#marks.set(key, used)
    await commentOn(this.#registry.admin, nameOf(key), writeMark(used)).catch(() => undefined)
  }

  #strategyFor(mark: SnapshotMark | undefined): Strategy | undefined {
    if (this.#registry.version < 150_000) return undefined
    // Where data may be lost, copying files costs nobody a flush.
    return mark?.strategy ?? (this.#registry.volatile ? 'FILE_COPY' : probed.get(this.#registry.url))
  }

  /** What a durable server has to flush for a copy of files is not known: both ways are tried once. */
  async #probe(admin: Admin, template: string): Promise<Strategy | undefined> {
    if (this.#registry.volatile || this.#registry.version < 150_000) return undefined
    if (probed.has(this.#registry.url)) return probed.get(this.#registry.url)
    const times: Record<string, number> = {}
    for (const strategy of ['WAL_LOG', 'FILE_COPY'] as const) {
      const name = `${this.#registry.newName()}_probe`
      const begun = performance.now()
      await createDatabase(admin, name, { template, strategy, closed: true })
      times[strategy] = performance.now() - begun
      await dropIfUnused(admin, name)
    }
    const chosen = (times.FILE_COPY ?? 0) < (times.WAL_LOG ?? 0) ? 'FILE_COPY' : 'WAL_LOG'
    probed.set(this.#registry.url, chosen)
    return chosen
  }

  /** Its size, once nobody is connected any more: sessions that were ended a moment ago may still be there. */
  async #whenAlone(admin: Admin, name: string): Promise<number | undefined> {
    for (let tries = 0; tries < 5; tries++) {
      if (tries > 0) await sleep(20)
      const { whole, sizeBytes } = await canBeCopied(admin, name)
      if (whole) return sizeBytes
    }
    return undefined
  }

  /** Least lately used first. One that is just being copied stays. */
  async #dropSurplus(admin: Admin, newest: string): Promise<void> {
    const marks = (await listDatabases(admin, PREFIX)).map(({ name, comment }) => ({ name, mark: readMark(comment) }))
    const all = marks
      .flatMap(({ name, mark }) => (mark?.kind === 'snapshot' ? [{ name, bytes: mark.bytes, used: mark.used }] : []))
      .sort((a, b) => (a.used < b.used ? -1 : 1))
    let bytes = all.reduce((sum, snapshot) => sum + snapshot.bytes, 0)
    for (const snapshot of all) {
      if (bytes <= this.#budgetBytes) return
      if (snapshot.name === nameOf(newest)) continue
      await dropIfUnused(admin, snapshot.name).catch(() => undefined)
      bytes -= snapshot.bytes
    }
  }

  /** Where the disk is full, snapshots go before tests fail. */
  async #withRoom(work: (admin: Admin) => Promise<void>): Promise<void> {
    for (;;) {
      const admin = await this.#registry.maker()
      try {
        return await work(admin)
      } catch (cause) {
        if ((cause as { code?: string }).code !== DISK_FULL) throw cause
        // PostgreSQL 18.4 goes on reading ahead where the copy broke off: another copy on this connection fails.
        await this.#registry.renewMaker()
        if (await this.#dropOldest(this.#registry.admin)) continue
        throw new NoSpaceError('There is no room left on the server for another test database.', {
          cause,
          hint: 'Kept databases take room too: "migratest databases gc" removes them. A container has as much as its tmpfs, embedded binaries what is free in /dev/shm or the temporary folder.',
        })
      }
    }
  }

  /** @returns whether there was one to drop */
  async #dropOldest(admin: Admin): Promise<boolean> {
    const all = (await listDatabases(admin, PREFIX)).flatMap(({ name, comment }) => {
      const mark = readMark(comment)
      return mark?.kind === 'snapshot' ? [{ name, used: mark.used }] : []
    })
    for (const { name } of all.sort((a, b) => (a.used < b.used ? -1 : 1)).slice(0, -1)) {
      const dropped = await dropIfUnused(admin, name).then(
        () => true,
        () => false,
      )
      if (dropped) return true
    }
    return false
  }
}

// --- internal ---

/** Of the format of what is written on them, too. */
const PREFIX = 'migratest_snapshot_'

/** Larger ones are not worth the memory. */
const MOST_COPIED_BYTES = 64 * 2 ** 20

/** Written so often at most. */
const USED_EVERY_MS = 20_000

const DISK_FULL = '53100'

/** There already, in use, no room, no connection left. */
const EXPECTED = ['42P04', '55006', DISK_FULL, '53300']

const told = new Set<string>()

function tellOnce(message: string): void {
  if (told.has(message)) return
  told.add(message)
  process.stderr.write(`migratest: ${message}\n`)
}

/** By URL. */
const probed = new Map<string, Strategy>()

function nameOf(key: string): string {
  return `${PREFIX}${key}`
}

/** How many of the first keys they share. */
function commonLength(chain: string, keys: readonly string[]): number {
  let n = 0
  while (n < keys.length && chain.slice(n * 8, n * 8 + 8) === keys[n]?.slice(0, 8)) n++
  return n
}
