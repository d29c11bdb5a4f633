/** Knex, asked by its own migrator. */
import { describe, expect, vi } from 'vitest'
import { knex } from '../../presets/sources.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import type { Dialect } from '../../src/sql/dialect.ts'
import { write } from '../support/cli.ts'
import { failure, test } from '../support/database.ts'
import { describeWithTool, tool, withTools } from '../support/tools.ts'
import { contract, type Database, type Oracle, ours, type Place, placeOf, refill } from './contract.ts'
import { describeOnMysql } from './mysql.ts'

interface Knex {
  readonly migrate: {
    latest(): Promise<unknown>
    down(): Promise<unknown>
    rollback(): Promise<[batch: number, names: string[]]>
    list(): Promise<[done: unknown[], pending: unknown[]]>
  }
  destroy(): Promise<void>
}

type Make = (config: object) => Knex

async function withKnex<T>({ url, folder }: Place, work: (knex: Knex) => Promise<T>, migrations = {}): Promise<T> {
  const made = tool<Make>('knex')({
    client: url.startsWith('postgres') ? 'pg' : 'mysql2',
    connection: url,
    pool: { min: 0, max: 1 },
    // Its warnings about transactions of MySQL.
    log: { warn: () => undefined },
    migrations: { directory: withTools(folder), loadExtensions: ['.js', '.cjs', '.ts'], ...migrations },
  })
  return work(made).finally(() => made.destroy())
}

type File = readonly [name: string, text: string]

const both = (up: string, down: string, more = '') => `import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  ${up}
}

export async function down(knex: Knex): Promise<void> {
  ${down}
}
${more}`

const SHOP: readonly File[] = [
  [
    '20240101000000_create_shop.ts',
    both(
      `await knex.schema.createTable('customers', (t) => {
    t.increments()
    t.string('email').notNullable().unique()
  })
  await knex.schema.createTable('orders', (t) => {
    t.uuid('id').primary().defaultTo(knex.raw('gen_random_uuid()'))
    t.integer('customer_id').notNullable().references('customers.id').onDelete('CASCADE')
    t.enu('status', ['new', 'paid'], { useNative: true, enumName: 'order_status' }).notNullable().defaultTo('new')
    t.timestamps(true, true)
  })`,
      `await knex.schema.dropTable('orders')
  await knex.schema.dropTable('customers')
  await knex.raw('DROP TYPE order_status')`,
    ),
  ],
  [
    '20240102000000_refunds.js',
    `exports.up = (knex) => knex.raw("ALTER TYPE order_status ADD VALUE IF NOT EXISTS 'refunded'")
exports.down = () => Promise.resolve()
`,
  ],
  [
    // Its name is not of the same form, as in many real folders.
    '20240102-touch_orders.cjs',
    `const { readFileSync } = require('node:fs')
const { join } = require('node:path')

exports.up = async function (knex) {
  await knex.raw(readFileSync(join(__dirname, 'sql', 'touch.sql'), 'utf8'))
}
exports.down = function (knex) {
  return knex.raw('DROP TRIGGER touch_orders ON orders; DROP FUNCTION touch();')
}
`,
  ],
  [
    '20240103000000_order_lines.ts',
    both(
      `const rows = await knex.transaction(async (trx) => {
    await trx.schema.createTable('Order lines', (t) => {
      t.uuid('orderId').references('orders.id')
      t.decimal('price; net', 10, 2).notNullable().comment('ä, ö? 🎉')
      t.primary(['orderId', 'price; net'])
    })
    return trx('customers').insert([{ email: 'ada@example.com' }, { email: 'grace@example.com' }]).returning('id')
  })
  if (rows.length !== 2) throw new Error('Knex returned no rows.')`,
      `await knex('customers').delete()
  await knex.schema.dropTable('Order lines')`,
    ),
  ],
  [
    '20240104000000_find_orders.ts',
    both(
      `await knex.raw('CREATE INDEX CONCURRENTLY "orders by status" ON orders (status)')`,
      `await knex.raw('DROP INDEX CONCURRENTLY "orders by status"')`,
      'export const config = { transaction: false }',
    ),
  ],
  [
    '20240105000000_names.ts',
    both(
      `if (await knex.schema.hasColumn('customers', 'name')) return
  await knex.schema.alterTable('customers', (t) => t.string('name'))
  for (const { id, email } of await knex('customers').select('id', 'email').where('email', 'like', '%@%')) {
    await knex('customers').where({ id }).update({ name: email.split('@')[0] })
  }
  await knex.schema.alterTable('customers', (t) => t.string('name').notNullable().alter())`,
      `await knex.schema.alterTable('customers', (t) => t.dropColumn('name'))`,
    ),
  ],
]

