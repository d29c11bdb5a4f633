/** umzug, asked itself, with its storage in a table. */
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { type UmzugOptions, umzug } from '../../presets/sources.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import type { Dialect } from '../../src/sql/dialect.ts'
import { failure, test } from '../support/database.ts'
import { describeWithTool, type ToolPool, tool } from '../support/tools.ts'
import { contract, type Database, type Oracle, ours, type Place, placeOf } from './contract.ts'
import { describeOnMysql } from './mysql.ts'

interface Umzug {
  up(): Promise<unknown>
  down(): Promise<unknown>
  pending(): Promise<readonly { readonly name: string }[]>
}

interface Package {
  readonly Umzug: new (options: object) => Umzug
  readonly SequelizeStorage: new (options: object) => object
}

interface SequelizePackage {
  readonly Sequelize: new (url: string, options: object) => { close(): Promise<void> }
}

type Storage = Exclude<UmzugOptions['storage'], 'none'>

/** The part of their context that the migrations of these tests use. */
interface Client {
  query(sql: string): Promise<unknown>
  end(): Promise<void>
}

async function withUmzug<T>(
  { url, folder }: Place,
  work: (umzug: Umzug) => Promise<T>,
  { storage = {}, resolve }: { storage?: Storage; resolve?: UmzugOptions['resolve'] } = {},
): Promise<T> {
  const { Umzug, SequelizeStorage } = tool<Package>('umzug')
  const { Sequelize } = tool<SequelizePackage>('sequelize')
  const isPostgres = url.startsWith('postgres')
  const context: Client = isPostgres
    ? new (tool<{ Pool: new (o: object) => ToolPool }>('pg').Pool)({ connectionString: url, max: 1 })
    : await tool<{ createConnection(o: string): Promise<Client> }>('mysql2/promise').createConnection(url)
  const sequelize = new Sequelize(url, { logging: false })
  const migrations = { glob: ['*.{js,cjs,ts,mts}', { cwd: folder }], ...(resolve && { resolve }) }
  const made = new Umzug({
    migrations,
    context,
    storage: new SequelizeStorage({ sequelize, ...storage }),
    logger: undefined,
  })
  return work(made).finally(async () => {
    await context.end()
    await sequelize.close()
  })
}

const OPTIONS: UmzugOptions = {
  context: (client, { dialect }) => (dialect === 'postgres' ? client : client.promise()),
}

type File = readonly [name: string, text: string]

const both = (up: string, down: string) => `import type { Client } from 'pg'

export async function up({ context }: { context: Client }) {
  ${up}
}

export async function down({ context }: { context: Client }) {
  ${down}
}
`

const SHOP: readonly File[] = [
  [
    '2024.01.01T00.00.00.shop.ts',
    both(
      `await context.query(\`CREATE TABLE customers (id serial PRIMARY KEY, email text NOT NULL UNIQUE)\`)
  await context.query('CREATE TABLE orders (id uuid PRIMARY KEY, customer_id int NOT NULL REFERENCES customers (id))')`,
      "await context.query('DROP TABLE orders; DROP TABLE customers')",
    ),
  ],
  [
    '2024.01.02T00.00.00.touch.cjs',
    `const { readFileSync } = require('node:fs')
const { basename, join } = require('node:path')

exports.up = async ({ name, path, context }) => {
  if (name !== basename(path) || path !== __filename) throw new Error('Names and paths differ: ' + name + ', ' + path)
  await context.query(readFileSync(join(__dirname, 'sql', 'touch.sql'), 'utf8'))
}
exports.down = async ({ context }) => context.query('DROP FUNCTION touch()')
`,
  ],
  [
    '2024.01.03T00.00.00.lines.mts',
    both(
      `await context.query('BEGIN')
  try {
    await context.query('CREATE TABLE "Order lines" ("price; net" numeric(10, 2))')
    await context.query("INSERT INTO customers (email) VALUES ('ada@example.com'), ('grace@example.com')")
    await context.query('COMMIT')
  } catch (error) {
    await context.query('ROLLBACK')
    throw error
  }`,
      `await context.query('DELETE FROM customers')
  await context.query('DROP TABLE "Order lines"')`,
    ),
  ],
  [
    '2024.01.04T00.00.00.find.ts',
    both(
      `await context.query('CREATE INDEX CONCURRENTLY "by customer" ON orders (customer_id)')`,
      `await context.query('DROP INDEX CONCURRENTLY "by customer"')`,
    ),
  ],
]

const TOUCH = 'CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END; $$;'

const MYSQL_SHOP: readonly File[] = [
  [
    '2024.01.01T00.00.00.shop.ts',
    both(
      `await context.query('CREATE TABLE customers (id int AUTO_INCREMENT PRIMARY KEY, email varchar(200) UNIQUE)')
  await context.query('CREATE TABLE orders (id int PRIMARY KEY, customer_id int)')
  await context.query('CREATE TABLE buyers (id int PRIMARY KEY)')`,
      `await context.query('DROP TABLE buyers')
  await context.query('DROP TABLE orders')
  await context.query('DROP TABLE customers')`,
    ),
  ],
  [
    '2024.01.03T00.00.00.lines.mts',
    both(
      `await context.beginTransaction()
  await context.query('CREATE TABLE \`Order lines\` (id int PRIMARY KEY)')
  await context.query('INSERT INTO customers (email) VALUES (?), (?)', ['ada@example.com', 'grace@example.com'])
  const [rows] = await context.execute('SELECT email FROM customers WHERE id > ?', [0])
  if (rows.length !== 2) throw new Error('There are no rows.')
  await context.commit()`,
      `await context.query('DELETE FROM customers')
  await context.query('DROP TABLE \`Order lines\`')`,
    ),
  ],
  [
    '2024.01.04T00.00.00.find.ts',
    both(
      "await context.query('CREATE INDEX `by customer` ON orders (customer_id)')",
      "await context.query('DROP INDEX `by customer` ON orders')",
    ),
  ],
  [
    '2024.01.05T00.00.00.names.ts',
    both(
      "await context.query('ALTER TABLE customers ADD COLUMN name varchar(100)')",
      "await context.query('ALTER TABLE customers DROP COLUMN name')",
    ),
  ],
]

