/** Computes a key for a database at a version from everything it is made of: the same key means the same database. */
import { fingerprintOfHalf, type Loaded, loadHalf } from '../../migrate/load.ts'
import type { CodeKey, Migration, NoCodeKey, Source } from '../../migrate/source.ts'
import { type Version, versionOf } from '../../migrate/version.ts'
import { isOfThisProcess } from '../../source/identity.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { fingerprintOf } from '../../sql/script.ts'
import type { SeedKey } from './seedFile.ts'

export interface ChainLink {
  readonly version: Version
  /** A hash of this migration and all migrations before it, in 32 hex digits. */
  readonly key: string
  /** `true` if an object of this process was used that nothing follows, so that the key is only valid here. */
  readonly ofThisProcess?: boolean
  /** `true` if it was a function that inserts rows: it may remember them, so it runs once. */
  readonly once?: boolean
  /** `true` if `prepare` has run. */
  readonly prepared?: boolean
}

/** The keys of a database's versions. */
export interface KeyChain {
  readonly links: readonly ChainLink[]
  /** `true` if the links go up to the last migration, and to `prepare` if that is set. */
  readonly whole: boolean
  /** Absolute paths of the code that the keys are made from, and of the files that it reads. */
  readonly files: readonly string[]
  /** The variables of the environment that the code reads. */
  readonly variables: readonly string[]
  /** Why the chain ends before the last migration, such as `4_code.ts: it uses fetch`, if that is worth a line. */
  readonly ended?: string | undefined
}

export interface ChainInput {
  readonly source: Source
  /** The migrations up to the version at which the test begins. */
  readonly migrations: readonly Migration[]
  readonly dialect: Dialect
  /** The versions of `migrations` at which seeds insert rows, with the keys of these rows. */
  readonly seeded: ReadonlyMap<number, SeedKey>
  /** The key of the rows of the option `prepare`, which runs after the last migration. */
  readonly prepared: SeedKey | undefined
  /** Texts that stand for the content of each database before its first migration, and for its sessions' settings. */
  readonly environment: readonly string[]
}

/** The format of the keys. Change it when the content that migratest writes into a database changes. */
const FORMAT = '4'

/**
 * Returns one link for each migration, lowest version first. The chain ends before the first migration whose text does
 * not determine its result: code that reads something else, a seed with values of unknown types, objects of the whole
 * server, or a text that cannot be read or run.
 */
export async function fingerprintChain(input: ChainInput): Promise<KeyChain> {
  const { source, migrations, dialect, seeded, prepared, environment } = input
  const links: ChainLink[] = []
  const files: string[] = []
  const variables: string[] = []
  let ended: string | undefined
  const { format } = source
  const books = format
    ? [format.tool, format.settings, ...format.bookkeeping(dialect).create, '', ...format.before()]
    : []
  let key = fingerprintOf([FORMAT, ...environment, ...books])
  let ofThisProcess = isOfThisProcess(format?.settings ?? '')
  let once = false
  for (const migration of migrations) {
    const seed = seeded.get(migration.version)
    if (seed && seed.text === undefined) break
    const isCode = isCodeOf(source, migration)
    const code = isCode ? await keyOfCode(source, migration) : undefined
    if (code && 'because' in code) {
      ended = code.because && `${migration.up ?? migration.name}: ${code.because}`
      break
    }
    for (const read of [code, seed]) {
      files.push(...(read?.files ?? []))
      variables.push(...(read?.variables ?? []))
    }
    const halves = code ? [] : await read(source, migration, dialect)
    if (halves === undefined || halves.some((half) => !isTold(half))) break
    // The tool's table holds a checksum of the file, and a comment changes that too.
    const parts = halves.flatMap((half) => [
      half.kind,
      fingerprintOfHalf(half),
      ...(format ? [half.text ?? '', half.kind === 'sql' ? half.script.source : ''] : []),
    ])
    key = fingerprintOf([
      key,
      String(versionOf(migration)),
      migration.name,
      ...(migration.facts === undefined ? [] : [migration.facts]),
      ...parts,
      ...(code ? ['code', code.hash] : []),
      ...(seed?.text === undefined ? [] : ['seed', seed.text]),
    ])
    once ||= seed?.once ?? isOfThisProcess(seed?.text ?? '')
    ofThisProcess ||= isOfThisProcess(seed?.text ?? '') || isOfThisProcess(code?.hash ?? '')
    links.push({ version: versionOf(migration), key, ...(ofThisProcess && { ofThisProcess }), ...(once && { once }) })
  }
  const last = links.length === migrations.length ? links.at(-1) : undefined
  if (last && prepared?.text !== undefined) {
    const own = isOfThisProcess(prepared.text) || ofThisProcess
    key = fingerprintOf([key, prepared.text])
    links.push({ ...last, key, prepared: true, once: true, ...(own && { ofThisProcess: true }) })
    files.push(...prepared.files)
    variables.push(...prepared.variables)
  }
  return { links, whole: last !== undefined, files, variables, ended }
}

// --- internal ---

/**
 * Decides by the file name, since loading the file would run it. Migrations that are no files have any names, and only
 * sources of code have such.
 */
function isCodeOf({ codeKey }: Source, { up, down }: Migration): boolean {
  const name = up ?? down ?? ''
  return /\.[cm]?[jt]s$/.test(name) || (codeKey !== undefined && !name.endsWith('.sql'))
}

/** Returns what a migration in code is made of. */
async function keyOfCode(source: Source, migration: Migration): Promise<CodeKey | NoCodeKey> {
  const key = (await source.codeKey?.(migration)) ?? { because: undefined }
  if ('because' in key || !key.texts.some((text) => OF_THE_SERVER.test(text))) return key
  return { because: 'it changes what belongs to the whole server, such as roles' }
}

/**
 * Loads the up and the down, which is in the history too. Returns `undefined` if one cannot be read: running the
 * migrations then reports why.
 */
async function read(source: Source, migration: Migration, dialect: Dialect): Promise<Loaded[] | undefined> {
  try {
    return [
      await loadHalf(source, migration, 'up', { dialect }),
      await loadHalf(source, migration, 'down', { dialect }),
    ]
  } catch {
    return undefined
  }
}

/**
 * Matches statements about roles, tablespaces, other databases and replication slots. These belong to the server: a
 * copy of a database neither creates nor contains them as its migrations would. The whole text is searched, since
 * functions and DO blocks create them too.
 */
const OF_THE_SERVER =
  /\b(?:create|alter|drop)\s+(?:role|user|group|tablespace|database|subscription)\b|\b(?:drop|reassign)\s+owned\b|\balter\s+system\b|replication_slot|\bdblink\b|\bset\s+(?:global|persist\w*)\b|@@global\b|\binstall\s+(?:plugin|component)\b|^\s*use\s/im

function isTold(half: Loaded): boolean {
  if (half.kind === 'code') return false
  if (half.kind === 'nil') return true
  if (half.script.problem !== undefined) return false
  // Settings of the database itself are copied with it; a database that is named may be a different one.
  const own = half.text.includes('current_database()')
    ? half.text.replace(/\b(alter|to|on)\s+database\b/gi, '')
    : half.text
  return !OF_THE_SERVER.test(own.replace(/\balter\s+role\s+\S+\s+in\b/gi, ''))
}
