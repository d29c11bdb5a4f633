/** kill -9 between and inside statements: afterwards it is known what is so, and there is a way on. */
import { fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from 'mysql2/promise'
import { expect, test } from 'vitest'
import { createMigratedDatabase, memory } from '../../index.ts'
import { openSchemaReader } from '../../src/database/open.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'
import { FILES } from './mysqlFiles.ts'

/** More by hand: MIGRATEST_KILLS=200. */
const KILLS = Number(process.env.MIGRATEST_KILLS ?? 6)

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
    for (let n = 0; n < KILLS; n++) {
      const child = fork(new URL('./mysqlMigrator.ts', import.meta.url), [db.url], {
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
      await sleep(Math.random() * (kind === 'MySQL' ? 900 : 450))
      expect(child.exitCode, output).toBeNull()
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
      // Waits for what the dead one's session is still at: its lock goes with it.
      const { dirty } = await afterwards()
      // Of these files, what became of each statement can always be told by looking.
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

    async function afterwards() {
      for (;;) {
        const running = (await db.rows('show full processlist')).filter(
          ({ db: name, Command, Info }) =>
            name === db.name && Command !== 'Sleep' && !/processlist/i.test(String(Info)),
        )
        if (running.length === 0) return migrator.version()
        await sleep(5)
      }
    }
  })
})
