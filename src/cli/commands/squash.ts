import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { GraphError, UsageError } from '../../migrate/errors.ts'
import { buildGraph, type RelationsByVersion } from '../../migrate/plan/graph.ts'
import { readGraph } from '../../migrate/plan/readGraph.ts'
import { type Part, squash } from '../../migrate/plan/squashing.ts'
import { numberOf } from '../../migrate/plan/target.ts'
import type { Migration, Relations, Source } from '../../migrate/source.ts'
import { labelOf, NIL_VERSION } from '../../migrate/version.ts'
import { directory } from '../../source/directory.ts'
import { gitEnvironment } from '../../source/gitBase.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { readScript } from '../../sql/script.ts'
import { proveSquash } from '../../verify/squashProof.ts'
import { type Context, parseVersion } from '../context.ts'
import { titleOf } from '../numbering.ts'
import { refuseOtherTools } from '../otherTools.ts'
import { plural } from '../render.ts'

/** Replaces a range of migrations by one. Writes nothing until a test server has proved that the schema is the same. */
export async function run(context: Context, [range = '', ...words]: readonly string[]): Promise<number> {
  const [first, last, more] = range.split('..')
  if (!first || !last || more !== undefined) {
    throw new UsageError(`"${range}" is not a range of versions.`, { hint: 'For example: migratest squash 1..40' })
  }
  const { folder } = context
  await refuseOtherTools(context, 'squash')
  const source = directory(folder)
  const { migrations, relations, graph } = await readGraph(source)
  if (graph.problems.length > 0) throw new GraphError(graph.problems)
  const replaced = between(
    migrations,
    numberOf(parseVersion(first), migrations, folder),
    numberOf(parseVersion(last), migrations, folder),
  )
  const parts = await Promise.all(replaced.map((migration) => readPart(source, migration)))
  const end = replaced.at(-1) as Migration
  const start = replaced[0] as Migration
  const before = migrations.findLast(({ version }) => version < start.version)?.version ?? NIL_VERSION
  const { up, down, replaces } = squash(parts, graph, context.dialect)
  const digits = /(\d+)_[^/\\]*$/.exec(end.up ?? end.down ?? '')?.[1] ?? String(end.version)
  const title = titleOf(words) || 'squashed'
  const name = `${digits}_${title}`
  const gone = new Set(replaced.map(({ version }) => version))
  refuseBroken([...migrations.filter(({ version }) => !gone.has(version)), { version: end.version, name: title }], {
    relations: new Map([...relations, [end.version, { ...relationsOf(up, context.dialect), replaces }]]),
    heads: graph.heads.length,
  })
  const files = { [`${name}.up.sql`]: up, ...(down !== undefined && { [`${name}.down.sql`]: down }) }
  const old = replaced.flatMap((migration) => [migration.up, migration.down]).filter((file) => file !== undefined)
  refuseLosing(context, old)
  context.busy('proving that the schema is the same')
  const undoable = down !== undefined && !/^-- migrate: irreversible/.test(down)
  await proveSquash({ server: await context.testServer(), source, replaced, before, files, undoable })
  const written = Object.keys(files).map((file) => join(folder, file))
  // Write the new files before removing the old ones, so that no text is lost if the process ends in between.
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
  for (const file of old) if (!written.includes(join(folder, basename(file)))) rmSync(file)
  const left = down === undefined ? '\nIt has no down, because one of the replaced migrations has none.' : ''
  context.print(`${written[0]} replaces ${plural(replaced.length, 'migration')}; the schema is the same.${left}`, {
    files: written,
    replaced: replaced.map(labelOf),
  })
  return 0
}

// --- internal ---

function relationsOf(up: string, dialect: Dialect): Relations {
  const { dependsOn } = readScript(up, dialect)
  return { dependsOn }
}

/**
 * Throws if other migrations' dependencies on the replaced ones do not hold for the new one, or if branches that were
 * joined would become additional heads.
 * @throws GraphError, UsageError
 */
function refuseBroken(
  migrations: readonly Migration[],
  { relations, heads }: { relations: RelationsByVersion; heads: number },
): void {
  const after = buildGraph(migrations, relations)
  if (after.problems.length > 0) throw new GraphError(after.problems)
  if (after.heads.length > Math.max(1, heads)) {
    throw new UsageError('Squashing these migrations would leave branches that no migration joins.', {
      hint: 'Squash whole branches together with the migration that joins them.',
    })
  }
}

function between(migrations: readonly Migration[], first: number, last: number): Migration[] {
  for (const version of [first, last]) {
    if (!migrations.some((migration) => migration.version === version)) {
      throw new UsageError(`There is no migration ${version} to squash.`)
    }
  }
  const found = migrations.filter(({ version }) => version >= first && version <= last)
  if (found.length < 2) throw new UsageError('There are fewer than two migrations in this range: nothing to squash.')
  return found
}

async function readPart(source: Source, migration: Migration): Promise<Part> {
  return { migration, up: await source.read(migration, 'up'), down: await source.read(migration, 'down') }
}

/**
 * Throws unless all files are committed to git with their current text, because the files of replaced migrations are
 * removed. `--yes` skips this check.
 */
function refuseLosing({ options, folder }: Context, files: readonly string[]): void {
  if (options.yes) return
  const { status, stdout } = spawnSync(
    'git',
    ['status', '--porcelain', '--ignored', '--', ...files.map((file) => basename(file))],
    {
      cwd: folder,
      env: gitEnvironment(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  )
  if (status === 0 && stdout === '' && files.every((file) => existsSync(file))) return
  const why = status === 0 ? 'not all of them are committed in their current state' : 'they are not in a git repository'
  throw new UsageError(`Squashing removes the files of the replaced migrations, and ${why}.`, {
    hint: 'Commit them first, or add --yes.',
  })
}
