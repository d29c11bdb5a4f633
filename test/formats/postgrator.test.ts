/** postgrator, asked by itself. */
import { join } from 'node:path'
import { expect } from 'vitest'
import { postgrator } from '../../presets/sources.ts'
import { write } from '../support/cli.ts'
import { failure, test } from '../support/database.ts'
import { describeWithTool, tool, withPool } from '../support/tools.ts'
import { contract, type Oracle, ours, type Place, placeOf, statesOf } from './contract.ts'
import { SHOP } from './shop.ts'

interface Postgrator {
  migrate(target?: string): Promise<{ version: number; action: string }[]>
  getMigrations(): Promise<unknown>
  getMaxVersion(): Promise<number>
  getDatabaseVersion(): Promise<number>
  getRunnableMigrations(from: number, to: number): { version: number }[]
}

/** Versions have gaps, and are written with zeros. */
const VERSIONS = ['001', '002', '003', '004', '010', '11']

function withPostgrator<T>(place: Place, work: (tool: Postgrator) => Promise<T>, options: object = {}): Promise<T> {
  const { default: Postgrator } = tool<{ default: new (options: object) => Postgrator }>('postgrator')
  return withPool(place.url, (pool) =>
    work(
      new Postgrator({
        driver: 'pg',
        migrationPattern: join(place.folder, '*'),
        execQuery: (sql: string) => pool.query(sql),
        ...options,
      }),
    ),
  )
}

const oracle: Oracle = {
  name: 'postgrator 8',
  packages: ['postgrator', 'pg'],
  count: SHOP.length,
  files: (count) =>
    Object.fromEntries(
      SHOP.slice(0, count).flatMap(({ title, up, down }, i) => [
        [`${VERSIONS[i]}.do.${title}.sql`, up],
        [`${VERSIONS[i]}.undo.${title}.sql`, down],
      ]),
    ),
  source: (path) => postgrator(path),
  up: (place) => withPostgrator(place, (tool) => tool.migrate()),
  down: (place) => withPostgrator(place, (tool) => tool.migrate('10')),
  pending: (place) =>
    withPostgrator(place, async (tool) => {
      await tool.getMigrations()
      return tool.getRunnableMigrations(await tool.getDatabaseVersion(), await tool.getMaxVersion())
    }),
  table: 'schemaversion',
  rows: 'SELECT version, name, md5, run_at IS NOT NULL AS timed FROM schemaversion ORDER BY version',
  edited: '001.do.create_shop.sql',
}

contract(oracle)

describeWithTool(oracle.packages, 'postgrator and we', () => {
  test('postgrator refuses a file that was edited after we applied it', async ({ db }) => {
    const place = placeOf(oracle, db)
    await (await ours(oracle, db, place)).up()
    write(place.folder, '004.do.order_lines.sql', 'select 1;')
    expect((await failure(withPostgrator(place, (tool) => tool.migrate()))).message).toContain('migration [4]')
    expect((await statesOf(oracle, db, place))[3]).toBe('edited')
  })

  test('a table in a schema of its own, and checksums of other line ends', async ({ db, other }) => {
    const options = { schemaTable: 'bookkeeping.versions', newline: 'LF' } as const
    const own: Oracle = {
      ...oracle,
      source: (path) => postgrator(path, options),
      up: (place) => withPostgrator(place, (tool) => tool.migrate(), options),
      rows: 'SELECT version, name, md5 FROM bookkeeping.versions ORDER BY version',
    }
    const place = placeOf(own, db)
    await (await ours(own, db, place)).up()
    expect(await own.up(place)).toEqual([])
    await own.up(placeOf(own, other))
    expect(await db.rows(own.rows)).toEqual(await other.rows(own.rows))
    expect(await statesOf(own, db, place)).toEqual(SHOP.map(() => 'applied'))
  })
})
