/** Payload, without an app in a process of its own. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { payload } from '../../presets/sources.ts'
import { payloadFormat } from '../../src/source/formats/payload.ts'
import { memoryFolder, newFiles } from '../source/formats/memoryFolder.ts'
import { folder, write } from '../support/cli.ts'
import { failure, test } from '../support/database.ts'
import { describeWithTool, resident, toolFile, withTools } from '../support/tools.ts'
import { contract, type Oracle, ours, type Place, placeOf, statesOf } from './contract.ts'
import { type Change, SHOP } from './shop.ts'

/** Starting Payload takes seconds. It is started once, and makes an instance for each command. */
const START = `import { buildConfig, getPayload } from 'payload'
import { postgresAdapter } from '@payloadcms/db-postgres'

async function run({ name, url, folder }, key) {
  const db = postgresAdapter({ pool: { connectionString: url }, migrationDir: folder, push: false })
  const config = buildConfig({ secret: 'none', collections: [], telemetry: false, db })
  const payload = await getPayload({ config, disableOnInit: true, key })
  if (name === 'create') {
    await payload.db.createMigration({ payload, migrationName: 'all' })
    await payload.db.createMigration({ payload, migrationName: 'blank it', forceAcceptWarning: true })
  } else await payload.db[name]()
  // Payload never gives back its first connection, for which pool.end() would wait.
  await Promise.all(payload.db.pool._clients.map((client) => client.end()))
}

let count = 0
process.on('message', (command) =>
  run(command, String(count++)).then(() => process.send({}), (error) => process.send({ error: String(error.stack) })),
)
process.send({})
`

const ask = resident(START, {
  // Payload's own command loads migrations with tsx, too.
  execArgv: ['--import', toolFile('tsx/dist/esm/index.mjs')],
  env: { NODE_ENV: 'production', NO_COLOR: '1', FORCE_COLOR: '0' },
})

const command = (name: string, { url, folder }: Place) => ask({ name, url, folder })

/** Payload creates its own table in its first migration. */
const TABLE = `CREATE TABLE "payload_migrations" (
  "id" serial PRIMARY KEY NOT NULL,
  "name" varchar,
  "batch" numeric,
  "updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
  "created_at" timestamp(3) with time zone DEFAULT now() NOT NULL
);
`

