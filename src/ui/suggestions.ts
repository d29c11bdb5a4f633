/** Finds what could be tidied up in a folder: branches that no migration joins, and migrations that could be one. */
import { attempt } from '../migrate/attempt.ts'
import type { Graph } from '../migrate/plan/graph.ts'
import { readGraph } from '../migrate/plan/readGraph.ts'
import { squash } from '../migrate/plan/squashing.ts'
import type { Migration, Source } from '../migrate/source.ts'
import { labelOf } from '../migrate/version.ts'
import { findGitBase } from '../source/gitBase.ts'
import type { Dialect } from '../sql/dialect.ts'
import { changedVersions } from '../verify/since.ts'
import type { Station, Suggestion } from './protocol.ts'

/** @param stations the states of the migrations: where only some are applied, a squashed one could not be recorded */
export async function suggestionsFor(
  source: Source,
  stations: readonly Station[],
  dialect: Dialect,
): Promise<Suggestion[]> {
  // Another tool would not understand the files that these commands write.
  if (source.format) return []
  const { migrations, graph } = await readGraph(source)
  if (graph.problems.length > 0) return []
  const label = new Map(migrations.map((migration) => [migration.version, labelOf(migration)]))
  const suggestions: Suggestion[] = []
  if (graph.heads.length > 1) {
    const keys = graph.heads.flatMap((version) => label.get(version) ?? [])
    suggestions.push({ kind: 'merge', keys, base: undefined, command: 'npx migratest merge' })
  }
  const { revision, versions } = ownOfBranch(source.folder, migrations)
  const states = new Map(stations.map(({ key, state }) => [key, state]))
  for (const run of linesOf(graph, versions)) {
    const parts = migrations.filter(({ version }) => run.includes(version))
    const keys = parts.map(labelOf)
    const applied = new Set(keys.map((key) => states.get(key) !== 'pending' && states.get(key) !== 'late'))
    if (applied.size > 1 || !(await canSquash(source, parts, graph, dialect))) continue
    suggestions.push({ kind: 'squash', keys, base: revision, command: `npx migratest squash ${run[0]}..${run.at(-1)}` })
  }
  return suggestions
}

// --- internal ---

/** Finds the migrations that only this branch has: nobody else has applied them yet. */
function ownOfBranch(folder: string | undefined, migrations: readonly Migration[]) {
  const base = folder === undefined ? 'no folder' : findGitBase(folder)
  if (typeof base === 'string' || !base.present) return { revision: undefined, versions: new Set<number>() }
  try {
    return { revision: base.revision, versions: changedVersions(base.revision, folder, migrations) }
  } catch {
    // The revision is named, but not fetched.
    return { revision: undefined, versions: new Set<number>() }
  }
}

/** Returns the longest lines of two or more of these versions in which each follows the one before and nothing else. */
function linesOf({ nodes }: Graph, versions: ReadonlySet<number>): number[][] {
  const children = new Map<number, number>()
  for (const { parents } of nodes) for (const parent of parents) children.set(parent, (children.get(parent) ?? 0) + 1)
  const lines: number[][] = []
  let before: number | undefined
  for (const { version, parents } of nodes) {
    const line = lines.at(-1)
    const follows = before !== undefined && parents.length === 1 && parents[0] === before && children.get(before) === 1
    if (!versions.has(version)) before = undefined
    else {
      if (follows && line) line.push(version)
      else lines.push([version])
      before = version
    }
  }
  return lines.filter(({ length }) => length > 1)
}

/** Returns whether the texts can be joined: code cannot, nor can what begins and ends transactions of its own. */
async function canSquash(source: Source, parts: readonly Migration[], graph: Graph, dialect: Dialect) {
  const joined = await attempt(async () => {
    const read = parts.map(async (migration) => {
      return { migration, up: await source.read(migration, 'up'), down: await source.read(migration, 'down') }
    })
    return squash(await Promise.all(read), graph, dialect)
  })
  return !(joined instanceof Error)
}
