/** Makes one file of the command and all migrations, for places that have neither the folder nor packages. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NotInstalledError } from '../migrate/errors.ts'
import type { Relations, Source } from '../migrate/source.ts'
import type { Config } from './config.ts'

export interface BundleInput {
  readonly source: Source
  readonly folder: string
  readonly config: Config
  readonly version: string
  /** Names of commands that have no place in it. */
  readonly without: readonly string[]
}

/** @throws NotInstalledError, or rolldown's error where an import of a migration cannot be found */
export async function bundle({ source, folder, config, version, without }: BundleInput): Promise<string> {
  const { rolldown } = await import('rolldown').catch((cause) => {
    throw new NotInstalledError('rolldown', 'Bundling', cause)
  })
  const leftOut = [...LEFT_OUT, ...without.map((name) => `/commands/${name}`)]
  const entry = await entryText(source, folder, { ...config }, version)
  const build = await rolldown({
    input: ENTRY,
    cwd: dirname(folder),
    platform: 'node',
    tsconfig: true,
    logLevel: 'silent',
    external: EXTERNAL,
    plugins: [
      {
        name: 'migratest',
        resolveId(id, importer) {
          if (id === ENTRY) return ENTRY
          if (id === 'migratest') return OWN('../../index')
          const own = importer?.startsWith(OWN_FOLDER) && id.startsWith('.') ? join(dirname(importer), id) : undefined
          if (own && leftOut.some((path) => own.replace(/\.[jt]s$/, '').endsWith(path))) return `\0left out:${own}`
          // A client of the project's, though the importing file may be somewhere else.
          return importer?.startsWith(OWN_FOLDER) && /^pg(?:\/|$)/.test(id)
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
const OWN_FOLDER = fileURLToPath(new URL('../..', import.meta.url))
const ENDING = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
const OWN = (path: string) => fileURLToPath(new URL(`${path}${ENDING}`, import.meta.url))

/** With files of their own that cannot be part of another. */
const EXTERNAL = [/^node:/, 'pg-native', 'pg-cloudflare', '@electric-sql/pglite', 'rolldown', /^rolldown\//, 'esbuild']

/** What works on files or starts servers. */
const LEFT_OUT = ['/testing/anyServer', '/source/directory', '/source/module/loader']
const NOT_HERE = `
const refuse = () => { throw Object.assign(new Error('This is a bundle: it has its migrations in it, and works on no files and starts no servers.'), { code: 'MIGRATEST_USAGE' }) }
export { refuse as run, refuse as directory, refuse as anyServer, refuse as ModuleLoader }
`

/** Settings that a file can hold; a server, a folder or a URL is the machine's. */
const KEPT = [
  'table',
  'schema',
  'lock',
  'lockTimeout',
  'outOfOrder',
  'edited',
  'missing',
  'record',
  'recordedCode',
] as const

async function entryText(source: Source, folder: string, config: Config, version: string): Promise<string> {
  const relations = (await source.relations?.()) ?? new Map<number, Relations>()
  const files: string[] = []
  for (const migration of await source.list()) {
    for (const half of ['up', 'down'] as const) {
      const shown = migration[half]
      const body = await source.read(migration, half)
      if (shown === undefined || (half === 'down' && shown === migration.up)) continue
      const name = shown.replace(/^.*[/\\]/, '')
      const either = body ?? (await source.read(migration, 'down'))
      if (!either) continue
      const head = `shown: ${JSON.stringify(shown)}, text: ${JSON.stringify(either.text)}`
      if (either.kind === 'sql') {
        files.push(`${JSON.stringify(name)}: { ${head} }`)
        continue
      }
      const down = await source.read(migration, 'down')
      const prints = {
        ...(body?.kind === 'code' && { up: body.fingerprint }),
        ...(down?.kind === 'code' && { down: down.fingerprint }),
      }
      files.push(
        `${JSON.stringify(name)}: { ${head}, load: () => import(${JSON.stringify(join(folder, name))}), fingerprints: ${JSON.stringify(prints)}, record: ${JSON.stringify(either.record) ?? 'undefined'}, relations: ${JSON.stringify(relations.get(migration.version)) ?? 'undefined'} }`,
      )
    }
  }
  const settings = Object.fromEntries(KEPT.filter((key) => config[key] !== undefined).map((key) => [key, config[key]]))
  const migrations = `{ name: ${JSON.stringify(source.name)}, files: { ${files.join(',\n')} } }`
  return `import { runStandalone } from ${JSON.stringify(OWN('./standalone'))}
await runStandalone({ version: ${JSON.stringify(version)}, config: ${JSON.stringify(settings)}, migrations: ${migrations} })
`
}
