/** MikroORM, asked by its own migrator. */
import { expect, onTestFinished, vi } from 'vitest'
import { mikroOrm } from '../../presets/sources.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import { write } from '../support/cli.ts'
import { failure, test } from '../support/database.ts'
import { describeWithTool, tool, withTools } from '../support/tools.ts'
import { contract, expectSameAfterFailure, type Oracle, ours, type Place, placeOf } from './contract.ts'
import { describeOnMysql } from './mysql.ts'
import { type Change, MYSQL_SHOP, SHOP } from './shop.ts'

interface Orm {
  readonly migrator: {
    up(): Promise<unknown>
    down(): Promise<unknown>
    getPending(): Promise<readonly unknown[]>
  }
  close(force: boolean): Promise<void>
}

/** Lets MikroORM work on the place. */
async function ask<T>({ url, folder }: Place, work: (migrator: Orm['migrator']) => Promise<T>, more = {}): Promise<T> {
  const isPostgres = url.startsWith('postgres')
  const { MikroORM } = tool<{ MikroORM: { init(options: object): Promise<Orm> } }>(
    isPostgres ? '@mikro-orm/postgresql' : '@mikro-orm/mysql',
  )
  const { Migrator } = tool<{ Migrator: unknown }>('@mikro-orm/migrations')
  const orm = await MikroORM.init({
    entities: [],
    discovery: { warnWhenNoEntities: false },
    clientUrl: url,
    extensions: [Migrator],
    logger: () => undefined,
    migrations: { path: folder, snapshot: false, allOrNothing: false, ...more },
  })
  return work(orm.migrator).finally(() => orm.close(true))
}

const timeOf = (i: number) => 20240101000000 + i

