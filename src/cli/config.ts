/** `migratest.config.ts`: what a project says once instead of with options. */
import { existsSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { UsageError } from '../migrate/errors.ts'
import type { MigratorOptions } from '../migrate/migrator.ts'
import { nearest } from '../migrate/nearest.ts'
import type { Source } from '../migrate/source.ts'
import { isUrl } from '../source/folder.ts'
import type { TestServer } from '../testing/testServer.ts'

export interface MigratestConfig
  extends Pick<MigratorOptions, 'outOfOrder' | 'edited' | 'missing' | 'record' | 'recordedCode'> {
  /** The database's URL; default `$DATABASE_URL`. */
  readonly database?: string | undefined
  /** A folder, from the folder of this file, or a source; default `migrations`. */
  readonly migrations?: string | URL | Source
  /** The version table; default `schema_migrations`. */
  readonly table?: string
  /** The schema that the version table is in; default the current one. */
  readonly schema?: string
  /** `advisory` (default), or `table`, where a pooler hands each transaction to another session. */
  readonly lock?: 'advisory' | 'table'
  /** Milliseconds to wait for another migration; default 15 000. */
  readonly lockTimeoutMs?: number
  /** What SQL is read as where no database tells, and which server `verify` starts; default: as the database's URL says. */
  readonly dialect?: 'postgres' | 'mysql' | 'mariadb'
  /** Where `verify` and `schema --fresh` make test databases: `postgres({ version: 17 })`. */
  // biome-ignore lint/suspicious/noExplicitAny: of whatever client
  readonly server?: TestServer<any>
  /** Where `schema` writes, from the folder of this file; default standard output. */
  readonly schemaFile?: string
  /** `watch`. */
  readonly watch?: WatchConfig
  /** `verify`: versions that have no way back, each with the reason. */
  readonly irreversible?: Readonly<Record<number, string>>
  /** `verify` and `new`: the branch to be merged into; `false`: not compared. */
  readonly base?: string | false
}

interface WatchConfig {
  /** Files of SQL, from the folder of this file, for a database that is new or was reset. */
  readonly seeds?: string | readonly string[]
  /** Run after each change of the schema, with the database's URL in `DATABASE_URL`. */
  readonly exec?: string
  /** Where there is no way back; default `ask`. */
  readonly onIrreversible?: 'ask' | 'rebuild' | 'stop'
  /** Rows that are carried without asking; default 100 000. */
  readonly carryRows?: number
  /** Looks at the files ten times a second instead of waiting for events; by itself on file systems that give none. */
  readonly poll?: boolean
  /** Writes `schemaFile` after each change; default true where there is one. */
  readonly schemaFile?: boolean
}

/** Gives the editor the types; does nothing else. */
export function defineConfig(config: MigratestConfig): MigratestConfig {
  return config
}

export interface FoundConfig {
  readonly config: MigratestConfig
  /** What paths in it are relative to. */
  readonly folder: string
  /** Undefined where there is none. */
  readonly file: string | undefined
}

/** @param named by `--config`. @throws UsageError */
export async function loadConfig(named: string | undefined): Promise<FoundConfig> {
  const file = named === undefined ? findConfig() : resolve(named)
  if (file === undefined) return NO_CONFIG
  if (!existsSync(file) || !statSync(file).isFile()) throw new UsageError(`There is no configuration "${named}".`)
  let config: unknown
  try {
    config = await ((await import(pathToFileURL(file).href)) as { default?: unknown }).default
  } catch (cause) {
    const hint = /\.[jt]s$/.test(file)
      ? 'Is it a module? In a package without "type": "module" it is called .mts or .mjs.'
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

/** In the working directory. */
export function findConfig(): string | undefined {
  return NAMES.map((name) => join(process.cwd(), name)).find((file) => existsSync(file))
}

/** For commands that need none. */
export const NO_CONFIG: FoundConfig = { config: {}, folder: process.cwd(), file: undefined }

/** A path that a configuration names, as a person in the working directory would write it. */
export function fromConfig({ folder }: FoundConfig, path: string): string {
  return isAbsolute(path) ? path : relative(process.cwd(), join(folder, path)) || '.'
}

// --- internal ---

const NAMES = ['ts', 'mts', 'js', 'mjs'].map((ending) => `migratest.config.${ending}`)

/** @throws UsageError for a setting that is not known, or is not what it should be */
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
  server: { is: (value) => has(value, 'create'), what: 'a server of a preset, as postgres()' },
  schemaFile: text,
  watch: { is: (value) => typeof value === 'object' && value !== null, what: 'an object' },
  irreversible: { is: (value) => typeof value === 'object' && value !== null, what: 'reasons by version' },
  base: { is: (value) => value === false || typeof value === 'string', what: 'the name of a branch, or false' },
  outOfOrder: oneOf('error', 'apply', 'ignore'),
  edited: oneOf('error', 'ignore'),
  missing: oneOf('error', 'ignore'),
  record: oneOf('text', 'fingerprint'),
  recordedCode: oneOf('refuse', 'run'),
}
