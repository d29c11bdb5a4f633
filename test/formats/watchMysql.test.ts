/** A watch over another tool's folder on MySQL and MariaDB: rehearsed on a copy, rebuilt beside one. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection } from 'mysql2/promise'
import { expect, onTestFinished, test } from 'vitest'
import { openBeside } from '../../src/database/beside.ts'
import { openFolder } from '../../src/source/open.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import { mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'
import { Watched } from '../support/watch.ts'

describeOnDatabases(['MySQL', 'MariaDB'], ({ server }) => {
  test('migrations of Prisma are added, and edited by rebuilding, and all rows stay', async () => {
    const db = await mysqlScratch(server as TestServer<Connection>)
    const watched = new Watched(db.url)
    onTestFinished(() => watched.close())
    const save = (name: string, sql: string) => {
      mkdirSync(join(watched.folder, name), { recursive: true })
      writeFileSync(join(watched.folder, name, 'migration.sql'), sql)
    }
    writeFileSync(join(watched.folder, 'migration_lock.toml'), 'provider = "mysql"\n')
    save('20240101000000_users', 'CREATE TABLE users (id int PRIMARY KEY AUTO_INCREMENT, name varchar(100));')
    const source = openFolder(watched.folder)
    await watched.start({ source, onIrreversible: 'rebuild', open: openBeside(source, 'mysql', {}) })
    expect(watched.of('failed')).toEqual([])
    await db.rows("INSERT INTO users (name) VALUES ('Ada')")
    const added = watched.next('applied', 'failed')
    save('20240102000000_email', 'ALTER TABLE users ADD email varchar(100);')
    expect(await added).toMatchObject({ type: 'applied', to: '20240102000000_email' })
    const edited = watched.next('applied', 'failed')
    save('20240102000000_email', 'ALTER TABLE users ADD mail varchar(200);')
    expect(await edited).toMatchObject({ type: 'applied', how: 'rebuilt', carried: { left: [] } })
    expect(await db.rows('SELECT id, name, mail FROM users')).toEqual([{ id: 1, name: 'Ada', mail: null }])
    expect(await db.rows('SELECT migration_name AS name FROM _prisma_migrations ORDER BY 1')).toEqual([
      { name: '20240101000000_users' },
      { name: '20240102000000_email' },
    ])
  })
})
