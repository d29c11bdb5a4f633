/** A query that sums up the rows of a table. */
import type { SchemaObject } from '../../schema/model.ts'
import type { Schema } from '../../schema/schema.ts'
import { factsOf, isKind, sideOf } from './side.ts'

export function digest(
  schema: Schema,
  table: SchemaObject,
  columns: readonly string[],
  apart: ReadonlySet<string>,
): string | undefined {
  if (!isKind('table', table)) return undefined
  const side = sideOf(schema)
  const facts = factsOf(side, table)
  if (facts.form === 'f') return undefined
  // The rows of partitions are counted with their table, and those of children by themselves.
  const isApart = apart.has(table.name)
  if (isApart ? facts.form === 'p' : facts.bound !== null) return undefined
  const quoted = (facts.columns ?? []).filter(({ name }) => columns.includes(name)).map((column) => column.quoted)
  const only = facts.form === 'p' ? '' : 'ONLY '
  return `SELECT count(*)::integer AS n, md5(coalesce(string_agg(h, '' ORDER BY h), '')) AS digest FROM (SELECT md5(ROW(${quoted.join(', ')})::text) AS h FROM ${only}${table.name}) rows`
}

/** Returns the tables of each tree of partitions that a table joins or leaves with its rows. */
export function apart(from: Schema, to: Schema): ReadonlySet<string> {
  const [before, after] = [rootsOf(from), rootsOf(to)]
  const changed = new Set<string>()
  for (const [name, root] of before) {
    const now = after.get(name)
    if (now === undefined || now === root) continue
    // A table that is in no tree is its own root.
    changed.add(root).add(now)
  }
  return new Set(
    [before, after].flatMap((tree) => [...tree].filter(([, root]) => changed.has(root)).map(([name]) => name)),
  )
}

// --- internal ---

/** Returns for each table the partitioned table at the top of its tree. */
function rootsOf(schema: Schema): ReadonlyMap<string, string> {
  const side = sideOf(schema)
  const parents = new Map<string, string | undefined>()
  for (const object of schema.objects) {
    if (!isKind('table', object)) continue
    const facts = factsOf(side, object)
    parents.set(object.name, facts.bound === null ? undefined : facts.parents?.[0])
  }
  const rootOf = (name: string): string => {
    const parent = parents.get(name)
    return parent === undefined ? name : rootOf(parent)
  }
  return new Map([...parents.keys()].map((name) => [name, rootOf(name)]))
}
