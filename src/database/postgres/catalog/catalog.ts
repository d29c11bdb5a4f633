/** Reads the schema of a PostgreSQL database: tables, views, routines and everything else, each with its DDL. */
import type { ObjectKind, SchemaObject } from '../../../schema/model.ts'
import { Schema } from '../../../schema/schema.ts'
import type { Session } from '../session.ts'
import type { CatalogRow, ObjectRow } from './facts.ts'
import { describeObject } from './objects.ts'
import { type CatalogOptions, readRows } from './rows.ts'

/** Reads the schema; if nothing has changed since the last reading on a session that keeps it, returns the same object. */
export async function readSchema(session: Session, options: CatalogOptions): Promise<Schema> {
  const rows = await readRows(session, options)
  const schema = schemas.get(rows) ?? schemaOf(rows)
  schemas.set(rows, schema)
  return schema
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

/** The facts of the catalogs beyond the DDL. Code that writes statements which change objects needs them. */
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

const schemas = new WeakMap<readonly CatalogRow[], Schema>()

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
    const known = needs.get(object)
    if (known) known.push(needed)
    else needs.set(object, [needed])
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
    found.push({ oid, ...described(row, later.get(oid) ?? []) })
  }
  found.sort((a, b) => (a.key < b.key ? -1 : 1))
  const byOid = new Map(found.map((item) => [item.oid, item]))
  const tables = new Map(found.filter(({ object }) => object.table === null).map((item) => [item.object.name, item]))
  const done = new Set<object>()
  const ordered: { row: ObjectRow; object: SchemaObject }[] = []
  const visit = (item: (typeof found)[number]) => {
    if (done.has(item)) return
    done.add(item)
    const first = needs.get(item.oid)?.flatMap((oid) => byOid.get(oid) ?? [])
    if (first && first.length > 1) first.sort((a, b) => (a.key < b.key ? -1 : 1))
    for (const other of first ?? []) visit(other)
    const owner = item.object.table === null ? undefined : tables.get(item.object.table)
    if (owner) visit(owner)
    ordered.push(item)
  }
  for (const item of found) visit(item)
  return ordered
}

interface Described {
  readonly key: string
  readonly row: ObjectRow
  readonly object: SchemaObject
}

/** Rows that are the same as in the reading before have the same object, which is quickly compared. */
const known = new WeakMap<ObjectRow, Described & { readonly later: string }>()

function described(row: ObjectRow, later: readonly string[]): Described {
  const found = known.get(row)
  if (found && found.later === later.join('\0')) return found
  const full = row.kind === 'table' ? { ...row, facts: { ...row.facts, later } } : row
  const object = describeObject(full)
  const made = { key: sortKey(object), row: full, object, later: later.join('\0') }
  known.set(row, made)
  return made
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
