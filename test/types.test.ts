/** The types as the editor shows them; `npm run check` is what makes these fail. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import type { Client } from 'pg'
import { afterAll, test as base, beforeAll, describe, expect, expectTypeOf, test } from 'vitest'
import { describeTransitions } from '../fixtures/vitest.ts'
import {
  createMigratedDatabase,
  type MigratedDatabase,
  type MigrationRun,
  memory,
  migrateTo,
  openDatabase,
  withMigratedDatabase,
} from '../index.ts'
import { pglite } from '../presets/pglite.ts'
import { postgres } from '../presets/postgres.ts'
import { cli, folder, write } from './support/cli.ts'

const onPostgres = { server: postgres(), migrations: 'migrations' }
const onPglite = { server: pglite(), migrations: memory({}) }

describe('the declarations that are published', () => {
  const root = join(import.meta.dirname, '..')
  const out = mkdtempSync(join(tmpdir(), 'migratest-types-'))
  const tsc = (...args: string[]) =>
    spawnSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), ...args], {
      cwd: root,
      encoding: 'utf8',
    }).stdout

  /** Returns the errors of files in a folder that imports the package. */
  const compiled = (cwd: string, files: readonly string[]) => {
    const paths = {
      migratest: [join(out, 'index.d.ts')],
      'migratest/contract': [join(out, 'src/migrate/contract/index.d.ts')],
    }
    const types = { typeRoots: [join(root, 'node_modules', '@types')], types: ['node'], skipLibCheck: true }
    const compilerOptions = { module: 'nodenext', target: 'es2024', strict: true, noEmit: true, ...types, paths }
    write(cwd, 'tsconfig.json', JSON.stringify({ compilerOptions, files }))
    return tsc('-p', cwd)
  }

  beforeAll(() => {
    expect(tsc('-p', 'tsconfig.build.json', '--outDir', out, '--emitDeclarationOnly')).toBe('')
  })
  afterAll(() => rmSync(out, { recursive: true }))

  test('a client that is not installed costs nobody its types: those of each entry point name only its own', () => {
    const reached = (entry: string) => [...packagesReached(join(out, entry))].sort()
    expect(reached('index.d.ts')).toEqual(['pg'])
    expect(reached('presets/postgres.d.ts')).toEqual(['pg'])
    expect(reached('presets/pglite.d.ts')).toEqual(['@electric-sql/pglite'])
    expect(reached('fixtures/vitest.d.ts')).toEqual(['vitest'])
    expect(reached('src/migrate/contract/index.d.ts')).toEqual([])
  })

  test('are enough for the configuration that init writes', () => {
    const cwd = folder({ 'package.json': '{ "type": "module" }' })
    expect(cli(['init'], {}, cwd).code).toBe(0)
    expect(compiled(cwd, ['migratest.config.ts'])).toBe('')
  })

  test('are what the page about sources and databases of your own shows', () => {
    const page = readFileSync(join(root, 'docs', 'extending.md'), 'utf8')
    const [source = '', contract = '', database = ''] = [...page.matchAll(/^ *```typescript\n([\s\S]*?)^ *```$/gm)].map(
      ([, text]) => text,
    )
    const cwd = folder({
      'package.json': '{ "type": "module" }',
      'source.ts': `import type { Migration, MigrationBody, Source as Published } from 'migratest'
        ${source}
        export const published = (one: Source): Published => one
        export const shown = (one: Published): Source => one`,
      'contract.ts': `import { openDatabase } from 'migratest'
        ${contract}
        declare function test(name: string, run: () => unknown): void
        declare function tableExists(file: string, table: string): Promise<boolean>
        declare const file: string`,
      'database.ts': `import type { Driver } from 'migratest'
        ${database}
        interface SqliteDriver extends Driver {}
        declare class SqliteDriver { constructor(database: DatabaseSync, isOwn: boolean) }`,
    })
    expect(compiled(cwd, ['source.ts', 'contract.ts', 'database.ts'])).toBe('')
  })
})

function packagesReached(file: string, seen = new Set<string>(), packages = new Set<string>()): Set<string> {
  if (seen.has(file)) return packages
  seen.add(file)
  for (const [, from, imported] of readFileSync(file, 'utf8').matchAll(
    /from ['"]([^'"]+)['"]|import\(['"]([^'"]+)['"]\)/g,
  )) {
    const target = from ?? imported ?? ''
    if (target.startsWith('.')) packagesReached(join(file, '..', target.replace(/\.[jt]s$/, '.d.ts')), seen, packages)
    else if (!target.startsWith('node:')) packages.add(target)
  }
  return packages
}

describe('types', () => {
  test('the client is the library’s own, never any', () => {
    expectTypeOf<Awaited<ReturnType<typeof createMigratedDatabase<Client>>>['client']>().toEqualTypeOf<Client>()
    const database = () => createMigratedDatabase(onPostgres)
    expectTypeOf<Awaited<ReturnType<typeof database>>['client']>().toEqualTypeOf<Client>()
    const inProcess = () => createMigratedDatabase(onPglite)
    expectTypeOf<Awaited<ReturnType<typeof inProcess>>['client']>().toEqualTypeOf<PGlite>()
  })

  test('fixtures infer, in every scope', () => {
    const perTest = base.extend('db', withMigratedDatabase(onPostgres))
    const perFile = base.extend('db', { scope: 'file' }, withMigratedDatabase(onPostgres))
    const perDescribe = base
      .extend('version', 2)
      .extend('db', ({ version, task }, { onCleanup }) =>
        withMigratedDatabase({ ...onPglite, version })({ task }, { onCleanup }),
      )
    expectTypeOf<typeof perTest>().not.toBeAny()
    expectTypeOf<typeof perFile>().not.toBeAny()
    expectTypeOf<typeof perDescribe>().not.toBeAny()
  })

  test('the callback gives what it gave', () => {
    const five = () => withMigratedDatabase(onPostgres, async (db) => (await db.client.query('select 5')).rowCount)
    expectTypeOf<ReturnType<typeof five>>().toEqualTypeOf<Promise<number | null>>()
    expectTypeOf(migrateTo<Client>).returns.toEqualTypeOf<Promise<MigrationRun>>()
  })

  test('the compiler refuses arguments of wrong types', () => {
    const wrong = (db: MigratedDatabase<Client>) => {
      // @ts-expect-error: a version is a number or a name
      void migrateTo(db, true)
      // @ts-expect-error: the preset has to be called
      void withMigratedDatabase({ server: postgres, migrations: 'migrations' })
      // @ts-expect-error: a transition says where it goes
      describeTransitions(onPostgres, [{ from: 1 }])
      // @ts-expect-error: a number is no database
      void openDatabase(5)
      // Rows may be interfaces.
      interface User {
        id: number
      }
      return db.query<User>('select 1 as id')
    }
    expectTypeOf(wrong).returns.resolves.toEqualTypeOf<{ id: number }[]>()
  })
})

test('options that a database ignores are refused where a client tells which database it is', () => {
  const mysql = {} as { threadId: number | null; query(): unknown }
  const postgresClient = {} as Client
  const refused = () => [
    openDatabase(postgresClient, { schema: 'app', table: 't' }),
    openDatabase(mysql, { table: 't', lock: 'table' }),
    // @ts-expect-error MySQL has no schemas inside a database
    openDatabase(mysql, { schema: 'app' }),
    // @ts-expect-error a client is connected already
    openDatabase(postgresClient, { connectTimeoutMs: 1000 }),
  ]
  expect(refused).toBeTypeOf('function')
})
