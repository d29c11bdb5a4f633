/** Snapshots on a MySQL or MariaDB server: the rows in a database, and the statements that make all else beside them. */

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

  /** On a connection of its own: names are written as its current database has it. */
  protected async keepCopy(name: string, key: string, about: FreezeAbout): Promise<SnapshotMark | undefined> {
    const kept = snapshotName(key)
    return this.registry.whileFreezing(key, async () => {
      // Another process was first.
      const known = readMark((await this.registry.list(kept))[0]?.comment ?? '')
      if (known?.kind === 'snapshot') return known
      const session = await openUrl(this.registry.urlOf(name))
      try {
        const bytes = await sizeOf(session, name)
        if (bytes > MOST_COPIED_BYTES || (await sessionsOn(session, name)).length > 1) return undefined
        const blueprint = await readBlueprint(session, name)
        if (!blueprint) return undefined
        const text = JSON.stringify(blueprint)
        if (text.length > MOST_TEXT) return undefined
        // One that was not finished by who began it has nothing written on it.
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

  /** One that is written down and not there, or not whole, is made anew; any other would fail for each test. */
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
/** A message to the server has an end (max_allowed_packet, 16 MiB in MariaDB). */
const MOST_TEXT = 8 * 2 ** 20

/** Table full, disk full, and the system's own "no space left". */
const FULL = new Set([1114, 1021, 1026, 3])

/** There already, no connection left. */
const EXPECTED = new Set([1007, 1040, 1203])

/** No such database, no such table. */
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
  // Which number is next only the server's memory knows.
  if (used.some(([row]) => Number(row?.used) !== 0)) return undefined
  const filled = tables.filter((_, i) => Number(rows[i]?.[0]?.filled) === 1)
  return blueprintOf(definitions, filled, name)
}
