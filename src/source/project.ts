/**
 * Finds a project's folder of migrations by what the tools' own configuration files say. They are read as text and never
 * run, so a path that code computes is not found.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { UsageError } from '../migrate/errors.ts'

export interface ProjectFolder {
  /** The folder, relative to the project's. */
  readonly path: string
  /** Why it is this folder: `named in drizzle.config.ts`, `beside prisma/schema.prisma`. */
  readonly because: string
}

/**
 * Returns the folder of migrations of the project in `project`; undefined if none is found.
 * @throws UsageError if there are several
 */
export function findProjectFolder(project: string): ProjectFolder | undefined {
  const found = PLACES.flatMap((place) => place(project) ?? []).filter(({ path }) => isFolder(join(project, path)))
  const distinct = [...new Map(found.map((one) => [normalize(one.path), one])).values()]
  const [first, second] = distinct
  if (!first || !second) return first
  throw new UsageError(
    `This project has several folders of migrations: ${distinct.map(({ path, because }) => `${path} (${because})`).join(', ')}.`,
    { hint: `Say which: --path ${first.path}, or migrations: '${first.path}' in migratest.config.ts.` },
  )
}

// --- internal ---

type Place = (project: string) => ProjectFolder | undefined

const PLACES: readonly Place[] = [
  (project) =>
    named(project, 'prisma.config', /migrations\s*:\s*\{[^}]*?\bpath\s*:\s*(['"`])(.+?)\1/s) ?? prismaSchema(project),
  (project) =>
    named(project, 'drizzle.config', /\bout\s*:\s*(['"`])(.+?)\1/) ??
    beside(project, 'drizzle.config', 'drizzle', /\bout\s*:/),
  (project) => usual(project, 'supabase/config.toml', 'supabase/migrations'),
  (project) => graphile(project),
  (project) => named(project, '.postgratorrc', /["']?migrationPattern["']?\s*:\s*(['"])(.+?)\/[^/]*\1/),
  (project) => usual(project, 'db/schema.sql', 'db/migrations'),
  (project) => usual(project, 'sqlx.toml', 'migrations'),
  (project) =>
    named(project, 'knexfile', folderIn(/migrations\s*:\s*\{[^}]*?\bdirectory/)) ??
    beside(project, 'knexfile', 'migrations', /\bdirectory\s*:/),
  (project) =>
    named(project, 'kysely.config', folderIn(/\bmigrationFolder/)) ??
    beside(project, 'kysely.config', 'migrations', /\b(?:migrationFolder|provider)\s*:/),
  (project) => nodePgMigrate(project),
  (project) => named(project, 'atlas.hcl', /\bdir\s*=\s*(")file:\/\/(.+?)(?:\?[^"]*)?\1/, ['']),
  (project) => typeorm(project),
  (project) => sequelize(project),
  (project) => mikroOrm(project),
  (project) => named(project, '.db-migraterc', /(['"])migrations-dir\1\s*:\s*['"](.+?)['"]/, ['']),
  (project) => dbMigrate(project),
  (project) =>
    named(project, 'src/payload.config', folderIn(/\bmigrationDir/)) ??
    beside(project, 'src/payload.config', 'src/migrations', /\bmigrationDir/),
]

const ENDINGS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json']

/**
 * Matches a setting whose value is a path: `'db/migrations'`, `path.join(__dirname, 'db/migrations')` and the like, but
 * not a path in parts.
 */
function folderIn(setting: RegExp): RegExp {
  const beside = /(?:path\.\w+\(\s*__dirname\s*,\s*|__dirname\s*\+\s*)?/
  return new RegExp(`${setting.source}\\s*:\\s*${beside.source}(['"\`])\\/?([^'"\`]+)\\1\\s*[,)}\\n](?!\\s*['"\`])`)
}

/** Finds the path that a configuration file names in the second group of the pattern. */
function named(
  project: string,
  name: string,
  pattern: RegExp,
  endings: readonly string[] = ENDINGS,
): ProjectFolder | undefined {
  const file = fileOf(project, name, endings)
  const path = file && pattern.exec(withoutComments(readFileSync(join(project, file), 'utf8')))?.[2]
  return file && path ? { path: normalize(path), because: `named in ${file}` } : undefined
}

/** Finds the tool's usual folder if the tool's configuration file does not have the setting that names another one. */
function beside(project: string, name: string, path: string, setting: RegExp): ProjectFolder | undefined {
  const file = fileOf(project, name, ENDINGS)
  if (!file || setting.test(withoutComments(readFileSync(join(project, file), 'utf8')))) return undefined
  return { path, because: `usual with ${file}` }
}

function usual(project: string, file: string, path: string): ProjectFolder | undefined {
  return existsSync(join(project, file)) ? { path, because: `usual with ${file}` } : undefined
}

/** Prisma looks beside the schema: a file, or a folder with several. */
function prismaSchema(project: string): ProjectFolder | undefined {
  const text = fileOf(project, 'package', ['.json'])
  const said =
    text && /"prisma"\s*:\s*\{[^}]*"schema"\s*:\s*"(.+?)"/s.exec(readFileSync(join(project, text), 'utf8'))?.[1]
  const schema = [said, 'prisma/schema.prisma', 'schema.prisma', 'prisma/schema'].find(
    (path) => path !== undefined && existsSync(join(project, path)),
  )
  if (schema === undefined) return undefined
  const inside = statSync(join(project, schema)).isDirectory()
    ? [join(schema, 'migrations'), join(dirname(schema), 'migrations')]
    : [join(dirname(schema), 'migrations')]
  const path = inside.find((folder) => isFolder(join(project, folder)))
  return path === undefined ? undefined : { path, because: `beside ${schema}` }
}

function graphile(project: string): ProjectFolder | undefined {
  const file = fileOf(project, '.gmrc', ['', '.js', '.cjs'])
  if (!file) return undefined
  const text = withoutComments(readFileSync(join(project, file), 'utf8'))
  const path = /["']?migrationsFolder["']?\s*:\s*(['"])(.+?)\1/.exec(text)?.[2] ?? 'migrations'
  return { path: normalize(path), because: `named in ${file}` }
}

/** node-pg-migrate has no configuration file of its own: the folder is an option in a script, or the usual one. */
function nodePgMigrate(project: string): ProjectFolder | undefined {
  const text = fileOf(project, 'package', ['.json']) && readFileSync(join(project, 'package.json'), 'utf8')
  if (!text?.includes('"node-pg-migrate"')) return undefined
  const said = /\bnode-pg-migrate\b[^"]*?\s(?:-m|--migrations-dir)[ =]([^\s"]+)/.exec(text)?.[1]
  return said === undefined
    ? { path: 'migrations', because: 'usual with node-pg-migrate' }
    : { path: normalize(said), because: 'named in package.json' }
}

/** TypeORM's own examples have the data source in one of these files; a path there is relative to the project. */
function typeorm(project: string): ProjectFolder | undefined {
  const files = ['ormconfig', 'data-source', 'src/data-source', 'src/db/data-source', 'src/database/data-source']
  const pattern = /\bmigrations\s*:\s*\[?\s*(['"`])([^'"`*{]+)\/[^'"`]*\1/
  return files.map((file) => named(project, file, pattern)).find((found) => found)
}

/** The folder of the TypeScript files comes before that of the compiled ones. */
function mikroOrm(project: string): ProjectFolder | undefined {
  const files = ['mikro-orm.config', 'src/mikro-orm.config']
  const keys = ['pathTs', 'path']
  const patterns = keys.map(
    (key) => new RegExp(`\\bmigrations\\s*:\\s*\\{[^}]*?\\b${key}\\s*:\\s*(['"\`])(.+?)\\1`, 's'),
  )
  return patterns.flatMap((pattern) => files.map((file) => named(project, file, pattern))).find((found) => found)
}

/** The file names the folder by a text or by path.resolve of several. */
function sequelize(project: string): ProjectFolder | undefined {
  const file = fileOf(project, '.sequelizerc', [''])
  if (!file) return undefined
  const text = withoutComments(readFileSync(join(project, file), 'utf8'))
  const said = /['"]?migrations-path['"]?\s*:\s*(?:[\w.]*\(([^)]*)\)|(['"`][^'"`]*['"`]))/.exec(text)
  const parts = [...(said?.[1] ?? said?.[2] ?? '').matchAll(/['"`]([^'"`]*)['"`]/g)].map(([, part]) => part ?? '')
  return { path: normalize(parts.length > 0 ? join(...parts) : 'migrations'), because: `named in ${file}` }
}

/** The configuration's usual name is one that other projects use, too. */
function dbMigrate(project: string): ProjectFolder | undefined {
  const text = fileOf(project, 'package', ['.json']) && readFileSync(join(project, 'package.json'), 'utf8')
  return text?.includes('"db-migrate"') ? usual(project, 'database.json', 'migrations') : undefined
}

function fileOf(project: string, name: string, endings: readonly string[]): string | undefined {
  return endings.map((ending) => `${name}${ending}`).find((file) => existsSync(join(project, file)))
}

/**
 * Leaves out comments that fill whole lines, so that a path that is commented out does not count. The pattern
 * `migrations/*.ts` begins no comment.
 */
function withoutComments(text: string): string {
  return text.replace(/(?<![\w*'"`])\/\*[\s\S]*?\*\//g, '').replace(/^\s*(?:\/\/|#).*$/gm, '')
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory() && readdirSync(path).length > 0
}
