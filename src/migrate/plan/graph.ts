/**
 * The graph of migrations and their dependencies. Migrations still run in the order of their versions: a migration only
 * depends on lower versions, so the version row keeps its meaning. The graph shows which migrations belong to which
 * branch. Pure.
 */
import { nearest } from '../nearest.ts'
import type { Migration, Relations } from '../source.ts'
import { labelOf } from '../version.ts'

export interface GraphNode {
  readonly version: number
  readonly name: string
  /** Versions this migration depends on, ascending. */
  readonly parents: readonly number[]
  /** `true` if the migration declares its dependencies; otherwise it depends on the one before it. */
  readonly explicit: boolean
  /** Names of the migrations that were squashed into this one. */
  readonly replaces: readonly string[]
}

export interface Graph {
  /** All migrations, lowest version first, which is the order in which they run. */
  readonly nodes: readonly GraphNode[]
  /** Versions that depend on no other. */
  readonly roots: readonly number[]
  /** Versions on which no other depends. */
  readonly heads: readonly number[]
  /** Errors in the declared dependencies, one sentence each. */
  readonly problems: readonly string[]
}

export type RelationsByVersion = ReadonlyMap<number, Relations>

export function buildGraph(migrations: readonly Migration[], relations: RelationsByVersion): Graph {
  const sorted = [...migrations].sort((a, b) => a.version - b.version)
  const problems: string[] = []
  const squashed = findSquashed(sorted, relations, problems)
  const named = sorted.map((migration, index): GraphNode => {
    const { version, name } = migration
    const { dependsOn, replaces = [], problem } = relations.get(version) ?? {}
    if (problem) problems.push(problem)
    const before = sorted[index - 1]
    if (dependsOn === undefined) {
      return { version, name, parents: before ? [before.version] : [], explicit: false, replaces }
    }
    const parents = dependsOn.flatMap((reference) => {
      const found = find(sorted, squashed, reference)
      if (typeof found === 'object') return [found.version]
      problems.push(`${labelOf(migration)} depends on ${reference}: ${found}`)
      return []
    })
    return { version, name, parents: [...new Set(parents)].sort((a, b) => a - b), explicit: true, replaces }
  })
  const rounds = circles(named)
  problems.push(...rounds.map(({ text }) => text))
  for (const node of named) {
    const round = (parent: number) => rounds.some(({ members }) => members.has(parent) && members.has(node.version))
    for (const parent of node.parents.filter((candidate) => candidate > node.version && !round(candidate))) {
      problems.push(
        `${labelOf(node)} depends on ${labelIn(named, parent)}, which has a higher version: migrations run in the order of their versions. Give ${labelOf(node)} a higher one.`,
      )
    }
  }
  const nodes = named.map((node) => ({ ...node, parents: node.parents.filter((parent) => parent < node.version) }))
  const followed = new Set(nodes.flatMap(({ parents }) => parents))
  return {
    nodes,
    roots: nodes.filter(({ parents }) => parents.length === 0).map(({ version }) => version),
    heads: nodes.filter(({ version }) => !followed.has(version)).map(({ version }) => version),
    problems,
  }
}

/** Returns all versions that at least one of the given versions depends on, directly or indirectly. */
export function ancestorsOf({ nodes }: Graph, ...versions: readonly number[]): Set<number> {
  const parents = new Map(nodes.map((node) => [node.version, node.parents]))
  return reached(versions, (version) => parents.get(version) ?? [])
}

/** Returns all versions that depend on the given version, directly or indirectly. */
export function descendantsOf({ nodes }: Graph, version: number): Set<number> {
  const children = new Map<number, number[]>()
  for (const node of nodes) {
    for (const parent of node.parents) children.set(parent, [...(children.get(parent) ?? []), node.version])
  }
  return reached([version], (next) => children.get(next) ?? [])
}

/**
 * Returns the late migrations on a separate branch. No applied migration depends on them, so it makes no difference
 * that they run now and not earlier.
 */
export function independent(graph: Graph, late: readonly number[], applied: readonly number[]): number[] {
  if (late.length === 0) return []
  const followed = ancestorsOf(graph, ...applied)
  return late.filter((version) => !followed.has(version))
}

/** Returns the version that a name begins with, or NaN if it begins with no digit. */
export function versionIn(reference: string): number {
  return /^\d+/.test(reference) ? Number.parseInt(reference, 10) : Number.NaN
}

// --- internal ---

function reached(from: readonly number[], next: (version: number) => readonly number[]): Set<number> {
  const found = new Set<number>()
  const left = [...from]
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    for (const version of next(at)) {
      if (found.has(version)) continue
      found.add(version)
      left.push(version)
    }
  }
  return found
}

/**
 * Maps each squashed migration, by its version and by its title, to the migration that replaces it. Adds errors to
 * `problems`.
 */
