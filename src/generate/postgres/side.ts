/** One of the two schemas, with what the catalogs know about its objects. */
import { type Catalog, catalogOf, type Need } from '../../database/postgres/catalog/catalog.ts'
import type { FactsOf } from '../../database/postgres/catalog/facts.ts'
import type { SchemaObject } from '../../schema/model.ts'
import type { Schema } from '../../schema/schema.ts'
import { keyOf } from '../statement.ts'

/** A use of one part by another; the keys are those of {@link keyOf}, with `/column name` behind for a part of a table. */
interface Use {
  readonly user: string
  readonly userObject: string
  readonly used: string
  readonly usedObject: string
}

export interface Side {
  readonly schema: Schema
  /** The objects by key, in an order in which they can be made. */
  readonly objects: ReadonlyMap<string, SchemaObject>
  readonly uses: readonly Use[]
  /** The uses of an object and of its parts, by the object's key. */
  readonly usersOf: ReadonlyMap<string, readonly Use[]>
  /** The objects that belong to a table or view: indexes, triggers, policies, …, by the table's name. */
  readonly belonging: ReadonlyMap<string, readonly SchemaObject[]>
}

const catalogs = new WeakMap<Schema, Catalog>()
const sides = new WeakMap<Schema, Side>()

export function sideOf(schema: Schema): Side {
  const known = sides.get(schema)
  if (known) return known
  const side = readSide(schema)
  sides.set(schema, side)
  return side
}

/** Returns an object's facts. Its kind says of which kind they are. */
export function factsOf<K extends keyof FactsOf>({ schema }: Side, object: SchemaObject & { kind: K }): FactsOf[K] {
  const row = catalog(schema).facts.get(object)
  if (!row) throw new Error(`nothing is known of ${keyOf(object)}`)
  return row.facts as FactsOf[K]
}

/** Returns the object if it is there and of that kind. */
export function objectIn<K extends keyof FactsOf>(
  { objects }: Side,
  kind: K,
  name: string,
): (SchemaObject & { kind: K }) | undefined {
  return objects.get(`${kind} ${name}`) as (SchemaObject & { kind: K }) | undefined
}

/** An index of a partitioned table is made after the partitions whose indexes have names of their own; they go without it. */
export function isForMaking({ objects }: Side, { userObject, usedObject }: Use): boolean {
  return (
    userObject.startsWith('index ') &&
    usedObject.startsWith('table ') &&
    usedObject !== `table ${objects.get(userObject)?.table}`
  )
}

/** Narrows an object to a kind. */
export function isKind<K extends keyof FactsOf>(kind: K, object: SchemaObject): object is SchemaObject & { kind: K } {
  return object.kind === kind
}

// --- internal ---

function catalog(schema: Schema): Catalog {
  const known = catalogs.get(schema) ?? catalogOf(schema)
  catalogs.set(schema, known)
  return known
}

function readSide(schema: Schema): Side {
  const objects = new Map(schema.objects.map((object) => [keyOf(object), object]))
  const uses = catalog(schema).needs.map((need) => useOf(schema, need))
  const usersOf = new Map<string, Use[]>()
  for (const use of uses) {
    const list = usersOf.get(use.usedObject)
    if (list) list.push(use)
    else usersOf.set(use.usedObject, [use])
  }
  const belonging = new Map<string, SchemaObject[]>()
  for (const object of schema.objects) {
    if (object.table === null) continue
    const list = belonging.get(object.table)
    if (list) list.push(object)
    else belonging.set(object.table, [object])
  }
  return { schema, objects, uses, usersOf, belonging }
}

function useOf(schema: Schema, { object, member, needed, of }: Need): Use {
  const userObject = keyOf(object)
  const usedObject = keyOf(needed)
  const part = member ?? (object.kind === 'table' ? wholeTable(schema, object, needed) : null)
  const withParts = object.kind === 'table' || (object.kind === 'type' && part?.startsWith('constraint '))
  return {
    user: part !== null && withParts ? `${userObject}/${part}` : userObject,
    userObject,
    used: of !== null && needed.kind === 'table' ? `${usedObject}/${of}` : usedObject,
    usedObject,
  }
}

/** Returns the part of a table that needs another object although the catalogs say only that the table does. */
function wholeTable(schema: Schema, table: SchemaObject, needed: SchemaObject): string | null {
  const row = catalog(schema).facts.get(table)
  if (row?.kind !== 'table') return null
  if (needed.kind === 'table' && row.facts.parents?.includes(needed.name)) return 'parents'
  return needed.kind === 'type' ? 'of' : null
}
