/**
 * Records a migration as applied, or as not applied, without running anything. Refused unless the migrations it depends
 * on are applied, or those that depend on it are not.
 */

import type { DatabaseState, MigrationStep } from './driver.ts'
import { FakeOrderError, GraphError, UsageError, VersionNotFoundError } from './errors.ts'
import { loadRecord } from './load.ts'
import { ancestorsOf, descendantsOf, type Graph } from './plan/graph.ts'
import { type AppliedMigrations, reconcile } from './plan/history.ts'
import { loadInput, type PlanInput } from './plan/plan.ts'
import { readGraph } from './plan/readGraph.ts'
import { findAdoptions } from './plan/squash.ts'
import type { Migration } from './source.ts'
import { isRank, labelOf, NIL_VERSION } from './version.ts'

/** A step that only changes the version and the history. */
export type Fake = Omit<MigrationStep, 'work'>

/** Makes the step that records `version` as applied. @throws FakeOrderError if a migration it depends on is not */
export async function fakeUp(input: PlanInput, state: DatabaseState, version: number): Promise<Fake> {
  const { migrations, graph, applied } = await look(input, state)
  const migration = migrations.find((candidate) => candidate.version === version)
  if (!migration) throw new VersionNotFoundError(version, `Version ${version} is not in ${input.source.name}.`)
  if (applied.versions.includes(version)) throw new UsageError(`${labelOf(migration)} is applied already.`)
  const needed = ancestorsOf(graph, version)
  const missing = graph.nodes.filter((node) => needed.has(node.version) && !applied.versions.includes(node.version))
  if (missing.length > 0) throw new FakeOrderError(`${labelOf(migration)} follows`, 'not applied', missing.map(labelOf))
  const { record } = await loadRecord(loadInput(input, migrations, applied), migration)
  return {
    version,
    name: migration.name,
    direction: 'up',
    from: state.version,
    to: Math.max(state.version, version),
    history: { put: record, baseline: applied.repair },
    bookkeeping: await input.source.format?.bookkeeping(input.database.dialect).record(migration),
  }
}

/**
 * Makes the step that records `version` as not applied.
 * @throws FakeOrderError if an applied migration depends on it
 */
export async function fakeDown(input: PlanInput, state: DatabaseState, version: number): Promise<Fake> {
  const { migrations, graph, applied } = await look(input, state)
  const name = migrations.find((candidate) => candidate.version === version)?.name ?? applied.entries.get(version)?.name
  if (name === undefined || !applied.versions.includes(version)) {
    throw new UsageError(`${isRank(version) ? name : `Version ${version}`} is not applied.`)
  }
  const after = descendantsOf(graph, version)
  const followers = graph.nodes.filter((node) => after.has(node.version) && applied.versions.includes(node.version))
  // A migration whose file is gone is not in the graph. Any applied migration above it may depend on it.
  const known = migrations.some((candidate) => candidate.version === version)
  const above = known && version > applied.baseline ? [] : applied.versions.filter((other) => other > version)
  const inTheWay = [...new Set([...followers.map(labelOf), ...above.map((other) => labelIn(graph, other))])]
  if (inTheWay.length > 0) throw new FakeOrderError(`${labelOf({ version, name })} is followed by`, 'applied', inTheWay)
  const to = applied.versions.findLast((other) => other !== version) ?? NIL_VERSION
  const below = version <= applied.baseline && to !== NIL_VERSION ? { version: to, above: version } : undefined
  return {
    version,
    name,
    direction: 'down',
    from: state.version,
    to,
    history: { remove: version, baseline: applied.repair ?? below },
    bookkeeping: forgotten(input, name),
  }
}

// --- internal ---

function forgotten({ source, database }: PlanInput, name: string): readonly string[] | undefined {
  const { format } = source
  return format?.bookkeeping(database.dialect).forget(format.identify(name))
}

async function look(
  { source }: PlanInput,
  state: DatabaseState,
): Promise<{ migrations: readonly Migration[]; graph: Graph; applied: AppliedMigrations }> {
  const { migrations, relations, graph } = await readGraph(source)
  if (graph.problems.length > 0) throw new GraphError(graph.problems)
  const [squashed] = findAdoptions(state, migrations, relations)
  if (squashed) {
    throw new UsageError(
      `Version ${squashed.version} replaces migrations that are applied, and is not recorded as applied yet.`,
      {
        hint: 'Run "migratest up" first: it records that.',
      },
    )
  }
  return { migrations, graph, applied: reconcile(state, migrations) }
}

function labelIn({ nodes }: Graph, version: number): string {
  const node = nodes.find((candidate) => candidate.version === version)
  return node ? labelOf(node) : String(version)
}