function findSquashed(
  migrations: readonly Migration[],
  relations: RelationsByVersion,
  problems: string[],
): ReadonlyMap<string, Migration> {
  for (const migration of migrations) {
    const highest = Math.max(...(relations.get(migration.version)?.replaces ?? []).map(versionIn))
    if (highest === Number.NEGATIVE_INFINITY || highest === migration.version || Number.isNaN(highest)) continue
    problems.push(`${labelOf(migration)} replaces migrations up to ${highest}, so its version must be ${highest}, too.`)
  }
  const present = new Map(migrations.map((migration) => [migration.version, migration]))
  const squashed = new Map<string, Migration>()
  for (const migration of migrations) {
    for (const name of relations.get(migration.version)?.replaces ?? []) {
      const version = versionIn(name)
      const label = labelOf(migration)
      const still = present.get(version)
      const other = squashed.get(String(version))
      if (Number.isNaN(version)) problems.push(`${label} replaces "${name}", which does not begin with a version.`)
      else if (other) problems.push(`${label} and ${labelOf(other)} both replace ${name}.`)
      else if (still && still !== migration) problems.push(`${label} replaces ${name}, whose file still exists.`)
      else if (still && name === label)
        problems.push(`${label} replaces a migration with its own name; give it another name.`)
      squashed.set(String(version), migration)
      const title = name.replace(/^\d+_/, '')
      if (!squashed.has(title)) squashed.set(title, migration)
    }
  }
  return squashed
}

/** Returns the migration a reference means, or a sentence on why there is none. */
function find(
  migrations: readonly Migration[],
  squashed: ReadonlyMap<string, Migration>,
  reference: string,
): Migration | string {
  const [, digits, title] = /^(?:(\d+)(?:_|$))?(.*)$/s.exec(reference) ?? []
  if (digits !== undefined) {
    const version = Number(digits)
    const found = migrations.find((migration) => migration.version === version)
    if (found && (!title || found.name === title)) return found
    const replacing = squashed.get(String(version))
    if (replacing) return replacing
    if (found) return `version ${version} is called ${found.name}.`
  } else {
    const [only, second] = migrations.filter(({ name }) => name === reference)
    if (only && second)
      return `two migrations have this title, ${labelOf(only)} and ${labelOf(second)}; write which one.`
    const replacing = only ?? squashed.get(reference)
    if (replacing) return replacing
  }
  const names = migrations.flatMap((migration) => [labelOf(migration), migration.name, shownName(migration)])
  const meant = nearest(reference, names)
  return meant ? `there is no such migration. Did you mean ${meant}?` : 'there is no such migration.'
}

/** Returns the name as in the file name, with leading zeros. */
function shownName({ up, down }: Migration): string {
  return /(\d+_[^/\\]*?)(?:\.(?:up|down)\.sql|\.m?[jt]s)$/.exec(up ?? down ?? '')?.[1] ?? ''
}

function labelIn(nodes: readonly GraphNode[], version: number): string {
  const node = nodes.find((candidate) => candidate.version === version)
  return node ? labelOf(node) : String(version)
}

/** Returns the shortest path between two versions along the dependencies, or undefined if there is none. */
function wayTo(nodes: readonly GraphNode[], from: number, to: number): number[] | undefined {
  const byVersion = new Map(nodes.map((node) => [node.version, node]))
  const cameFrom = new Map<number, number>([[from, from]])
  const left = [from]
  for (let next = left.shift(); next !== undefined && next !== to; next = left.shift()) {
    for (const parent of byVersion.get(next)?.parents ?? []) {
      if (cameFrom.has(parent)) continue
      cameFrom.set(parent, next)
      left.push(parent)
    }
  }
  if (!cameFrom.has(to)) return undefined
  const way = [to]
  for (let at = to; at !== from; at = cameFrom.get(at) as number) way.unshift(cameFrom.get(at) as number)
  return way
}

/**
 * Returns each dependency cycle once, with all its members in order. We only search from migrations that depend on a
 * higher version or on themselves, because every cycle contains one.
 */
function circles(nodes: readonly GraphNode[]): { text: string; members: ReadonlySet<number> }[] {
  const found = new Map<string, { text: string; members: ReadonlySet<number> }>()
  for (const node of nodes) {
    for (const parent of node.parents.filter((candidate) => candidate >= node.version)) {
      const way = wayTo(nodes, parent, node.version)
      if (!way) continue
      const key = way.toSorted((a, b) => a - b).join()
      const round = [node.version, ...way].map((step) => labelIn(nodes, step))
      const text = way.length === 1 ? `${round[0]} depends on itself.` : `Circular dependency: ${round.join(' → ')}`
      if (!found.has(key)) found.set(key, { text, members: new Set(way) })
    }
  }
  return [...found.values()]
}
