/**
 * The clean state of a snapshot on a server whose write-ahead log can be read. The log says which relations of a copy a
 * test has written, so only these are looked at: see `WriteAheadLog`. If any other file was written (a catalog, or one
 * that the snapshot does not have), the copy is different.
 */
import type { Client } from 'pg'
import { ELSEWHERE, MOST_BYTES, MOST_MORE_BYTES } from './cleanState.ts'
import { type Moment, NOW, rowTransactionOf } from './moment.ts'
import { identifier, literal } from './tables.ts'
import type { Written } from './writeAheadLog.ts'

export class LoggedCleanState {
  readonly #relations: ReadonlyMap<string, Relation>
  /** The files of indexes and of values that are stored apart: they change only with their tables. */
  readonly #following: ReadonlySet<string>

  private constructor(relations: readonly Relation[], following: readonly string[]) {
    this.#relations = new Map(relations.map((relation) => [relation.file, relation]))
    this.#following = new Set(following)
  }

  /**
   * Reads the state of an unused copy in a session of its own, which has `INSPECTOR_SETTINGS`. Returns undefined if the log would not tell what a test
   * does to it: see {@link UNLOGGED}, and `CleanState.read`.
   */
  static async read(client: Client): Promise<LoggedCleanState | undefined> {
    try {
      const [elsewhere, unlogged, relations, following] = (await client.query(
        [ELSEWHERE, UNLOGGED, RELATIONS, FOLLOWING].join(';\n'),
      )) as unknown as [
        Rows<{ elsewhere: boolean }>,
        Rows<{ unlogged: boolean }>,
        Rows<Found>,
        Rows<{ files: string[] }>,
      ]
      if (elsewhere.rows[0]?.elsewhere || unlogged.rows[0]?.unlogged) return undefined
      const found = relations.rows.map((row) => ({ ...row, size: Number(row.size), name: nameOf(row) }))
      const tables = found.filter(({ kind }) => kind !== 'S')
      if (tables.reduce((sum, { size }) => sum + size, 0) > MOST_BYTES) return undefined
      const filled = tables.filter(({ size }) => size > 0)
      const loose = found.filter(({ kind }) => kind === 'S')
      const rows = await countsOf(client, filled)
      const last = await lastNumbersOf(client, loose)
      // A number that is logged already would be taken without a trace.
      if (last.some(({ logged }) => logged)) return undefined
      return new LoggedCleanState(
        found.map((one) => ({
          ...one,
          rows: rows.get(one.file) ?? 0,
          last: last.find(({ file }) => file === one.file),
        })),
        following.rows[0]?.files ?? [],
      )
    } catch {
      return undefined
    }
  }

