import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { SourceNotFoundError, UsageError } from '../../../src/migrate/errors.ts'
import { formatOf, openFolder } from '../../../src/source/open.ts'
import { failure } from '../../support/database.ts'

const root = mkdtempSync(join(tmpdir(), 'migratest-detect-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let projects = 0

/** Writes a project's files, by path, and returns the path of one of its folders. */
function project(files: Readonly<Record<string, string>>, folder = 'migrations'): string {
  const path = join(root, String(projects++))
  mkdirSync(join(path, folder), { recursive: true })
  write(path, files)
  return join(path, folder)
}

/** Writes a folder of migrations in a project of its own. */
function migrations(files: Readonly<Record<string, string>>): string {
  const path = project({})
  write(path, files)
  return path
}

function write(path: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
}

const opening = async (folder: string) => openFolder(folder)

const DBMATE = '-- migrate:up\nselect 1;\n-- migrate:down\n'
const GOOSE = '-- +goose Up\nselect 1;\n'
const JOURNAL = '{ "dialect": "postgresql", "entries": [{ "tag": "0000_a", "when": 1 }] }'
const COMMITTED = '--! Previous: -\n--! Hash: sha1:0\n\nselect 1;\n'
const KNEX =
  'import type { Knex } from "knex"\nexport async function up(db: Knex) {}\nexport async function down() {}\n'
const KNEX_JS = 'exports.up = async function (knex) {}\nexports.down = (knex) => knex.schema.dropTable("a")\n'
const KYSELY = 'import { type Kysely, sql } from "kysely"\nexport const up = async (db: Kysely<any>) => {}\n'
const BUILDER = 'export async function up(db) { await db.schema.createTable("a") }\nexport async function down(db) {}\n'
const using = (name: string) => ({ 'package.json': `{ "dependencies": { "${name}": "1.0.0" } }` })
const USES_BOTH = {
  'package.json': '{ "devDependencies": { "postgres-migrations": "^5.3.0" } }',
  'Cargo.toml': '[dependencies]\nsqlx = "0.8"\n',
}

describe('a folder is recognized', () => {
  test.each<[tool: string, by: string, folder: string, names: readonly string[]]>([
    ['Prisma', 'its lock file', migrations({ 'migration_lock.toml': 'provider = "postgresql"' }), []],
    [
      'Prisma',
      'its folders with migration.sql',
      migrations({ '20260101000000_a/migration.sql': '' }),
      ['20260101000000_a'],
    ],
    ['Drizzle', 'its journal', migrations({ '0000_a.sql': '', 'meta/_journal.json': JOURNAL }), ['0000_a']],
    [
      'Drizzle',
      'its folders with a snapshot',
      migrations({ '20260101000000_a/migration.sql': '', '20260101000000_a/snapshot.json': '{}' }),
      ['20260101000000_a'],
    ],
    ['Supabase', 'its path alone', project({ 'supabase/migrations/1_a.sql': '' }, 'supabase/migrations'), ['1_a']],
    [
      'Supabase',
      'its path and its config.toml, though a package.json is beside it',
      project(
        { 'supabase/migrations/1_a.sql': '', 'supabase/config.toml': '', 'supabase/package.json': '{}' },
        'supabase/migrations',
      ),
      ['1_a'],
    ],
    ['dbmate', 'a line of a file', migrations({ '1_a.sql': `-- Users.\n${DBMATE}` }), ['1_a']],
    ['goose', 'a line of a file', migrations({ '1_a.sql': `-- Users.\n${GOOSE}` }), ['1_a']],
    ['postgrator', 'its names', migrations({ '001.do.a.sql': '', '001.undo.a.sql': '' }), ['001.a']],
    ['postgrator', 'its names without titles', migrations({ '1.do.sql': '' }), ['1']],
    [
      'graphile-migrate',
      'its folder for committed files',
      migrations({ 'committed/000001.sql': COMMITTED }),
      ['000001'],
    ],
    [
      'postgres-migrations',
      'the package.json above',
      project({ 'migrations/1-a.sql': '', 'package.json': USES_BOTH['package.json'] }),
      ['1-a'],
    ],
    [
      'sqlx',
      'the Cargo.toml some folders above',
      project({ 'db/own/migrations/1_a.sql': '', 'Cargo.toml': USES_BOTH['Cargo.toml'] }, 'db/own/migrations'),
      ['1_a'],
    ],
    [
      'sqlx',
      'a section of the Cargo.toml above',
      project({ 'migrations/1_a.sql': '', 'Cargo.toml': '[dependencies.sqlx]\nversion = "0.8"\n' }),
      ['1_a'],
    ],
    [
      'sqlx',
      'a crate that takes the version of its workspace',
      project({ 'migrations/1_a.sql': '', 'Cargo.toml': '[dependencies]\nsqlx.workspace = true\n' }),
      ['1_a'],
    ],
    [
      'sqlx',
      'a section of a workspace',
      project({ 'migrations/1_a.sql': '', 'Cargo.toml': '[workspace.dependencies.sqlx]\nversion = "0.8"\n' }),
      ['1_a'],
    ],
    ['Knex', "its functions' parameter", migrations({ '20260101000000_a.ts': KNEX }), ['20260101000000_a.ts']],
    ['Knex', 'the same in JavaScript', migrations({ '20260101000000_a.js': KNEX_JS }), ['20260101000000_a.js']],
    ['Knex', 'the same without a number', migrations({ 'a.js': 'exports.up = knex => {}' }), ['a.js']],
    ['Knex', 'the package.json above', project({ 'migrations/1_a.js': BUILDER, ...using('knex') }), ['1_a.js']],
    ['Kysely', "its functions' parameter", migrations({ '1_a.ts': KYSELY, 'b.ts': KYSELY }), ['1_a', 'b']],
    ['node-pg-migrate', "its functions' parameter", migrations({ '1_a.js': 'exports.up = pgm => {}' }), ['1_a']],
    ['node-pg-migrate', 'the lines of its files in SQL', migrations({ '1_a.sql': '-- Up Migration\n' }), ['1_a']],
    ['Kysely', 'the package.json above', project({ 'migrations/1_a.js': BUILDER, ...using('kysely') }), ['1_a']],
  ])('as one of %s by %s', async (tool, _, folder, names) => {
    expect(formatOf(folder)?.tool).toBe(tool)
    const source = openFolder(folder)
    expect(source.format?.tool).toBe(tool)
    expect(source.folder).toBe(folder)
    expect((await source.list()).map(({ name }) => name)).toEqual(names)
  })

  test('by its URL, too', () => {
    const folder = migrations({ '1_a.sql': DBMATE })
    expect(openFolder(pathToFileURL(folder)).format?.tool).toBe('dbmate')
  })

  test('only once: later files do not change whose it is', () => {
    const folder = migrations({ '1_a.sql': DBMATE })
    expect(formatOf(folder)?.tool).toBe('dbmate')
    write(folder, { '2_b.sql': GOOSE })
    expect(formatOf(folder)?.tool).toBe('dbmate')
  })

  test('and new migrations are made in its format', async () => {
    const now = new Date('2026-11-27T08:30:05Z')
    const made = await openFolder(migrations({ '001.do.a.sql': '' })).newFiles?.('b', now)
    expect(made).toEqual({ contents: { '002.do.b.sql': '' }, replaces: [] })
    expect(openFolder(migrations({ '1_a.up.sql': '' })).newFiles).toBeUndefined()
  })
})

describe('a folder that fits two tools is an error', () => {
  test.each<[first: string, second: string, calls: readonly string[], folder: string]>([
    [
      'Prisma',
      'Drizzle',
      ['prisma', 'drizzle'],
      migrations({ 'migration_lock.toml': '', 'meta/_journal.json': JOURNAL }),
    ],
    ['dbmate', 'goose', ['dbmate', 'goose'], migrations({ '1_a.sql': DBMATE, '2_b.sql': GOOSE })],
    [
      'postgres-migrations',
      'sqlx',
      ['postgresMigrations', 'sqlx'],
      project({ ...USES_BOTH, 'migrations/1_a.sql': '' }),
    ],
    ['Knex', 'Kysely', ['knex', 'kysely'], migrations({ '1_a.ts': KNEX, '2_b.ts': KYSELY })],
    ['Knex', 'golang-migrate', ['knex', 'directory'], migrations({ '1_a.ts': KNEX, '2_b.up.sql': '' })],
    ['dbmate', 'golang-migrate', ['dbmate', 'directory'], migrations({ '1_a.sql': DBMATE, '2_b.up.sql': '' })],
  ])('that names %s and %s', async (first, second, calls, folder) => {
    const error = await failure(opening(folder))
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).toContain(`migrations could be a folder of ${first} or ${second}.`)
    for (const call of calls) expect(error.message).toMatch(new RegExp(`${call}\\('[^']*migrations'\\)`))
  })
})

describe('files with a number and nothing else', () => {
  test('are an error that lists the tools with such names', async () => {
    const error = await failure(opening(migrations({ '0001_a.sql': '', '0002_b.sql': '' })))
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).toContain('could be a folder of Supabase, postgres-migrations or sqlx.')
    expect(error.message).toContain('0001_title.up.sql and 0001_title.down.sql')
  })

  test('are an error in supabase/migrations, too, if a project of another kind is there', async () => {
    const folder = project({ 'supabase/migrations/1_a.sql': '', 'supabase/package.json': '{}' }, 'supabase/migrations')
    const error = await failure(opening(folder))
    expect(error.message).toContain('could be a folder of Supabase, postgres-migrations or sqlx.')
  })

  test('can be renamed while the process runs', async () => {
    const folder = migrations({ '1_a.sql': '' })
    expect(() => openFolder(folder)).toThrow(UsageError)
    rmSync(join(folder, '1_a.sql'))
    write(folder, { '1_a.up.sql': '' })
    expect((await openFolder(folder).list()).map(({ name }) => name)).toEqual(['a'])
  })
})

