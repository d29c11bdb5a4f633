/** Collects the status of a source and a database without changing anything. Works even if a file is broken. */

import { attempt } from '../attempt.ts'
import type { DatabaseState } from '../driver.ts'
import { MigratestError } from '../errors.ts'
import { type LoadInput, loadHalf, loadStep } from '../load.ts'
import { labelOf } from '../version.ts'
import { compareWithFiles } from './compare.ts'
import type { Graph } from './graph.ts'
import { reconcile } from './history.ts'
import { adoptedRecords, asAdopted, loadInput, type PlanInput } from './plan.ts'
import { readGraph } from './readGraph.ts'
import { type MigrationStatus, statusOf } from './status.ts'

/** @param reading the state, which was asked for: the files are read while the server answers */
export async function survey(input: PlanInput, reading: Promise<DatabaseState>): Promise<MigrationStatus<number>> {
  const files = readGraph(input.source)
  files.catch(() => undefined)
  const read = await reading
  const { migrations, relations, graph } = await files
  const adopted = await attempt(() => adoptedRecords(input, read, migrations, relations))
  const state = adopted instanceof MigratestError ? read : adopted.reduce(asAdopted, read)
  const applied = reconcile(state, migrations)
  const load = loadInput(input, migrations, applied)
  const compared = await compareWithFiles(load)
  const broken = new Map([...(await brokenPending(load)), ...compared.broken])
  const blocked = [...graph.problems, ...(adopted instanceof MigratestError ? [adopted.message] : [])]
  if (state.blocked !== undefined) blocked.push(state.blocked)
  const problems = [...blocked, ...headsOf(graph)]
  return statusOf(state, migrations, applied, { edited: compared.edited, broken, problems, blocked })
}

// --- internal ---

function headsOf({ heads, nodes, problems }: Graph): string[] {
  if (heads.length < 2 || problems.length > 0) return []
  const names = nodes.filter(({ version }) => heads.includes(version)).map(labelOf)
  return [
    `Multiple heads: no migration follows any of these ${heads.length}: ${names.join(', ')}. "migratest merge" joins them.`,
  ]
}

/** Returns the errors of pending migrations that cannot run, by version. */
async function brokenPending(load: LoadInput): Promise<Map<number, MigratestError>> {
  const broken = new Map<number, MigratestError>()
  for (const migration of load.migrations.values()) {
    const { version } = migration
    if (load.applied.entries.has(version)) continue
    const found = await attempt(async () => {
      await loadStep(load, { version, direction: 'up', from: version, to: version })
      await loadHalf(load.source, migration, 'down', load.driver)
    })
    if (found instanceof MigratestError) broken.set(version, found)
  }
  return broken
}
