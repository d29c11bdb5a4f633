/** A connection that a test leaves open keeps its database, and no process. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { folder } from '../support/cli.ts'
import { ROOT } from '../support/product.ts'

test('a process ends although its test has left a connection open and has read the schema', () => {
  const from = (file: string) => JSON.stringify(pathToFileURL(join(ROOT, file)).href)
  const cwd = folder({
    'left.ts': `
import pg from ${from('node_modules/pg/lib/index.js')}
import { createMigratedDatabase, memory } from ${from('index.ts')}
import { anyPostgres } from ${from('test/support/servers.ts')}
const db = await createMigratedDatabase({ server: anyPostgres, migrations: memory({ '1_a.up.sql': 'create table a (id int)' }) })
await db.schema()
const left = new pg.Client(db.url)
// The server ends it when the database is dropped.
left.on('error', () => undefined)
await left.connect()
left.connection.stream.unref()
await db[Symbol.asyncDispose]()
console.log('over')`,
  })
  const run = spawnSync(process.execPath, [join(cwd, 'left.ts')], { cwd: ROOT, encoding: 'utf8', timeout: 40_000 })
  expect(run).toMatchObject({ status: 0, signal: null, stdout: 'over\n' })
  expect(run.stderr).toContain('left a connection open')
})
