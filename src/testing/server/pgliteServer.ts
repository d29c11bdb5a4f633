/** Test databases in this process: each is a PGlite instance of its own, in memory. */
import type { PGlite, PGliteOptions } from '@electric-sql/pglite'
import { notOfTheSchema } from '../../database/ownTables.ts'
import { pgliteDriver, pgliteSession } from '../../database/pglite/driver.ts'
import { readSchema } from '../../database/postgres/catalog/catalog.ts'
import type { Driver } from '../../migrate/driver.ts'
import { UsageError } from '../../migrate/errors.ts'
import type { Hidden } from '../../migrate/source.ts'
import type { Schema } from '../../schema/schema.ts'
import {
  type OpenTransaction,
  type Place,
  type Row,
  type Snapshots,
  set,
  type TestDatabase,
  type TestServer,
} from '../testServer.ts'
import { emptyDirectory, emptyDirectoryTakes, loadPglite } from './pgliteEmpty.ts'

export interface PgliteServerOptions {
  readonly extensions: PGliteOptions['extensions']
  readonly init: () => readonly string[]
}

export function pgliteServer(options: PgliteServerOptions): TestServer<PGlite> {
  let count = 0
  const open = async (directory: Blob) => {
    const { PGlite } = await loadPglite()
    const { extensions } = options
    const db = await PGlite.create({ loadDataDir: directory, ...(extensions && { extensions }) })
    return new PgliteTestDatabase(db, `pglite_${count++}`, options.init)
  }
  const snapshots = pgliteSnapshots(open, options)
  return {
    dialect: 'postgres',
    warm: () => void emptyDirectory().catch(() => undefined),
    progress() {
      const takes = emptyDirectoryTakes()
      return takes === undefined ? undefined : `making an empty PGlite database, for ${(takes / 1000).toFixed(1)} s`
    },
    async create(before = []) {
      const database = await open(await emptyDirectory())
      await database.refill(before)
      return database
    },
    snapshots: async () => snapshots,
  }
}

// --- internal ---

/** The most data directories kept in memory; each takes about 50 MB. */
const MOST_KEPT = 4

/** Snapshots of this process: dumps of data directories, of which the least recently used ones are dropped. */
function pgliteSnapshots(
  open: (directory: Blob) => Promise<PgliteTestDatabase>,
  { extensions = {}, init }: PgliteServerOptions,
): Snapshots<PGlite> {
  const dumps = new Map<string, { readonly directory: Blob; readonly chain: readonly string[] }>()
  const building = new Map<string, Promise<unknown>>()
  return {
    environment: [...Object.keys(extensions), '', ...init()],
    async look(keys) {
      const others = [...dumps].filter(([key]) => !keys.includes(key))
      const shared = others.map(([, { chain }]) => keys.filter((key, i) => key === chain[i]).length)
      return { nearest: keys.findLast((key) => dumps.has(key)), parted: Math.max(0, ...shared) }
    },
    async clone(key) {
      const dump = dumps.get(key)
      if (!dump) return undefined
      dumps.delete(key)
      dumps.set(key, dump)
      return open(dump.directory)
    },
    canFreeze: () => true,
    async freeze(database, key, chain) {
      dumps.set(key, { directory: await (database as PgliteTestDatabase).dump(), chain })
      for (const [oldest] of dumps) if (dumps.size > MOST_KEPT) dumps.delete(oldest)
    },
    async drop(key) {
      dumps.delete(key)
    },
    async exclusively(key, work) {
      const before = building.get(key)
      const turn = Promise.resolve(before).then(work, work)
      building.set(key, turn)
      return turn.finally(() => {
        if (building.get(key) === turn) building.delete(key)
      })
    },
  }
}

class PgliteTestDatabase implements TestDatabase<PGlite> {
  readonly name: string
  readonly url = undefined
  readonly #db: PGlite
  readonly #init: () => readonly string[]
  #turn: Promise<void> = Promise.resolve()
  #reading: Promise<unknown> = Promise.resolve()

  constructor(db: PGlite, name: string, init: () => readonly string[]) {
    this.#db = db
    this.#init = init
    this.name = name
  }

  async refill(before: readonly string[]): Promise<void> {
    for (const sql of [...this.#init(), ...before]) await this.#db.exec(sql)
  }

  /** Returns the data directory as an uncompressed tar file. */
  async dump(): Promise<Blob> {
    await this.#db.exec('CHECKPOINT')
    return this.#db.dumpDataDir('none')
  }

  async connect(): Promise<PGlite> {
    return this.#db
  }

  async query(client: PGlite, sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    if (params.length > 0) return (await client.query<Row>(sql, [...params])).rows
    const results = await client.exec(sql)
    return (results.at(-1)?.rows ?? []) as Row[]
  }

  async openDriver(_: PGlite, place: Place = {}): Promise<Driver> {
    return pgliteDriver(this.#db, set(place), false)
  }

  /** Reads the schema. Calls wait for each other, since there is only one connection. */
  readSchema(hidden?: Hidden): Promise<Schema> {
    const reading = this.#reading.then(async () =>
      readSchema(await pgliteSession(this.#db, false), { exclude: notOfTheSchema(undefined, hidden) }),
    )
    this.#reading = reading.catch(() => undefined)
    return reading
  }

  async openTransaction(): Promise<string | undefined> {
    return this.#db.isInTransaction() ? '(PGlite does not say which)' : undefined
  }

  /** Returns an empty list: no other session can be connected to PGlite. */
  async leftOpen(): Promise<[]> {
    return []
  }

  /** Begins a transaction. Callers wait for each other, since there is only one connection. */
  async begin(): Promise<OpenTransaction> {
    const before = this.#turn
    const turn = Promise.withResolvers<void>()
    this.#turn = turn.promise
    await before
    let begun: string | undefined
    try {
      await this.#db.exec('BEGIN')
      begun = await this.#transaction()
    } catch (error) {
      turn.resolve()
      throw error
    }
    return {
      rollBack: async () => {
        try {
          // A failed transaction cannot return its id, so assume that it is the same one.
          const now = this.#db.isInTransaction() ? await this.#transaction().catch(() => begun) : undefined
          await this.#db.exec('ROLLBACK')
          await this.#db.exec('DEALLOCATE ALL; SELECT pg_advisory_unlock_all(); UNLISTEN *')
          return now === begun
        } catch {
          // The test has closed the instance.
          return false
        } finally {
          turn.resolve()
        }
      },
    }
  }

  async #transaction(): Promise<string | undefined> {
    const { rows } = await this.#db.query<{ id: string }>('SELECT pg_current_xact_id()::text AS id')
    return rows[0]?.id
  }

  async disconnect(): Promise<void> {
    // One instance serves all clients; drop() closes it.
  }

  async keep(): Promise<string> {
    throw new UsageError('A PGlite database lives in its process and cannot be kept after the test.', {
      hint: 'Use db.client.dumpDataDir() to save it.',
    })
  }

  async drop(): Promise<void> {
    if (!this.#db.closed) await this.#db.close()
  }
}
