/** node-pg-migrate, asked by its own runner. */
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { nodePgMigrate } from '../../presets/sources.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import { failure, test } from '../support/database.ts'
import { describeWithTool, tool, withTools } from '../support/tools.ts'
import { contract, type Database, type Oracle, ours, type Place, placeOf, statesOf } from './contract.ts'

interface Package {
  runner(options: object): Promise<readonly { readonly name: string }[]>
}

async function run({ url, folder }: Place, more: object): Promise<readonly { readonly name: string }[]> {
  withTools(folder)
  return tool<Package>('node-pg-migrate').runner({
    databaseUrl: url,
    dir: join(folder, 'migrations'),
    migrationsTable: 'pgmigrations',
    direction: 'up',
    count: Number.POSITIVE_INFINITY,
    singleTransaction: true,
    log: () => undefined,
    ...more,
  })
}

const migrations = (folder: string) => join(withTools(folder), 'migrations')

const SHOP: readonly (readonly [name: string, text: string])[] = [
  [
    '1704067200000_create-shop.ts',
    `import type { ColumnDefinitions, MigrationBuilder } from 'node-pg-migrate'

export const shorthands: ColumnDefinitions = {
  mail: { type: 'text', notNull: true, unique: true },
}

export async function up(pgm: MigrationBuilder): Promise<void> {
  pgm.createType('order_status', ['new', 'paid'])
  pgm.createTable('customers', { id: 'id', email: { type: 'mail' } })
  pgm.createTable('orders', {
    id: { type: 'uuid', primaryKey: true, default: pgm.func('gen_random_uuid()') },
    customer_id: { type: 'integer', notNull: true, references: 'customers', onDelete: 'CASCADE' },
    status: { type: 'order_status', notNull: true, default: 'new' },
    changed_at: { type: 'timestamptz', notNull: true, default: pgm.func('now()') },
  })
}
`,
  ],
  [
    // 17 digits are a time in UTC, and the same time as in milliseconds sorts between its neighbours.
    '20240102000000000_refunds.js',
    `exports.shorthands = undefined
exports.up = (pgm) => {
  pgm.noTransaction()
  pgm.addTypeValue('order_status', 'refunded', { ifNotExists: true })
}
exports.down = () => {}
`,
  ],
  [
    '1704240000000_touch-orders.sql',
    `-- Who changed an order, and when

-- Up Migration
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.changed_at := now();
  RETURN NEW;
END;
$$;
CREATE TRIGGER touch_orders BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();

-- Down Migration
DROP TRIGGER touch_orders ON orders;
DROP FUNCTION touch();
`,
  ],
  [
    '1704326400000_order-lines.cjs',
    `const { readFileSync } = require('node:fs')
const { join } = require('node:path')

exports.up = (pgm, run) => {
  pgm.sql(readFileSync(join(__dirname, '..', 'sql', 'lines.sql'), 'utf8'))
  pgm.sql("INSERT INTO customers (email) VALUES ('{one}'), ('it''s; $1@example.com')", { one: 'ada@example.com' })
  setTimeout(run, 1)
}
exports.down = (pgm) => {
  pgm.sql('DELETE FROM customers')
  pgm.dropTable('Order lines')
}
`,
  ],
  [
    '1704412800000_find-orders.ts',
    `import type { MigrationBuilder } from 'node-pg-migrate'

export const up = (pgm: MigrationBuilder) => {
  pgm.noTransaction().createIndex('orders', 'status', { name: 'orders by status', concurrently: true })
}
export const down = (pgm: MigrationBuilder) => {
  pgm.noTransaction()
  pgm.dropIndex('orders', 'status', { name: 'orders by status', concurrently: true })
}
`,
  ],
  [
    '1704499200000_names.ts',
    `import type { MigrationBuilder } from 'node-pg-migrate'

export async function up(pgm: MigrationBuilder) {
  pgm.addColumn('customers', { name: { type: 'text' }, second_mail: { type: 'mail', notNull: false } })
}
`,
  ],
  [
    '1704585600000_fill-names.ts',
    `import type { MigrationBuilder } from 'node-pg-migrate'

export async function up(pgm: MigrationBuilder) {
  const [{ found }] = await pgm.db.select("SELECT to_regclass('customers') IS NOT NULL AS found")
  if (!found) return
  const customers = await pgm.db.select('SELECT id, email FROM customers WHERE email LIKE $1', ['%@%'])
  for (const { id, email } of customers) {
    pgm.sql(\`UPDATE customers SET name = '\${email.split('@')[0].replaceAll("'", "''")}' WHERE id = \${id}\`)
  }
}

export async function down(pgm: MigrationBuilder) {
  pgm.sql('UPDATE customers SET name = NULL')
}
`,
  ],
]

