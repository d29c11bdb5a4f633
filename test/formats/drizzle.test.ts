/** Drizzle 0.x and 1.0, asked by their own migrators. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { drizzle } from '../../presets/sources.ts'
import { write } from '../support/cli.ts'
import { failure, type Scratch, test } from '../support/database.ts'
import { describeWithTool, type ToolPool, tool, withPool } from '../support/tools.ts'
import { contract, type Oracle, ours, type Place, placeOf, refill, statesOf } from './contract.ts'
import { describeOnMysql } from './mysql.ts'
import { MYSQL_SHOP } from './shop.ts'

/** Titles and texts as drizzle-kit writes them. The last one is what users write to leave Drizzle's transaction. */
const MIGRATIONS: readonly (readonly [title: string, time: string, text: string])[] = [
  [
    'lush_red_skull',
    '2026-01-05T09:12:44.318Z',
    `CREATE TYPE "public"."order_status" AS ENUM('new', 'paid');--> statement-breakpoint
CREATE TABLE "users" (
	"id" serial PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	CONSTRAINT "users_email_unique" UNIQUE("email")
);
--> statement-breakpoint
CREATE TABLE "orders" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" integer NOT NULL,
	"status" "order_status" DEFAULT 'new' NOT NULL,
	"changed_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "orders" ADD CONSTRAINT "orders_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;`,
  ],
  ['wide_hawk', '2026-01-19T16:40:02.007Z', `ALTER TYPE "public"."order_status" ADD VALUE 'refunded' BEFORE 'paid';`],
  [
    'touch_orders',
    '2026-02-02T08:00:00.500Z',
    // Written by hand on Windows, with drizzle-kit generate --custom.
    [
      '-- Custom SQL migration file, put your code below! --',
      'CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$',
      'BEGIN',
      '  NEW.changed_at := now();',
      '  RETURN NEW;',
      'END;',
      '$$;',
      'CREATE TRIGGER touch_orders BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();',
      '',
    ].join('\r\n'),
  ],
  [
    'quoted_names',
    '2026-02-02T08:00:01.000Z',
    `CREATE TABLE "Order lines" (
	"orderId" uuid NOT NULL,
	"unit price; net" numeric(10, 2) NOT NULL,
	CONSTRAINT "Order lines_pk" PRIMARY KEY("orderId","unit price; net")
);
--> statement-breakpoint
INSERT INTO "users" ("email") VALUES ('ada@example.com'), ('it''s; --> quoted');--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "name" text;--> statement-breakpoint
UPDATE "users" SET "name" = split_part("email", '@', 1);--> statement-breakpoint
ALTER TABLE "users" ALTER COLUMN "name" SET NOT NULL`,
  ],
  [
    'left_transaction',
    '2026-03-11T12:30:15.123Z',
    `COMMIT;--> statement-breakpoint
SET lock_timeout = 0;--> statement-breakpoint
CREATE INDEX CONCURRENTLY IF NOT EXISTS "orders_status_idx" ON "orders" USING btree ("status");`,
  ],
]

interface Drizzle {
  drizzle(options: { client: ToolPool }): object
  migrate(db: object, options: { migrationsFolder: string }): Promise<unknown>
}

async function migrate(name: string, { url, folder }: Place): Promise<void> {
  const { drizzle } = tool<Drizzle>(`${name}/node-postgres`)
  const { migrate } = tool<Drizzle>(`${name}/node-postgres/migrator`)
  await withPool(url, (client) => migrate(drizzle({ client }), { migrationsFolder: folder }))
}

const journal: Oracle = {
  name: 'Drizzle 0.45',
  packages: ['drizzle-orm', 'pg'],
  count: MIGRATIONS.length,
  files(count) {
    const some = MIGRATIONS.slice(0, count).map(([title, time, text], idx) => ({
      entry: { idx, version: '7', when: Date.parse(time), tag: `000${idx}_${title}`, breakpoints: true },
      text,
    }))
    const entries = some.map(({ entry }) => entry)
    return {
      'meta/_journal.json': JSON.stringify({ version: '7', dialect: 'postgresql', entries }, null, 2),
      ...Object.fromEntries(some.map(({ entry, text }) => [`${entry.tag}.sql`, text])),
    }
  },
  source: (path) => drizzle(path),
  up: (place) => migrate('drizzle-orm', place),
  table: 'drizzle.__drizzle_migrations',
  rows: 'SELECT hash, created_at FROM drizzle.__drizzle_migrations ORDER BY id',
  edited: '0000_lush_red_skull.sql',
}

const nameOf = ([title, time]: (typeof MIGRATIONS)[number]) => `${time.replace(/\D/g, '').slice(0, 14)}_${title}`

const folders: Oracle = {
  ...journal,
  name: 'Drizzle 1.0',
  packages: ['drizzle-orm-1', 'pg'],
  files: (count) =>
    Object.fromEntries(
      MIGRATIONS.slice(0, count).flatMap((migration) => [
        [`${nameOf(migration)}/migration.sql`, migration[2]],
        [`${nameOf(migration)}/snapshot.json`, '{ "version": "8", "dialect": "postgres", "ddl": [] }'],
      ]),
    ),
  up: (place) => migrate('drizzle-orm-1', place),
  rows: 'SELECT hash, created_at, name, applied_at IS NOT NULL AS timed FROM drizzle.__drizzle_migrations ORDER BY id',
  edited: '20260105091244_lush_red_skull/migration.sql',
}

