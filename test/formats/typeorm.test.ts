/** TypeORM, asked by its own DataSource. */
import { expect, onTestFinished, vi } from 'vitest'
import { typeorm } from '../../presets/sources.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import { write } from '../support/cli.ts'
import { failure, test } from '../support/database.ts'
import { describeWithTool, tool, withTools } from '../support/tools.ts'
import { contract, expectSameAfterFailure, type Oracle, ours, type Place, placeOf } from './contract.ts'
import { describeOnMysql } from './mysql.ts'
import { type Change, MYSQL_SHOP, SHOP } from './shop.ts'

interface DataSource {
  initialize(): Promise<DataSource>
  destroy(): Promise<void>
  runMigrations(options: { transaction: string }): Promise<unknown>
  undoLastMigration(options: { transaction: string }): Promise<unknown>
  showMigrations(): Promise<boolean>
  readonly migrations: readonly object[]
  query(sql: string): Promise<{ name: string }[]>
}

/** Lets TypeORM work on the place. */
async function ask<T>({ url, folder }: Place, work: (dataSource: DataSource) => Promise<T>, more = {}): Promise<T> {
  const { DataSource } = tool<{ DataSource: new (options: object) => DataSource }>('typeorm')
  const dataSource = new DataSource({
    type: url.startsWith('postgres') ? 'postgres' : 'mysql',
    url,
    multipleStatements: true,
    migrations: [`${folder}/*.{ts,js}`],
    logging: false,
    ...more,
  })
  await dataSource.initialize()
  try {
    return await work(dataSource)
  } finally {
    await dataSource.destroy()
  }
}

const nameOf = (one: { name?: string }) => one.name ?? one.constructor.name

const TIMES = [1700000000000, 1700000000001, 1710000000000, 1720000000000, 1730000000000, 1740000000000]

/** Writes a change as a class: CommonJS, with a name of its own, or in TypeScript. */
function classOf({ up, down, isAlone }: Change, name: string, i: number): readonly [ending: string, text: string] {
  const half = (sql: string) => `await queryRunner.query(${JSON.stringify(sql)})`
  const transaction = isAlone ? '  transaction = false\n' : ''
  if (i === 1) {
    const text = `module.exports = class ${name} {\n${transaction}  async up(queryRunner) {\n    ${half(up)}\n  }\n\n  async down(queryRunner) {\n    ${half(down)}\n  }\n}\n`
    return ['js', text]
  }
  const [called, property] = i === 2 ? ['Minified', `  name = '${name}'\n`] : [name, '']
  return [
    'ts',
    `import type { MigrationInterface, QueryRunner } from 'typeorm'

export class ${called} implements MigrationInterface {
${property}${transaction}  public async up(queryRunner: QueryRunner): Promise<void> {
    ${half(up)}
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    ${half(down)}
  }
}
`,
  ]
}

const FAILING = `exports.Fails9999999999999 = class Fails9999999999999 {
  async up(queryRunner) {
    await queryRunner.query('create table half_done (id int)')
    await queryRunner.query('insert into nowhere values (1)')
  }
  async down() {}
}
`

const oracleOf = (changes: readonly Change[]): Oracle => ({
  name: 'TypeORM 1',
  packages: ['typeorm'],
  count: changes.length,
  files: (count) =>
    Object.fromEntries(
      changes.slice(0, count).map((change, i) => {
        const [ending, text] = classOf(change, `${change.title}${TIMES[i]}`, i)
        // The order of the files is not that of the classes.
        return [`${9 - i}-${change.title}.${ending}`, text]
      }),
    ),
  prepare: withTools,
  source: (path) => typeorm(path),
  up: (place) => ask(place, (dataSource) => dataSource.runMigrations({ transaction: 'each' })),
  down: (place) => ask(place, (dataSource) => dataSource.undoLastMigration({ transaction: 'each' })),
  pending: (place) =>
    ask(place, async (dataSource) => {
      await dataSource.showMigrations()
      const rows = await dataSource.query('SELECT name FROM migrations')
      return dataSource.migrations.map((one) => nameOf(one)).filter((name) => !rows.some((row) => row.name === name))
    }),
  failing: ['fails.js', FAILING],
  table: 'migrations',
  rows: 'SELECT timestamp, name FROM migrations ORDER BY timestamp',
})

