/** A graph as `git log --graph` draws it: the newest on top, a line a migration, and the lines between them. */
import type { Graph, GraphNode } from '../../migrate/graph.ts'
import { lanesOf } from './lanes.ts'

/** @param label what stands beside a migration */
export function dagText(graph: Graph, label: (node: GraphNode) => string): string {
  const rows = lanesOf(graph)
  const lines = rows.flatMap(({ node, lane, passing, joining, leaving, goesOn }, i) => {
    const above = joining.flatMap((from) =>
      slope(from, lane, [lane, ...passing, ...joining.filter((other) => other < from)]),
    )
    const here = `${drawn(new Map([...passing.map((at) => [at * 2, '|'] as const), [lane * 2, '*']]))} ${label(node)}`
    const own = goesOn ? [lane] : []
    const below = leaving.flatMap((to, nth) => slope(lane, to, [...own, ...passing, ...leaving.slice(0, nth)]))
    const gap = above.length + below.length === 0 && i > 0 && passing.length === 0 && !rows[i - 1]?.goesOn ? [''] : []
    return [...gap, ...above, here, ...below]
  })
  return lines.join('\n')
}

// --- internal ---

/** The lines on which something goes from one lane to another, a lane a line; `standing` lanes pass by. */
function slope(from: number, to: number, standing: readonly number[]): string[] {
  const step = to > from ? 1 : -1
  return Array.from({ length: Math.abs(to - from) }, (_, i) => {
    const at = (from + i * step) * 2 + step
    return drawn(new Map([...standing.map((lane) => [lane * 2, '|'] as const), [at, step > 0 ? '\\' : '/']]))
  })
}

function drawn(marks: ReadonlyMap<number, string>): string {
  const width = Math.max(...marks.keys()) + 1
  return Array.from({ length: width }, (_, i) => marks.get(i) ?? ' ').join('')
}
