/** Makes the timeline's stations from the graph of the files and the status of the database. Pure. */
import type { Graph } from '../migrate/graph.ts'
import type { StatusRow } from '../migrate/status.ts'
import { labelOf } from '../migrate/version.ts'
import type { Station } from './protocol.ts'

/**
 * @param rows the status of each migration; undefined without a database
 * @param sizes the size of each migration's files, by its key
 */
export function stationsOf(
  { nodes }: Graph,
  rows: readonly StatusRow[] | undefined,
  sizes: ReadonlyMap<string, number>,
): Station[] {
  const keys = new Map(nodes.map((node) => [node.version, labelOf(node)]))
  const byKey = new Map(nodes.map((node) => [labelOf(node), node]))
  const all: readonly (Pick<StatusRow, 'version' | 'name'> & Partial<StatusRow>)[] = rows ?? nodes
  return all.map((row) => {
    const key = labelOf(row)
    const node = byKey.get(key)
    const [, number = '', title = key] = /^(\d+)[_-](.+)$/s.exec(key) ?? []
    return {
      key,
      number,
      title,
      parents: node?.parents.flatMap((parent) => keys.get(parent) ?? []) ?? [],
      state: row.state,
      appliedAt: row.appliedAt?.toISOString() ?? null,
      appliedBy: row.appliedBy ?? null,
      durationMs: row.durationMs ?? null,
      bytes: sizes.get(key) ?? null,
      problem: row.problem ?? null,
      replaces: node?.replaces ?? [],
    }
  })
}