const oracle = oracleOf(SHOP)

contract(oracle)

describeOnMysql((ground) => contract(oracleOf(MYSQL_SHOP), ground))

describeWithTool(oracle.packages, 'TypeORM and we', () => {
  test.for([0, 2])(
    'with its default, all that is pending is one transaction (%i applied before)',
    async (before, { db, other }) => {
      const files = SHOP.filter(({ isAlone }) => !isAlone)
      const up = (place: Place) => ask(place, (dataSource) => dataSource.runMigrations({ transaction: 'all' }))
      // A value that was added to an enum cannot be used in the same transaction.
      const own = { ...oracleOf(files.filter(({ up }) => !/refunded/.test(up))), up }
      await expectSameAfterFailure(own, db, other, { before })
    },
  )

  /** A place with these files. */
  const at = (db: { url: string }, files: Readonly<Record<string, string>>): [Oracle, Place] => {
    const own = { ...oracle, files: () => files }
    return [own, placeOf(own, db as never)]
  }
  const HEAD = "import { type MigrationInterface, type QueryRunner, Table } from 'typeorm'\n"

  test('the builder, a transaction of its own, a file beside it, and two classes in one file', async ({ db }) => {
    const files = {
      'all.ts': `${HEAD}import { readFileSync } from 'node:fs'
import { join } from 'node:path'
export class Later1700000000002 implements MigrationInterface {
  async up(queryRunner: QueryRunner) {
    await queryRunner.startTransaction()
    await queryRunner.query("insert into users (name) values ('kept')")
    await queryRunner.commitTransaction()
    await queryRunner.startTransaction()
    await queryRunner.query("insert into users (name) values ('undone')")
    await queryRunner.rollbackTransaction()
    await queryRunner.connection.transaction(async (manager) => {
      await manager.query("insert into users (name) values ($1)", ['by the manager'])
    })
    await queryRunner.query(readFileSync(join(__dirname, 'more.sql'), 'utf8'))
  }
  async down() {}
}
export class Sooner1700000000001 implements MigrationInterface {
  async up(queryRunner: QueryRunner) {
    await queryRunner.createTable(new Table({
      name: 'users',
      columns: [
        { name: 'id', type: 'int', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
        { name: 'name', type: 'varchar', isNullable: true },
      ],
      indices: [{ columnNames: ['name'] }],
    }))
  }
  async down(queryRunner: QueryRunner) { await queryRunner.dropTable('users') }
}
`,
      'more.sql': "insert into users (name) values ('from a file')",
    }
    const sql = 'SELECT name FROM users ORDER BY name'
    const [own, place] = at(db, files)
    expect((await (await ours(own, db, place)).up()).steps).toHaveLength(2)
    expect((await db.rows(sql)).map(({ name }) => name)).toEqual(['by the manager', 'from a file', 'kept'])
    expect(await own.pending?.(place)).toEqual([])
    expect(await db.rows("SELECT indexname FROM pg_indexes WHERE tablename = 'users' ORDER BY 1")).toHaveLength(2)
    expect((await (await ours(own, db, place)).down('all')).steps).toHaveLength(2)
    expect(await db.rows('SELECT * FROM migrations')).toEqual([])
  })

  test('a generated UUID has its extension, which TypeORM creates when it connects', async ({ db }) => {
    const place = { url: db.url, folder: withTools(placeOf(oracle, db, 0).folder) }
    const up = `await queryRunner.query('CREATE TABLE a (id uuid DEFAULT uuid_generate_v4())')`
    write(
      place.folder,
      'a.ts',
      `export class A1700000000000 { async up(queryRunner) { ${up} } async down(queryRunner) { await queryRunner.query('DROP TABLE a') } }`,
    )
    await (await ours(oracle, db, place)).up()
    expect(await db.rows("SELECT to_regclass('a') IS NOT NULL AS a")).toEqual([{ a: true }])
  })

  test('what climbs out of the transaction of TypeORM does so with us', async ({ db }) => {
    const [own, place] = at(db, {
      '1700000000001-Climbs.ts': `${HEAD}export class Climbs1700000000001 implements MigrationInterface {
  async up(queryRunner: QueryRunner) {
    await queryRunner.query('create table a (id int)')
    await queryRunner.commitTransaction()
    await queryRunner.query('create index concurrently a_id on a (id)')
    await queryRunner.startTransaction()
  }
  async down(queryRunner: QueryRunner) { await queryRunner.query('drop table a') }
}
`,
    })
    await (await ours(own, db, place)).up()
    expect(await db.rows("SELECT indexname FROM pg_indexes WHERE tablename = 'a'")).toEqual([{ indexname: 'a_id' }])
    expect(await own.pending?.(place)).toEqual([])
  })

  test('a failing migration leaves nothing, and its error names the line in the TypeScript', async ({ db }) => {
    const [own, place] = at(db, {
      '1700000000001-Fails.ts': `${HEAD}
export class Fails1700000000001 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    const name: string = 'a'
    await queryRunner.query(\`create table \${name} (id int)\`)
    await queryRunner.query('select nothing')
  }
  async down() {}
}
`,
    })
    const error = await failure((await ours(own, db, place)).up())
    expect(error.message).toContain('1700000000001-Fails.ts:7:')
    expect(error.message).toContain('column "nothing" does not exist')
    expect(await db.rows("SELECT to_regclass('a') AS a")).toEqual([{ a: null }])
    write(place.folder, '1700000000001-Fails.ts', 'export const nothing = 1\n')
    expect((await failure((await ours(own, db, place)).up())).message).toContain('exports no class with an up method')
  })

  test('a migration whose helper rolls it back is not recorded as applied', async ({ db }) => {
    const [own, place] = at(db, {
      '1700000000001-Undone.ts': `${HEAD}
async function insert(queryRunner: QueryRunner) {
  await queryRunner.query('create table a (id int)')
  await queryRunner.rollbackTransaction()
}
export class Undone1700000000001 implements MigrationInterface {
  async up(queryRunner: QueryRunner) { await insert(queryRunner) }
  async down() {}
}
`,
    })
    expect((await failure((await ours(own, db, place)).up())).message).toContain('It rolled back its transaction')
    expect(await db.rows("SELECT to_regclass('a') AS a")).toEqual([{ a: null }])
    expect(await own.pending?.(place)).toEqual(['Undone1700000000001'])
  })

  test('all migrations of a run have one query runner, whose transaction is over when the run is', async ({ db }) => {
    const seen: { readonly isTransactionActive: boolean; readonly isReleased: boolean }[] = []
    Object.assign(globalThis, { seen })
    onTestFinished(() => void Reflect.deleteProperty(globalThis, 'seen'))
    const see = (name: string, more = '') => `${HEAD}
export class ${name} implements MigrationInterface {
  async up(queryRunner: QueryRunner) { globalThis.seen.push(queryRunner); ${more} }
  async down() {}
}
`
    const [own, place] = at(db, {
      '1700000000001-A.ts': see('A1700000000001', "await queryRunner.query('create table a (id int)')"),
      '1700000000002-B.ts': see('B1700000000002', "await queryRunner.query('create table b (id int)')"),
    })
    const migrator = await ours(own, db, place)
    await migrator.up()
    expect(seen[1]).toBe(seen[0])
    expect(seen[0]).toMatchObject({ isTransactionActive: false, isReleased: true })
    write(place.folder, '1700000000003-C.ts', see('C1700000000003'))
    write(place.folder, '1700000000004-D.ts', see('D1700000000004', "throw new Error('No.')"))
    await failure(migrator.up())
    expect(seen[2]).toMatchObject({ isTransactionActive: false, isReleased: true })
    write(place.folder, '1700000000004-D.ts', see('D1700000000004'))
    expect((await migrator.up()).steps).toHaveLength(2)
  })

  test('a transaction that is left open is an error, and the next run is as new', async ({ db }) => {
    const fileOf = (end: string) => ({
      '1700000000001-Opens.ts': `${HEAD}
export class Opens1700000000001 implements MigrationInterface {
  async up(queryRunner: QueryRunner) {
    await queryRunner.query('create table a (id int)')
    await queryRunner.startTransaction()
    ${end}
  }
  async down(queryRunner: QueryRunner) { await queryRunner.query('drop table a') }
}
`,
    })
    const [own, place] = at(db, fileOf(''))
    const migrator = await ours(own, db, place)
    expect((await failure(migrator.up())).message).toContain('It began a transaction and did not end it')
    for (const [name, text] of Object.entries(fileOf('await queryRunner.commitTransaction()'))) {
      write(place.folder, name, text)
    }
    expect((await migrator.up()).steps).toHaveLength(1)
    expect(await db.rows("SELECT to_regclass('a')::text AS a")).toEqual([{ a: 'a' }])
  })

  test('a table of another name in a schema is the same', async ({ db, other }) => {
    const options = { migrationsTableName: 'done', schema: 'books' }
    const own: Oracle = {
      ...oracle,
      source: (path) => typeorm(path, options),
      up: (place) => ask(place, (one) => one.runMigrations({ transaction: 'each' }), options),
      rows: 'SELECT timestamp, name FROM books.done ORDER BY timestamp',
      table: 'done',
    }
    for (const scratch of [db, other]) await scratch.rows('CREATE SCHEMA books')
    const place = placeOf(own, db)
    await (await ours(own, db, place)).up()
    await own.up(place)
    await own.up(placeOf(own, other))
    expect(await db.rows(own.rows)).toEqual(await other.rows(own.rows))
    const key = "SELECT conname FROM pg_constraint WHERE conrelid = 'books.done'::regclass AND contype = 'p'"
    expect(await db.rows(key)).toEqual(await other.rows(key))
  })

  test('its classes, and its data source, stand for a folder', async ({ db, other }) => {
    const place = placeOf(oracle, db)
    vi.spyOn(process, 'cwd').mockReturnValue(place.folder)
    onTestFinished(() => void vi.restoreAllMocks())
    const classes = await ask(place, async ({ migrations }) => migrations.map((one) => one.constructor as never))
    const pattern = { migrations: [`${place.folder}/*.{ts,js}`] }
    await oracle.up(place)
    for (const given of [classes, { migrations: classes }, { options: pattern }, pattern]) {
      expect((await new Migrator({ source: typeorm(given), database: await db.open() }).up()).steps).toEqual([])
    }
    const own = { migrations: classes, migrationsTableName: 'done' }
    await new Migrator({ source: typeorm(own), database: await other.open() }).up()
    const rows = 'SELECT timestamp, name FROM done ORDER BY timestamp'
    expect(await other.rows(rows)).toEqual(await db.rows(oracle.rows))
    await ask({ ...place, url: other.url }, async (tools) => expect(await tools.showMigrations()).toBe(false), own)
    await new Migrator({ source: typeorm(own), database: await other.open() }).down('all')
    expect(await other.rows(rows)).toEqual([])
  })

  test.for([
    ['a data source without migrations', {}, 'has no migrations'],
    ['files in several folders', { migrations: ['a/*.ts', 'b/*.ts'] }, 'several folders'],
    ['a pattern over folders', { migrations: ['src/**/migrations/*.ts'] }, 'src/**/migrations/*.ts'],
    ['a class without a time', { migrations: [class Users {}] }, 'The class Users is not a migration of TypeORM'],
  ] as const)('%s is refused', ([, given, message]) => {
    expect(() => typeorm(given)).toThrow(message)
  })
})