  /**
   * Restores a copy if only rows were added; nobody else may be connected.
   * @param open opens the session that restores it, if there is anything to restore
   * @returns the moment from which on changes are the next test's; undefined if more than that has changed
   */
  async restore(
    open: () => Promise<Client>,
    { files, same, upTo }: Written,
    since: Moment,
  ): Promise<Moment | undefined> {
    if (!same || files === undefined) return undefined
    const written: Relation[] = []
    for (const file of files) {
      const relation = this.#relations.get(file)
      if (relation) written.push(relation)
      else if (!this.#following.has(file)) return undefined
    }
    if (written.length === 0) return upTo
    const truncate = this.#withReferencing(written.filter(isBare))
    if (truncate === undefined) return undefined
    const filled = written.filter(({ rows, kind }) => kind !== 'S' && rows > 0)
    const fresh = `age(xmin) <= age(${literal(rowTransactionOf(since))}::xid)`
    const results = (await (
      await open()
    ).query(
      [
        'BEGIN',
        ...(truncate.length > 0 ? [`TRUNCATE ONLY ${truncate.map(({ name }) => name).join(', ')}`] : []),
        ...filled.map(({ name }) => `DELETE FROM ONLY ${name} WHERE ${fresh}`),
        ...written.flatMap(({ name, last }) =>
          last ? [`SELECT setval(${literal(name)}, ${last.value}, ${last.called})`] : [],
        ),
        'COMMIT',
        checkOf(filled),
        `SELECT ${NOW} AS now`,
      ].join(';\n'),
    )) as unknown as [...Rows<{ rows: string; bytes: string }>[], Rows<{ now: Moment }>]
    const now = results.at(-1)?.rows[0] as { now: Moment } | undefined
    const left = (results.at(-2)?.rows ?? []) as { rows: string; bytes: string }[]
    // The original rows must still exist.
    const whole = filled.every(({ rows, size }, i) => {
      const found = left[i]
      return Number(found?.rows) === rows && Number(found?.bytes) <= size + MOST_MORE_BYTES
    })
    return whole ? now?.now : undefined
  }

  /**
   * Adds the tables that refer to one of these, which TRUNCATE requires; undefined if one of those has rows to keep.
   */
  #withReferencing(bare: readonly Relation[]): Relation[] | undefined {
    const byOid = new Map([...this.#relations.values()].map((relation) => [relation.oid, relation]))
    const all = new Set(bare)
    for (const { referencing } of all) {
      for (const oid of referencing) {
        const other = byOid.get(oid)
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
  readonly file: string
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
  readonly file: string
  readonly name: string
  readonly kind: 'r' | 'm' | 'S'
  readonly size: number
  readonly referencing: readonly string[]
  readonly rows: number
  /** Of a sequence. */
  readonly last: LastNumber | undefined
}

/** The first oid that the server gives to what users make. */
const FIRST_OF_USERS = 16_384

/** True if there is something that changes without a record: unlogged tables, and those of other storage engines. */
const UNLOGGED = `SELECT EXISTS (SELECT FROM pg_class WHERE relpersistence = 'u') OR EXISTS (SELECT FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE relkind IN ('r', 'm') AND amname <> 'heap') AS unlogged`

const RELATIONS = `SELECT c.oid::text, pg_relation_filenode(c.oid)::text AS file, nspname AS schema, relname AS table, relkind AS kind, pg_relation_size(c.oid)::text AS size,
    ARRAY(SELECT DISTINCT conrelid::text FROM pg_constraint f WHERE f.confrelid = c.oid AND f.contype = 'f' AND f.conrelid <> c.oid) AS referencing
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind IN ('r', 'm', 'S') AND c.oid >= ${FIRST_OF_USERS} AND relpersistence = 'p' AND nspname <> 'pg_toast' ORDER BY c.oid`

const FOLLOWING = `SELECT ARRAY(SELECT pg_relation_filenode(oid)::text FROM pg_class WHERE relkind IN ('i', 't') AND oid >= ${FIRST_OF_USERS}) AS files`

function nameOf({ schema, table }: Found): string {
  return `${identifier(schema)}.${identifier(table)}`
}

function isBare({ kind, size }: Relation): boolean {
  return kind !== 'S' && size === 0
}

interface Named {
  readonly file: string
  readonly name: string
}

async function countsOf(client: Client, tables: readonly Named[]): Promise<Map<string, number>> {
  if (tables.length === 0) return new Map()
  const each = tables.map(({ name }) => `SELECT count(*) AS rows FROM ONLY ${name}`)
  const { rows } = await client.query<{ rows: string }>(each.join(' UNION ALL '))
  return new Map(tables.map(({ file }, i) => [file, Number(rows[i]?.rows)]))
}

async function lastNumbersOf(
  client: Client,
  sequences: readonly Named[],
): Promise<(LastNumber & { file: string; logged: boolean })[]> {
  if (sequences.length === 0) return []
  const each = sequences.map(
    ({ name, file }) =>
      `SELECT ${literal(file)} AS file, last_value::text AS value, is_called AS called, log_cnt > 0 AS logged FROM ${name}`,
  )
  const { rows } = await client.query<LastNumber & { file: string; logged: boolean }>(each.join(' UNION ALL '))
  return rows
}

/** Selects rows and bytes of each of these tables. */
function checkOf(tables: readonly Relation[]): string {
  if (tables.length === 0) return 'SELECT WHERE false'
  return tables
    .map(({ name, oid }) => `SELECT count(*) AS rows, pg_relation_size(${oid}) AS bytes FROM ONLY ${name}`)
    .join(' UNION ALL ')
}
