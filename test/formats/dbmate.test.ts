/** dbmate, asked by its own command. */
import { expect } from 'vitest'
import { dbmate } from '../../presets/sources.ts'
import { test } from '../support/database.ts'
import { describeWithTool, run, toolFile } from '../support/tools.ts'
import { contract, type Oracle, ours, type Place, placeOf, statesOf } from './contract.ts'
import { describeOnMysql } from './mysql.ts'
import { type Change, MYSQL_SHOP, SHOP } from './shop.ts'

async function command(name: 'up' | 'rollback' | 'status', { url, folder }: Place, more: readonly string[] = []) {
  const args = ['--migrations-dir', folder, '--no-dump-schema', ...more, name]
  const { printed, code } = await run(toolFile('@dbmate/linux-x64/bin/dbmate'), args, {
    env: { DATABASE_URL: url.startsWith('postgres') ? `${url}?sslmode=disable` : url },
  })
  if (code !== 0) throw new Error(printed)
  return printed
}

/** Versions are text; some teams begin with numbers. */
const VERSIONS = ['0001', '0002', '20240202080000', '20240202080001', '20240311123015', '20240311123016']

const oracleOf = (changes: readonly Change[]): Oracle => ({
  name: 'dbmate 2',
  packages: ['@dbmate/linux-x64'],
  count: changes.length,
  files: (count) =>
    Object.fromEntries(
      changes.slice(0, count).map(({ title, up, down, isAlone }, i) => {
        const end = up.includes('\r\n') ? '\r\n' : '\n'
        const option = isAlone ? ' transaction:false' : ''
        const text = [`-- migrate:up${option}`, up, `-- migrate:down${option}`, down].join(end)
        return [`${VERSIONS[i]}_${title}.sql`, text]
      }),
    ),
  source: (path) => dbmate(path),
  up: (place) => command('up', place),
  down: (place) => command('rollback', place),
  pending: async (place) => (await command('status', place)).match(/^\[ \] .*$/gm) ?? [],
  table: 'schema_migrations',
  rows: 'SELECT * FROM schema_migrations ORDER BY version',
})

const oracle = oracleOf(SHOP)

contract(oracle)

describeOnMysql((ground) => contract(oracleOf(MYSQL_SHOP), ground))

describeWithTool(oracle.packages, 'dbmate and we', () => {
  test('dbmate finds nothing to do in a table of another name and schema', async ({ db, other }) => {
    const more = ['--migrations-table', 'bookkeeping.versions']
    const own: Oracle = {
      ...oracle,
      source: (path) => dbmate(path, { table: 'bookkeeping.versions' }),
      up: (place) => command('up', place, more),
      rows: 'SELECT * FROM bookkeeping.versions ORDER BY version',
    }
    const place = placeOf(own, db)
    await (await ours(own, db, place)).up()
    expect(await command('status', place, more)).toContain('Pending: 0')
    await own.up(placeOf(own, other))
    expect(await db.rows(own.rows)).toEqual(await other.rows(own.rows))
    expect(await statesOf(own, db, place)).toEqual(SHOP.map(() => 'applied'))
  })
})
