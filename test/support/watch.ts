/** A watch on a folder and an empty database, both gone with the test. */
import { mkdtempSync, readdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase, openSchemaReader } from '../../src/database/open.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import type { Schema } from '../../src/schema/schema.ts'
import { directory } from '../../src/source/directory.ts'
import type { WatchEvent } from '../../src/watch/events.ts'
import type { WatchOptions } from '../../src/watch/options.ts'
import { Watcher } from '../../src/watch/watcher.ts'
import { test as base } from './database.ts'
import { anyPostgres } from './servers.ts'

export class Watched {
  readonly folder: string
  readonly events: WatchEvent[] = []
  readonly url: string
  #watcher: Watcher | undefined

  constructor(url: string) {
    this.url = url
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), 'migratest-watch-')))
  }

  async start(options: Partial<WatchOptions> = {}): Promise<Watcher> {
    this.#watcher = new Watcher({
      url: this.url,
      server: '',
      reason: '',
      restart: undefined,
      poll: false,
      source: directory(this.folder),
      folder: this.folder,
      open: {},
      migrator: { recordedCode: 'run' },
      carryRows: 100_000,
      onIrreversible: 'stop',
      before: [],
      seeds: [],
      command: undefined,
      onSchema: undefined,
      ask: undefined,
      onEvent: (event) => this.events.push(event),
      ...options,
    })
    await this.#watcher.start()
    return this.#watcher
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text)
  }

  remove(name: string): void {
    rmSync(join(this.folder, name), { force: true })
  }

  rename(name: string, to: string): void {
    renameSync(join(this.folder, name), join(this.folder, to))
  }

  names(): string[] {
    return readdirSync(this.folder)
  }

  of<T extends WatchEvent['type']>(type: T): Extract<WatchEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<WatchEvent, { type: T }> => event.type === type)
  }

  /** The next event of these types. */
  async next<T extends WatchEvent['type']>(...types: T[]): Promise<Extract<WatchEvent, { type: T }>> {
    const from = this.events.length
    for (let i = 0; i < 1500; i++) {
      const found = this.events.slice(from).find((event) => types.includes(event.type as T))
      if (found) return found as Extract<WatchEvent, { type: T }>
      await sleep(10)
    }
    throw new Error(`No ${types.join(' or ')}; there was ${JSON.stringify(this.events.slice(from))}`)
  }

  /** Saves, and waits for what comes of it. */
  async save(name: string, text: string): Promise<WatchEvent> {
    const next = this.next('applied', 'failed', 'unchanged', 'skipped')
    this.write(name, text)
    return next
  }

  /** Until nothing has been said for a while. */
  async quiet(): Promise<void> {
    for (let seen = -1; seen !== this.events.length; ) {
      seen = this.events.length
      await sleep(400)
      await this.#watcher?.idle()
    }
  }

  async schema(): Promise<Schema> {
    const reader = await openSchemaReader(this.url)
    try {
      return await reader.read()
    } finally {
      await reader.close()
    }
  }

  /** Returns the schema that the files make of an empty database. */
  async fresh(): Promise<Schema> {
    const database = await anyPostgres.create()
    try {
      const driver = await openDatabase(database.url ?? '')
      await new Migrator({ source: directory(this.folder), database: driver }).up()
      await driver.close()
      return await database.readSchema()
    } finally {
      await database.drop()
    }
  }

  async close(): Promise<void> {
    await this.#watcher?.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export const test = base.extend('watched', async ({ db }, { onCleanup }) => {
  const watched = new Watched(db.url)
  onCleanup(() => watched.close())
  return watched
})
