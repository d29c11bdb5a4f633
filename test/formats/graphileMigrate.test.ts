/** graphile-migrate, asked by itself. */
import { expect } from 'vitest'
import { graphileMigrate } from '../../presets/sources.ts'
import { folder, write } from '../support/cli.ts'
import { failure, test } from '../support/database.ts'
import { describeWithTool, run, tool, toolFile } from '../support/tools.ts'
import { contract, type Oracle, ours, type Place, placeOf, statesOf } from './contract.ts'
import { SHOP } from './shop.ts'

const PLACEHOLDERS = { ':APP_ROLE': 'pg_monitor' }

/** Runs the command. In this process, its pools would outlive the test. */
async function graphile(command: 'migrate' | 'status', { url, folder: migrations }: Place) {
  const cwd = folder({ '.gmrc': JSON.stringify({ migrationsFolder: migrations, placeholders: PLACEHOLDERS }) })
  // The second database is never opened; `status` wants one.
  const env = { DATABASE_URL: url, SHADOW_DATABASE_URL: `${url}_shadow`, ROOT_DATABASE_URL: `${url}_root` }
  return run(process.execPath, [toolFile('graphile-migrate/dist/cli.js'), command], { env, cwd })
}

async function migrate(place: Place): Promise<void> {
  const { printed, code } = await graphile('migrate', place)
  if (code !== 0) throw new Error(printed)
}

/** Writes the files as `graphile-migrate commit` does, which needs a second database to do it. */
function commit(bodies: readonly { readonly body: string; readonly message?: string }[]): Record<string, string> {
  const { calculateHash } = tool<{ calculateHash(body: string, previous: string | null): string }>(
    'graphile-migrate/dist/hash.js',
  )
  const { serializeMigration } = tool<{ serializeMigration(body: string, headers: object): string }>(
    'graphile-migrate/dist/migration.js',
  )
  let previous: string | null = null
  const files = bodies.map(({ body, message }, i) => {
    const hash = calculateHash(body, previous)
    const text = serializeMigration(body, { Previous: previous ?? '-', Hash: hash, Message: message })
    previous = hash
    const number = String(i + 1).padStart(6, '0')
    return [`committed/${number}${message === undefined ? '' : `-${message.replaceAll('_', '-')}`}.sql`, text] as const
  })
  return Object.fromEntries(files)
}

const oracle: Oracle = {
  name: 'graphile-migrate 1',
  packages: ['graphile-migrate'],
  count: SHOP.length,
  files: (count) => ({
    'current.sql': '-- Enter migration here\n',
    ...commit(
      SHOP.slice(0, count).map(({ title, up, isAlone }, i) => {
        const body = isAlone ? `--! no-transaction\n${up}` : i === 3 ? `${up}GRANT SELECT ON orders TO :APP_ROLE;` : up
        return i % 2 ? { body, message: title } : { body }
      }),
    ),
  }),
  source: (path) => graphileMigrate(path, { placeholders: PLACEHOLDERS }),
  up: migrate,
  pending: async (place) => (await graphile('status', place)).printed.match(/^ {2}\d+\.sql$/gm) ?? [],
  table: 'graphile_migrate.migrations',
  rows: 'SELECT hash, previous_hash, filename, date IS NOT NULL AS timed FROM graphile_migrate.migrations ORDER BY filename',
  edited: 'committed/000001.sql',
}

contract(oracle)

describeWithTool(oracle.packages, 'graphile-migrate and we', () => {
  test('graphile-migrate finds its own tables complete after us, and nothing current', async ({ db }) => {
    const place = placeOf(oracle, db)
    await (await ours(oracle, db, place)).up()
    expect(await graphile('status', place)).toEqual({ printed: 'Up to date.\n', code: 0 })
    expect(await db.rows('SELECT * FROM graphile_migrate.current')).toEqual([])
  })

  test('a file that was edited before it ran is refused by graphile-migrate, and named by us', async ({ db }) => {
    const place = placeOf(oracle, db)
    const name = 'committed/000001.sql'
    write(place.folder, name, `${oracle.files(1)[name]}select 1;\n`)
    expect((await failure(migrate(place))).message).toContain('has the file been tampered with?')
    const source = oracle.source(place.folder)
    await source.list()
    expect(source.remarks?.join()).toContain('committed/000001.sql was edited after it was committed')
    expect(await statesOf(oracle, db, place)).toEqual(SHOP.map(() => 'pending'))
  })

  test('we say nothing about a folder to which graphile-migrate does not object', async () => {
    const source = oracle.source(folder(oracle.files(SHOP.length)))
    await source.list()
    expect(source.remarks).toEqual([])
  })
})