/** Writes a change as MikroORM does: each statement in a template where that is possible. */
function classOf({ title, up, down, isAlone }: Change, i: number): [file: string, text: string] {
  const name = `Migration${timeOf(i)}_${title}`
  const literal = (sql: string) => (/[`\r]/.test(sql) ? JSON.stringify(sql) : `\`${sql}\``)
  const half = (sql: string) =>
    (sql.includes('$$') ? [sql] : sql.split(/;\r?\n/).filter((one) => one.trim() !== ''))
      .map((one) => `    this.addSql(${literal(one)})\n`)
      .join('')
  const rest = isAlone ? '  isTransactional() {\n    return false\n  }\n' : ''
  const halves = `  up() {\n${half(up)}  }\n\n  async down() {\n${half(down)}  }\n${rest}`
  if (i === 1) {
    const head = "const { Migration } = require('@mikro-orm/migrations')\n\n"
    return [`${name}.js`, `${head}exports.${name} = class ${name} extends Migration {\n${halves}}\n`]
  }
  const head = "import { Migration } from '@mikro-orm/migrations'\n\n"
  return [`${name}.ts`, `${head}export class ${name} extends Migration {\n  override name = '${name}'\n\n${halves}}\n`]
}

const oracleOf = (changes: readonly Change[]): Oracle => ({
  name: 'MikroORM 7',
  packages: ['@mikro-orm/migrations', '@mikro-orm/postgresql', '@mikro-orm/mysql'],
  count: changes.length,
  files: (count) => Object.fromEntries(changes.slice(0, count).map(classOf)),
  prepare: withTools,
  source: (path) => mikroOrm(path, { allOrNothing: false }),
  up: (place) => ask(place, (migrator) => migrator.up()),
  down: (place) => ask(place, (migrator) => migrator.down()),
  pending: (place) => ask(place, (migrator) => migrator.getPending()),
  failing: [
    'Migration20990101000000.ts',
    `import { Migration } from '@mikro-orm/migrations'
export class Migration20990101000000 extends Migration {
  async up() {
    this.addSql('create table half_done (id int)')
    this.addSql('insert into nowhere values (1)')
  }
}
`,
  ],
  table: 'mikro_orm_migrations',
  rows: 'SELECT name FROM mikro_orm_migrations ORDER BY name',
})

const oracle = oracleOf(SHOP)

contract(oracle)

describeOnMysql((ground) => {
  contract(oracleOf(MYSQL_SHOP), ground)

  describeWithTool(oracle.packages, 'MikroORM and we', () => {
    ground.test('a migration that asks the database', async ({ db }) => {
      const text = `import { Migration } from '@mikro-orm/migrations'
export class Migration20240101000001 extends Migration {
  async up() {
    await this.execute('create table users (id int)')
    await this.execute('insert into users values (?)', [1])
    const rows = await this.execute('select id from users')
    this.addSql('insert into users values (' + (rows[0].id + 1) + ')')
  }
  down() { this.addSql('drop table users') }
}
`
      const own = { ...oracle, files: () => ({ 'Migration20240101000001.ts': text }) }
      const place = placeOf(own, db)
      await (await ours(own, db, place)).up()
      expect(await db.rows('SELECT id FROM users ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }])
      expect(await own.pending?.(place)).toEqual([])
    })
  })
})

describeWithTool(oracle.packages, 'MikroORM and we', () => {
  test.for([0, 2])(
    'with its default, all that is pending is one transaction (%i applied before)',
    async (before, { db, other }) => {
      // A value that was added to an enum cannot be used in the same transaction.
      const files = SHOP.filter(({ up, isAlone }) => !isAlone && !/refunded/.test(up))
      const up = (place: Place) => ask(place, (migrator) => migrator.up(), { allOrNothing: true })
      const own = { ...oracleOf(files), up, source: (path: string) => mikroOrm(path) }
      await expectSameAfterFailure(own, db, other, { before })
    },
  )

  const HEAD = "import { Migration } from '@mikro-orm/migrations'\n"
  const at = (db: Parameters<typeof placeOf>[1], files: Readonly<Record<string, string>>): [Oracle, Place] => {
    const own = { ...oracle, files: () => files }
    return [own, placeOf(own, db)]
  }

  test('a migration that asks the database, opens a transaction, and reads a file beside it', async ({ db, other }) => {
    const files = {
      'Migration20240101000001.ts': `${HEAD}import { readFileSync } from 'node:fs'
export class Migration20240101000001 extends Migration {
  async up() {
    await this.execute('create table users (id serial primary key, name text, at timestamptz default now())')
    await this.execute('insert into users (name) values (?)', ["o'brien"])
    const rows = await this.execute('select count(*)::int as n, max(at) as at from users')
    await this.getEntityManager().transactional(async (em) => {
      await em.execute("insert into users (name) values ('nested')")
    })
    await this.getEntityManager().transactional(async (em) => {
      await em.execute("insert into users (name) values ('undone')")
      throw new Error('undone')
    }).catch(() => undefined)
    this.addSql('alter table users add column n int default ' + rows[0].n)
    this.addSql(readFileSync(import.meta.dirname + '/more.sql', 'utf8'))
  }
  down() { this.addSql('drop table users') }
}
`,
      'more.sql': "insert into users (name) values ('from a file')",
    }
    const [own, place] = at(db, files)
    await (await ours(own, db, place)).up()
    const sql = 'SELECT name, n FROM users ORDER BY name'
    await own.up(placeOf(own, other))
    expect(await db.rows(sql)).toEqual(await other.rows(sql))
    expect((await db.rows(sql)).map(({ name }) => name)).toEqual(['from a file', 'nested', "o'brien"])
    expect(await own.pending?.(place)).toEqual([])
    expect((await (await ours(own, db, place)).down(1)).steps).toHaveLength(1)
    expect(await db.rows(own.rows)).toEqual([])
  })

  test.for([
    ['a text of the file', "this.addSql('select nothing')", 'Migration1.ts:5:'],
    ['a text that is put together', "this.addSql('select ' + name)", 'Migration1.ts:5:'],
    ['the database', "await this.execute('select nothing')", 'Migration1.ts:5:'],
    ['itself', 'throw new Error(\'column "nothing" does not exist\')', 'Migration1.ts:5:'],
  ])('an error of %s leaves nothing, and names the line in the TypeScript', async ([, line, place], { db }) => {
    const text = `${HEAD}export class Migration1 extends Migration {
  async up(name: string = 'nothing'): Promise<void> {
    this.addSql(\`create table a (id int)\`)
    ${line}
  }
}
`
    const [own, there] = at(db, { 'Migration1.ts': text })
    const error = await failure((await ours(own, db, there)).up())
    expect(error.message).toContain(place)
    expect(error.message).toContain('column "nothing" does not exist')
    expect(await db.rows("SELECT to_regclass('a') AS a")).toEqual([{ a: null }])
  })

  test('a class without a down cannot be undone, and says so', async ({ db }) => {
    const text = `${HEAD}export class Migration1 extends Migration {\n  up() { this.addSql('create table a (id int)') }\n}\n`
    const [own, place] = at(db, { 'Migration1.ts': text })
    await own.up(place)
    const error = await failure((await ours(own, db, place)).down(1))
    expect(error.code).toBe('MIGRATEST_IRREVERSIBLE')
    expect(error.message).toContain('the class has no down method')
    write(place.folder, 'Migration1.ts', 'export const nothing = 1\n')
    expect((await failure((await ours(own, db, place)).down(1))).message).toContain(
      'exports no class with an up method',
    )
  })

  test('a table in a schema, and rows with an ending from older versions', async ({ db, other }) => {
    const more = { tableName: 'books.done' }
    const own: Oracle = {
      ...oracle,
      source: (path) => mikroOrm(path, more),
      up: (place) => ask(place, (migrator) => migrator.up(), more),
      rows: 'SELECT name FROM books.done ORDER BY name',
      table: 'done',
    }
    const place = placeOf(own, db)
    await (await ours(own, db, place)).up()
    await own.up(place)
    await own.up(placeOf(own, other))
    expect(await db.rows(own.rows)).toEqual(await other.rows(own.rows))
    await db.rows("UPDATE books.done SET name = name || '.ts'")
    expect((await (await ours(own, db, place)).up()).steps).toEqual([])
    await (await ours(own, db, place)).down('all')
    expect(await db.rows(own.rows)).toEqual([])
  })

  test("MikroORM's list stands for a folder", async ({ db, other }) => {
    const place = placeOf(oracle, db)
    const names = Object.keys(oracle.files(oracle.count))
    vi.spyOn(process, 'cwd').mockReturnValue(place.folder)
    onTestFinished(() => void vi.restoreAllMocks())
    const list = await Promise.all(
      names.map(async (file) => {
        const exports = await import(/* @vite-ignore */ `${place.folder}/${file}`)
        const [Class] = Object.values(exports).filter((one) => typeof one === 'function')
        return { name: file.replace(/\.\w+$/, ''), class: Class as object }
      }),
    )
    await new Migrator({ source: mikroOrm(list), database: await db.open() }).up()
    expect(await oracle.pending?.(place)).toEqual([])
    await oracle.up(placeOf(oracle, other))
    expect(await db.rows(oracle.rows)).toEqual(await other.rows(oracle.rows))
    await new Migrator({ source: mikroOrm(list.map((one) => one.class)), database: await db.open() }).down('all')
    expect(await db.rows(oracle.rows)).toEqual([])
    expect(() => mikroOrm([{ name: 'Migration1', class: {} }])).toThrow('not a class with an up method: Migration1')
  })
})