const TOUCH = `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END;
$$;
CREATE TRIGGER touch_orders BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
`

const MYSQL_SHOP: readonly File[] = [
  [
    '20240101000000_create_shop.ts',
    both(
      `await knex.schema.createTable('customers', (t) => {
    t.increments()
    t.string('email').notNullable().unique()
  })
  await knex.schema.createTable('orders', (t) => {
    t.increments()
    t.integer('customer_id').unsigned().notNullable().references('customers.id').onDelete('CASCADE')
    t.enu('status', ['new', 'paid']).notNullable().defaultTo('new')
    t.timestamps(true, true)
  })`,
      `await knex.schema.dropTable('orders')
  await knex.schema.dropTable('customers')`,
    ),
  ],
  [
    '20240102000000_order_lines.js',
    `exports.up = (knex) => knex.transaction(async (trx) => {
  await trx.schema.createTable('Order lines', (t) => {
    t.increments()
    t.decimal('price; net', 10, 2).notNullable().comment('ä, ö? 🎉')
  })
  await trx('customers').insert([{ email: 'ada@example.com' }, { email: 'grace@example.com' }])
})
exports.down = async (knex) => {
  await knex('customers').delete()
  await knex.schema.dropTable('Order lines')
}
`,
  ],
  [
    '20240103000000_find_orders.ts',
    both(
      `await knex.schema.alterTable('orders', (t) => t.index('status', 'orders by status'))`,
      `await knex.schema.alterTable('orders', (t) => t.dropIndex('status', 'orders by status'))`,
      'export const config = { transaction: false }',
    ),
  ],
  [
    '20240104000000_names.ts',
    both(
      `await knex.schema.alterTable('customers', (t) => t.string('name'))
  await knex('customers').update({ name: knex.raw("substring_index(email, '@', 1)") })
  await knex.schema.alterTable('customers', (t) => t.string('name').notNullable().alter())`,
      `await knex.schema.alterTable('customers', (t) => t.dropColumn('name'))`,
    ),
  ],
]

const FAILING = `exports.up = async (knex) => {
  await knex.raw('create table half_done (id int)')
  await knex.raw('insert into nowhere values (1)')
}
exports.down = async () => {}
`

const oracleOf = (files: readonly File[], dialect: Dialect): Oracle => ({
  name: 'Knex 3.3',
  packages: ['knex', 'pg', 'mysql2'],
  count: files.length,
  files: (count) => ({
    ...Object.fromEntries([...files].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, count)),
    ...(dialect === 'postgres' && { 'sql/touch.sql': TOUCH }),
  }),
  source: (folder) => knex(withTools(folder)),
  up: (place) => withKnex(place, ({ migrate }) => migrate.latest()),
  down: (place) => withKnex(place, ({ migrate }) => migrate.down()),
  pending: (place) => withKnex(place, async ({ migrate }) => (await migrate.list())[1]),
  failing: ['9_fails.js', FAILING],
  table: 'knex_migrations',
  rows: `SELECT name FROM knex_migrations UNION ALL SELECT '0' FROM knex_migrations_lock WHERE is_locked = 0`,
})

const oracle = oracleOf(SHOP, 'postgres')

contract(oracle)

describeOnMysql((ground) => contract(oracleOf(MYSQL_SHOP, 'mysql'), ground))

const batches = (db: Database) => db.rows('SELECT name, batch FROM knex_migrations ORDER BY id')

