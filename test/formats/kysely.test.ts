/** Kysely, asked by its own migrator. */
import { promises as fs } from 'node:fs'
import path from 'node:path'
import { describe, expect, vi } from 'vitest'
import { kysely } from '../../presets/sources.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import type { Dialect } from '../../src/sql/dialect.ts'
import { write } from '../support/cli.ts'
import { failure, test } from '../support/database.ts'
import { describeWithTool, tool, withTools } from '../support/tools.ts'
import { contract, type Database, type Oracle, ours, type Place, placeOf } from './contract.ts'
import { describeOnMysql } from './mysql.ts'

interface Result {
  readonly error?: unknown
  readonly results?: readonly { readonly status: string }[]
}

interface KyselyMigrator {
  migrateToLatest(): Promise<Result>
  migrateDown(): Promise<Result>
  getMigrations(): Promise<readonly { readonly name: string; readonly executedAt?: Date }[]>
}

interface Package {
  readonly Kysely: new (options: object) => { destroy(): Promise<void> }
  readonly PostgresDialect: new (options: object) => object
  readonly MysqlDialect: new (options: object) => object
  readonly CamelCasePlugin: new () => object
}

interface MigrationPackage {
  readonly Migrator: new (options: object) => KyselyMigrator
  readonly FileMigrationProvider: new (options: object) => object
}

async function withMigrator<T>(
  { url, folder }: Place,
  work: (migrator: KyselyMigrator) => Promise<T>,
  more: { plugins?: readonly object[]; migrator?: object } = {},
): Promise<T> {
  const { Kysely, PostgresDialect, MysqlDialect } = tool<Package>('kysely')
  const { Migrator, FileMigrationProvider } = tool<MigrationPackage>('kysely/migration')
  const dialect = url.startsWith('postgres')
    ? new PostgresDialect({
        pool: new (tool<{ Pool: new (o: object) => object }>('pg').Pool)({ connectionString: url }),
      })
    : new MysqlDialect({ pool: tool<{ createPool(o: string): object }>('mysql2').createPool(url) })
  const db = new Kysely({ dialect, plugins: more.plugins ?? [] })
  const provider = new FileMigrationProvider({ fs, path, migrationFolder: withTools(folder) })
  return work(new Migrator({ db, provider, ...more.migrator })).finally(() => db.destroy())
}

/** Its results are values. */
async function succeeds(result: Promise<Result>): Promise<void> {
  const { error } = await result
  if (error) throw error
}

type File = readonly [name: string, text: string]

const both = (up: string, down: string) => `import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<any>): Promise<void> {
  ${up}
}

export async function down(db: Kysely<any>): Promise<void> {
  ${down}
}
`

const SHOP: readonly File[] = [
  [
    '20240101T000000-create_shop.ts',
    both(
      `await db.schema.createType('order_status').asEnum(['new', 'paid']).execute()
  await db.schema
    .createTable('customers')
    .addColumn('id', 'serial', (col) => col.primaryKey())
    .addColumn('email', 'text', (col) => col.notNull().unique())
    .execute()
  await db.schema
    .createTable('orders')
    .addColumn('id', 'uuid', (col) => col.primaryKey().defaultTo(sql\`gen_random_uuid()\`))
    .addColumn('customer_id', 'integer', (col) => col.notNull().references('customers.id').onDelete('cascade'))
    .addColumn('status', sql\`order_status\`, (col) => col.notNull().defaultTo('new'))
    .addColumn('changed_at', 'timestamptz', (col) => col.notNull().defaultTo(sql\`now()\`))
    .execute()`,
      `await db.schema.dropTable('orders').execute()
  await db.schema.dropTable('customers').execute()
  await db.schema.dropType('order_status').execute()`,
    ),
  ],
  [
    '20240102T000000-touch_orders.cjs',
    `const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { sql } = require('kysely')

exports.up = async function (db) {
  await sql.raw(readFileSync(join(__dirname, 'sql', 'touch.sql'), 'utf8')).execute(db)
}
exports.down = async function (db) {
  await sql\`DROP TRIGGER touch_orders ON orders\`.execute(db)
  await sql\`DROP FUNCTION touch()\`.execute(db)
}
`,
  ],
  [
    '20240103T000000-order_lines.mts',
    `import { type Kysely, type Migration } from 'kysely'

const migration: Migration = {
  async up(db: Kysely<any>) {
    if (!db.isTransaction) throw new Error('Kysely hands over a transaction.')
    await db.schema
      .createTable('Order lines')
      .addColumn('orderId', 'uuid', (col) => col.references('orders.id'))
      .addColumn('price; net', 'numeric(10, 2)')
      .addPrimaryKeyConstraint('Order lines_pk', ['orderId', 'price; net'])
      .execute()
    const rows = await db
      .insertInto('customers')
      .values([{ email: 'ada@example.com' }, { email: "it's; $1@example.com" }])
      .returning('id')
      .execute()
    if (rows.length !== 2) throw new Error('Kysely returned no rows.')
  },
  async down(db: Kysely<any>) {
    await db.deleteFrom('customers').execute()
    await db.schema.dropTable('Order lines').execute()
  },
}

export default migration
`,
  ],
  [
    '20240104T000000-names.ts',
    both(
      `const tables = await db.introspection.getTables()
  if (!tables.some(({ name }) => name === 'customers')) throw new Error('Kysely sees no tables.')
  await db.schema.alterTable('customers').addColumn('name', 'text').execute()
  await db.updateTable('customers').set({ name: sql\`split_part(email, '@', 1)\` }).execute()
  await db.schema.alterTable('customers').alterColumn('name', (col) => col.setNotNull()).execute()`,
      `await db.schema.alterTable('customers').dropColumn('name').execute()`,
    ),
  ],
]

