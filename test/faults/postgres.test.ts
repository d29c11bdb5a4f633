/** kill -9 while several migrations are sent and unanswered: each is applied with its record, or not at all. */
import { fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { test } from '../support/database.ts'
import { FILES } from './postgresFiles.ts'

/** More by hand: MIGRATEST_KILLS=100. */
const KILLS = Number(process.env.MIGRATEST_KILLS ?? 8)

test(`a migrator killed ${KILLS} times at whatever moment`, { timeout: 60_000 + KILLS * 3000 }, async ({ db }) => {
  const migrator = await db.migrator(FILES, { lockTimeoutMs: 30_000 })
  const stoppedAt = new Set<number>()
  for (let n = 0; n < KILLS; n++) {
    await migrator.to(1)
    const child = fork(new URL('./postgresMigrator.ts', import.meta.url), [db.url], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    await new Promise((resolve, reject) => {
      child.once('message', resolve)
      child.once('exit', () => reject(new Error('it ended before it began')))
    })
    await sleep(Math.random() * 150)
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
    // The server goes on with what it has been sent; the session ends with its lock after that.
    const sessions =
      "select count(*)::int as n from pg_stat_activity where application_name = 'migratest' and datname = current_database()"
    await expect.poll(() => db.rows(sessions)).toEqual([{ n: 1 }])
    const up = await migrator.plan('latest')
    const { version, dirty } = await migrator.version()
    expect(dirty).toBe(false)
    stoppedAt.add(Number(version))
    const expected = Array.from({ length: Number(version) }, (_, i) => i + 1)
    const tables = await db.rows(
      "select substr(relname, 2)::int as v from pg_class where relname ~ '^t[0-9]+$' order by 1",
    )
    expect(tables.map(({ v }) => v)).toEqual(expected)
    const history = await db.rows('select version::int as v from schema_migrations_history order by 1')
    expect(history.map(({ v }) => v)).toEqual(expected)
    const log = await db.rows('select version as v from log order by 1')
    expect(log.map(({ v }) => v)).toEqual(expected.slice(1))
    expect(up.steps).toHaveLength(13 - Number(version))
  }
  console.log(`PostgreSQL: ${KILLS} kills, stopped at ${stoppedAt.size} different versions`)
})
