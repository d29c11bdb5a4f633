/** golang-migrate's tables of moves, on real servers without transactions around DDL: the same versions, and the same things made. */
import type { Connection } from 'mysql2/promise'
import { expect, test } from 'vitest'
import { Migrator } from '../../src/migrate/migrator.ts'
import { memory } from '../../src/source/memory.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import rows from '../conformance/transitions.json' with { type: 'json' }
import { mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'

type Row = (typeof rows)[number]

/** What moves and succeeds; what is refused before anything runs is the engine's, and tested without a server. */
const MOVES: Readonly<Record<string, (migrator: Migrator, args: number[]) => Promise<unknown>>> = {
  migrate: (migrator, [to = 0]) => migrator.to(to),
  steps: (migrator, [n = 0]) => migrator.steps(n),
  up: (migrator) => migrator.up(),
}

describeOnDatabases(['MySQL', 'MariaDB'], ({ server }) => {
  test('moves end where golang-migrate’s do', async () => {
    const db = await mysqlScratch(server as TestServer<Connection>)
    let ran = 0
    for (const row of rows as Row[]) {
      const move = MOVES[row.call]
      if (!move || row.startDirty || row.expectedError) continue
      const files: Record<string, string> = {}
      for (const { version, up, down } of row.sourceVersions) {
        if (up) files[`${version}_m.up.sql`] = `create table t${version} (id int)`
        if (down) files[`${version}_m.down.sql`] = `drop table if exists t${version}`
      }
      const driver = await db.open()
      const order: string[] = []
      const migrator = new Migrator({
        source: memory(files),
        database: driver,
        onEvent: (event) => {
          if (event.type === 'finished' && event.step.fingerprint !== null)
            order.push(`${event.step.direction === 'up' ? 'CREATE' : 'DROP'} ${event.step.version}`)
        },
      })
      await migrator.drop()
      if (row.startVersion >= 0) await migrator.force(row.startVersion)
      await move(migrator, row.args as number[])
      expect(order, row.name).toEqual(row.expectedSequence)
      expect(await migrator.version(), row.name).toEqual({
        version: row.expectedVersionAfter,
        dirty: row.expectedDirtyAfter,
      })
      await driver.close()
      ran++
    }
    expect(ran).toBeGreaterThan(20)
  })
})
