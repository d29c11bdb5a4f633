/** Folders of code in one process: two tools at once, many loads, and a process that is killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'vitest'
import { knex, kysely, typeorm } from '../../presets/sources.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import type { Source } from '../../src/migrate/source.ts'
import { cli, folder, program, write } from '../support/cli.ts'
import { test } from '../support/database.ts'
import { describeWithTool, withTools } from '../support/tools.ts'

interface Writer {
  readonly source: (path: string) => Source
  file(i: number): string
  /** Makes a table, with a pause in the middle. */
  text(i: number): string
}

const WRITERS: Readonly<Record<'knex' | 'kysely' | 'typeorm', Writer>> = {
  knex: {
    source: knex,
    file: (i) => `${1000 + i}_k${i}.js`,
    text: (i) => `exports.up = async (knex) => {
  await knex.schema.createTable('k${i}', (t) => { t.increments() })
  await knex.raw('select pg_sleep(0.01)')
}
exports.down = (knex) => knex.schema.dropTable('k${i}')
`,
  },
  kysely: {
    source: kysely,
    file: (i) => `${1000 + i}_y${i}.ts`,
    text: (i) => `import { type Kysely, sql } from 'kysely'
export async function up(db: Kysely<any>) {
  await db.schema.createTable('y${i}').addColumn('id', 'integer').execute()
  await sql\`select pg_sleep(0.01)\`.execute(db)
}
export async function down(db: Kysely<any>) { await db.schema.dropTable('y${i}').execute() }
`,
  },
  typeorm: {
    source: typeorm,
    file: (i) => `${1700000000000 + i}-T.ts`,
    text: (i) => `import type { MigrationInterface, QueryRunner } from 'typeorm'
export class T${1700000000000 + i} implements MigrationInterface {
  async up(queryRunner: QueryRunner) {
    await queryRunner.query('create table t${i} (id int)')
    await queryRunner.query('select pg_sleep(0.01)')
  }
  async down(queryRunner: QueryRunner) { await queryRunner.query('drop table t${i}') }
}
`,
  },
}

const TOOLS = Object.keys(WRITERS) as (keyof typeof WRITERS)[]

function folderOf(tool: keyof typeof WRITERS, count: number): string {
  const { file, text } = WRITERS[tool]
  const files = Array.from({ length: count }, (_, i) => [file(i), text(i)])
  const project = withTools(folder({ 'package.json': '{ "type": "commonjs" }' }))
  for (const [name = '', content = ''] of files) write(join(project, 'migrations'), name, content)
  return join(project, 'migrations')
}

describeWithTool(TOOLS, 'folders of code in one process', () => {
  test('two tools at once, each with a database of its own', async ({ db, other }) => {
    const [one, two] = [folderOf('knex', 10), folderOf('kysely', 10)]
    const up = async (source: Source, on: typeof db) => new Migrator({ source, database: await on.open() }).up()
    await Promise.all([up(knex(one), db), up(kysely(two), other)])
    expect((await db.rows('select name from knex_migrations')).length).toBe(10)
    expect((await other.rows('select name from kysely_migration')).length).toBe(10)
    expect(await db.rows("select to_regclass('y1') as y")).toEqual([{ y: null }])
    expect(await other.rows("select to_regclass('k1') as k")).toEqual([{ k: null }])
  })

  test('two tools in one database, if our tables have names for each', async ({ db }) => {
    const up = async (tool: 'knex' | 'typeorm') => {
      const database = await db.open({ table: `${tool}_versions` })
      return new Migrator({ source: WRITERS[tool].source(folderOf(tool, 5)), database })
    }
    const [one, two] = [await up('knex'), await up('typeorm')]
    await one.up()
    await two.up()
    await one.down(2)
    await two.down(1)
    const tables = await db.rows("select tablename from pg_tables where tablename ~ '^[kt][0-9]$' order by 1")
    expect(tables.map(({ tablename }) => tablename)).toEqual(['k0', 'k1', 'k2', 't0', 't1', 't2', 't3'])
  })

  test.for(TOOLS)('a thousand loads of %s keep nothing', { timeout: 60_000 }, async (tool) => {
    const { source: make, file, text } = WRITERS[tool]
    const path = folderOf(tool, 1)
    const source = make(path)
    const bodies: WeakRef<object>[] = []
    for (let i = 0; i < 1000; i++) {
      write(path, file(0), `${text(0)}// ${i}\n`)
      const [migration] = await source.list()
      const body = migration && (await source.read(migration, 'up'))
      if (body) bodies.push(new WeakRef(body))
    }
    setFlagsFromString('--expose_gc')
    const collect = runInNewContext('gc') as () => void
    await sleep(10)
    collect()
    const alive = bodies.filter((body) => body.deref() !== undefined)
    expect(bodies.length).toBe(1000)
    expect(alive.length).toBeLessThan(20)
  })

  test.for(TOOLS)(
    'a run of %s that is killed at any moment is continued',
    { timeout: 120_000 },
    async (tool, { db }) => {
      const path = folderOf(tool, 25)
      const args = ['up', '--path', path, '--database', db.url]
      for (let i = 0; i < 4; i++) {
        const child = spawn(process.execPath, [program, ...args], { stdio: 'ignore' })
        await Promise.race([sleep(350 + i * 90), once(child, 'exit')])
        child.kill('SIGKILL')
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      }
      const last = cli(args)
      expect(last.code, last.err).toBe(0)
      const status = JSON.parse(cli(['status', '--json', '--path', path, '--database', db.url]).out)
      expect(status.migrations.map(({ state }: { state: string }) => state)).toEqual(Array(25).fill('applied'))
      const [made] = await db.rows("select count(*)::int as n from pg_tables where tablename ~ '^[kyt][0-9]+$'")
      expect(made).toEqual({ n: 25 })
    },
  )
})