describeWithTool(oracle.packages, 'Knex and we', () => {
  test('each of our runs is a batch, which Knex rolls back as one', async ({ db }) => {
    const place = placeOf(oracle, db, 2)
    await oracle.up(place)
    refill(oracle, place)
    await (await ours(oracle, db, place)).up()
    expect((await batches(db)).map(({ batch }) => batch)).toEqual([1, 1, 2, 2, 2, 2])
    const [batch, names] = await withKnex(place, ({ migrate }) => migrate.rollback())
    expect([batch, names.length]).toEqual([2, 4])
    const migrator = await ours(oracle, db, place)
    await migrator.up(1)
    await migrator.up(1)
    expect((await batches(db)).map((row) => row.batch)).toEqual([1, 1, 2, 3])
  })

  test('what Knex applied as compiled JavaScript is applied for the TypeScript, and goes on under such names', async ({
    db,
  }) => {
    const place = placeOf(oracle, db, 2)
    await oracle.up(place)
    await db.rows("UPDATE knex_migrations SET name = replace(name, '.ts', '.js')")
    refill(oracle, place)
    expect((await (await ours(oracle, db, place)).up()).steps).toHaveLength(4)
    expect((await batches(db)).map(({ name }) => String(name).slice(-3))).toEqual([
      '.js',
      'cjs',
      '.js',
      '.js',
      '.js',
      '.js',
    ])
    expect((await (await ours(oracle, db, place)).down('all')).steps).toHaveLength(6)
    expect(await batches(db)).toEqual([])
  })

  test("another table and schema, and Knex's own options for the connection", async ({ db }) => {
    const options = { tableName: 'done', schemaName: 'tools' }
    const config = {
      searchPath: ['shop', 'public'],
      wrapIdentifier: (name: string, wrap: (s: string) => string) => wrap(name.toLowerCase()),
    }
    await db.rows('CREATE SCHEMA tools')
    await db.rows('CREATE SCHEMA shop')
    const place = placeOf(
      {
        ...oracle,
        files: () => ({ '1_a.ts': both("await knex.schema.createTable('Users', (t) => { t.increments() })", '') }),
      },
      db,
    )
    const source = knex(withTools(place.folder), { ...options, config })
    await new Migrator({ source, database: await db.open() }).up()
    expect(
      await db.rows(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_name IN ('users', 'done')  ORDER BY 1",
      ),
    ).toEqual([
      { table_schema: 'shop', table_name: 'users' },
      { table_schema: 'tools', table_name: 'done' },
    ])
    expect(await withKnex(place, async ({ migrate }) => (await migrate.list())[1], options)).toEqual([])
  })

  test("Knex's migrationSource stands for a folder", async ({ db }) => {
    vi.spyOn(process, 'cwd').mockReturnValue(placeOf(oracle, db).folder)
    withTools(process.cwd())
    type On = { schema: { createTable(name: string, make: (t: { increments(): void }) => void): unknown } }
    const source = knex({
      getMigrations: async () => ['b', 'a'],
      getMigrationName: (name: string) => name,
      getMigration: async (name: string) => ({
        up: (on: On) => on.schema.createTable(name, (t) => t.increments()),
        down: () => undefined,
      }),
    })
    vi.restoreAllMocks()
    const migrator = new Migrator({ source, database: await db.open() })
    expect((await migrator.up()).steps.map(({ name }) => name)).toEqual(['b', 'a'])
    expect(await batches(db)).toEqual([
      { name: 'b', batch: 1 },
      { name: 'a', batch: 1 },
    ])
    expect(await db.rows("SELECT to_regclass('a') IS NULL AS a, to_regclass('b') IS NULL AS b")).toEqual([
      { a: false, b: false },
    ])
  })

  describe('an error', () => {
    test('of the server names the file, the line and the statement', async ({ db }) => {
      const place = { url: db.url, folder: placeOf(oracle, db, 0).folder }
      write(place.folder, '1_broken.ts', both("await knex('nobody').insert({ id: 1 })", ''))
      const error = await failure((await ours(oracle, db, place)).up())
      expect(error.message).toContain('relation "nobody" does not exist')
      expect(error.message).toContain('1_broken.ts:4:')
      expect(await batches(db)).toEqual([])
    })

    test('of the code does, too', async ({ db }) => {
      const place = { url: db.url, folder: placeOf(oracle, db, 0).folder }
      write(place.folder, '1_broken.ts', both("throw new Error('Not today.')", ''))
      const error = await failure((await ours(oracle, db, place)).up())
      expect(error.message).toContain('Not today.')
      expect(error.message).toContain('1_broken.ts:4:')
    })
  })

  test('Knex and we keep each other out, and a mark that a killed process of ours left does not stay', async ({
    db,
  }) => {
    const place = placeOf(oracle, db, 1)
    await oracle.up(place)
    write(place.folder, '2_slow.ts', both('await knex.raw("SELECT pg_sleep(0.5)")', ''))
    const migrator = await ours(oracle, db, place)
    await db.rows('UPDATE knex_migrations_lock SET is_locked = 1')
    const locked = await failure((await ours(oracle, db, place, { lockTimeoutMs: 100 })).up())
    expect(locked.message).toContain('Knex holds its lock. If no Knex is running, free it: npx knex migrate:unlock')
    await db.rows('UPDATE knex_migrations_lock SET is_locked = 2')
    const running = migrator.up()
    await db.underWay('pg_sleep')
    expect((await failure(oracle.up(place) as Promise<unknown>)).message).toContain('already locked')
    expect((await running).steps).toHaveLength(1)
    expect(await db.rows('SELECT is_locked FROM knex_migrations_lock')).toEqual([{ is_locked: 0 }])
    await oracle.up(place)
  })

  test('a file with __dirname, and one with import.meta, read files beside them, also with import and export', async ({
    db,
  }) => {
    const place = { url: db.url, folder: placeOf(oracle, db, 0).folder }
    const head = `import { readFileSync } from 'node:fs'\n`
    const reading = (path: string) => head + both(`await knex.raw(readFileSync(${path}, 'utf8'))`, '')
    write(place.folder, 'sql/a.sql', 'CREATE TABLE a (id int)')
    write(place.folder, 'sql/b.sql', 'CREATE TABLE b (id int)')
    write(place.folder, '1_a.ts', reading("__dirname + '/sql/a.sql'"))
    write(place.folder, '2_b.ts', reading("new URL('sql/b.sql', import.meta.url)"))
    expect((await (await ours(oracle, db, place)).up()).steps).toHaveLength(2)
    expect(await db.rows("SELECT to_regclass('a') IS NULL AS a, to_regclass('b') IS NULL AS b")).toEqual([
      { a: false, b: false },
    ])
  })

  test('a transaction that a migration opens and gives up leaves the rest of it', async ({ db }) => {
    const place = { url: db.url, folder: placeOf(oracle, db, 0).folder }
    write(
      place.folder,
      '1_tries.ts',
      both(
        `await knex.schema.createTable('kept', (t) => { t.increments() })
  await knex.transaction(async (trx) => {
    await trx.schema.createTable('gone', (t) => { t.increments() })
    throw new Error('Never mind.')
  }).catch(() => undefined)`,
        '',
      ),
    )
    await (await ours(oracle, db, place)).up()
    expect(await db.rows("SELECT to_regclass('kept') IS NULL AS kept, to_regclass('gone') IS NULL AS gone")).toEqual([
      { kept: false, gone: true },
    ])
  })

  test('a migration reads with a cursor, as streams of Knex do', async ({ db }) => {
    const place = { url: db.url, folder: withTools(placeOf(oracle, db, 0).folder) }
    write(place.folder, '1_a.ts', both("await knex.schema.createTable('a', (t) => { t.integer('n') })", ''))
    write(
      place.folder,
      '2_b.ts',
      `import Cursor from 'pg-cursor'\n${both(
        `const client = await knex.client.acquireConnection()
  const cursor = client.query(new Cursor('select n from generate_series(1, 3) n'))
  const found = []
  for (let rows = await cursor.read(2); rows.length > 0; rows = await cursor.read(2)) found.push({ n: rows.length })
  await knex('a').insert(found)`,
        '',
      )}`,
    )
    write(place.folder, '3_c.ts', both("await knex('a').insert({ n: 0 })", ''))
    await (await ours(oracle, db, place)).up()
    expect(await db.rows('SELECT n FROM a ORDER BY n')).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }])
  })

  test('all migrations of a run have one transaction of Knex, which is over when the run is', async ({ db }) => {
    const place = { url: db.url, folder: placeOf(oracle, db, 0).folder }
    const seen: { isCompleted(): boolean; raw(sql: string): Promise<unknown> }[] = []
    Object.assign(globalThis, { seen })
    const see = both('globalThis.seen.push(knex)', '')
    write(place.folder, '1_a.ts', see)
    write(place.folder, '2_b.ts', see)
    const migrator = await ours(oracle, db, place)
    await migrator.up()
    expect(seen[1]).toBe(seen[0])
    expect(seen[0]?.isCompleted()).toBe(true)
    write(place.folder, '3_c.ts', see)
    write(place.folder, '4_d.ts', both("throw new Error('No.')", ''))
    await failure(migrator.up())
    expect(seen[2]?.isCompleted()).toBe(true)
    await expect(seen[2]?.raw('create table late (id int)')).rejects.toThrow('Transaction query already complete')
    // What failed has not ended Knex for the connection.
    write(place.folder, '4_d.ts', see)
    expect((await migrator.up()).steps).toHaveLength(2)
    Reflect.deleteProperty(globalThis, 'seen')
  })

  test('a migration that ends the transaction of Knex itself leaves the next ones a new one', async ({ db }) => {
    const place = { url: db.url, folder: placeOf(oracle, db, 0).folder }
    write(
      place.folder,
      '1_a.ts',
      both("await knex.schema.createTable('a', (t) => { t.increments() }); await knex.commit()", ''),
    )
    write(place.folder, '2_b.ts', both("await knex.schema.createTable('b', (t) => { t.increments() })", ''))
    write(place.folder, '3_c.ts', both('await knex.rollback()', ''))
    const error = await failure((await ours(oracle, db, place)).up())
    expect(error.message).toMatch(/3_c\.ts.*It rolled back its transaction/)
    write(place.folder, '3_c.ts', both('', ''))
    await (await ours(oracle, db, place)).up()
    expect(await db.rows("SELECT to_regclass('a') IS NULL AS a, to_regclass('b') IS NULL AS b")).toEqual([
      { a: false, b: false },
    ])
  })
})
