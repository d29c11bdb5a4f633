/**
 * Snapshots on a MySQL or MariaDB server: a database with the rows, and, stored separately, the statements that create
 * everything else (the blueprint).
 */

import { openUrl } from '../../../database/mysql/connection.ts'
import { type Blueprint, blueprintOf, copyStatements, createDatabase, keepRows } from '../../../database/mysql/copy.ts'
import { sessionsOn, sizeOf } from '../../../database/mysql/databases.ts'
import { readDefinitions } from '../../../database/mysql/definitions.ts'
import { type MysqlError, ScriptFailure, type Session } from '../../../database/mysql/session.ts'
import { identifier } from '../../../database/mysql/tables.ts'
import { NEVER } from '../../../migrate/never.ts'
import { readMark, type SnapshotMark, writeMark } from '../marks.ts'
import { type FreezeAbout, MOST_COPIED_BYTES, SnapshotStore, snapshotName } from '../snapshotStore.ts'
import { Freezing, type MysqlRegistry } from './registry.ts'

export class MysqlSnapshots extends SnapshotStore<MysqlRegistry> {
  readonly #blueprints = new Map<string, Blueprint>()

  async createEmpty(name: string): Promise<void> {
    await this.#run([`CREATE DATABASE ${identifier(name)}`, ...this.registry.create(name)])
  }

  protected async copyOf(key: string, name: string): Promise<boolean> {
    const blueprint = await this.#blueprintOf(key)
    if (!blueprint) return false
    const copy = copyStatements(blueprint, snapshotName(key), name, { events: !this.registry.eventsFire })
    try {
      await this.#run([createDatabase(name, blueprint), ...this.registry.create(name), ...copy])
      return true
    } catch (error) {
      await this.registry.drop(name).catch(() => undefined)
      throw error
    }
  }

  /** Uses a separate connection: the server writes names relative to the session's current database. */
  protected async keepCopy(name: string, key: string, about: FreezeAbout): Promise<SnapshotMark | undefined> {
    const kept = snapshotName(key)
    return this.registry.whileFreezing(key, async () => {
      // Another process may have made the snapshot already. Its digest is compared when it is first copied.
      if (readMark((await this.registry.list(kept))[0]?.comment ?? '')?.kind === 'snapshot') throw new Freezing()
      const session = await openUrl(this.registry.urlOf(name))
      try {
        const bytes = await sizeOf(session, name)
        if (bytes > MOST_COPIED_BYTES || (await sessionsOn(session, name)).length > 1) return undefined
        const blueprint = await readBlueprint(session, name)
        if (!blueprint) return undefined
        const text = JSON.stringify(blueprint)
        if (text.length > MOST_TEXT) return undefined
        // A database without a mark was left unfinished by another process.
        await session.script([`DROP DATABASE IF EXISTS ${identifier(kept)}`, createDatabase(kept, blueprint)], NEVER)
        await session.script(keepRows(blueprint, name, kept), NEVER)
        const mark = this.markOf(bytes, about)
        await this.registry.writeBlueprint(kept, writeMark(mark), text)
        this.#blueprints.set(key, blueprint)
        return mark
      } finally {
        await session.close()
      }
    })
  }

  protected isExpected(error: unknown): boolean {
    return error instanceof Freezing || this.isFull(error) || EXPECTED.has(causeOf(error).errno ?? 0)
  }

  protected isFull(error: unknown): boolean {
    return FULL.has(causeOf(error).errno ?? 0)
  }

  /**
   * Drops the snapshot. If it is recorded but missing or incomplete, it is made again; with any other error, copying
   * would fail for each test, so we give up on that key.
   */
  protected override async failed(key: string, error: Error): Promise<void> {
    this.#blueprints.delete(key)
    if (!STALE.has(causeOf(error).errno ?? 0)) this.refuse(key, error)
    await this.registry.dropIfUnused(snapshotName(key)).catch(() => undefined)
  }

  // --- internal ---

  #run(statements: readonly string[]): Promise<void> {
    return this.withRoom(
      () => this.registry.make((maker) => maker.script(statements, NEVER)),
      async () => undefined,
    )
  }

  async #blueprintOf(key: string): Promise<Blueprint | undefined> {
    const known = this.#blueprints.get(key)
    if (known) return known
    const text = await this.registry.readBlueprint(snapshotName(key))
    if (text === undefined) return undefined
    const blueprint = JSON.parse(text) as Blueprint
    this.#blueprints.set(key, blueprint)
    return blueprint
  }
}

// --- internal ---
/** The most characters in one message to the server: `max_allowed_packet` limits it (16 MiB in MariaDB). */
const MOST_TEXT = 8 * 2 ** 20

/** Error numbers: table full, disk full, and the system's "no space left". */
const FULL = new Set([1114, 1021, 1026, 3])

/** Error numbers: database exists, no connection left. */
const EXPECTED = new Set([1007, 1040, 1203])

/** Error numbers: no such database, no such table. */
const STALE = new Set([1049, 1146])

function causeOf(error: unknown): MysqlError {
  return error instanceof ScriptFailure ? error.error : (error as MysqlError)
}

async function readBlueprint(session: Session, name: string): Promise<Blueprint | undefined> {
  const definitions = await readDefinitions(session, name, [])
  const at = (table: string) => `${identifier(name)}.${identifier(table)}`
  const tables = definitions.objects.filter(({ kind }) => kind === 'table').map((table) => table.name)
  const sequences = definitions.objects.filter(({ kind }) => kind === 'sequence')
  const rows = await session.queries(tables.map((table) => `SELECT EXISTS (SELECT 1 FROM ${at(table)}) AS filled`))
  const used = await session.queries(
    sequences.map((sequence) => `SELECT next_not_cached_value <> start_value AS used FROM ${at(sequence.name)}`),
  )
  // Only the server's memory holds a used sequence's next number, so it cannot be copied.
  if (used.some(([row]) => Number(row?.used) !== 0)) return undefined
  const filled = tables.filter((_, i) => Number(rows[i]?.[0]?.filled) === 1)
  return blueprintOf(definitions, filled, name)
}
