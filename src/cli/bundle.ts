/**
 * Builds one file that contains the command and all migrations, for machines that have neither the migration folder nor
 * the packages.
 */
import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadPackage } from '../migrate/loadPackage.ts'
import type { Direction, Relations, Source } from '../migrate/source.ts'
import { ModuleLoader, type ModulePart } from '../source/module/loader.ts'
import { DIALECTS, type Dialect } from '../sql/dialect.ts'
import type { MigratestConfig } from './config.ts'

export interface BundleInput {
  readonly source: Source
  readonly folder: string
  readonly config: MigratestConfig
  readonly version: string
  /**
   * The database client for this dialect becomes part of the bundle. Clients of other dialects stay imports and must be
   * installed where the bundle runs.
   */
  readonly dialect: Dialect
  /** Names of the commands to leave out of the bundle. */
  readonly without: readonly string[]
}

/**
 * Returns the text of the bundle.
 * @throws NotInstalledError, or rolldown's error if an import of a migration cannot be found
 */
export async function bundle({ source, folder, config, version, dialect, without }: BundleInput): Promise<string> {
  const { rolldown } = await loadPackage('rolldown', 'Bundling', () => import('rolldown'))
  const leftOut = [...LEFT_OUT, ...without.map((name) => `/commands/${name}`)]
  const entry = await entryText(source, folder, { ...config }, version)
  const build = await rolldown({
    input: ENTRY,
    cwd: dirname(folder),
    platform: 'node',
    tsconfig: true,
    logLevel: 'silent',
    external: [...EXTERNAL, ...otherClients(dialect)],
    plugins: [
      {
        name: 'migratest',
        resolveId(id, importer) {
          if (id === ENTRY) return ENTRY
          const own = importer?.startsWith(OWN_FOLDER) && id.startsWith('.') ? join(dirname(importer), id) : undefined
          if (own && leftOut.some((path) => own.replace(/\.[jt]s$/, '').endsWith(path))) return `\0left out:${own}`
          // The client is always resolved from the project's folder, wherever the importing file is.
          return importer?.startsWith(OWN_FOLDER) && clientOf(dialect).test(id)
            ? this.resolve(id, join(folder, 'x.ts'), { skipSelf: true })
            : null
        },
        load(id) {
          if (id === ENTRY) return entry
          return id.startsWith('\0left out:') ? NOT_HERE : null
        },
      },
    ],
  })
  const { output } = await build.generate({ format: 'esm', codeSplitting: false, banner: '#!/usr/bin/env node' })
  await build.close()
  return output[0].code
}

// --- internal ---

const ENTRY = '\0migratest bundle'
const ENDING = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
const OWN_FOLDER = ownFolder()
const OWN = (path: string) => join(OWN_FOLDER, `${path}${ENDING}`)

/** Returns the folder of our modules, one file each. In the package, this code itself runs in a file of many modules. */
function ownFolder(): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, `src/cli/standalone${ENDING}`)) && folder !== dirname(folder))
    folder = dirname(folder)
  return folder
}

