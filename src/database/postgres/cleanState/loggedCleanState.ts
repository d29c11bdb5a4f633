/**
 * The clean state of a snapshot on a server whose write-ahead log can be read. The log says which relations of a copy a
 * test has written, so only these are looked at: see `WriteAheadLog`. If any other file was written (a catalog, or one
 * that the snapshot does not have), the copy is different.
 */
import type { Client } from 'pg'
import { identifier, literal } from '../tables.ts'
import { ELSEWHERE, MOST_BYTES, MOST_MORE_BYTES } from './cleanState.ts'
import { type Moment, NOW, rowTransactionOf } from './moment.ts'
import type { Written } from './writeAheadLog.ts'

/** The relation that each file of a copy belongs to, by their oids. TRUNCATE gives a table other files. */
export type FileOwners = ReadonlyMap<string, string>

export interface Restored {
  /** The moment from which on changes are the next test's. */
  readonly since: Moment
  readonly owners: FileOwners
}

export class LoggedCleanState {
  /** Tables and sequences, by oid. */
  readonly #relations: ReadonlyMap<string, Relation>
  readonly #owners: FileOwners

  private constructor(relations: readonly Relation[], owners: FileOwners) {
    this.#relations = new Map(relations.map((relation) => [relation.oid, relation]))
    this.#owners = owners
  }

  /**
   * Reads the state of an unused copy in a session of its own, which has `INSPECTOR_SETTINGS`. Returns undefined if the
   * log would not tell what a test does to it: see {@link UNLOGGED}, and `CleanState.read`.
   */
  static async read(client: Client): Promise<LoggedCleanState | undefined> {
    try {
      const [elsewhere, unlogged, relations] = (await client.query(
        [ELSEWHERE, UNLOGGED, RELATIONS].join(';\n'),
      )) as unknown as [Rows<{ elsewhere: boolean }>, Rows<{ unlogged: boolean }>, Rows<Found>]
      if (elsewhere.rows[0]?.elsewhere || unlogged.rows[0]?.unlogged) return undefined
      const found = relations.rows.map((row) => ({ ...row, size: Number(row.size), name: nameOf(row) }))
      const tables = found.filter(({ kind }) => kind !== 'S')
      if (tables.reduce((sum, { size }) => sum + size, 0) > MOST_BYTES) return undefined
      const rows = await countsOf(
        client,
        tables.filter(({ size }) => size > 0),
      )
      const last = await lastNumbersOf(
        client,
        found.filter(({ kind }) => kind === 'S'),
      )
      // A number that is logged already would be taken without a trace.
      if (last.some(({ logged }) => logged)) return undefined
      const numbers = new Map(last.map((one) => [one.oid, one]))
      return new LoggedCleanState(
        found.map((one) => ({ ...one, rows: rows.get(one.oid) ?? 0, last: numbers.get(one.oid) })),
        await ownersIn(client, EVERY_FILE),
      )
    } catch {
      return undefined
    }
  }

  /**
   * Restores a copy if only rows were added; nobody else may be connected.
   * @param open opens the session that restores it, if there is anything to restore
   * @param owners what the last restore of this copy has returned
   * @returns undefined if more than that has changed
   */
  async restore(
    open: () => Promise<Client>,
    { files, same, upTo }: Written,
    since: Moment,
    owners: FileOwners = this.#owners,
  ): Promise<Restored | undefined> {
    if (!same || files === undefined) return undefined
    if (files.length === 0) return { since: upTo, owners }
    const client = await open()
    // A process that has ended may have restored this copy. Whose the files are is still the same if no catalog is
    // among those that were written, and a catalog has no owner here.
    const known = files.every((file) => owners.has(file)) ? owners : await ownersIn(client, EVERY_FILE)
    if (!files.every((file) => known.has(file))) return undefined
    const written = files.flatMap((file) => this.#relations.get(known.get(file) ?? '') ?? [])
    const empty = this.#withReferencing(written.filter(isBare))
    if (empty === undefined) return undefined
    const filled = written.filter(({ kind, size }) => kind !== 'S' && size > 0)
    const now = await undo(client, { empty, filled, sequences: written.filter(({ kind }) => kind === 'S') }, since)
    if (now === undefined) return undefined
    if (empty.length === 0) return { since: now, owners: known }
    return { since: now, owners: new Map([...known, ...(await ownersIn(client, filesOf(empty)))]) }
  }

  /**
   * Adds the tables that refer to one of these, which TRUNCATE requires; undefined if one of those has rows to keep.
   */
  #withReferencing(bare: readonly Relation[]): Relation[] | undefined {
    const all = new Set(bare)
    for (const { referencing } of all) {
      for (const oid of referencing) {
        const other = this.#relations.get(oid)
        if (!other || !isBare(other)) return undefined
        all.add(other)
      }
    }
    return [...all]
  }
}

/**
 * Makes the sequences of a database log their next number: after some, the log already contains the ones that follow.
 */
export const LOG_NEXT_NUMBERS = `SELECT pg_catalog.setval(seqrelid::pg_catalog.regclass, pg_catalog.pg_sequence_last_value(seqrelid))
  FROM pg_catalog.pg_sequence WHERE pg_catalog.pg_sequence_last_value(seqrelid) IS NOT NULL`

// --- internal ---

interface Rows<T> {
  readonly rows: T[]
}

interface Found {
  readonly oid: string
  readonly schema: string
  readonly table: string
  readonly kind: 'r' | 'm' | 'S'
  readonly size: string
  /** Other tables that have a foreign key to this one. */
  readonly referencing: readonly string[]
}