const LINES = `CREATE TABLE "Order lines" (
  "orderId" uuid NOT NULL REFERENCES orders (id),
  "price; net" numeric(10, 2) NOT NULL,
  PRIMARY KEY ("orderId", "price; net")
);
`

const oracle: Oracle = {
  name: 'node-pg-migrate 9',
  packages: ['node-pg-migrate', 'pg'],
  count: SHOP.length,
  files: (count) => ({
    'sql/lines.sql': LINES,
    'migrations/.gitkeep': '',
    ...Object.fromEntries(SHOP.slice(0, count).map(([name, text]) => [`migrations/${name}`, text])),
  }),
  source: (folder) => nodePgMigrate(migrations(folder)),
  // The default of its command.
  up: (place) => run(place, { singleTransaction: true }),
  down: (place) => run(place, { direction: 'down', count: 1 }),
  pending: (place) => run(place, { dryRun: true }),
  failing: [
    'migrations/9999999999999_fails.js',
    "exports.up = (pgm) => { pgm.createTable('half_done', { id: 'int' }); pgm.sql('insert into nowhere values (1)') }",
  ],
  table: 'pgmigrations',
  rows: 'SELECT name FROM pgmigrations ORDER BY run_on, id',
}

contract(oracle)

const missing = (db: Database, ...tables: readonly string[]) =>
  db
    .rows(`SELECT ${tables.map((name) => `to_regclass('${name}') IS NULL AS "${name}"`).join(', ')}`)
    .then(([row]) => row)