for (const oracle of [journal, folders]) contract(oracle)

const { count } = journal

describeWithTool(journal.packages, 'Drizzle 0.45 and we', () => {
  /** Adds a migration that was made on a branch before the last one, and merged after the last one had run. */
  const merge = (place: Place, at: number) => {
    const text = readFileSync(join(place.folder, 'meta/_journal.json'), 'utf8')
    const { entries, ...rest } = JSON.parse(text) as { entries: object[] }
    const when = Date.parse('2026-03-10T00:00:00Z')
    const merged = entries.toSpliced(at, 0, { idx: count, version: '7', when, tag: '0005_merged', breakpoints: true })
    write(place.folder, 'meta/_journal.json', JSON.stringify({ ...rest, entries: merged }))
    write(place.folder, '0005_merged.sql', 'create table merged (id int);')
  }
  const exists = async (db: Scratch) => (await db.rows("select to_regclass('merged') as merged"))[0]?.merged !== null

  test('what Drizzle silently skips, we name and apply; Drizzle then finds nothing to do', async ({ db }) => {
    const place = placeOf(journal, db)
    await journal.up(place)
    merge(place, count)
    await journal.up(place)
    expect(await exists(db)).toBe(false)

    expect((await statesOf(journal, db, place)).at(-1)).toBe('pending')
    const source = journal.source(place.folder)
    await source.list()
    expect(source.remarks?.join()).toContain('Drizzle silently skips it')
    expect((await (await ours(journal, db, place)).up()).steps).toHaveLength(1)
    expect(await exists(db)).toBe(true)
    await journal.up(place)
    expect(await statesOf(journal, db, place)).toEqual(Array(count + 1).fill('applied'))
  })

  test('a migration that is skipped in the middle of the journal is late, and we refuse to go on', async ({ db }) => {
    const place = placeOf(journal, db)
    await journal.up(place)
    merge(place, count - 1)
    await journal.up(place)
    expect(await exists(db)).toBe(false)
    expect((await statesOf(journal, db, place)).at(-2)).toBe('late')
    expect((await failure((await ours(journal, db, place)).up())).message).toContain('0005_merged.sql')
  })
})

describeWithTool([...journal.packages, ...folders.packages], 'From Drizzle 0.45 to 1.0', () => {
  test('a database of 0.45 is read in the new layout, and written to once 1.0 has taken over its table', async ({
    db,
  }) => {
    await journal.up(placeOf(journal, db, count - 1))
    const place = placeOf(folders, db)
    const states = [...Array(count - 1).fill('applied'), 'pending']
    expect(await statesOf(folders, db, place)).toEqual(states)
    expect((await failure((await ours(folders, db, place)).up())).message).toContain('was made by Drizzle 0.x')

    refill(folders, place, count - 1)
    await folders.up(place)
    refill(folders, place)
    expect(await statesOf(folders, db, place)).toEqual(states)
    expect((await (await ours(folders, db, place)).up()).steps).toHaveLength(1)
    const rows = await db.rows(folders.rows)
    await folders.up(place)
    expect(await db.rows(folders.rows)).toEqual(rows)
    expect(await statesOf(folders, db, place)).toEqual(Array(count).fill('applied'))
  })
})

/** A file for each change, cut into its statements as drizzle-kit does. */
const MYSQL_TEXTS = MYSQL_SHOP.map(({ up }) =>
  up.trimEnd().replaceAll(/;(\r?\n)(?=[A-Z\r\n])/g, ';--> statement-breakpoint$1'),
)

interface DrizzleOnMysql {
  createPool(options: object): { end(): Promise<void> }
  drizzle(options: { client: object }): object
  migrate(db: object, options: { migrationsFolder: string }): Promise<unknown>
}

async function migrateMysql(name: string, { url, folder }: Place): Promise<void> {
  const { createPool } = tool<DrizzleOnMysql>('mysql2/promise')
  const { drizzle } = tool<DrizzleOnMysql>(`${name}/mysql2`)
  const { migrate } = tool<DrizzleOnMysql>(`${name}/mysql2/migrator`)
  const client = createPool({ uri: url.replace(/^mariadb:/, 'mysql:') })
  await migrate(drizzle({ client }), { migrationsFolder: folder }).finally(() => client.end())
}

/** The same oracle with the migrations for MySQL. */
const onMysql = (oracle: Oracle, name: string, columns: string): Oracle => ({
  ...oracle,
  packages: [name, 'mysql2'],
  count: MYSQL_TEXTS.length,
  files(count) {
    const files = Object.entries(oracle.files(count)).map(([path, text]) => {
      if (!path.endsWith('.sql')) return [path, text.replace(/"dialect": "\w+"/, '"dialect": "mysql"')] as const
      const place = MIGRATIONS.findIndex(([title]) => path.includes(title))
      return [path, MYSQL_TEXTS[place] ?? ''] as const
    })
    return Object.fromEntries(files)
  },
  up: (place) => migrateMysql(name, place),
  table: '__drizzle_migrations',
  rows: `SELECT ${columns} FROM __drizzle_migrations ORDER BY id`,
})

describeOnMysql((ground) => {
  contract(onMysql(journal, 'drizzle-orm', 'hash, created_at'), ground)
  contract(onMysql(folders, 'drizzle-orm-1', 'hash, created_at, name, applied_at IS NOT NULL AS timed'), ground)
})
