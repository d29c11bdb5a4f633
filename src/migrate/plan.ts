/** From a wish to the moves it needs, with everything that must be told before any of them. Reads; changes nothing. */
import { throwAll } from './attempt.ts'
import { compareWithFiles, type Policies, refuseTrouble } from './compare.ts'
import type { DatabaseState, Driver, HistoryEntry, HistoryRecord } from './driver.ts'
import { GraphError, MultipleHeadsError, SquashedError } from './errors.ts'
import { buildGraph, type Graph, independent, labelOf } from './graph.ts'
import { type AppliedMigrations, reconcile } from './history.ts'
import { type LoadInput, loadRecord } from './load.ts'
import { chooseFollowing, chooseMoves, type Move, type MovesInput, type Request, resolveTarget } from './moves.ts'
import type { Migration, Relations, Source } from './source.ts'
import { type Adoption, findAdoptions } from './squash.ts'

export interface PlanInput extends Policies {
  readonly source: Source
  readonly database: Driver
  readonly record?: 'text' | 'fingerprint' | undefined
  readonly recordedCode?: 'refuse' | 'run' | undefined
}

export interface ChosenPlan {
  readonly moves: readonly Move[]
  readonly short: number
  readonly load: LoadInput
  /** To be written before the moves: downs that were mended, and squashed migrations that are applied already. */
  readonly newDowns: readonly HistoryRecord[]
  readonly adopted: readonly AdoptedRecord[]
}

export interface AdoptedRecord extends Adoption {
  readonly record: HistoryRecord
}

/** @param supposed where no database is in that state: then none has half of what was squashed */
export async function choosePlan(
  input: PlanInput,
  read: DatabaseState,
  request: Request,
  supposed = false,
): Promise<ChosenPlan> {
  const { source } = input
  const migrations = await source.list()
  const relations = (await source.relations?.()) ?? NO_RELATIONS
  const graph = relations.size > 0 ? buildGraph(migrations, relations) : undefined
  const adopted = graph && !supposed ? await adopt(input, read, request, migrations, relations) : []
  const state = adopted.reduce(asAdopted, read)
  const { free, moving, load } = stand(input, state, migrations, graph)
  const { moves, short } = chooseMoves(moving, request)
  // "latest" is a wish to go up, though newer files may be gone.
  const upwards =
    request.kind === 'to'
      ? request.target === 'latest' || resolveTarget(moving, request.target) >= state.version
      : request.kind === 'up'
  if (!upwards) return { moves, short, load, newDowns: [], adopted }
  if (graph) refuseGraph(graph, moves.length > 0 && isUnbounded(request))
  return { moves, short, load, newDowns: await refuseTrouble(load, input, free), adopted }
}

/** What is to be moved so that the database becomes what the files say. */
export interface FollowChoice {
  readonly downs: readonly Move[]
  readonly ups: readonly Move[]
  readonly load: LoadInput
  readonly changes: readonly Change[]
  /** Of migrations that stay applied. */
  readonly newDowns: readonly HistoryRecord[]
  readonly adopted: readonly AdoptedRecord[]
}

/** What differs between what was applied and the files. */
export interface Change {
  readonly version: number
  readonly name: string
  /** `late`: new, below what is applied. `down`: only its down half was edited. */
  readonly what: 'edited' | 'gone' | 'late' | 'new' | 'down'
}

/** `all`: as the files say. Else so many of those applied last are undone, applied, or both. */
export type FollowScope = 'all' | { readonly kind: 'up' | 'down' | 'redo'; readonly count: number }

/** Never refuses what was edited, is gone or came late: that is what it is for. */
export async function chooseFollowPlan(
  input: PlanInput,
  read: DatabaseState,
  wish: FollowScope,
): Promise<FollowChoice> {
  const { source, outOfOrder = 'error' } = input
  const migrations = await source.list()
  const relations = (await source.relations?.()) ?? NO_RELATIONS
  const graph = relations.size > 0 ? buildGraph(migrations, relations) : undefined
  const adopted = graph ? await adoptedRecords(input, read, migrations, relations) : []
  const state = adopted.reduce(asAdopted, read)
  const { applied, free, moving, load } = stand(input, state, migrations, graph)
  if (graph) refuseGraph(graph, true)
  const compared = await compareWithFiles(load)
  throwAll([...compared.broken.values()])
  const gone = [...applied.entries.values()].filter(({ version }) => !load.migrations.has(version))
  const late = outOfOrder === 'error' ? applied.late.filter((version) => !free.has(version)) : []
  const odd = Math.min(...[...compared.edited, ...gone].map(({ version }) => version), ...late)
  const bottom = wish === 'all' ? odd : (lastOf(applied.versions, wish) ?? Number.POSITIVE_INFINITY)
  const chosen = chooseFollowing(moving, bottom)
  const count = wish === 'all' ? chosen.ups.length : wish.kind === 'down' ? 0 : wish.count
  const { downs } = chosen
  const ups = chosen.ups.slice(0, count)
  const newDowns = compared.newDowns.filter(({ version }) => version < bottom)
  const undone = new Set(downs.map(({ version }) => version))
  const named = ({ version, name }: { version: number; name: string }, what: Change['what']): Change => ({
    version,
    name,
    what,
  })
  const lateNames = new Set(applied.late)
  const changes = [
    ...compared.edited.map((migration) => named(migration, 'edited')),
    ...gone.map((entry) => named(entry, 'gone')),
    ...compared.newDowns.map((record) => named(record, 'down')),
    ...ups
      .filter(({ version }) => !undone.has(version))
      .map(({ version }) => named(load.migrations.get(version) as Migration, lateNames.has(version) ? 'late' : 'new')),
  ]
  return { downs, ups, load, changes: changes.sort((a, b) => a.version - b.version), newDowns, adopted }
}