interface LastNumber {
  readonly value: string
  readonly called: boolean
}

interface Relation {
  readonly oid: string
  readonly name: string
  readonly kind: 'r' | 'm' | 'S'
  readonly size: number
  readonly referencing: readonly string[]
  readonly rows: number
  /** The last number that a sequence gave; undefined for anything else. */
  readonly last: LastNumber | undefined
}

/** The first oid that the server gives to what users make. */
const FIRST_OF_USERS = 16_384

/** True if there is something that changes without a record: unlogged tables, and those of other storage engines. */
const UNLOGGED = `SELECT EXISTS (SELECT FROM pg_class WHERE relpersistence = 'u') OR EXISTS (SELECT FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE relkind IN ('r', 'm') AND amname <> 'heap') AS unlogged`

const RELATIONS = `SELECT c.oid::text, nspname AS schema, relname AS table, relkind AS kind, pg_relation_size(c.oid)::text AS size,
    ARRAY(SELECT DISTINCT conrelid::text FROM pg_constraint f WHERE f.confrelid = c.oid AND f.contype = 'f' AND f.conrelid <> c.oid) AS referencing
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind IN ('r', 'm', 'S') AND c.oid >= ${FIRST_OF_USERS} AND relpersistence = 'p' AND nspname <> 'pg_toast' ORDER BY c.oid`

const EVERY_FILE = `SELECT oid::text, pg_relation_filenode(oid)::text AS file FROM pg_class WHERE oid >= ${FIRST_OF_USERS} AND relkind IN ('r', 'm', 'S', 'i', 't')`

/** Selects the files of these tables, of their indexes, and of their values that are stored apart. */
function filesOf(tables: readonly Relation[]): string {
  return `WITH own AS (SELECT oid, reltoastrelid FROM pg_class WHERE oid = ANY ('{${tables.map(({ oid }) => oid).join()}}')),
    every AS (SELECT oid FROM own UNION ALL SELECT reltoastrelid FROM own WHERE reltoastrelid <> 0)
  SELECT oid::text, pg_relation_filenode(oid)::text AS file FROM every
  UNION ALL SELECT indexrelid::text, pg_relation_filenode(indexrelid)::text FROM pg_index WHERE indrelid IN (SELECT oid FROM every)`
}

async function ownersIn(client: Client, query: string): Promise<FileOwners> {
  const { rows } = await client.query<{ oid: string; file: string }>(query)
  return new Map(rows.map(({ oid, file }) => [file, oid]))
}

function nameOf({ schema, table }: Found): string {
  return `${identifier(schema)}.${identifier(table)}`
}

function isBare({ kind, size }: Relation): boolean {
  return kind !== 'S' && size === 0
}

interface Changed {
  /** The tables that had no row. */
  readonly empty: readonly Relation[]
  /** The tables that had rows. */
  readonly filled: readonly Relation[]
  readonly sequences: readonly Relation[]
}

/** Removes the rows that were added since. Returns the moment afterwards; undefined if an original row is missing. */
async function undo(client: Client, { empty, filled, sequences }: Changed, since: Moment): Promise<Moment | undefined> {
  const fresh = `age(xmin) <= age(${literal(rowTransactionOf(since))}::xid)`
  const results = (await client.query(
    [
      'BEGIN',
      ...(empty.length > 0 ? [`TRUNCATE ONLY ${empty.map(({ name }) => name).join(', ')}`] : []),
      ...filled.map(({ name }) => `DELETE FROM ONLY ${name} WHERE ${fresh}`),
      ...sequences.map(
        ({ name, last }) => `SELECT setval(${literal(name)}, ${last?.value ?? 'NULL'}, ${last?.called ?? false})`,
      ),
      'COMMIT',
      leftIn(filled),
      `SELECT ${NOW} AS now`,
    ].join(';\n'),
  )) as unknown as Rows<{ rows?: string; bytes?: string; now?: Moment }>[]
  const left = results.at(-2)?.rows ?? []
  const whole = filled.every(
    ({ rows, size }, i) => Number(left[i]?.rows) === rows && Number(left[i]?.bytes) <= size + MOST_MORE_BYTES,
  )
  return whole ? results.at(-1)?.rows[0]?.now : undefined
}

/** Selects how many rows and bytes each of these tables has. */
function leftIn(tables: readonly Relation[]): string {
  if (tables.length === 0) return 'SELECT WHERE false'
  return tables
    .map(({ name, oid }) => `SELECT count(*) AS rows, pg_relation_size(${oid}) AS bytes FROM ONLY ${name}`)
    .join(' UNION ALL ')
}

interface Named {
  readonly oid: string
  readonly name: string
}

async function countsOf(client: Client, tables: readonly Named[]): Promise<Map<string, number>> {
  if (tables.length === 0) return new Map()
  const each = tables.map(({ name }) => `SELECT count(*) AS rows FROM ONLY ${name}`)
  const { rows } = await client.query<{ rows: string }>(each.join(' UNION ALL '))
  return new Map(tables.map(({ oid }, i) => [oid, Number(rows[i]?.rows)]))
}

type LoggedNumber = LastNumber & Named & { readonly logged: boolean }

async function lastNumbersOf(client: Client, sequences: readonly Named[]): Promise<LoggedNumber[]> {
  if (sequences.length === 0) return []
  const each = sequences.map(
    ({ name, oid }) =>
      `SELECT ${literal(oid)} AS oid, last_value::text AS value, is_called AS called, log_cnt > 0 AS logged FROM ${name}`,
  )
  return (await client.query<LoggedNumber>(each.join(' UNION ALL '))).rows
}
