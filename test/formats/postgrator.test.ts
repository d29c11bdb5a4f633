/** postgrator, asked by itself. */
import { join } from 'node:path'
import { URL } from 'node:url'
import { expect } from 'vitest'
import { postgrator } from '../../presets/sources.ts'
import { write } from '../support/cli.ts'
import { failure, test } from '../support/database.ts'
import { describeWithTool, tool, withPool } from '../support/tools.ts'
import { contract, type Oracle, ours, type Place, placeOf, statesOf } from './contract.ts'
import { describeOnMysql } from './mysql.ts'
import { type Change, MYSQL_SHOP, SHOP } from './shop.ts'

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

const oracleOf = (changes: readonly Change[], run: typeof withPostgrator): Oracle => ({
  name: 'postgrator 8',
  packages: ['postgrator', 'pg'],
  count: changes.length,
  files: (count) =>
    Object.fromEntries(
      changes.slice(0, count).flatMap(({ title, up, down }, i) => [
        [`${VERSIONS[i]}.do.${title}.sql`, up],
        [`${VERSIONS[i]}.undo.${title}.sql`, down],
      ]),
    ),
  source: (path) => postgrator(path),
  up: (place) => run(place, (tool) => tool.migrate()),
  down: (place) => run(place, (tool) => tool.migrate(String(Number(VERSIONS[changes.length - 2])))),
  pending: (place) =>
    run(place, async (tool) => {
      await tool.getMigrations()
      return tool.getRunnableMigrations(await tool.getDatabaseVersion(), await tool.getMaxVersion())
    }),
  table: 'schemaversion',
  rows: 'SELECT version, name, md5, run_at IS NOT NULL AS timed FROM schemaversion ORDER BY version',
  edited: '001.do.create_shop.sql',
})

const oracle = oracleOf(SHOP, withPostgrator)

contract(oracle)

interface Connection {
  query(sql: string): Promise<[rows: object[]]>
  end(): Promise<void>
}

async function onMysql<T>({ url, folder }: Place, work: (tool: Postgrator) => Promise<T>): Promise<T> {
  const { default: Postgrator } = tool<{ default: new (options: object) => Postgrator }>('postgrator')
  const { createConnection } = tool<{ createConnection(options: object): Promise<Connection> }>('mysql2/promise')
  const connection = await createConnection({ uri: url.replace(/^mariadb:/, 'mysql:'), multipleStatements: true })
  const { pathname } = new URL(url)
  const options = {
    driver: 'mysql',
    database: decodeURIComponent(pathname.slice(1)),
    migrationPattern: join(folder, '*'),
    execQuery: async (sql: string) => ({ rows: (await connection.query(sql))[0] }),
  }
  return work(new Postgrator(options)).finally(() => connection.end())
}

describeOnMysql((ground) => {
  contract({ ...oracleOf(MYSQL_SHOP, onMysql), packages: ['postgrator', 'mysql2'] }, ground)
})

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