describe('a folder is read as by directory()', () => {
  test.each<[what: string, files: Readonly<Record<string, string>>, names: readonly string[]]>([
    ["if it has golang-migrate's names", { '1_a.up.sql': '', '1_a.down.sql': '' }, ['a']],
    ['if it has migrations in TypeScript', { '1_a.ts': 'export const up = "select 1"' }, ['a']],
    ['if its TypeScript takes our context', { '1_a.ts': 'export async function up({ sql }) {}' }, ['a']],
    [
      'if its TypeScript is an object of ours',
      { '1_a.ts': 'export default defineMigration({ async up({ sql, client }) { await knexOn(client).schema.x() } })' },
      ['a'],
    ],
    ['if other files are beside them', { '1_a.up.sql': '', 'README.md': '' }, ['a']],
    ['if it is empty', {}, []],
  ])('%s', async (_, files, names) => {
    const folder = migrations(files)
    expect(formatOf(folder)).toBeUndefined()
    const source = openFolder(folder)
    expect(source.format).toBeUndefined()
    expect((await source.list()).map(({ name }) => name)).toEqual(names)
  })

  test('if it does not exist, which is an error when it is listed', async () => {
    const folder = join(root, 'missing')
    expect(formatOf(folder)).toBeUndefined()
    const source = openFolder(folder)
    expect(source.format).toBeUndefined()
    expect(await failure(source.list())).toBeInstanceOf(SourceNotFoundError)
  })

  test('until it has files of a tool', () => {
    const folder = migrations({})
    expect(formatOf(folder)).toBeUndefined()
    write(folder, { '1_a.sql': GOOSE })
    expect(formatOf(folder)?.tool).toBe('goose')
  })
})

test('a folder for umzug opens, and says when it is listed that its context is needed', async () => {
  const source = openFolder(migrations({ '1_a.ts': 'export async function up({ name, context }) {}' }))
  expect(source.format?.tool).toBe('umzug')
  const error = await failure(source.list())
  expect(error).toBeInstanceOf(UsageError)
  expect(error.message).toContain('has migrations for umzug, whose functions take a context that only you know')
  expect(error.message).toMatch(/umzug\('[^']*migrations', \{ context: \(client\) => … \}\)/)
})

test('a folder of Prisma 8 opens, and says when it is listed that it cannot be read yet', async () => {
  const source = openFolder(migrations({ '20260101T0000_a/migration.json': '{}', '20260101T0000_a/ops.json': '[]' }))
  expect(source.format?.tool).toBe('Prisma')
  const error = await failure(source.list())
  expect(error).toBeInstanceOf(UsageError)
  expect(error.message).toContain('has migrations of Prisma 8, which cannot be read yet')
})
