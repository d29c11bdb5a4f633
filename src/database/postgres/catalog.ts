/** Reads the schema of a PostgreSQL database: tables, views, routines and everything else, each with its DDL. */
import type { Hidden } from '../../migrate/source.ts'
import type { ObjectKind, SchemaObject } from '../../schema/model.ts'
import { Schema } from '../../schema/schema.ts'
import type { CatalogRow, ObjectRow } from './catalogFacts.ts'
import { describeObject } from './catalogObjects.ts'
import { catalogQuery, PREPARED, prepareCatalog } from './catalogQuery.ts'
import type { Session } from './session.ts'
import { literal } from './tables.ts'

export interface CatalogOptions {
  /**
   * Keeps the settings and the prepared query on the session, for repeated reads: planning the query takes longer than
   * running it. On a borrowed session only the query stays. Not for a session that a pooler may hand to somebody else.
   */
  readonly keep?: boolean
  /** What to leave out: the migrations' own tables, in any schema. */
  readonly exclude: Hidden
}

/**
 * Reads with `search_path` set to `public`, so that names are written the same way whatever the session's path is. On a
 * borrowed session all settings are restored; on one of ours nothing outlives the message unless `keep` is set.
 */
export async function readSchema(session: Session, { exclude, keep = false }: CatalogOptions): Promise<Schema> {
  if (session.borrowed) return readOnBorrowed(session, exclude, keep)
  if (!keep) return readInTransaction(session, exclude)
  if (!prepared.has(session)) {
    await session.query(`${set(SETTINGS)}${prepareCatalog(exclude)}`)
    prepared.add(session)
  }
  return execute(session)
}

/** Says that one object needs another. */
export interface Need {
  readonly object: SchemaObject
  /** The part that needs it: `default name`, `constraint name`, `column name`; null for the object as a whole. */
  readonly member: string | null
  readonly needed: SchemaObject
  /** The column or constraint that is needed; null for the object as a whole. */
  readonly of: string | null
}

/** What the catalogs say beyond the DDL, for those who write statements that change objects. */
export interface Catalog {
  readonly facts: ReadonlyMap<SchemaObject, ObjectRow>
  readonly needs: readonly Need[]
}

/** Returns the catalog of a schema that {@link readSchema} read; empty for any other. */
export function catalogOf(schema: Schema): Catalog {
  return catalogs.get(schema)?.() ?? { facts: new Map(), needs: [] }
}

/**
 * Returns a schema of other objects in the place of some, with their catalog.
 * @param objects for each object of the schema, the one that takes its place, with its facts; what is missing goes
 */
export function schemaOfSome(schema: Schema, objects: ReadonlyMap<SchemaObject, Replacement>): Schema {
  const known = schema.objects.flatMap((object) => objects.get(object) ?? [])
  const some = new Schema(
    schema.dialect,
    known.map(({ object }) => object),
  )
  catalogs.set(some, () => {
    const { facts, needs } = catalogOf(schema)
    return {
      facts: new Map(
        [...objects].flatMap(([old, { object, facts: own }]) => {
          const row = facts.get(old)
          return row ? [[object, own ? ({ ...row, facts: own(row.facts) } as ObjectRow) : row] as const] : []
        }),
      ),
      needs: needs.flatMap((need) => {
        const object = objects.get(need.object)?.object
        const needed = objects.get(need.needed)?.object
        return object && needed ? [{ ...need, object, needed }] : []
      }),
    }
  })
  return some
}

interface Replacement {
  readonly object: SchemaObject
  readonly facts?: (facts: ObjectRow['facts']) => ObjectRow['facts']
}

// --- internal ---

/** Beside the schemas, because it is no part of what they mean: two are equal without it. */
const catalogs = new WeakMap<Schema, () => Catalog>()

function schemaOf(rows: readonly CatalogRow[]): Schema {
  const ordered = inOrder(rows)
  const schema = new Schema(
    'postgres',
    ordered.map(({ object }) => object),
  )
  catalogs.set(schema, () => {
    const objects = new Map(ordered.map(({ row, object }) => [Number(row.oid), object]))
    const needs = rows.flatMap((row): Need[] => {
      if (row.kind !== 'needs') return []
      const [from, to, , member, of] = row.facts
      const object = objects.get(from)
      const needed = objects.get(to)
      return object && needed ? [{ object, member, needed, of }] : []
    })
    return { facts: new Map(ordered.map(({ row, object }) => [object, row])), needs }
  })
  return schema
}

/** Our own sessions that have the settings and the prepared query. */
const prepared = new WeakSet<Session>()

/**
 * Settings that change how the server writes names, values and expressions. `pg_temp` comes last, or temporary tables
 * would hide others. JIT-compiling such a large query would take longer than running it.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  search_path: 'public, pg_temp',
  TimeZone: 'UTC',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  extra_float_digits: '1',
  bytea_output: 'hex',
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  jit: 'off',
}

/** Reads in one transaction: a pooler keeps it on one session, and settings made within it end with it. */
async function readInTransaction(session: Session, exclude: Hidden): Promise<Schema> {
  await session.query(`BEGIN READ ONLY; ${set(SETTINGS, true)}`)
  try {
    const rows = (await session.query(catalogQuery(exclude))) as unknown as CatalogRow[]
    return schemaOf(rows)
  } finally {
    await session.query('ROLLBACK')
  }
}

