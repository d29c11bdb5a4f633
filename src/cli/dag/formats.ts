/** Formats a graph for other programs: JSON, and Mermaid for Markdown pages. */
import type { Graph } from '../../migrate/plan/graph.ts'
import { labelOf } from '../../migrate/version.ts'

type StateOf = (version: number) => string | undefined

/**
 * Returns the graph as a JSON document, migrations in the order in which they run. Equal graphs give equal documents on
 * every machine.
 */
export function dagDocument({ nodes, roots, heads, problems }: Graph, stateOf: StateOf): object {
  return {
    format: 1,
    migrations: nodes.map((node) => {
      const state = stateOf(node.version)
      const { version, name, parents, explicit, replaces } = node
      return { version, name, parents, explicit, ...(replaces.length > 0 && { replaces }), ...(state && { state }) }
    }),
    roots,
    heads,
    problems,
  }
}

export function dagMermaid({ nodes }: Graph, stateOf: StateOf): string {
  const boxes = nodes.map((node) => {
    const state = stateOf(node.version)
    const name = labelOf(node).replace(/[#"&<>]/g, (letter) => `#${letter.codePointAt(0)};`)
    return `  m${node.version}["${name}"]${state ? `:::${state}` : ''}`
  })
  const arrows = nodes.flatMap(({ version, parents }) => parents.map((parent) => `  m${parent} --> m${version}`))
  const states = new Set(nodes.map(({ version }) => stateOf(version)).filter((state) => state !== undefined))
  const classes = [...states].map(
    (state) => `  classDef ${state} ${state === 'applied' ? 'stroke-width:2px' : 'stroke-dasharray:4'}`,
  )
  return ['flowchart TB', ...boxes, ...arrows, ...classes].join('\n')
}