const oracleOf = (files: readonly File[], dialect: Dialect): Oracle => ({
  name: 'umzug 3',
  packages: ['umzug', 'sequelize', 'pg', 'mysql2'],
  count: files.length,
  files: (count) => ({
    ...Object.fromEntries(files.slice(0, count)),
    ...(dialect === 'postgres' && { 'sql/touch.sql': TOUCH }),
  }),
  source: (folder) => umzug(folder, OPTIONS),
  up: (place) => withUmzug(place, (made) => made.up()),
  down: (place) => withUmzug(place, (made) => made.down()),
  pending: (place) => withUmzug(place, (made) => made.pending()),
  table: dialect === 'postgres' ? '"SequelizeMeta"' : 'SequelizeMeta',
  rows: `SELECT name FROM ${dialect === 'postgres' ? '"SequelizeMeta"' : 'SequelizeMeta'} ORDER BY name`,
})

const oracle = oracleOf(SHOP, 'postgres')

contract(oracle)

describeOnMysql((ground) => contract(oracleOf(MYSQL_SHOP, 'mysql'), ground))

const missing = (db: Database, ...tables: readonly string[]) =>
  db
    .rows(`SELECT ${tables.map((name) => `to_regclass('${name}') IS NULL AS "${name}"`).join(', ')}`)
    .then(([row]) => row)

describeWithTool(oracle.packages, 'umzug and we', () => {
  const placeWith = (db: Database, files: Readonly<Record<string, string>>) =>
    placeOf({ ...oracle, files: () => files }, db)
  const migrate = async (db: Database, source: ReturnType<typeof umzug>) =>
    new Migrator({ source, database: await db.open() })

  test('names and functions of a resolve of its own, another table and times', async ({ db, other }) => {
    const resolve: UmzugOptions['resolve'] = ({ name, path = '', context }) => ({
      name: name.replace(/\.js$/, ''),
      up: async () => context.query(readFileSync(path, 'utf8').slice(3)),
      down: async () => undefined,
    })
    const storage = { tableName: 'done', columnName: 'file', timestamps: true }
    const files = { '1_a.js': '// CREATE TABLE a (id int)', '2_b.js': '// CREATE TABLE b (id int)' }
    const [place, tools] = [placeWith(db, files), placeWith(other, files)]
    await (await migrate(db, umzug(place.folder, { ...OPTIONS, storage, resolve }))).up()
    await withUmzug(tools, (made) => made.up(), { storage, resolve })
    expect(await withUmzug(place, (made) => made.pending(), { storage, resolve })).toEqual([])
    const rows =
      'SELECT file, "createdAt" IS NULL AS "createdAt", "updatedAt" IS NULL AS "updatedAt" FROM done ORDER BY 1'
    expect(await db.rows(rows)).toEqual(await other.rows(rows))
    expect((await db.rows(rows)).map(({ file }) => file)).toEqual(['1_a', '2_b'])
    expect(await missing(db, 'a', 'b')).toEqual({ a: false, b: false })
  })

  test('without a table, our own record says what is applied', async ({ db }) => {
    const place = placeWith(db, {
      '1_a.ts': both("await context.query('CREATE TABLE a (id int)')", "await context.query('DROP TABLE a')"),
    })
    const source = () => umzug(place.folder, { ...OPTIONS, storage: 'none' })
    expect((await (await migrate(db, source())).up()).steps).toHaveLength(1)
    expect((await (await migrate(db, source())).up()).steps).toHaveLength(0)
    expect((await (await migrate(db, source())).down(1)).steps).toHaveLength(1)
    expect(await missing(db, 'a')).toEqual({ a: true })
    expect(await db.rows("SELECT 1 FROM pg_tables WHERE tablename = 'SequelizeMeta'")).toEqual([])
  })

  test('a list of migrations stands for a folder', async ({ db }) => {
    const create = (name: string) => ({
      name,
      up: ({ context }: { context: Client }) => context.query(`CREATE TABLE ${name} (id int)`),
    })
    const source = umzug([create('b'), create('a')], OPTIONS)
    expect((await (await migrate(db, source)).up()).steps.map(({ name }) => name)).toEqual(['b', 'a'])
    expect(await missing(db, 'a', 'b')).toEqual({ a: false, b: false })
  })

  test.for([
    [false, false],
    [true, true],
  ])(
    'what a migration did before it failed is gone only in a transaction (%s)',
    async ([transaction, gone], { db }) => {
      const place = placeWith(db, {
        '1_broken.ts': both("await context.query('CREATE TABLE kept (id int)')\n  throw new Error('Not today.')", ''),
      })
      const error = await failure((await migrate(db, umzug(place.folder, { ...OPTIONS, transaction }))).up())
      expect(error.message).toContain('1_broken.ts:5:')
      expect(error.message).toContain('Not today.')
      expect(await missing(db, 'kept')).toEqual({ kept: gone })
    },
  )

  test('an error of the server names the file and the line', async ({ db }) => {
    const place = placeWith(db, { '1_broken.ts': both("await context.query('SELECT * FROM nobody')", '') })
    const error = await failure((await ours(oracle, db, place)).up())
    expect(error.message).toContain('1_broken.ts:4:')
    expect(error.message).toContain('relation "nobody" does not exist')
  })
})