const TOUCH = `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.changed_at := now();
  RETURN NEW;
END;
$$;
CREATE TRIGGER touch_orders BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
`

const MYSQL_SHOP: readonly File[] = [
  [
    '20240101T000000-create_shop.ts',
    both(
      `await db.schema
    .createTable('customers')
    .addColumn('id', 'integer', (col) => col.primaryKey().autoIncrement())
    .addColumn('email', 'varchar(200)', (col) => col.notNull().unique())
    .execute()
  await db.schema
    .createTable('orders')
    .addColumn('id', 'char(36)', (col) => col.primaryKey())
    .addColumn('customer_id', 'integer', (col) => col.notNull())
    .addForeignKeyConstraint('orders_customer', ['customer_id'], 'customers', ['id'])
    .execute()`,
      `await db.schema.dropTable('orders').execute()
  await db.schema.dropTable('customers').execute()`,
    ),
  ],
  [
    '20240102T000000-order_lines.js',
    `export async function up(db) {
  await db.transaction().execute(async (trx) => {
    await trx.schema.createTable('Order lines').addColumn('price; net', 'decimal(10, 2)').execute()
    await trx.insertInto('customers').values([{ email: 'ada@example.com' }, { email: 'grace@example.com' }]).execute()
  })
}

export async function down(db) {
  await db.deleteFrom('customers').execute()
  await db.schema.dropTable('Order lines').execute()
}
`,
  ],
  [
    '20240103T000000-names.ts',
    both(
      `await db.schema.alterTable('customers').addColumn('name', 'varchar(200)').execute()
  await db.updateTable('customers').set({ name: sql\`substring_index(email, '@', 1)\` }).execute()`,
      `await db.schema.alterTable('customers').dropColumn('name').execute()`,
    ),
  ],
  [
    '20240104T000000-by_name.ts',
    both(
      `await db.schema.createIndex('by name').on('customers').column('name').execute()`,
      `await db.schema.dropIndex('by name').on('customers').execute()`,
    ),
  ],
]

const oracleOf = (files: readonly File[], dialect: Dialect): Oracle => ({
  name: 'Kysely 0.29',
  packages: ['kysely', 'pg', 'mysql2'],
  count: files.length,
  files: (count) => ({
    // Kysely ignores it.
    'tables.ts': 'export const CUSTOMERS = 1',
    'package.json': '{ "type": "module" }',
    ...Object.fromEntries(files.slice(0, count)),
    ...(dialect === 'postgres' && { 'sql/touch.sql': TOUCH }),
  }),
  source: (folder) => kysely(withTools(folder)),
  up: (place) => withMigrator(place, (migrator) => succeeds(migrator.migrateToLatest())),
  down: (place) => withMigrator(place, (migrator) => succeeds(migrator.migrateDown())),
  pending: (place) =>
    withMigrator(place, async (migrator) => (await migrator.getMigrations()).filter(({ executedAt }) => !executedAt)),
  failing: [
    '20990101T000000-fails.ts',
    both(
      'await sql`create table half_done (id int)`.execute(db)\n  await sql`insert into nowhere values (1)`.execute(db)',
      '',
    ),
  ],
  table: 'kysely_migration',
  rows: 'SELECT name FROM kysely_migration UNION ALL SELECT id FROM kysely_migration_lock WHERE is_locked = 0',
})

const oracle = oracleOf(SHOP, 'postgres')

contract(oracle)

describeOnMysql((ground) => contract(oracleOf(MYSQL_SHOP, 'mysql'), ground))

const missing = (db: Database, ...tables: readonly string[]) =>
  db
    .rows(`SELECT ${tables.map((name) => `to_regclass('${name}') IS NULL AS "${name}"`).join(', ')}`)
    .then(([row]) => row)