async function readOnBorrowed(session: Session, exclude: Hidden, keep: boolean): Promise<Schema> {
  const names = Object.keys(SETTINGS)
  const [before] = await session.query(
    `SELECT json_object(ARRAY[${names.map((name) => `${literal(name)}, current_setting(${literal(name)})`).join(', ')}]) AS settings`,
  )
  try {
    await session.query(`${set(SETTINGS)}${prepared.has(session) ? '' : prepareCatalog(exclude)}`)
    if (keep) prepared.add(session)
    return await execute(session)
  } finally {
    await session.query(`${set(before?.settings as Record<string, string>)}${keep ? '' : `DEALLOCATE ${PREPARED};`}`)
  }
}

function set(settings: Readonly<Record<string, string>>, local = false): string {
  const calls = Object.entries(settings).map(
    ([name, value]) => `pg_catalog.set_config(${literal(name)}, ${literal(value)}, ${local})`,
  )
  return `SELECT ${calls.join(', ')};`
}

async function execute(session: Session): Promise<Schema> {
  const rows = (await session.query(`EXECUTE ${PREPARED}`)) as unknown as CatalogRow[]
  return schemaOf(rows)
}

const RANKS: readonly ObjectKind[] = ['schema', 'extension', 'other', 'type', 'sequence', 'routine', 'table', 'view']

/** Kinds of objects that belong to a table, in the order in which they follow it. */
const BEHIND: readonly ObjectKind[] = [
  'table',
  'view',
  'index',
  'foreign-key',
  'statistics',
  'rule',
  'trigger',
  'policy',
]

/**
 * Orders by kind and name, but each object after those it needs. A default or check that needs something that needs its
 * table (a function whose body reads the table) is created after both, as in pg_dump; other cycles keep their order.
 */
function inOrder(rows: readonly CatalogRow[]): { row: ObjectRow; object: SchemaObject }[] {
  const needs = new Map<number, number[]>()
  const parts: { object: number; needed: number; part: string }[] = []
  for (const row of rows) {
    if (row.kind !== 'needs') continue
    const [object, needed, part] = row.facts
    if (part !== null) parts.push({ object, needed, part })
    needs.set(object, [...(needs.get(object) ?? []), needed])
  }
  const later = new Map<number, string[]>()
  for (const { object, needed, part } of parts) {
    if (!reaches(needs, needed, object)) continue
    later.set(object, [...(later.get(object) ?? []), part])
    needs.set(
      object,
      (needs.get(object) ?? []).filter((other) => other !== needed),
    )
  }
  const found: { oid: number; key: string; row: ObjectRow; object: SchemaObject }[] = []
  for (const row of rows) {
    if (row.kind === 'needs') continue
    const oid = Number(row.oid)
    const full = row.kind === 'table' ? { ...row, facts: { ...row.facts, later: later.get(oid) ?? [] } } : row
    const object = describeObject(full)
    found.push({ oid, key: sortKey(object), row: full, object })
  }
  found.sort((a, b) => (a.key < b.key ? -1 : 1))
  const byOid = new Map(found.map((item) => [item.oid, item]))
  const tables = new Map(found.filter(({ object }) => object.table === null).map((item) => [item.object.name, item]))
  const done = new Set<object>()
  const ordered: { row: ObjectRow; object: SchemaObject }[] = []
  const visit = (item: (typeof found)[number]) => {
    if (done.has(item)) return
    done.add(item)
    const first = (needs.get(item.oid) ?? []).map((oid) => byOid.get(oid)).filter((other) => other !== undefined)
    for (const other of first.sort((a, b) => (a.key < b.key ? -1 : 1))) visit(other)
    const owner = item.object.table === null ? undefined : tables.get(item.object.table)
    if (owner) visit(owner)
    ordered.push(item)
  }
  for (const item of found) visit(item)
  return ordered
}

function reaches(needs: ReadonlyMap<number, readonly number[]>, from: number, to: number): boolean {
  const seen = new Set<number>()
  const open = [from]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at === to) return true
    if (seen.has(at)) continue
    seen.add(at)
    open.push(...(needs.get(at) ?? []))
  }
  return false
}

function sortKey({ kind, name, table }: SchemaObject): string {
  const own = table ?? name
  // Objects that refer to tables without belonging to one come last: a table's place must not depend on which other it
  // refers to.
  const last = kind === 'foreign-key' || name.startsWith('publication ')
  const rank = last ? -1 : RANKS.indexOf(table === null ? kind : 'table')
  return [rank === -1 ? RANKS.length : rank, own, Math.max(0, BEHIND.indexOf(kind)), name]
    .map((part) => String(part).padStart(2, '0'))
    .join('\u0000')
}
