/** kill -9 between and inside statements: afterwards it is known what is so, and there is a way on. */
import { fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from 'mysql2/promise'
import { expect, test } from 'vitest'
import { createMigratedDatabase, memory } from '../../index.ts'
import { openSchemaReader } from '../../src/database/open.ts'
import type { Migrator } from '../../src/migrate/migrator.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { type MysqlScratch, mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'
import { FILES, QUICK } from './mysqlFiles.ts'

/** More by hand: MIGRATEST_KILLS=100 kills each migrator a hundred times. */
const KILLS = Number(process.env.MIGRATEST_KILLS ?? 6)
const QUICK_KILLS = Number(process.env.MIGRATEST_KILLS ?? 3)

describeOnDatabases(['MySQL', 'MariaDB'], ({ name: kind, server: anyServer }) => {
  const server = anyServer as TestServer<Connection>

  test(`a migrator killed ${KILLS} times at whatever moment`, { timeout: 60_000 + KILLS * 6000 }, async () => {
    const db = await mysqlScratch(server)
    const schemas = new Map<number, string>()
    for (const version of [1, 2, 3, 4]) {
      await using at = await createMigratedDatabase({ server, migrations: memory(FILES), version })
      schemas.set(version, String(await at.schema()))
    }
    const found = { clean: 0, resumed: 0 }
    const reader = await openSchemaReader(db.url)
    const migrator = await db.migrator(FILES, { lockTimeoutMs: 30_000 })
    await migrator.to(1)
    const ours = await idsOn(db)
    for (let n = 0; n < KILLS; n++) {
      await killed([db.url], Math.random() * (kind === 'MySQL' ? 900 : 450))
      const { dirty } = await afterwards(db, migrator, ours)
      // The objects of these files always tell what became of each statement.
      if (dirty) await migrator.resume()
      found[dirty ? 'resumed' : 'clean']++
      const { version, dirty: still } = await migrator.version()
      expect(still).toBe(false)
      expect(String(await reader.read())).toBe(schemas.get(Number(version)))
      // Rows are changed once each time: 3 puts in ten, and its down takes them out.
      const [counts] = await db.rows('select n from counts')
      expect(Math.floor(Number(counts?.n) / 10)).toBe(Number(version) >= 3 ? 1 : 0)
      await migrator.to(1)
      expect(String(await reader.read())).toBe(schemas.get(1))
      await db.rows('update counts set n = 0')
    }
    await reader.close()
    console.log(`${kind}: ${KILLS} kills, ${JSON.stringify(found)}`)
  })

  test(`a migrator of migrations that are sent together, killed ${QUICK_KILLS} times`, {
    timeout: 60_000 + QUICK_KILLS * 12_000,
  }, async () => {
    const [db, other] = [await mysqlScratch(server), await mysqlScratch(server)]
    const states = new Map<number, string>([[-1, await stateOf(other)]])
    const stepwise = await other.migrator(QUICK)
    for (let version = 1; version <= LAST; version++) {
      await stepwise.to(version)
      states.set(version, await stateOf(other))
    }
    const found = { clean: 0, resumed: 0, half: 0 }
    const migrator = await db.migrator(QUICK, { lockTimeoutMs: 30_000, onEvent: () => undefined })
    const ours = await idsOn(db)
    let ms = 300
    for (let n = 0; n < QUICK_KILLS; n++) {
      // Every other time the server ends the session first, in the middle of a message.
      await killed([db.url, 'quick'], Math.random() * ms, n % 2 ? () => endOthers(db, ours) : undefined)
      const { dirty, version: at } = await afterwards(db, migrator, ours)
      if (dirty) await migrator.resume()
      found[dirty ? 'resumed' : 'clean']++
      if (Number(at) > -1 && Number(at) < LAST) found.half++
      const { version, dirty: still } = await migrator.version()
      expect(still).toBe(false)
      expect(await stateOf(db)).toBe(states.get(Number(version)))
      await migrator.up()
      expect(await stateOf(db)).toBe(states.get(LAST))
      await migrator.drop()
      // About as long as all of them take now, so that most are killed on the way.
      const begun = performance.now()
      await migrator.up()
      ms = performance.now() - begun + 30
      await migrator.drop()
    }
    console.log(`${kind}: ${QUICK_KILLS} kills of what is sent together, ${JSON.stringify(found)}`)
  })
})

// --- internal ---

const LAST = Object.keys(QUICK).length

/** Starts a migrator and kills it. @param ms how long after it was ready */
async function killed(args: readonly string[], ms: number, before?: () => Promise<void>): Promise<void> {
  const child = fork(new URL('./mysqlMigrator.ts', import.meta.url), args, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let output = ''
  child.stderr?.on('data', (text) => {
    output += text
  })
  await new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', () => reject(new Error(`it ended before it began: ${output}`)))
  })
  await sleep(ms)
  expect(child.exitCode, output).toBeNull()
  const ended = new Promise((resolve) => child.once('exit', resolve))
  await before?.()
  child.kill('SIGKILL')
  await ended
}

/** The ids of the sessions on the database. */
async function idsOn(db: MysqlScratch): Promise<number[]> {
  const all = await db.rows('show full processlist')
  return all.filter(({ db: name }) => name === db.name).map(({ Id }) => Number(Id))
}

async function othersOn(db: MysqlScratch, ours: readonly number[]): Promise<number[]> {
  return (await idsOn(db)).filter((id) => !ours.includes(id))
}

async function endOthers(db: MysqlScratch, ours: readonly number[]): Promise<void> {
  for (const id of await othersOn(db, ours)) await db.rows(`kill connection ${id}`).catch(() => undefined)
}

/**
 * Waits until the dead one's session has ended, with its lock. A session that sleeps may not have read yet what the
 * dead one has sent last.
 */
async function afterwards(db: MysqlScratch, migrator: Migrator, ours: readonly number[]) {
  while ((await othersOn(db, ours)).length > 0) await sleep(5)
  return migrator.version()
}

/** The schema and all rows, as text. */
async function stateOf(db: MysqlScratch): Promise<string> {
  const reader = await openSchemaReader(db.url)
  const schema = String(await reader.read())
  await reader.close()
  const rows = []
  for (const table of await db.tables()) rows.push(table, await db.rows(`select * from ${table} order by id`))
  return `${schema}\n${JSON.stringify(rows)}`
}