describeWithTool(oracle.packages, 'Kysely and we', () => {
  const empty = (db: Database, files: Readonly<Record<string, string>>): Place => {
    const place = placeOf({ ...oracle, files: () => files }, db)
    return { ...place, folder: withTools(place.folder) }
  }

  test('the times in the table order the migrations, also of a fast run', async ({ db }) => {
    const files = Object.fromEntries(['b', 'a', 'c', 'B'].map((name) => [`${name}.ts`, both('', '')]))
    const place = empty(db, files)
    await (await ours(oracle, db, place)).up()
    const rows = await db.rows('SELECT name FROM kysely_migration ORDER BY timestamp')
    expect(rows.map(({ name }) => name)).toEqual(['B', 'a', 'b', 'c'])
    expect(new Set((await db.rows('SELECT timestamp FROM kysely_migration')).map((row) => row.timestamp)).size).toBe(4)
    await succeeds(withMigrator(place, (migrator) => migrator.migrateToLatest()))
  })

  test('other tables, another schema and plugins', async ({ db }) => {
    const place = empty(db, {
      '1_a.ts': both("await db.schema.createTable('userNames').addColumn('firstName', 'text').execute()", ''),
    })
    const migrator = { migrationTableName: 'done', migrationLockTableName: 'busy', migrationTableSchema: 'tools' }
    const plugins = [new (tool<Package>('kysely').CamelCasePlugin)()]
    const source = kysely(place.folder, { ...migrator, plugins })
    await new Migrator({ source, database: await db.open() }).up()
    expect(await missing(db, 'user_names', 'tools.done', 'tools.busy')).toEqual({
      user_names: false,
      'tools.done': false,
      'tools.busy': false,
    })
    const names = await withMigrator(place, (one) => one.getMigrations(), { plugins, migrator })
    expect(names).toMatchObject([{ name: '1_a', executedAt: expect.any(Date) }])
    await withMigrator(place, (one) => succeeds(one.migrateToLatest()), { plugins, migrator })
  })

  test('without transactions, what a migration begins is its own', async ({ db }) => {
    const place = empty(db, {
      '1_a.ts': both(
        `await db.transaction().execute((trx) => trx.schema.createTable('kept').addColumn('id', 'integer').execute())
  await sql\`CREATE INDEX CONCURRENTLY kept_id ON kept (id)\`.execute(db)
  throw new Error('Not today.')`,
        '',
      ),
    })
    const source = kysely(place.folder, { disableTransactions: true })
    const error = await failure(new Migrator({ source, database: await db.open() }).up())
    expect(error.message).toContain('Not today.')
    expect(await missing(db, 'kept', 'kept_id')).toEqual({ kept: false, kept_id: false })
  })

  test("Kysely's MigrationProvider stands for a folder", async ({ db }) => {
    vi.spyOn(process, 'cwd').mockReturnValue(empty(db, {}).folder)
    type On = { schema: { createTable(name: string): { execute(): Promise<void> } } }
    const up = (name: string) => ({ up: (on: On) => on.schema.createTable(name).execute() })
    const source = kysely({ getMigrations: async () => ({ '2_b': up('b'), '1_a': up('a') }) })
    vi.restoreAllMocks()
    const migrator = new Migrator({ source, database: await db.open() })
    expect((await migrator.up()).steps.map(({ name }) => name)).toEqual(['1_a', '2_b'])
    expect(await missing(db, 'a', 'b')).toEqual({ a: false, b: false })
  })

  describe('an error', () => {
    test('of the server names the file and the line', async ({ db }) => {
      const place = empty(db, { '1_broken.ts': both("await db.insertInto('nobody').values({ id: 1 }).execute()", '') })
      const error = await failure((await ours(oracle, db, place)).up())
      expect(error.message).toContain('relation "nobody" does not exist')
      expect(error.message).toContain('1_broken.ts:4:')
    })

    test('of a file without up does, too', async ({ db }) => {
      const place = empty(db, {})
      write(place.folder, '1_broken.ts', 'export const uP = 1')
      const error = await failure((await ours(oracle, db, place)).up())
      expect(error.message).toContain('1_broken.ts: exports no function up(db)')
    })
  })

  test('a file that reads another beside it by import.meta', async ({ db }) => {
    const place = empty(db, {
      'a.sql': 'CREATE TABLE a (id int)',
      '1_a.ts': `import { readFileSync } from 'node:fs'\n${both("await sql.raw(readFileSync(import.meta.dirname + '/a.sql', 'utf8')).execute(db)", '')}`,
    })
    await (await ours(oracle, db, place)).up()
    expect(await missing(db, 'a')).toEqual({ a: false })
  })
})
