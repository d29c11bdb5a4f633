/** Snapshots on a PostgreSQL server: databases that nobody can connect to, copied by CREATE DATABASE … TEMPLATE. */
import { setTimeout as sleep } from 'node:timers/promises'
import { copyDatabaseSettings } from '../../../database/postgres/databaseSettings.ts'
import {
  type Admin,
  canBeCopied,
  commentOn,
  createDatabase,
  dropIfUnused,
  renameDatabase,
  type Strategy,
} from '../../../database/postgres/databases.ts'
import { now } from '../../../migrate/realTime.ts'
import { type SnapshotMark, writeMark } from '../marks.ts'
import { type FreezeAbout, MOST_COPIED_BYTES, SnapshotStore, snapshotName } from '../snapshotStore.ts'
import type { PostgresRegistry } from './registry.ts'

export class PostgresSnapshots extends SnapshotStore<PostgresRegistry> {
  async createEmpty(name: string): Promise<void> {
    await this.#create((admin) => createDatabase(admin, name, { strategy: this.#strategyFor(undefined) }))
  }

  protected async copyOf(key: string, name: string, mark: SnapshotMark | undefined): Promise<boolean> {
    const template = snapshotName(key)
    await this.#create((admin) => createDatabase(admin, name, { template, strategy: this.#strategyFor(mark) }))
    if (mark?.belongings) {
      await copyDatabaseSettings(await this.registry.maker(), template, name).catch(async (error) => {
        await this.registry.drop(name).catch(() => undefined)
        throw error
      })
    }
    return true
  }

  /** Makes the copy under another name, with connections disallowed, and renames it when it is complete. */
  protected async keepCopy(name: string, key: string, about: FreezeAbout): Promise<SnapshotMark | undefined> {
    const scratch = `${this.registry.newName()}_snapshot`
    try {
      const admin = await this.registry.maker()
      const sizeBytes = await this.#whenAlone(admin, name)
      if (sizeBytes === undefined || sizeBytes > MOST_COPIED_BYTES) return undefined
      const strategy = await this.#probe(admin, name)
      await createDatabase(admin, scratch, {
        template: name,
        strategy: strategy ?? this.#strategyFor(undefined),
        closed: true,
      })
      const belongings = await copyDatabaseSettings(admin, name, scratch)
      const mark: SnapshotMark = { ...this.markOf(sizeBytes, about), belongings, strategy }
      await commentOn(admin, scratch, writeMark(mark))
      await renameDatabase(admin, scratch, snapshotName(key))
      return mark
    } catch (error) {
      await dropIfUnused(this.registry.admin, scratch).catch(() => undefined)
      throw error
    }
  }

  protected isExpected(error: unknown): boolean {
    return EXPECTED.includes(codeOf(error))
  }

  protected isFull(error: unknown): boolean {
    return codeOf(error) === DISK_FULL
  }

  // --- internal ---

  #create(work: (admin: Admin) => Promise<void>): Promise<void> {
    return this.withRoom(
      async () => work(await this.registry.maker()),
      // PostgreSQL 18.4 keeps reading ahead after a failed copy: another copy on this connection would fail.
      () => this.registry.renewMaker(),
    )
  }

  #strategyFor(mark: SnapshotMark | undefined): Strategy | undefined {
    if (this.registry.version < 150_000) return undefined
    // On a server that may lose data, copying files needs no flush.
    return mark?.strategy ?? (this.registry.volatile ? 'FILE_COPY' : probed.get(this.registry.url))
  }

  /**
   * Chooses a copy strategy for a durable server. The cost of flushing copied files is unknown, so both strategies are
   * tried and timed once.
   */
  async #probe(admin: Admin, template: string): Promise<Strategy | undefined> {
    if (this.registry.volatile || this.registry.version < 150_000) return undefined
    if (probed.has(this.registry.url)) return probed.get(this.registry.url)
    const times: Record<string, number> = {}
    for (const strategy of ['WAL_LOG', 'FILE_COPY'] as const) {
      const name = `${this.registry.newName()}_probe`
      const begun = now()
      await createDatabase(admin, name, { template, strategy, closed: true })
      times[strategy] = now() - begun
      await dropIfUnused(admin, name)
    }
    const chosen = (times.FILE_COPY ?? 0) < (times.WAL_LOG ?? 0) ? 'FILE_COPY' : 'WAL_LOG'
    probed.set(this.registry.url, chosen)
    return chosen
  }

  /**
   * Returns the database's size as soon as nobody is connected to it: sessions that were ended a moment ago may still
   * be listed. Returns `undefined` if it still cannot be copied then.
   */
  async #whenAlone(admin: Admin, name: string): Promise<number | undefined> {
    for (let tries = 0; tries < 5; tries++) {
      if (tries > 0) await sleep(20)
      const { whole, sizeBytes } = await canBeCopied(admin, name)
      if (whole) return sizeBytes
    }
    return undefined
  }
}

// --- internal ---

const DISK_FULL = '53100'

/** SQLSTATEs: database exists, database in use, no room, no connection left. */
const EXPECTED = ['42P04', '55006', DISK_FULL, '53300']

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? ''
}

/** The strategy chosen for each server, by URL. */
const probed = new Map<string, Strategy>()
