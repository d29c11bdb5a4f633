import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { locateDatabase } from '../../database/open.ts'
import { UsageError } from '../../migrate/errors.ts'
import { dialectOf, type ServerKind } from '../../server/kinds.ts'
import { openFolder } from '../../source/open.ts'
import { findProjectFolder } from '../../source/project.ts'
import type { Baseline } from '../baseline.ts'
import { findConfig } from '../config.ts'
import type { Context } from '../context.ts'
import { writeMigration } from '../newMigration.ts'
import { plural } from '../render.ts'
import { leftOutText } from '../toolTables.ts'
import { typedLine } from '../watch/terminal.ts'

/** Folders in which projects usually keep migrations, most common first. */
const USUAL = [
  'migrations',
  'db/migrations',
  'database/migrations',
  'sql/migrations',
  'src/migrations',
  'src/db/migrations',
]

export async function run(context: Context): Promise<number> {
  const { 'from-database': url, record } = context.options
  const there = findConfig()
  if (there !== undefined) {
    throw new UsageError(`${there} already exists.`, {
      hint:
        url === undefined
          ? undefined
          : 'To write the first migration with it: migratest generate baseline --from-database URL',
    })
  }
  if (record && url === undefined) throw new UsageError('--record is only used together with --from-database.')
  // The folder that a tool's own configuration names comes first.
  const folder =
    context.options.path ?? findProjectFolder(process.cwd())?.path ?? USUAL.find(holdsMigrations) ?? 'migrations'
  return url === undefined ? emptyProject(context, folder) : fromDatabase(context, folder, url)
}

// --- internal ---

function emptyProject(context: Context, folder: string): number {
  const before = existsSync(folder) ? readdirSync(folder).length : 0
  const name = writeConfig(folder, {})
  const next =
    before === 0
      ? ['migratest new create_users', 'migratest up --database postgres://user@localhost:5432/shop']
      : ['migratest verify', 'migratest status --database postgres://user@localhost:5432/shop']
  const about = before === 0 ? `${folder}/ is empty` : `${folder}/ has ${plural(before, 'file')}`
  context.print([`Wrote ${name}; ${about}.`, '', 'Next:', ...next.map((line) => `  npx ${line}`)].join('\n'), {
    config: name,
    migrations: folder,
  })
  return 0
}

async function fromDatabase(context: Context, folder: string, url: string): Promise<number> {
  if (existsSync(folder)) {
    const count = (await openFolder(folder).list()).length
    if (count > 0) {
      throw new UsageError(`${folder} has ${plural(count, 'migration')} already.`, {
        hint: 'To write what the database has besides them: migratest generate NAME --from-database URL. For another folder: --path FOLDER',
      })
    }
  }
  const { baselineOf } = await import('../baseline.ts')
  const baseline = await baselineOf(context, url)
  const { generated, kind, left, roles } = baseline
  if (left.length > 0) context.tell(leftOutText(left))
  if (generated.remark !== undefined) context.tell(`note: ${generated.remark}`)
  const table = tableFor(baseline)
  mkdirSync(folder, { recursive: true })
  const source = openFolder(folder)
  const place = {
    folder,
    source,
    dialect: dialectOf(kind),
    timestamp: false,
    base: false as const,
    isBaseNamed: false,
  }
  const files = await writeMigration(place, 'baseline', { up: generated.upText, down: generated.downText })
  const config = writeConfig(folder, { kind, roles, ...(table !== undefined && { table }) })
  const { database } = await locateDatabase(url)
  const isRecorded = context.options.record ?? (await askRecord(context, database))
  const { version } = (await source.list())[0] ?? { version: 1 }
  if (isRecorded) await recordAs(context, { url, version, folder, table })
  const next = [
    ...(isRecorded
      ? []
      : [`migratest force ${version} --database URL   # records that it is applied there; nothing runs`]),
    'migratest diff --database URL      # no difference',
  ]
  context.print(
    [
      `Wrote ${config} and`,
      ...files.map((file) => `  ${file}`),
      `${plural(generated.up.length, 'statement')} up, ${plural(generated.down.length, 'statement')} down; proven up, down and up again.`,
      isRecorded ? `${database} is now recorded at version ${version}; no migration was run.` : '',
      '',
      'Next:',
      ...next.map((line) => `  npx ${line}`),
    ]
      .filter((line, i) => line !== '' || i > files.length + 2)
      .join('\n'),
    { config, migrations: folder, files, left, recorded: isRecorded ? version : null },
  )
  return 0
}

/** The usual name of our table is taken if another tool has it: then ours gets another one. */
function tableFor({ left }: Baseline): string | undefined {
  return left.some(({ table }) => table.replace(/["`]/g, '') === 'schema_migrations') ? 'migratest_versions' : undefined
}

async function askRecord(context: Context, database: string): Promise<boolean> {
  const { options } = context
  context.idle()
  if (!process.stdin.isTTY || !process.stderr.isTTY || options.json || options.quiet) return false
  const line = await typedLine(`Record in ${database} that this migration is applied there? Nothing runs. (y/n) `)
  return line?.trim().toLowerCase() === 'y'
}

async function recordAs(
  context: Context,
  { url, version, folder, table }: { url: string; version: number; folder: string; table: string | undefined },
): Promise<void> {
  const [{ openDatabase }, { Migrator }] = await Promise.all([
    import('../../database/open.ts'),
    import('../../migrate/migrator.ts'),
  ])
  const database = await openDatabase(url, table === undefined ? {} : { table })
  try {
    await new Migrator({ ...context.migratorOptions, source: openFolder(folder), database }).force(version)
  } finally {
    await database.close()
  }
}

/** Writes the configuration and makes the folder. Returns the file's name. */
function writeConfig(folder: string, settings: Settings): string {
  mkdirSync(folder, { recursive: true })
  const name = isModulePackage() ? 'migratest.config.ts' : 'migratest.config.mts'
  writeFileSync(name, configText(folder, settings), { flag: 'wx' })
  return name
}

/**
 * Returns `true` if the package has "type": "module". Only then is a .ts file an ES module without being named .mts.
 */
function isModulePackage(): boolean {
  try {
    return (JSON.parse(readFileSync('package.json', 'utf8')) as { type?: string }).type === 'module'
  } catch {
    return false
  }
}

function quoted(text: string): string {
  return /['\\]/.test(text) ? JSON.stringify(text) : `'${text}'`
}

function holdsMigrations(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((name) => /^\d+_.*\.(?:up|down)\.sql$/.test(name))
}

interface Settings {
  readonly kind?: ServerKind
  /** Roles that the test server has to have. */
  readonly roles?: readonly string[]
  /** The name of our version table, if it is not the usual one. */
  readonly table?: string
}

function configText(folder: string, { kind = 'postgres', roles = [], table }: Settings): string {
  const lines = [
    `  migrations: ${quoted(folder)},`,
    ...(kind === 'postgres' ? [] : [`  dialect: '${kind}',`]),
    ...(roles.length === 0
      ? []
      : [
          '  // The server for tests, with the roles that the migrations name.',
          `  server: postgres({ roles: [${roles.map(quoted).join(', ')}] }),`,
        ]),
    ...(table === undefined
      ? []
      : ['  // Another tool has a table schema_migrations in the database.', `  table: ${quoted(table)},`]),
  ]
  const preset = roles.length === 0 ? '' : "import { postgres } from 'migratest/presets/postgres'\n"
  return `import type { MigratestConfig } from 'migratest'
${preset}
export default {
  // The database: --database, or the environment's DATABASE_URL.
${lines.join('\n')}
} satisfies MigratestConfig
`
}
