/** Draws a graph as an SVG with colors for light and dark mode. */
import type { Graph } from '../../migrate/plan/graph.ts'
import { lanesOf } from '../../migrate/plan/lanes.ts'
import { labelOf } from '../../migrate/version.ts'

const ROW = 30
const LANE = 22
const MARGIN = 16
const COLOURS = ['#2563eb', '#d97706', '#059669', '#9333ea', '#dc2626', '#0891b2']

/**
 * Returns the SVG.
 * @param stateOf returns the status of a migration in the database; undefined without a database
 */
export function dagSvg(graph: Graph, stateOf: (version: number) => string | undefined): string {
  const rows = lanesOf(graph)
  const at = new Map(
    rows.map((row, i) => [row.node.version, { x: MARGIN + row.lane * LANE, y: MARGIN + i * ROW, lane: row.lane }]),
  )
  const right =
    MARGIN +
    Math.max(0, ...rows.map(({ lane, passing, leaving }) => Math.max(lane, ...passing, ...leaving))) * LANE +
    20
  const longest = Math.max(
    0,
    ...graph.nodes.map((node) => labelOf(node).length + (stateOf(node.version)?.length ?? 0) + 2),
  )
  const width = right + longest * 8 + MARGIN
  const height = MARGIN * 2 + Math.max(0, rows.length - 1) * ROW
  const edges = rows.flatMap(({ node, lane, leaving }) =>
    node.parents.toReversed().flatMap((parent, nth) => {
      const from = at.get(node.version)
      const to = at.get(parent)
      if (!from || !to) return []
      const over = nth === 0 ? lane : (leaving[nth - 1] ?? lane)
      const x = MARGIN + over * LANE
      const colour = COLOURS[over % COLOURS.length]
      // The edge bends into its lane within one row, runs straight down, and bends to the parent in the last row.
      const straight = to.y - from.y === ROW
      const path = straight
        ? `M${from.x} ${from.y}${bend(from.x, to.x, from.y, to.y)}`
        : `M${from.x} ${from.y}${bend(from.x, x, from.y, from.y + ROW)}V${to.y - ROW}${bend(x, to.x, to.y - ROW, to.y)}`
      return [`  <path d="${path}" stroke="${colour}"/>`]
    }),
  )
  const dots = rows.map(({ node }) => {
    const { x = 0, y = 0, lane = 0 } = at.get(node.version) ?? {}
    const state = stateOf(node.version)
    const fill =
      state === undefined || state === 'applied' || state === 'unrecorded'
        ? COLOURS[lane % COLOURS.length]
        : 'var(--page)'
    const said = state ? `<tspan class="state"> ${state}</tspan>` : ''
    return `  <g><circle cx="${x}" cy="${y}" r="5" fill="${fill}" stroke="${COLOURS[lane % COLOURS.length]}"/><text x="${right}" y="${y + 4}">${escaped(labelOf(node))}${said}</text></g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Migrations and what each follows">
  <style>
    svg { --page: #fff; --ink: #1f2937; background: var(--page); font: 13px ui-monospace, Menlo, Consolas, monospace; }
    @media (prefers-color-scheme: dark) { svg { --page: #111827; --ink: #e5e7eb; } }
    path { fill: none; stroke-width: 2; }
    circle { stroke-width: 2; }
    text { fill: var(--ink); }
    .state { opacity: 0.6; }
  </style>
${[...edges, ...dots].join('\n')}
</svg>`
}

// --- internal ---

/** Returns a curve from one lane to another, or a straight line down if they are the same. */
function bend(from: number, to: number, top: number, bottom: number): string {
  if (from === to) return `V${bottom}`
  const middle = (top + bottom) / 2
  return `C${from} ${middle} ${to} ${middle} ${to} ${bottom}`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