function fileOf({ title, up, down }: Change, i: number): [name: string, text: string] {
  const text = (sql: string) => sql.replaceAll(/[\\`$]/g, (one) => `\\${one}`)
  const ups = i === 0 ? `${TABLE}${up}` : up
  const downs = i === 0 ? `${down}DROP TABLE "payload_migrations";\n` : down
  return [
    `20240101_00000${i}_${title}.ts`,
    `import { MigrateUpArgs, MigrateDownArgs, sql } from '@payloadcms/db-postgres'

export async function up({ db, payload, req }: MigrateUpArgs): Promise<void> {
  payload.logger.info('up')
  await db.execute(sql\`${text(ups)}\`)
}

export async function down({ db }: MigrateDownArgs): Promise<void> {
  await db.execute(sql\`${text(downs)}\`)
}
`,
  ]
}

const CHANGES = SHOP.filter(({ isAlone }) => !isAlone)

const oracle: Oracle = {
  name: 'Payload 3',
  packages: ['payload', '@payloadcms/db-postgres'],
  count: CHANGES.length,
  files: (count) => ({ ...Object.fromEntries(CHANGES.slice(0, count).map(fileOf)), 'index.ts': '', 'a.json': '{}' }),
  prepare: withTools,
  source: (path) => payload(path),
  up: (place) => command('migrate', place),
  failing: [
    '20990101_000000_fails.ts',
    `import { sql, type MigrateUpArgs } from '@payloadcms/db-postgres'
export async function up({ db }: MigrateUpArgs) {
  await db.execute(sql\`CREATE TABLE half_done (id int)\`)
  await db.execute(sql\`INSERT INTO nowhere VALUES (1)\`)
}
`,
  ],
  table: 'payload_migrations',
  rows: 'SELECT name, batch > 0 AS is_numbered FROM payload_migrations ORDER BY name',
}

contract(oracle)

describeWithTool(oracle.packages, 'Payload and we', () => {
  test('Drizzle queries, and rows of development that are no migration', async ({ db }) => {
    const files = {
      '20240101_000000_a.ts': `import { sql, type MigrateUpArgs } from '@payloadcms/db-postgres'
export async function up({ db }: MigrateUpArgs) {
  await db.execute(sql\`CREATE TABLE a (id int)\`)
  await db.execute(sql\`INSERT INTO a VALUES (\${7})\`)
  const { rows } = await db.execute(sql\`SELECT id FROM a\`)
  if (rows[0].id !== 7) throw new Error('not as Drizzle reads')
  await db.transaction(async (tx) => { await tx.execute(sql\`INSERT INTO a VALUES (8)\`) })
}
`,
    }
    const own = { ...oracle, files: () => files }
    await db.rows(TABLE)
    await db.rows("INSERT INTO payload_migrations (name, batch) VALUES ('dev', -1)")
    const place = placeOf(own, db)
    expect((await (await ours(own, db, place)).up()).steps).toHaveLength(1)
    expect(await db.rows('SELECT id FROM a ORDER BY id')).toEqual([{ id: 7 }, { id: 8 }])
    const sql = 'SELECT name, batch::int AS batch FROM payload_migrations ORDER BY id'
    expect(await db.rows(sql)).toEqual([
      { name: 'dev', batch: -1 },
      { name: '20240101_000000_a', batch: 1 },
    ])
  })

  test('a migration that needs Payload to run says so, and leaves nothing', async ({ db }) => {
    const text = `import { sql } from '@payloadcms/db-postgres'
export async function up({ db, payload }: any) {
  await db.execute(sql\`CREATE TABLE a (id int)\`)
  await payload.find({ collection: 'posts' })
}
`
    const own = { ...oracle, files: () => ({ '20240101_000000_a.ts': text }) }
    const error = await failure((await ours(own, db, placeOf(own, db))).up())
    expect(error.message).toContain('20240101_000000_a.ts:4:')
    expect(error.message).toContain('It uses payload.find, and migratest does not start Payload.')
    expect(await db.rows("SELECT to_regclass('a') AS a")).toEqual([{ a: null }])
  })

  test('what Payload generates runs here, and new files are as it makes them', async ({ db, other }) => {
    const path = withTools(folder({}))
    write(path, '29990101_000000_z.ts', 'export const up = async () => {}\nexport const down = async () => {}')
    await command('create', { url: db.url, folder: path })
    const theirs = readFileSync(join(path, 'index.ts'), 'utf8')
    const [, all = ''] = /migration_(\d{8}_\d{6}_all)/.exec(theirs) ?? []
    const [, blank = ''] = /migration_(\d{8}_\d{6}_blank_it)/.exec(theirs) ?? []
    const now = new Date(blank.replace(/^(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d).*/, '$1-$2-$3T$4:$5:$6Z'))
    const before = memoryFolder({ [`${all}.ts`]: '', '29990101_000000_z.ts': '' })
    const made = newFiles(payloadFormat() as never, before, 'blank it', now)
    const normal = (text = '') => text.replaceAll(/[\s,]+/g, ' ')
    expect(Object.keys(made)).toEqual([`${blank}.ts`, 'index.ts'])
    expect(normal(made[`${blank}.ts`])).toBe(normal(readFileSync(join(path, `${blank}.ts`), 'utf8')))
    expect(normal(made['index.ts'])).toBe(normal(theirs))
    const [place, second] = [db, other].map(({ url }) => ({ url, folder: path })) as [Place, Place]
    expect((await (await ours(oracle, db, place)).up(2)).steps).toHaveLength(2)
    expect((await (await ours(oracle, db, place)).up()).steps).toHaveLength(1)
    await oracle.up(second)
    await oracle.up(place)
    const columns =
      "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
    expect(await db.rows(columns)).toEqual(await other.rows(columns))
    expect(await db.rows(oracle.rows)).toEqual(await other.rows(oracle.rows))

    // Its down undoes the last of our runs, and ours what it applied.
    await command('migrateDown', place)
    expect(await statesOf(oracle, db, place)).toEqual(['applied', 'applied', 'pending'])
    await oracle.up(place)
    expect((await (await ours(oracle, db, place)).down('all')).steps).toHaveLength(3)
    expect(await db.rows("SELECT to_regclass('payload_migrations') AS there")).toEqual([{ there: null }])
    expect((await (await ours(oracle, db, place)).up()).steps).toHaveLength(3)
  })
})
