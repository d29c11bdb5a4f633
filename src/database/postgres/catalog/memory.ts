/**
 * Remembers what a session has read of a schema, so that the next reading only asks for what has changed. The DDL of an object
 * depends on its own rows in the catalogs and on the names of the objects that it needs: if one of these has changed, the object
 * is read again, too, and so on. Pure: this file decides, the caller asks the server.
 */
import type { CatalogRow } from './facts.ts'
import type { MarkRow } from './marks.ts'

/** Everything that was read at one moment, and the marks of that moment. */
export interface Memory {
  readonly marks: Marks
  readonly rows: readonly CatalogRow[]
  /** The server's count of writes at that moment; null if it tells nothing. */
  readonly counted: string | null
}

export interface Marks {
  /** The marks of families in the usual catalogs, and in the others. */
  readonly families: ReadonlyMap<number, string>
  readonly more: ReadonlyMap<number, string>
  readonly shared: ReadonlySet<number>
  readonly others: string | null
}

/** @param last the marks before; what was not asked for is as it was then */
export function marksOf({ families, more, shared, others }: MarkRow, last?: Marks): Marks {
  const usual = byFamily(families)
  if (more === undefined && last) return { ...last, families: usual }
  return {
    families: usual,
    more: byFamily(more),
    shared: new Set(split(shared).map(Number)),
    others: others ?? null,
  }
}

/**
 * Returns the families to read again; `undefined` if everything must be read.
 * @param now the marks of the moment of the new reading
 */
export function familiesToRead({ marks, rows }: Omit<Memory, 'counted'>, now: Marks): ReadonlySet<number> | undefined {
  const touched = [...changed(marks.families, now.families), ...changed(marks.more, now.more)]
  if (touched.length === 0 && marks.others === now.others) return NONE
  if (touched.includes(NO_FAMILY) || marks.others !== now.others) return undefined
  // Whether the server qualifies the name of a routine depends on others of the same name.
  if (touched.some((family) => marks.shared.has(family) || now.shared.has(family))) return undefined
  const index = indexOf(rows)
  const found = reachedFrom(touched, index)
  if (!found) return undefined
  // Objects that are gone need no query.
  const there = [...found].filter((family) => isThere(now, family))
  return there.length > Math.max(MOST_AT_LEAST, index.families * MOST_PART) ? undefined : found
}

/** Returns whether there are objects of a family. */
export function isThere({ families, more }: Marks, family: number): boolean {
  return families.has(family) || more.has(family)
}

/** Returns the rows of now: those from memory but for the families that were read again. */
export function remembered(
  { rows }: Pick<Memory, 'rows'>,
  read: ReadonlySet<number>,
  fresh: readonly CatalogRow[],
): readonly CatalogRow[] {
  const kept = rows.filter(({ family }) => family === null || !read.has(Number(family)))
  return [...kept, ...fresh]
}

// --- internal ---

const NONE: ReadonlySet<number> = new Set()

/** The family of objects that belong to no relation, type or routine. */
const NO_FAMILY = 0

function split(text: string | null | undefined): string[] {
  return text ? text.split(',') : []
}

function byFamily(text: string | null | undefined): ReadonlyMap<number, string> {
  return new Map(
    split(text).map((one) => {
      const at = one.indexOf(' ')
      return [Number(one.slice(0, at)), one.slice(at + 1)]
    }),
  )
}

/** Returns the families whose marks are others. */
function changed(before: ReadonlyMap<number, string>, now: ReadonlyMap<number, string>): number[] {
  const those = [...now].flatMap(([family, mark]) => (before.get(family) === mark ? [] : [family]))
  const gone = [...before.keys()].filter((family) => !now.has(family))
  return [...those, ...gone]
}

/** Reading everything takes less than reading more than this part of it on its own. */
const MOST_PART = 0.5
const MOST_AT_LEAST = 8

interface Index {
  readonly families: number
  /** The family of each object; null for an object that belongs to none. */
  readonly familyOf: ReadonlyMap<number, number | null>
  /** The objects of each family. */
  readonly members: ReadonlyMap<number, readonly number[]>
  /** The objects that need an object. */
  readonly neededBy: ReadonlyMap<number, readonly number[]>
  /** The tables that inherit from a table, and those from which it inherits. */
  readonly kin: ReadonlyMap<number, readonly number[]>
}

/** Built when it is first needed: most readings are followed by another of the same rows. */
const indexes = new WeakMap<readonly CatalogRow[], Index>()

function indexOf(rows: readonly CatalogRow[]): Index {
  const known = indexes.get(rows)
  if (known) return known
  const familyOf = new Map<number, number | null>()
  const members = new Map<number, number[]>()
  const neededBy = new Map<number, number[]>()
  const kin = new Map<number, number[]>()
  const relations = new Map<string, number>()
  for (const row of rows) {
    const family = row.family === null ? null : Number(row.family)
    const object = row.kind === 'needs' ? row.facts[0] : Number(row.oid)
    familyOf.set(object, family)
    if (family !== null) add(members, family, object)
    if (row.kind === 'needs') add(neededBy, row.facts[1], object)
    if (row.kind === 'table') relations.set(row.facts.name, object)
  }
  for (const row of rows) {
    if (row.kind !== 'table') continue
    for (const name of row.facts.parents ?? []) {
      const parent = relations.get(name)
      if (parent === undefined) continue
      add(kin, parent, Number(row.oid))
      add(kin, Number(row.oid), parent)
    }
  }
  const index = { families: members.size, familyOf, members, neededBy, kin }
  indexes.set(rows, index)
  return index
}

function add(lists: Map<number, number[]>, key: number, value: number): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}

/**
 * Returns the families of what changed and of what needs it, directly or not; `undefined` if something needs it that
 * belongs to no family.
 */
function reachedFrom(
  touched: readonly number[],
  { familyOf, members, neededBy, kin }: Index,
): ReadonlySet<number> | undefined {
  const families = new Set(touched)
  const seen = new Set<number>()
  // Each object of a family that changed may have changed; of another, only the object that needs something.
  const open = touched.flatMap((family) => [family, ...(members.get(family) ?? [])])
  for (let object = open.pop(); object !== undefined; object = open.pop()) {
    if (seen.has(object)) continue
    seen.add(object)
    for (const other of neededBy.get(object) ?? []) {
      const family = familyOf.get(other)
      if (family === null || family === undefined) return undefined
      families.add(family)
      open.push(other)
    }
  }
  // The names of a partition's indexes decide how those of its table are written.
  const trees = [...families]
  for (let table = trees.pop(); table !== undefined; table = trees.pop()) {
    for (const other of kin.get(table) ?? []) {
      if (families.has(other)) continue
      families.add(other)
      trees.push(other)
    }
  }
  return families
}
