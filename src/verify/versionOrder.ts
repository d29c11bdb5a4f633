/** The check of the order of versions, also against the branch that these migrations will be merged into. */
import { buildGraph, independent } from '../migrate/plan/graph.ts'
import type { Migration, Relations } from '../migrate/source.ts'
import { labelOf, NIL_VERSION } from '../migrate/version.ts'
import { findGitBase } from '../source/gitBase.ts'
import { gitRevision } from '../source/gitRevision.ts'
import { folderOf } from '../testing/lease/migrations.ts'
import { VerificationError } from './verificationError.ts'
import type { Verified } from './verified.ts'

/**
 * Checks that there is one head and that no migration is late against the base branch. Versions are unique and in
 * order, otherwise the source would not have listed them.
 */
export async function checkOrder<Client>({
  options,
  source,
  migrations: all,
}: Verified<Client>): Promise<string | undefined> {
  const { migrations, base } = options
  const relations = (await source.relations?.()) ?? new Map<number, Relations>()
  const graph = buildGraph(all, relations)
  if (graph.problems.length > 0) throw new VerificationError(graph.problems.join('\n'), { rule: 'version-order' })
  if (graph.heads.length > 1) {
    const heads = all.filter(({ version }) => graph.heads.includes(version)).map(labelOf)
    throw new VerificationError(`Multiple heads: no migration follows ${heads.join(' and ')}.`, {
      rule: 'version-order',
      hint: 'Join them with "migratest merge", or order them with "-- migrate: depends-on …".',
    })
  }
  const folder = folderOf(migrations)
  if (base === false) return 'not compared with a base branch (base is false)'
  if (folder === undefined) return 'not compared with a base branch (the migrations are not in a folder)'
  if (source.format) {
    const remarks = source.remarks ?? []
    return [`not compared with a base branch (this is a folder of ${source.format.tool})`, ...remarks].join('; ')
  }
  const found = findGitBase(folder, base)
  if (typeof found === 'string') return `not compared with a base branch (${found})`
  const { revision, present, ...place } = found
  if (!present) return `${revision} has no migrations in this folder yet`
  const there = await gitRevision(revision, place).list()
  const known = new Map(there.map((migration) => [migration.version, migration]))
  const highest = there.at(-1)?.version ?? NIL_VERSION
  for (const migration of all) {
    const { version, name } = migration
    const other = known.get(version)
    const file = fileOf(migration)
    const replaced = other && relations.get(version)?.replaces?.includes(labelOf(other))
    if (other && other.name !== name && !replaced) {
      throw new VerificationError(`${file}: version ${version} is ${labelOf(other)} on ${revision}.`, {
        rule: 'version-order',
        version,
        file,
        hint: `Give this one a number above ${highest}.`,
      })
    }
    // A late migration can still run if no migration on the base branch follows it.
    const followed = independent(graph, [version], [...known.keys()]).length === 0
    if (!other && version < highest && followed) {
      throw new VerificationError(
        `${file} is new, but comes before version ${highest}, which is already on ${revision}: existing databases would never run it.`,
        { rule: 'version-order', version, file, hint: `Give it a number above ${highest}.` },
      )
    }
  }
  return `compared with ${revision}`
}

// --- internal ---

function fileOf({ up, down, name }: Migration): string {
  return up ?? down ?? name
}