describeWithTool(oracle.packages, 'node-pg-migrate and we', () => {
  const placeWith = (db: Database, files: Readonly<Record<string, string>>): Place =>
    placeOf(
      {
        ...oracle,
        files: () => Object.fromEntries(Object.entries(files).map(([name, text]) => [`migrations/${name}`, text])),
      },
      db,
    )

  test('the reverse of an up without down is that of the tool', async ({ db, other }) => {
    const files = {
      '1_a.js': `exports.up = (pgm) => {
  pgm.createSchema('s')
  pgm.createTable({ schema: 's', name: 'a' }, { id: 'id', n: 'integer' })
  pgm.createIndex({ schema: 's', name: 'a' }, 'n')
  pgm.addConstraint({ schema: 's', name: 'a' }, 'positive', { check: 'n > 0' })
}`,
    }
    const [own, tools] = [placeWith(db, files), placeWith(other, files)]
    await (await ours(oracle, db, own)).up()
    await run(tools, {})
    await run(own, { direction: 'down', count: 1 })
    await (await ours(oracle, other, tools)).down(1)
    expect(await missing(db, 's.a')).toEqual({ 's.a': true })
    expect(await missing(other, 's.a')).toEqual({ 's.a': true })
    expect(await db.rows(oracle.rows)).toEqual([])
    expect(await other.rows(oracle.rows)).toEqual([])
  })

  test('a down that cannot be inferred, or is switched off, is refused by both, with the reason', async ({ db }) => {
    for (const [name, text, reason] of [
      ['1_a', "exports.up = (pgm) => pgm.sql('SELECT 1')", 'Impossible to automatically infer down migration'],
      ['2_b', 'exports.up = () => {}; exports.down = false', 'down = false'],
      ['3_c', null, 'no line "-- Down Migration"'],
    ] as const) {
      const file = text === null ? { [`${name}.sql`]: 'SELECT 1;' } : { [`${name}.js`]: text }
      const place = placeWith(db, file)
      await db.rows('DROP SCHEMA IF EXISTS migratest CASCADE')
      await db.rows('DROP TABLE IF EXISTS pgmigrations')
      await (await ours(oracle, db, place)).up()
      expect((await failure((await ours(oracle, db, place)).down(1))).message).toContain(reason)
      await failure(run(place, { direction: 'down', count: 1 }))
      expect(await db.rows(oracle.rows)).toEqual([{ name }])
    }
  })

  test('pairs of SQL files, as with its loader for SQL', async ({ db }) => {
    const place = placeWith(db, {
      '1_a.up.sql': 'CREATE TABLE a (id int);',
      '1_a.down.sql': 'DROP TABLE a;',
      '2_b.up.sql': 'CREATE TABLE b (id int);',
    })
    const migrationLoaderStrategies = [{ extensions: ['.sql'], loader: 'sql' }]
    await (await ours(oracle, db, place)).up()
    expect(await run(place, { migrationLoaderStrategies })).toEqual([])
    expect((await failure((await ours(oracle, db, place)).down(1))).message).toContain('it has no down')
    await db.rows("DELETE FROM pgmigrations WHERE name = '2_b'")
    await (await ours(oracle, db, place)).down(1)
    expect(await missing(db, 'a')).toEqual({ a: true })
  })

  test('another table, schema and search path', async ({ db }) => {
    const place = placeWith(db, { '1_a.js': "exports.up = (pgm) => pgm.createTable('a', { userName: 'text' })" })
    const options = { schema: ['shop', 'public'], migrationsSchema: 'tools', migrationsTable: 'done', decamelize: true }
    await db.rows('CREATE SCHEMA shop')
    const source = nodePgMigrate(migrations(place.folder), options)
    await new Migrator({ source, database: await db.open() }).up()
    expect(await missing(db, 'shop.a', 'tools.done')).toEqual({ 'shop.a': false, 'tools.done': false })
    expect(await db.rows('SELECT user_name FROM shop.a')).toEqual([])
    expect(await run(place, options)).toEqual([])
  })

  describe('an error', () => {
    test('of the server names the file and the line of the call', async ({ db }) => {
      const text = `import type { MigrationBuilder } from 'node-pg-migrate'

export const up = (pgm: MigrationBuilder) => {
  pgm.createTable('kept', {
    id: 'id',
  })
  pgm.addColumn('nobody', { id: 'int' })
}
`
      const place = placeWith(db, { '1_broken.ts': text })
      const error = await failure((await ours(oracle, db, place)).up())
      expect(error.message).toContain('1_broken.ts:7:')
      expect(error.message).toContain('relation "nobody" does not exist')
      expect(error.message).toContain('ALTER TABLE "nobody"')
      expect(await missing(db, 'kept')).toEqual({ kept: true })
    })

    test('of the code is found before anything runs', async ({ db }) => {
      const place = placeWith(db, {
        '1_a.js': "exports.up = (pgm) => pgm.createTable('a', { id: 'id' })",
        '2_broken.ts': "export const up = (pgm: any) => {\n  throw new TypeError('Not today.')\n}",
      })
      const error = await failure((await ours(oracle, db, place)).up())
      expect(error.message).toContain('2_broken.ts:2:')
      expect(error.message).toContain('TypeError: Not today.')
    })

    test('of the server in a migration that asks the database names the line, too', async ({ db }) => {
      const text = "export const up = async (pgm: any) => {\n  await pgm.db.query('SELECT * FROM nobody')\n}"
      const place = placeWith(db, { '1_broken.ts': text })
      const error = await failure((await ours(oracle, db, place)).up())
      expect(error.message).toContain('1_broken.ts:2:')
    })
  })

  test('a migration that changes its transaction runs as it says', async ({ db }) => {
    const place = placeWith(db, {
      '1_a.sql': 'BEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\nBEGIN;\nCREATE TABLE b (id int);\nCOMMIT;\n',
    })
    await (await ours(oracle, db, place)).up()
    expect(await missing(db, 'a', 'b')).toEqual({ a: false, b: false })
    expect(await statesOf(oracle, db, place)).toEqual(['applied'])
    expect(await run(place, {})).toEqual([])
  })
})
