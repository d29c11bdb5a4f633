/** Proposed migrations on MySQL and MariaDB, where schema changes cannot be rolled back. */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Connection } from 'mysql2/promise'
import { expect, onTestFinished, test } from 'vitest'
import { migrationFiles } from '../../src/cli/drafts.ts'
import { directory } from '../../src/source/directory.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'
import { Watched } from '../support/watch.ts'

describeOnDatabases(['MySQL', 'MariaDB'], ({ server }) => {
  test('a draft follows each save, and its rows stay', async () => {
    const db = await mysqlScratch(server as TestServer<Connection>)
    const watched = new Watched(db.url)
    onTestFinished(() => watched.close())
    const outside = realpathSync(mkdtempSync(join(tmpdir(), 'migratest-schema-')))
    onTestFinished(() => rmSync(outside, { recursive: true }))
    const schema = join(outside, 'schema.sql')
    const users = 'create table users (id int primary key, name varchar(50)'
    writeFileSync(schema, `${users})`)
    watched.write('1_users.up.sql', `${users})`)
    watched.write('1_users.down.sql', 'drop table users')
    const source = directory(watched.folder)
    const watcher = await watched.start({
      source,
      proposals: {
        from: { paths: [schema] },
        schema: 'schema.sql',
        server: async () => server,
        place: {},
        files: migrationFiles({
          folder: watched.folder,
          source,
          dialect: 'mysql',
          timestamp: false,
          base: false,
          isBaseNamed: false,
        }),
      },
    })
    await watcher.idle()
    await db.rows("insert into users values (1, 'Ada')")
    const proposed = watched.next('proposed')
    writeFileSync(schema, `${users}, age int)`)
    expect((await proposed).proposal.title).toBe('add_users_age')
    const applied = watched.next('applied')
    watcher.do({ kind: 'generate' })
    expect(await applied).toMatchObject({ to: 2 })
    await db.rows('update users set age = 36')
    const again = watched.next('applied')
    writeFileSync(schema, `${users}, age int, mail varchar(90), key by_mail (mail))`)
    expect(await again).toMatchObject({ to: 2 })
    expect(await db.rows('select * from users')).toEqual([{ id: 1, name: 'Ada', age: 36, mail: null }])
    expect(watched.names()).toHaveLength(4)
  })
})
