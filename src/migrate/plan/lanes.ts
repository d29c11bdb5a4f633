/**
 * Computes the position of each migration in a drawing of the graph: one row each, newest first, and the lanes between
 * rows. Pure.
 */
import type { Graph, GraphNode } from './graph.ts'

export interface Row {
  readonly node: GraphNode
  /** Lane of the migration, counted from 0 on the left. */
  readonly lane: number
  /** Other lanes that continue past this row. */
  readonly passing: readonly number[]
  /** Lanes from above that end here, besides the migration's own lane. */
  readonly joining: readonly number[]
  /** Lanes that lead down to its other parents, in addition to its own lane. */
  readonly leaving: readonly number[]
  /** `true` if no migration follows this one. */
  readonly isHead: boolean
  /** `true` if its own lane continues to a parent. */
  readonly goesOn: boolean
}

export function lanesOf({ nodes }: Graph): Row[] {
  /** The version that each lane leads to; undefined for a free lane. */
  const lanes: (number | undefined)[] = []
  const free = (from: number): number => {
    const found = lanes.findIndex((version, i) => i >= from && version === undefined)
    return found === -1 ? Math.max(lanes.length, from) : found
  }
  return nodes.toReversed().map((node) => {
    const own = lanes.flatMap((version, i) => (version === node.version ? [i] : []))
    const lane = own[0] ?? free(0)
    const joining = own.slice(1)
    for (const i of own) lanes[i] = undefined
    const passing = lanes.flatMap((version, i) => (version === undefined ? [] : [i]))
    const [first, ...others] = node.parents.toReversed()
    if (first !== undefined) lanes[lane] = first
    const leaving = others.map((parent) => {
      const shared = lanes.indexOf(parent)
      const to = shared === -1 ? free(lane + 1) : shared
      lanes[to] = parent
      return to
    })
    return { node, lane, passing, joining, leaving, isHead: own.length === 0, goesOn: first !== undefined }
  })
}
