/** `migratest.config.ts`: what a project says once instead of with options. */
import { existsSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { UsageError } from '../migrate/errors.ts'
import type { MigratorOptions } from '../migrate/migrator.ts'
import type { Source } from '../migrate/source.ts'
import type { TestServer } from '../testing/testServer.ts'
import { nearest } from './nearest.ts'

export interface Config extends Pick<MigratorOptions, 'outOfOrder' | 'edited' | 'missing' | 'record'> {
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
  readonly lockTimeout?: number
  /** Where `verify` and `schema --fresh` make test databases: `postgres({ version: 17 })`. */
  // biome-ignore lint/suspicious/noExplicitAny: of whatever client
  readonly server?: TestServer<any>
  /** Where `schema` writes, from the folder of this file; default standard output. */
  readonly schemaFile?: string
  /** `verify`: versions that have no way back, each with the reason. */
  readonly irreversible?: Readonly<Record<number, string>>
  /** `verify` and `new`: the branch to be merged into; `false`: not compared. */
  readonly base?: string | false
}

/** Gives the editor the types; does nothing else. */
export function defineConfig(config: Config): Config {
  return config
}

export interface FoundConfig {
  readonly config: Config
  /** What paths in it are relative to. */
  readonly folder: string
  /** Undefined where there is none. */
  readonly file: string | undefined
}

/** @param named by `--config`. @throws UsageError */
export async function loadConfig(named: string | undefined): Promise<FoundConfig> {
  const folder = process.cwd()
  const file = named === undefined ? NAMES.map((name) => join(folder, name)).find(existsSync) : resolve(named)
  if (file === undefined) return { config: {}, folder, file }
  if (!existsSync(file)) throw new UsageError(`There is no configuration ${named}.`)
  let config: unknown
  try {
    config = ((await import(pathToFileURL(file).href)) as { default?: unknown }).default
  } catch (cause) {
    throw new UsageError(`${file} cannot be loaded: ${(cause as Error).message}`, { cause })
  }
  if (typeof config !== 'object' || config === null) {
    throw new UsageError(`${file} exports no configuration.`, { hint: 'Write: export default defineConfig({ … })' })
  }
  const unknown = Object.keys(config).find((name) => !KNOWN.includes(name))
  if (unknown !== undefined) {
    const meant = nearest(unknown, KNOWN)
    throw new UsageError(`${file}: there is no setting "${unknown}".`, { hint: meant && `Did you mean ${meant}?` })
  }
  return { config, folder: dirname(file), file }
}

/** A path that a configuration names, as a person in the working directory would write it. */
export function fromConfig({ folder }: FoundConfig, path: string): string {
  return isAbsolute(path) ? path : relative(process.cwd(), join(folder, path)) || '.'
}

// --- internal ---

const NAMES = ['ts', 'mts', 'js', 'mjs'].map((ending) => `migratest.config.${ending}`)

const KNOWN: readonly string[] = [
  'database',
  'migrations',
  'table',
  'schema',
  'lock',
  'lockTimeout',
  'server',
  'schemaFile',
  'irreversible',
  'base',
  'outOfOrder',
  'edited',
  'missing',
  'record',
] satisfies (keyof Config)[]
