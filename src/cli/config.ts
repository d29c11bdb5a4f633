/** Loads `migratest.config.ts`, in which a project sets what would otherwise be options of each command. */
import { existsSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { WantedSetting } from '../generate/wanted/wantedFrom.ts'
import { UsageError } from '../migrate/errors.ts'
import type { MigratorOptions } from '../migrate/migrator.ts'
import { nearest } from '../migrate/nearest.ts'
import type { Source } from '../migrate/source.ts'
import { isUrl } from '../source/folder.ts'
import type { TestServer } from '../testing/testServer.ts'
import type { AllowOption } from '../verify/allow.ts'
import type { RuleLevels } from '../verify/judge.ts'

export interface MigratestConfig
  extends Pick<MigratorOptions, 'outOfOrder' | 'edited' | 'missing' | 'record' | 'recordedCode'> {
  /** The database's URL; default `$DATABASE_URL`. */
  readonly database?: string | undefined
  /** A folder, relative to this file, or a source; default `migrations`. */
  readonly migrations?: string | URL | Source
  /** Name of the version table; default `schema_migrations`. */
  readonly table?: string
  /** The schema that contains the version table; default: the current schema. */
  readonly schema?: string
  /** `advisory` (default), or `table` if a pooler gives each transaction another session. */
  readonly lock?: 'advisory' | 'table'
  /** Milliseconds to wait for another migration run to finish; default 15 000. */
  readonly lockTimeoutMs?: number
  /**
   * The SQL dialect if no database URL determines it, and the kind of server that `verify` starts.
   * Default: the kind that the database's URL names.
   */
  readonly dialect?: 'postgres' | 'mysql' | 'mariadb'
  /** The server on which `verify` and `schema --fresh` create test databases: `postgres({ version: 17 })`. */
  // biome-ignore lint/suspicious/noExplicitAny: of whatever client
  readonly server?: TestServer<any>
  /** Other servers of the same kind, such as `pglite()`, on which `verify` expects the same schema and rows. */
  // biome-ignore lint/suspicious/noExplicitAny: of whatever client
  readonly also?: readonly TestServer<any>[]
  /** The file that `schema` writes, relative to this file; default: standard output. */
  readonly schemaFile?: string
  /**
   * The wanted schema of `generate`: SQL files or folders of them, relative to this file, or a command that prints SQL,
   * such as `{ command: 'npx drizzle-kit export' }`. `inputs`: the files and folders that the command reads, relative to
   * this file; a watch runs the command again when one of them is saved.
   */
  readonly wanted?: WantedSetting
  /** Settings of `generate`: patterns of objects that it leaves as they are, or the only ones that it compares. */
  readonly generate?: { readonly leave?: readonly string[]; readonly only?: readonly string[] }
  /** Settings of `watch`. */
  readonly watch?: WatchConfig
  /** Versions that `verify` does not undo, each with the reason. */
  readonly irreversible?: Readonly<Record<number, string>>
  /** The file, relative to this one, that `migratest sizes` wrote: how large the tables are in production. */
  readonly sizes?: string
  /** Severities of the rules of `verify`, or `'off'`: `{ 'down-differs': 'warning' }`. */
  readonly rules?: RuleLevels
  /** Findings of `verify` that are accepted, with the reason, by version and rule. */
  readonly allow?: AllowOption
  /** Checks of `verify` that are not run, with the reason: by check, or by check and version (`'rows 12'`). */
  readonly skip?: Readonly<Record<string, string>>
  /** The branch to be merged into, for `verify` and `new`; `false`: do not compare with a branch. */
  readonly base?: string | false
}

interface WatchConfig {
  /** SQL files, relative to this file, to run in a database that is new or was reset. */
  readonly seeds?: string | readonly string[]
  /** A shell command to run after each schema change, with the database's URL in `DATABASE_URL`. */
  readonly exec?: string
  /**
   * Reaction to a migration that cannot be undone: `ask` (default), `rebuild` (empty the database and apply everything,
   * carrying all rows), or `stop` and leave the database unchanged.
   */
  readonly onIrreversible?: 'ask' | 'rebuild' | 'stop'
  /** Number of rows to carry without asking; default 100 000. */
  readonly carryRows?: number
  /**
   * `true`: check the files ten times a second instead of waiting for file system events. On file systems that send no
   * events, this is automatic.
   */
  readonly poll?: boolean
  /** `true`: write `schemaFile` after each change. Default `true` if `schemaFile` is set. */
  readonly schemaFile?: boolean
  /** `false`: propose no migrations when the wanted schema is saved. Default `true` if `wanted` is set. */
  readonly generate?: boolean
}

/** Returns `config` unchanged. Its parameter type lets editors complete and check the settings. */
export function defineConfig(config: MigratestConfig): MigratestConfig {
  return config
}

export interface FoundConfig {
  readonly config: MigratestConfig
  /** The folder that paths in the configuration are relative to. */
  readonly folder: string
  /** Path of the configuration file; undefined if there is none. */
  readonly file: string | undefined
}

/** Loads the configuration file. @param named the file given with `--config` @throws UsageError */
export async function loadConfig(named: string | undefined): Promise<FoundConfig> {
  const file = named === undefined ? findConfig() : resolve(named)
  if (file === undefined) return NO_CONFIG
  if (!existsSync(file) || !statSync(file).isFile()) throw new UsageError(`There is no configuration file "${named}".`)
  let config: unknown
  try {
    config = await ((await import(pathToFileURL(file).href)) as { default?: unknown }).default
  } catch (cause) {
    const hint = /\.[jt]s$/.test(file)
      ? 'Is it an ES module? In a package without "type": "module", name it .mts or .mjs.'
      : undefined
    throw new UsageError(`${file} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
      hint,
    })
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new UsageError(`${file} exports no configuration.`, { hint: 'Write: export default defineConfig({ … })' })
  }
  refuseOthers(config, SETTINGS, (name) => `${file}: ${name}`)
  const { watch } = config as MigratestConfig
  if (watch) refuseOthers(watch, WATCH_SETTINGS, (name) => `${file}: watch.${name}`)
  return { config, folder: dirname(file), file }
}

/** Returns the path of the configuration file in the working directory, if there is one. */
export function findConfig(): string | undefined {
  return NAMES.map((name) => join(process.cwd(), name)).find((file) => existsSync(file))
}

/** The empty configuration, for commands that need none and projects without a configuration file. */
export const NO_CONFIG: FoundConfig = { config: {}, folder: process.cwd(), file: undefined }

/** Converts a path in the configuration to one relative to the working directory. */
export function fromConfig({ folder }: FoundConfig, path: string): string {
  return isAbsolute(path) ? path : relative(process.cwd(), join(folder, path)) || '.'
}

// --- internal ---

const NAMES = ['ts', 'mts', 'js', 'mjs'].map((ending) => `migratest.config.${ending}`)

/** Throws a UsageError for an unknown setting or an invalid value. */
function refuseOthers(
  given: object,
  settings: Readonly<Record<string, Setting>>,
  place: (name: string) => string,
): void {
  for (const [name, value] of Object.entries(given)) {
    const setting = Object.hasOwn(settings, name) ? settings[name] : undefined
    if (!setting) {
      const meant = nearest(name, Object.keys(settings))
      const where = place('').replace(/: (watch\.)?$/, (_, part) => (part ? ', watch' : ''))
      throw new UsageError(`${where}: there is no setting "${name}".`, { hint: meant && `Did you mean ${meant}?` })
    }
    if (value !== undefined && !setting.is(value)) throw new UsageError(`${place(name)} is not ${setting.what}.`)
  }
}

interface Setting {
  readonly is: (value: unknown) => boolean
  readonly what: string
}

const text: Setting = { is: (value) => typeof value === 'string', what: 'a string' }
const oneOf = (...words: string[]): Setting => ({
  is: (value) => words.includes(value as string),
  what: words.map((word) => `"${word}"`).join(' or '),
})
const has = (value: unknown, method: string) =>
  typeof value === 'object' && value !== null && typeof (value as Record<string, unknown>)[method] === 'function'

const WATCH_SETTINGS: Record<keyof WatchConfig, Setting> = {
  seeds: {
    is: (value) => typeof value === 'string' || (Array.isArray(value) && value.every((one) => typeof one === 'string')),
    what: 'a file or a list of files',
  },
  exec: text,
  onIrreversible: oneOf('ask', 'rebuild', 'stop'),
  carryRows: { is: (value) => typeof value === 'number' && value >= 0, what: 'a number of rows' },
  poll: { is: (value) => typeof value === 'boolean', what: 'true or false' },
  schemaFile: { is: (value) => typeof value === 'boolean', what: 'true or false' },
  generate: { is: (value) => typeof value === 'boolean', what: 'true or false' },
}

const SETTINGS: Record<keyof MigratestConfig, Setting> = {
  database: text,
  migrations: {
    is: (value) => typeof value === 'string' || isUrl(value) || has(value, 'list'),
    what: 'a folder or a source',
  },
  table: text,
  schema: text,
  lock: oneOf('advisory', 'table'),
  lockTimeoutMs: { is: (value) => typeof value === 'number' && value >= 0, what: 'a number of milliseconds' },
  dialect: oneOf('postgres', 'mysql', 'mariadb'),
  server: { is: (value) => has(value, 'create'), what: 'a server made by a preset, such as postgres()' },
  also: {
    is: (value) => Array.isArray(value) && value.every((one) => has(one, 'create')),
    what: 'a list of servers made by presets, such as [pglite()]',
  },
  schemaFile: text,
  wanted: {
    is: (value) =>
      typeof value === 'string' ||
      (Array.isArray(value) && value.every((one) => typeof one === 'string')) ||
      typeof (value as { command?: unknown } | null)?.command === 'string',
    what: 'a file, a list of files, or { command }',
  },
  generate: { is: (value) => typeof value === 'object' && value !== null, what: 'an object of leave and only' },
  watch: { is: (value) => typeof value === 'object' && value !== null, what: 'an object' },
  irreversible: { is: (value) => typeof value === 'object' && value !== null, what: 'an object of reasons by version' },
  sizes: text,
  skip: { is: (value) => typeof value === 'object' && value !== null, what: 'an object of reasons by check' },
  rules: { is: (value) => typeof value === 'object' && value !== null, what: 'an object of severities by rule' },
  allow: {
    is: (value) => typeof value === 'object' && value !== null,
    what: 'an object of reasons by version and rule',
  },
  base: { is: (value) => value === false || typeof value === 'string', what: 'the name of a branch, or false' },
  outOfOrder: oneOf('error', 'apply', 'ignore'),
  edited: oneOf('error', 'ignore'),
  missing: oneOf('error', 'ignore'),
  record: oneOf('text', 'fingerprint'),
  recordedCode: oneOf('refuse', 'run'),
}
