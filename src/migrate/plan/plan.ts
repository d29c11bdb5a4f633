/**
 * Turns a request into the moves it needs, and throws everything that must be reported before the first of them runs.
 * It writes nothing.
 */
import { throwAll } from '../attempt.ts'
import type { DatabaseState, Driver, HistoryEntry, HistoryRecord } from '../driver.ts'
import { GraphError, MultipleHeadsError, SquashedError } from '../errors.ts'
import { type LoadInput, loadRecord } from '../load.ts'
import type { Migration, Relations, Source } from '../source.ts'
import { labelOf, type Target, type Version } from '../version.ts'
import { compareWithFiles, type Policies, refuseTrouble } from './compare.ts'
import { buildGraph, type Graph, independent } from './graph.ts'
import { type AppliedMigrations, reconcile } from './history.ts'
import { chooseFollowing, chooseMoves, type Move, type MovesInput, type Request, resolveTarget } from './moves.ts'
import { type Adoption, findAdoptions } from './squash.ts'
import { type NumberedTarget, numbered } from './target.ts'

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
  /** Changed downs of applied migrations, to be recorded before the moves run. */
  readonly newDowns: readonly HistoryRecord[]
  /** Squashed migrations to record as applied before the moves run. */
  readonly adopted: readonly AdoptedRecord[]
}

export interface AdoptedRecord extends Adoption {
  readonly record: HistoryRecord
}

/**
 * Chooses the moves for a request.
 * @param supposed `true` if `read` is a hypothetical state and not that of a database; then there are no squashed
 * migrations to adopt
 */
export async function choosePlan(
  input: PlanInput,
  read: DatabaseState,
  asked: Request,
  supposed = false,
): Promise<ChosenPlan> {
  const { source } = input
  const migrations = await source.list()
  const request = numberedRequest(asked, migrations, source.name)
  const relations = (await source.relations?.()) ?? NO_RELATIONS
  const graph = relations.size > 0 ? buildGraph(migrations, relations) : undefined
  const adopted = graph && !supposed ? await adopt(input, read, request, migrations, relations) : []
  const state = adopted.reduce(asAdopted, read)
  const { free, moving, load } = stand(input, state, migrations, graph)
  const { moves, short } = chooseMoves(moving, request)
  // "latest" always means up, even if the files of newer migrations are gone.
  const upwards =
    request.kind === 'to'
      ? request.target === 'latest' || resolveTarget(moving, request.target) >= state.version
      : request.kind === 'up'
  if (!upwards) return { moves, short, load, newDowns: [], adopted }
  if (graph) refuseGraph(graph, moves.length > 0 && isUnbounded(request))
  return { moves, short, load, newDowns: await refuseTrouble(load, input, free), adopted }
}

/** The moves that make the database match the files. */
export interface FollowChoice {
  readonly downs: readonly Move[]
  readonly ups: readonly Move[]
  readonly load: LoadInput
  readonly changes: readonly Change[]
  /** Changed downs of migrations that stay applied. */
  readonly newDowns: readonly HistoryRecord[]
  readonly adopted: readonly AdoptedRecord[]
}

/** A difference between an applied migration and the files. */
export interface Change<V extends Version = number> {
  readonly version: V
  readonly name: string
  /** `late`: a new file below the current version. `down`: only the down half was edited. */
  readonly what: 'edited' | 'gone' | 'late' | 'new' | 'down'
}

/**
 * `all`: make the database match the files. Otherwise a number of migrations: `down` undoes the last `count` applied,
 * `up` applies the next `count`, `redo` undoes the last `count` and applies them again.
 */
export type FollowScope = 'all' | { readonly kind: 'up' | 'down' | 'redo'; readonly count: number }

/**
 * Chooses the moves that make the database match the files. It never refuses edited, missing or late migrations,
 * because its purpose is to handle them.
 */
export async function chooseFollowPlan(
  input: PlanInput,
  read: DatabaseState,
  wish: FollowScope,
): Promise<FollowChoice> {
  const { source, outOfOrder = source.format?.outOfOrder ?? 'error' } = input
  const migrations = await source.list()
  const relations = (await source.relations?.()) ?? NO_RELATIONS
  const graph = relations.size > 0 ? buildGraph(migrations, relations) : undefined
  const adopted = graph ? await adoptedRecords(input, read, migrations, relations) : []
  const state = adopted.reduce(asAdopted, read)
  const { applied, free, moving, load } = stand(input, state, migrations, graph)
  if (graph) refuseGraph(graph, true)
  const compared = await compareWithFiles(load)
  throwAll([...compared.broken.values()])
  // Where the tool ignores what it applied and has no file, so does a development database. What we applied is undone.
  const ignored = (input.missing ?? source.format?.missing) === 'ignore' && source.format !== undefined
  const gone = [...applied.entries.values()].filter(
    ({ version, recorded }) => !load.migrations.has(version) && (recorded || !ignored),
  )
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

/**
 * Returns the squashed migrations that replace only applied migrations, with their records.
 * @throws SquashedError if only some of the replaced migrations are applied
 */
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

/** Returns the state the database will have after an adopted record is written. */
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

/** Returns `true` for a request that may need all migrations. */
export function isUnbounded(request: Request<NumberedTarget | Target>): boolean {
  return request.kind === 'to' ? request.target === 'latest' : request.kind === 'up' && request.limit === -1
}

// --- internal ---

/** Returns the lowest version to undo, or undefined if there is none. */
function lastOf(applied: readonly number[], { kind, count }: Exclude<FollowScope, 'all'>): number | undefined {
  return kind === 'up' ? undefined : applied.slice(-count)[0]
}

const NO_RELATIONS: ReadonlyMap<number, Relations> = new Map()

function stand(input: PlanInput, state: DatabaseState, migrations: readonly Migration[], graph: Graph | undefined) {
  const { source, outOfOrder = source.format?.outOfOrder ?? 'error' } = input
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

/**
 * Returns the squashed migrations to adopt. If only some of the replaced migrations are applied and the request goes
 * down, it returns none: each is undone with its own recorded down.
 */
async function adopt(
  input: PlanInput,
  state: DatabaseState,
  request: Request<NumberedTarget>,
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

/** Returns `true` if a request goes down. Runs before targets are resolved, so it ignores `latest` and `justBefore`. */
function goesDown(request: Request<NumberedTarget>, current: number): boolean {
  if (request.kind !== 'to') return request.kind === 'down'
  const { target } = request
  return target === 'nil' || (typeof target === 'number' && target < current)
}

function numberedRequest(request: Request, migrations: readonly Migration[], source: string): Request<NumberedTarget> {
  return request.kind === 'to' ? { kind: 'to', target: numbered(request.target, migrations, source) } : request
}

function refuseGraph(graph: Graph, wholeWay: boolean): void {
  if (graph.problems.length > 0) throw new GraphError(graph.problems)
  if (!wholeWay || graph.heads.length < 2) return
  throw new MultipleHeadsError(graph.nodes.filter(({ version }) => graph.heads.includes(version)).map(labelOf))
}