/** Packages that stay imports: they load files of their own, which cannot be part of a bundle. */
const EXTERNAL = [/^node:/, 'pg-native', 'pg-cloudflare', '@electric-sql/pglite', 'rolldown', /^rolldown\//, 'esbuild']

function clientOf(dialect: Dialect): RegExp {
  return new RegExp(`^${DIALECTS[dialect].clientPackage}(?:/|$)`)
}

function otherClients(dialect: Dialect): RegExp[] {
  return (Object.keys(DIALECTS) as Dialect[]).filter((other) => other !== dialect).map(clientOf)
}

/** Modules that read migration files, start servers or watch. A bundle gets stubs instead. */
const LEFT_OUT = [
  '/testing/server/anyServer',
  '/source/directory',
  '/source/open',
  '/source/openAny',
  '/source/project',
  '/source/module/loader',
  '/postgres/development',
  '/mysql/development',
  '/mysql/copies',
]
const NOT_HERE = `
const refuse = () => { throw Object.assign(new Error('This is a bundle: its migrations are built in. It reads no migration files and starts no servers.'), { code: 'MIGRATEST_USAGE' }) }
export { refuse as run, refuse as directory, refuse as openFolder, refuse as openAnyFolder, refuse as formatOf, refuse as findProjectFolder, refuse as anyServer, refuse as ModuleLoader }
`

/**
 * The settings that are copied into the bundle. A server, a folder or a URL is only valid on one machine, so these are
 * not copied.
 */
const KEPT = [
  'table',
  'schema',
  'lock',
  'lockTimeoutMs',
  'outOfOrder',
  'edited',
  'missing',
  'record',
  'recordedCode',
] as const

async function entryText(source: Source, folder: string, config: MigratestConfig, version: string): Promise<string> {
  const relations = (await source.relations?.()) ?? new Map<number, Relations>()
  const loader = new ModuleLoader((path) => relative(process.cwd(), path))
  const files = new Map<string, string>()
  const parts = new Map<string, ModulePart>()
  for (const migration of await source.list()) {
    const prints: Partial<Record<Direction, string>> = {}
    for (const half of ['up', 'down'] as const) {
      const shown = migration[half]
      const body = await source.read(migration, half)
      if (shown === undefined || body === null) continue
      const name = shown.replace(/^.*[/\\]/, '')
      const known = { shown, text: body.text }
      if (body.kind === 'sql') {
        files.set(name, literal(known))
        continue
      }
      prints[half] = body.fingerprint ?? ''
      files.set(
        name,
        literal({ ...known, fingerprints: prints, record: body.record, relations: relations.get(migration.version) }),
      )
      for (const part of await loader.parts(join(folder, name))) parts.set(part.name, part)
    }
  }
  const settings = Object.fromEntries(KEPT.filter((key) => config[key] !== undefined).map((key) => [key, config[key]]))
  const migrations = `{ name: ${literal(source.name)}, files: ${record(files)}, modules: ${modulesText(parts)}, natives: ${nativesText(parts)} }`
  return `import { asNamespace, runStandalone } from ${literal(OWN('src/cli/standalone'))}
await runStandalone({ version: ${literal(version)}, config: ${literal(settings)}, migrations: ${migrations} })
`
}

function modulesText(parts: ReadonlyMap<string, ModulePart>): string {
  const texts = [...parts].map(([name, { json, factory, imports, compiled }]): [string, string] => {
    const body = json === undefined ? `factory: ${factory}` : `json: ${literal(json)}`
    return [name, `{ ${body}, imports: ${literal(imports)}, compiled: ${compiled} }`]
  })
  return record(new Map(texts))
}

/**
 * Returns the imports that the migrations use, as code. The bundler includes packages in the bundle and keeps Node's
 * built-in modules as imports. What it gives for an import of CommonJS differs from what Node gives, so that is made here.
 */
function nativesText(parts: ReadonlyMap<string, ModulePart>): string {
  const target = (url: string) => {
    if (!url.startsWith('file:')) return url
    const path = fileURLToPath(url)
    // Importing the whole package would also include the code that starts servers.
    return [OWN('index'), OWN('lib/index')].includes(path) ? OWN('src/source/migrationApi') : path
  }
  const texts = new Map<string, string>()
  for (const meaning of [...parts.values()].flatMap(({ imports }) => Object.values(imports))) {
    if (!('native' in meaning)) continue
    const { native, names } = meaning
    const from = literal(target(native))
    texts.set(native, names ? `async () => asNamespace(require(${from}), ${literal(names)})` : `() => import(${from})`)
  }
  return record(texts)
}

function record(entries: ReadonlyMap<string, string>): string {
  return `{ ${[...entries].map(([key, value]) => `${literal(key)}: ${value}`).join(',\n')} }`
}

function literal(value: unknown): string {
  return JSON.stringify(value) ?? 'undefined'
}