export function loadInput(
  { source, database, record, recordedCode, edited }: PlanInput,
  migrations: readonly Migration[],
  applied: AppliedMigrations,
): LoadInput {
  return {
    source,
    driver: database,
    migrations: new Map(migrations.map((m) => [m.version, m])),
    applied,
    recordTexts: record !== 'fingerprint',
    runRecordedCode: recordedCode === 'run',
    trustEdited: edited === 'ignore',
  }
}

/** Squashed migrations whose parts are all applied. @throws SquashedError where some are not */
export async function adoptedRecords(
  input: PlanInput,
  state: DatabaseState,
  migrations: readonly Migration[],
  relations: ReadonlyMap<number, Relations>,
): Promise<AdoptedRecord[]> {
  const load = loadInput(input, migrations, reconcile(state, migrations))
  const adoptions = findAdoptions(state, migrations, relations)
  return Promise.all(
    adoptions.map(async (adoption) => {
      const migration = load.migrations.get(adoption.version) as Migration
      return { ...adoption, record: (await loadRecord(load, migration)).record }
    }),
  )
}

/** As the history will be once it is written. */
export function asAdopted(state: DatabaseState, { version, replaced, baseline, record }: AdoptedRecord): DatabaseState {
  const own = state.history.find((entry) => entry.version === version)
  const entry: HistoryEntry = {
    ...(own ?? { running: null, appliedAt: null, appliedBy: null, durationMs: null }),
    version,
    name: record.name,
    fingerprint: record.fingerprint,
    downFingerprint: record.downFingerprint,
    baseline: baseline || own?.baseline === true,
    recorded: record.up !== null || record.down !== null,
  }
  const others = state.history.filter((other) => other.version !== version && !replaced.includes(other.version))
  return { ...state, history: [...others, entry].sort((a, b) => a.version - b.version) }
}

// --- internal ---

/** The lowest of those to be undone. */
function lastOf(applied: readonly number[], { kind, count }: Exclude<FollowScope, 'all'>): number | undefined {
  return kind === 'up' ? undefined : applied.slice(-count)[0]
}

const NO_RELATIONS: ReadonlyMap<number, Relations> = new Map()

function stand(input: PlanInput, state: DatabaseState, migrations: readonly Migration[], graph: Graph | undefined) {
  const { source, outOfOrder = 'error' } = input
  const applied = reconcile(state, migrations)
  const free = new Set(graph ? independent(graph, applied.late, applied.versions) : [])
  const apply = outOfOrder === 'apply' ? applied.late : outOfOrder === 'error' ? [...free] : []
  const moving: MovesInput = {
    source: source.name,
    migrations,
    current: state.version,
    applied,
    applyLate: new Set(apply),
  }
  return { applied, free, moving, load: loadInput(input, migrations, applied) }
}

/** Going down, a database that has some of what was squashed goes by what was recorded of them. */
async function adopt(
  input: PlanInput,
  state: DatabaseState,
  request: Request,
  migrations: readonly Migration[],
  relations: ReadonlyMap<number, Relations>,
): Promise<AdoptedRecord[]> {
  try {
    return await adoptedRecords(input, state, migrations, relations)
  } catch (error) {
    if (error instanceof SquashedError && goesDown(request, state.version)) return []
    throw error
  }
}

/** Before it is known what a target means. */
function goesDown(request: Request, current: number): boolean {
  if (request.kind !== 'to') return request.kind === 'down'
  const { target } = request
  return target === 'nil' || (typeof target === 'number' && target < current)
}

function isUnbounded(request: Request): boolean {
  return request.kind === 'to' ? request.target === 'latest' : request.kind === 'up' && request.limit === -1
}

function refuseGraph(graph: Graph, wholeWay: boolean): void {
  if (graph.problems.length > 0) throw new GraphError(graph.problems)
  if (!wholeWay || graph.heads.length < 2) return
  throw new MultipleHeadsError(graph.nodes.filter(({ version }) => graph.heads.includes(version)).map(labelOf))
}
