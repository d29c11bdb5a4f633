import { styleText } from 'node:util'
import type { GraphNode } from '../../migrate/plan/graph.ts'
import { readGraph } from '../../migrate/plan/readGraph.ts'
import type { StatusRow } from '../../migrate/plan/status.ts'
import { labelOf } from '../../migrate/version.ts'
import type { Context } from '../context.ts'
import { dagDocument, dagMermaid } from '../dag/formats.ts'
import { dagSvg } from '../dag/svg.ts'
import { dagText } from '../dag/text.ts'
import { OptionError } from '../options.ts'

const FORMATS = ['text', 'json', 'mermaid', 'svg'] as const

/**
 * Prints the graph of the migrations, with their status if a database is named. Returns 1 if the migrations contradict
 * each other.
 */
export async function run(context: Context): Promise<number> {
  const { json, format = json ? 'json' : 'text' } = context.options
  if (!FORMATS.some((known) => known === format)) {
    throw new OptionError(`Unknown --format ${format}: use one of ${FORMATS.join(', ')}.`)
  }
  const { graph } = await readGraph(await context.source())
  const states = await statesOf(context)
  const labels = new Map(graph.nodes.map((node) => [node.version, labelOf(node)]))
  const stateOf = (version: number) => states?.get(labels.get(version) ?? '')?.state
  if (format === 'json') context.printRaw(JSON.stringify(dagDocument(graph, stateOf)))
  if (format === 'mermaid') context.printRaw(dagMermaid(graph, stateOf))
  if (format === 'svg') context.printRaw(dagSvg(graph, stateOf))
  if (format === 'text') context.printRaw(dagText(graph, (node) => labelled(node, stateOf(node.version), graph.heads)))
  if (format !== 'json') for (const problem of graph.problems) context.tell(problem)
  return graph.problems.length > 0 ? 1 : 0
}

// --- internal ---

/** Returns the status of each migration by its name; undefined if no database is named. */
async function statesOf(context: Context): Promise<Map<string, StatusRow> | undefined> {
  if (!context.hasDatabase) return undefined
  const { migrations } = await (await context.migrator()).status()
  return new Map(migrations.map((row) => [labelOf(row), row]))
}

function labelled(node: GraphNode, state: string | undefined, heads: readonly number[]): string {
  const head = heads.length > 1 && heads.includes(node.version) ? styleText('red', ' (head)') : ''
  const replaces = node.replaces.length > 0 ? styleText('dim', ` (replaces ${node.replaces.length})`) : ''
  const said = state && state !== 'applied' ? `  ${styleText('yellow', state)}` : ''
  return `${labelOf(node)}${head}${replaces}${said}`
}
