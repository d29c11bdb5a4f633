/** Reads the schema after each migration, from databases on a test server; snapshots make that fast. */
import { openSchemaReader } from '../database/open.ts'
import type { Source } from '../migrate/source.ts'
import type { Schema } from '../schema/schema.ts'
import { MigratedDatabase } from '../testing/lease/migratedDatabase.ts'
import type { InspectorOptions } from './options.ts'
import type { SchemaDocument } from './protocol.ts'

export class Schemas {
  readonly #options: Pick<InspectorOptions, 'url' | 'open' | 'testServer'>
  readonly #source: Source
  readonly #known = new Map<string, Promise<SchemaDocument>>()
  #epoch = -1
  /** The last read. Reads run one after another, since each may have to apply many migrations. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: Pick<InspectorOptions, 'url' | 'open' | 'testServer'>, source: Source) {
    this.#options = options
    this.#source = source
  }

  /**
   * Returns the schema after a migration, of the live database (`database`), or before everything (`nil`).
   * @param epoch what was read in an earlier epoch is read again
   */
  read(key: string, epoch: number): Promise<SchemaDocument> {
    if (epoch !== this.#epoch) this.#known.clear()
    this.#epoch = epoch
    const known = this.#known.get(key)
    if (known) return known
    const reading = this.#inTurn(async () => {
      // Files were saved while it waited for its turn: what it would read is out of date already.
      if (epoch !== this.#epoch) return undefined
      return { key, objects: (await this.#read(key)).objects }
    }).then((document) => document ?? this.read(key, this.#epoch))
    this.#known.set(key, reading)
    reading.catch(() => this.#known.get(key) === reading && this.#known.delete(key))
    return reading
  }

  // --- internal ---

  async #read(key: string): Promise<Schema> {
    if (key !== 'database') return this.#made(key)
    const { url, open } = this.#options
    const reader = await openSchemaReader(url ?? '', open)
    try {
      return await reader.read()
    } finally {
      await reader.close()
    }
  }

  async #made(version: string): Promise<Schema> {
    const server = await this.#options.testServer()
    const db = await MigratedDatabase.create({ server, migrations: this.#source, version })
    try {
      return await db.schema()
    } finally {
      await db[Symbol.asyncDispose]()
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work)
    this.#last = turn
    return turn
  }
}
