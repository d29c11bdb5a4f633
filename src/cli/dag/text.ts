/** Draws a graph like `git log --graph`: newest first, one line per migration, with connecting lines between them. */
import type { Graph, GraphNode } from '../../migrate/plan/graph.ts'
import { lanesOf } from '../../migrate/plan/lanes.ts'

/** Returns the drawing. @param label returns the text beside a migration */
export function dagText(graph: Graph, label: (node: GraphNode) => string): string {
  const rows = lanesOf(graph)
  const lines = rows.flatMap(({ node, lane, passing, joining, leaving, isHead, goesOn }, i) => {
    const ends = [lane, ...joining]
    // Draw the rightmost of the lanes that end here first. Each of them runs into the next one on its left.
    const above = ends
      .map((from, nth) => (nth === 0 ? [] : slope(from, ends[nth - 1] ?? lane, [...passing, ...ends.slice(0, nth)])))
      .toReversed()
      .flat()
    const here = `${drawn(new Map([...passing.map((at) => [at * 2, '|'] as const), [lane * 2, '*']]))} ${label(node)}`
    const below = branches(lane, leaving, passing, goesOn)
    // A head directly below the end of an unrelated lane would look connected to it, so put a line between them.
    const before = rows[i - 1]
    const apart = isHead && before !== undefined && !before.goesOn && before.lane === lane
    const between = apart ? [passing.length > 0 ? drawn(new Map(passing.map((at) => [at * 2, '|']))) : ''] : []
    return [...between, ...above, here, ...below]
  })
  return lines.join('\n')
}

// --- internal ---

/**
 * Returns the lines of text that lead to all parents but the first. A new lane branches off the previous new lane; an
 * existing lane is reached from the lane of the migration itself.
 */
function branches(lane: number, leaving: readonly number[], passing: readonly number[], goesOn: boolean): string[] {
  const standing = [...(goesOn ? [lane] : []), ...passing]
  let last = lane
  return leaving.flatMap((to) => {
    const isNew = !passing.includes(to)
    const lines = slope(isNew ? last : lane, to, standing)
    if (isNew) {
      standing.push(to)
      last = to
    }
    return lines
  })
}

/**
 * Returns the lines of text that lead from one lane to another, crossing one lane per line. The lanes in `standing`
 * continue straight down.
 */
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
