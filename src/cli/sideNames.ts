/** Finds out which side of `diff` a name means: `--from 5 --to main`. */
import { existsSync, statSync } from 'node:fs'
import { sqlFilesAt } from '../generate/wanted/wantedFrom.ts'
import { MigratestError, UsageError } from '../migrate/errors.ts'
import { numberOf } from '../migrate/plan/target.ts'
import type { Target } from '../migrate/version.ts'
import { isRevision } from '../source/folderAtRevision.ts'
import type { Context } from './context.ts'
import { type Side, sideAt } from './sides.ts'
import { configuredFrom } from './wanted.ts'

/**
 * @param option the option that has the name, for messages
 * @throws UsageError if the name means nothing, or more than one thing
 */
export async function sideNamed(context: Context, option: string, name: string): Promise<Side> {
  const [, prefix, rest = ''] = /^(schema|migrations|version|git|database):(.+)$/s.exec(name) ?? []
  if (prefix !== undefined) return prefixed(context, prefix, rest)
  if (/^[a-z][a-z0-9+]*:\/\/|^pglite:/i.test(name)) return sideAt.database(name, await labelOfUrl(name))
  if (name === 'database') return sideAt.database(context.url)
  if (name === 'wanted') return wantedSide(context)
  if (name === 'latest' || name === 'nil') return sideAt.version(context, name)
  if (name === '-') return sideAt.sql({ paths: [name] })
  const found = (await meanings(context, name)) ?? []
  const [first, second] = found
  if (first && !second) return first.side
  if (!first) throw nothing(option, name)
  throw new UsageError(`${option} ${name} can mean ${found.map(({ what }) => what).join(' or ')}.`, {
    hint: `Say which: ${found.map(({ spelled }) => `${option} ${spelled}`).join(', or ')}.`,
  })
}

// --- internal ---

interface Meaning {
  readonly side: Side
  /** The thing that has the name, with an article. */
  readonly what: string
  /** The name with the prefix that says so. */
  readonly spelled: string
}

async function meanings(context: Context, name: string): Promise<Meaning[]> {
  const found: Meaning[] = []
  const stat = statSync(name, { throwIfNoEntry: false })
  const isPattern = !stat && /[*?{]/.test(name) && sqlFilesAt(name).length > 0
  const add = (prefix: string, what: string, side: Side) => found.push({ side, what, spelled: `${prefix}:${name}` })
  if (stat?.isDirectory()) {
    const kind = await kindOfFolder(name)
    if (kind !== 'sql') add('migrations', 'a folder of migrations', sideAt.folder(name))
    if (kind !== 'migrations') add('schema', 'a folder of SQL that describes a schema', sideAt.sql({ paths: [name] }))
  } else if (stat || isPattern)
    add('schema', isPattern ? 'a pattern of files' : 'a file', sideAt.sql({ paths: [name] }))
  const version = await versionNamed(context, name)
  if (version !== undefined) add('version', 'a version of the migrations', sideAt.version(context, version))
  if (isRevisionOf(context, name)) add('git', 'a revision in git', sideAt.revision(context, name))
  if (found.length > 0) return found
  const [, place = '', at = ''] = /^(.+)@([^@{}]+)$/s.exec(name) ?? []
  if (place === '') return []
  const target = targetOf(at)
  if (existsSync(place)) add('migrations', 'a folder of migrations at a version', sideAt.folder(place, target))
  if (isRevisionOf(context, place))
    add('git', 'a revision in git at a version', sideAt.revision(context, place, target))
  return found
}

function prefixed(context: Context, prefix: string, rest: string): Side | Promise<Side> {
  const [, place = rest, at] = /^(.+)@([^@{}]+)$/s.exec(rest) ?? []
  const version = at === undefined ? 'latest' : targetOf(at)
  switch (prefix) {
    case 'database':
      return labelOfUrl(rest).then((label) => sideAt.database(rest, label))
    case 'schema':
      return sideAt.sql({ paths: [rest] })
    case 'version':
      return sideAt.version(context, targetOf(rest))
    case 'migrations':
      return existsSync(rest) ? sideAt.folder(rest) : sideAt.folder(place, version)
    default:
      return isRevisionOf(context, rest) ? sideAt.revision(context, rest) : sideAt.revision(context, place, version)
  }
}

/** Returns whose the files of a folder are; `both` if its names fit migrations of several tools, so that nobody can say. */
async function kindOfFolder(path: string): Promise<'migrations' | 'sql' | 'both'> {
  const { openFolder } = await import('../source/open.ts')
  try {
    return (await openFolder(path).list()).length > 0 ? 'migrations' : 'sql'
  } catch (error) {
    if (!(error instanceof MigratestError)) throw error
    // A file such as users.sql is no migration.
    if (error.code === 'MIGRATEST_FILE_NAME') return 'sql'
    if (error.code === 'MIGRATEST_USAGE') return 'both'
    return 'migrations'
  }
}

/** Returns the version that the project's migrations have under that name. */
async function versionNamed(context: Context, name: string): Promise<Target | undefined> {
  if (!/^[\p{L}\p{N}][^/\\:]*$/u.test(name)) return undefined
  const target = targetOf(name)
  try {
    const source = await context.source()
    const migrations = await source.list()
    const version = numberOf(typeof target === 'number' ? target : name, migrations, source.name)
    return migrations.some((migration) => migration.version === version) ? target : undefined
  } catch (error) {
    if (error instanceof MigratestError) return undefined
    throw error
  }
}

function isRevisionOf(context: Context, name: string): boolean {
  return typeof context.migrations === 'string' && !name.startsWith('-') && isRevision(name, context.folder)
}

function targetOf(text: string): Target {
  return /^\d{1,16}$/.test(text) ? Number(text) : text
}

async function labelOfUrl(url: string): Promise<string> {
  const { locateDatabase } = await import('../database/open.ts')
  const { host, database } = await locateDatabase(url)
  return `the database ${database}${host ? ` on ${host}` : ''}`
}

function wantedSide(context: Context): Side {
  const from = configuredFrom(context.found)
  if (from) return sideAt.sql(from)
  throw new UsageError('"wanted" is the wanted schema of migratest.config.ts, which sets none.')
}

function nothing(option: string, name: string): UsageError {
  const isPath = /[/\\]|\.sql$/i.test(name)
  return new UsageError(
    isPath ? `${option} ${name}: there is no such file or folder.` : `${option} ${name} means nothing here.`,
    {
      hint: `It can be a database URL, an SQL file or a folder of them, a version of the migrations (5, a name, latest, nil), a revision in git (main, HEAD~1), another folder of migrations, either of them at a version (main@5), or the words "database" and "wanted".`,
    },
  )
}
