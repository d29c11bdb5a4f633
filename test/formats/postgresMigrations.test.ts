/** postgres-migrations, asked by itself. */
import { expect } from 'vitest'
import { postgresMigrations } from '../../presets/sources.ts'
import { write } from '../support/cli.ts'
import { failure, test } from '../support/database.ts'
import { describeWithTool, type ToolPool, tool, withPool } from '../support/tools.ts'
import { contract, type Oracle, ours, type Place, placeOf, statesOf } from './contract.ts'
import { SHOP } from './shop.ts'

type Migrate = (database: { client: ToolPool }, folder: string) => Promise<{ id: number; name: string }[]>

function migrate({ url, folder }: Place) {
  const { migrate } = tool<{ migrate: Migrate }>('postgres-migrations')
  return withPool(url, (client) => migrate({ client }, folder))
}

/** The separator may be a hyphen, and ids may have zeros. */
const nameOf = (title: string, i: number) => (i % 2 ? `${i + 1}-${title}.sql` : `0${i + 1}_${title}.sql`)

const oracle: Oracle = {
  name: 'postgres-migrations 5',
  packages: ['postgres-migrations', 'pg'],
  count: SHOP.length,
  files: (count) =>
    Object.fromEntries(
      SHOP.slice(0, count).map(({ title, up, isAlone }, i) => [
        nameOf(title, i),
        isAlone ? `-- postgres-migrations disable-transaction\n${up}` : up,
      ]),
    ),
  source: (path) => postgresMigrations(path),
  up: migrate,
  table: 'migrations',
  rows: 'SELECT id, name, hash, executed_at IS NOT NULL AS timed FROM migrations ORDER BY id',
  edited: '01_create_shop.sql',
}

contract(oracle)

describeWithTool(oracle.packages, 'postgres-migrations and we', () => {
  test('postgres-migrations refuses a file that was edited after we applied it', async ({ db }) => {
    const place = placeOf(oracle, db)
    await (await ours(oracle, db, place)).up()
    expect(await migrate(place)).toEqual([])
    write(place.folder, '4-order_lines.sql', 'select 1;')
    expect((await failure(migrate(place))).message).toContain("Hashes don't match for migrations '4-order_lines.sql'")
    expect((await statesOf(oracle, db, place))[3]).toBe('edited')
  })
})
