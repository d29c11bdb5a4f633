/** The timeline's stations: made from the graph of the files and the status of the database. Pure. */
import { UsageError } from '../migrate/errors.ts'
import type { Graph } from '../migrate/plan/graph.ts'
import type { StatusRow } from '../migrate/plan/status.ts'
import { labelOf } from '../migrate/version.ts'
import type { Job } from '../watch/watcher.ts'
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

/**
 * Returns the moves that lead from what is applied to a station; undefined if the database is there.
 * @param to a station's key, or `nil`
 * @throws UsageError if it is not on the timeline
 */
export function moveTo(stations: readonly Station[], to: string): Job | undefined {
  const at = to === 'nil' ? -1 : stations.findIndex(({ key }) => key === to)
  if (at === -1 && to !== 'nil') throw new UsageError(`There is no migration "${to}".`)
  const isApplied = ({ state }: Station) => state !== 'pending' && state !== 'late'
  const above = stations.slice(at + 1).filter(isApplied).length
  const below = stations.slice(0, at + 1).filter((station) => !isApplied(station)).length
  if (above > 0) return { kind: 'move', wish: { kind: 'down', count: above } }
  return below > 0 ? { kind: 'move', wish: { kind: 'up', count: below } } : undefined
}
