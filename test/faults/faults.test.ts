/** Faults around test databases (killed runs, a crashed server, no room, few connections) do no harm to the next run. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createMigratedDatabase, memory, NoSpaceError } from '../../index.ts'
import { postgres } from '../../presets/postgres.ts'
import { settled } from '../../src/testing/lease/migratedDatabase.ts'
import { folder } from '../support/cli.ts'
import { failure } from '../support/database.ts'
import { describeOnServers } from '../support/servers.ts'
import type { TakerInput } from './taker.ts'

/** More by hand: MIGRATEST_KILLS=100. */
const KILLS = Number(process.env.MIGRATEST_KILLS ?? 8)

/** Slow enough that a kill meets each part of the work. */
const migrations = (tag: string) =>
  folder({
    '1_users.up.sql': `create table users (id int generated always as identity primary key, name text); comment on table users is '${tag}'; select pg_sleep(0.02)`,
    '1_users.down.sql': 'drop table users',
    '2_email.up.sql': 'alter table users add email text; select pg_sleep(0.02)',
    '2_email.down.sql': 'alter table users drop email',
    '3_orders.up.sql': 'create table orders (id serial primary key); select pg_sleep(0.02)',
    '3_orders.down.sql': 'drop table orders',
  })

function take(
  input: TakerInput,
  as: { uid?: number; gid?: number } = {},
): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'taker.ts')], {
    env: { ...process.env, TAKER: JSON.stringify(input), ...(as.uid !== undefined && { HOME: '/tmp' }) },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...as,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
  onTestFinished(() => void child.kill('SIGKILL'))
  return { child, output: () => output }
}

async function finished({ child, output }: ReturnType<typeof take>): Promise<string> {
  if (child.exitCode === null) await once(child, 'exit')
  return output()
}

/** The settings of a server that no other file uses, so that nothing must be left on it. */
const OWN = { 'migratest.fault': 'own' }

/** Databases on a server that neither wait to be copied nor to be used. */
async function leftOn(url: string): Promise<string[]> {
  const client = new Client(url)
  await client.connect()
  const { rows } = await client.query(
    `select datname from pg_database where starts_with(datname, 'migratest_') and not starts_with(datname, 'migratest_snapshot_')
       and coalesce(shobj_description(oid, 'pg_database'), '') not like 'migratest: free %'`,
  )
  await client.end()
  return rows.map(({ datname }) => datname)
}

async function adminUrl(server: ReturnType<typeof postgres>): Promise<string> {
  return (await server.url?.()) ?? ''
}

describe('a run that is killed', () => {
  test('at any moment: nothing wrong is left for the next, and in the end nothing at all', {
    timeout: 60_000 + KILLS * 6000,
  }, async () => {
    const server = postgres({ flags: OWN, idleMinutes: 0.2 })
    const url = await adminUrl(server)
    for (let i = 0; i < KILLS; i++) {
      const run = take({
        server: { flags: OWN },
        folder: migrations(`k${Math.floor(i / 3)}`),
        takes: 50,
        migrate: i % 2 === 0,
      })
      // From before it connects to well into its tests.
      const ms = 150 + (i * 1000) / KILLS
      await Promise.race([sleep(ms), once(run.child, 'exit')])
      run.child.kill('SIGKILL')
      await finished(run)
      const next = take({ server: { flags: OWN }, folder: migrations(`k${Math.floor(i / 3)}`), takes: 3 })
      expect(await finished(next), `after the kill at ${ms} ms`).toMatch(/done\n$/)
    }
    await vi.waitFor(
      async () => {
        await server.sweep?.()
        expect(await leftOn(url)).toEqual([])
      },
      { timeout: 10_000, interval: 200 },
    )
  })
})

describe('a server', () => {
  test('that crashes in the midst of a run: its tests fail, the next ones do not', { timeout: 60_000 }, async () => {
    const server = postgres({ from: 'embedded', flags: { 'migratest.fault': 'crash' }, idleMinutes: 0.05 })
    const options = { server, migrations: migrations('crash') }
    for (let i = 0; i < 4; i++) await (await createMigratedDatabase(options))[Symbol.asyncDispose]()
    const db = await createMigratedDatabase(options)
    const [row] = await db.query<{ pid: number }>('select pg_backend_pid() as pid')
    // The postmaster ends all sessions, recovers and goes on at the same port.
    process.kill(row?.pid ?? 0, 'SIGKILL')
    await failure(db.query('select pg_sleep(5)'))
    await db[Symbol.asyncDispose]()
    await settled()
    await vi.waitFor(
      async () => {
        await using next = await createMigratedDatabase(options)
        expect(await next.query('select * from users')).toEqual([])
      },
      { timeout: 20_000, interval: 100 },
    )
    for (let i = 0; i < 4; i++) {
      await using next = await createMigratedDatabase(options)
      expect(await next.query('select * from orders')).toEqual([])
    }
  })

  test('is not held up by a client that is blocked before it sends its password', { timeout: 40_000 }, async () => {
    const server = postgres({ flags: OWN, idleMinutes: 0.2 })
    const url = await adminUrl(server)
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname).on('error', () => undefined)
    onTestFinished(() => void socket.destroy())
    // The startup message of protocol 3.0; the server asks for the password, and none is sent.
    const text = Buffer.from('\0\x03\0\0user\0postgres\0database\0postgres\0\0', 'latin1')
    const length = Buffer.alloc(4)
    length.writeInt32BE(text.length + 4)
    socket.write(Buffer.concat([length, text]))
    const [asked] = await once(socket, 'data')
    expect(asked[0]).toBe('R'.charCodeAt(0))
    // DROP DATABASE waits for all sessions. PostgreSQL's own limit for that client is a minute.
    const database = await server.create()
    await database.drop()
    expect(await leftOn(url)).toEqual([])
  })

  // A test file that runs commands with execSync is that busy as soon as it is loaded.
  test('serves a process that was too busy to send its password in time', { timeout: 40_000 }, async () => {
    const flags = { 'migratest.fault': 'busy process', authentication_timeout: '1s' }
    await adminUrl(postgres({ flags, idleMinutes: 0.05 }))
    const program = `
      import { postgres } from ${JSON.stringify(new URL('../../presets/postgres.ts', import.meta.url).href)}
      const [flags, turns] = JSON.parse(process.argv[1])
      const server = postgres({ flags, idleMinutes: 0.05 })
      server.warm()
      for (let i = 0; i < turns; i++) await new Promise(setImmediate)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4500)
      await (await server.create()).drop()
      console.log('served')
      process.exit()`
    const runs = [2, 8, 32].map((turns) => {
      const args = ['--input-type=module', '-e', program, JSON.stringify([flags, turns])]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      onTestFinished(() => void child.kill('SIGKILL'))
      let output = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
      return finished({ child, output: () => output })
    })
    for (const output of await Promise.all(runs)) expect(output).toMatch(/served\n$/)
  })

  test('with 15 connections serves 8 workers at once', { timeout: 120_000 }, async () => {
    const flags = { 'migratest.fault': 'few', max_connections: '15' }
    const server = postgres({ flags, idleMinutes: 0.2 })
    await adminUrl(server)
    const path = migrations('few')
    const runs = Array.from({ length: 8 }, () => take({ server: { flags }, folder: path, takes: 6, migrate: true }))
    for (const run of runs) expect(await finished(run)).toMatch(/^5 made \d+\ndone\n$/m)
  })

  test.for([
    ['on demand', false],
    ['by its URL, as shards on several machines have it', true],
  ] as const)(
    '%s: runs at once, on branches with other migrations; what two need is built once',
    { timeout: 60_000 },
    async ([, byUrl]) => {
      const server = postgres({ flags: OWN, idleMinutes: 0.2 })
      const url = await adminUrl(server)
      const given = byUrl ? { url } : { flags: OWN }
      const [main, branch] = [`main ${byUrl}`, `branch ${byUrl}`]
      const tags = [main, main, main, branch, branch]
      const runs = tags.map((tag) => take({ server: given, folder: migrations(tag), takes: 12, migrate: true }))
      const outputs = await Promise.all(runs.map(finished))
      for (const output of outputs) expect(output).toMatch(/done\n$/)
      const built = (tag: string) =>
        new Set(
          outputs.flatMap((output, i) =>
            tags[i] === tag ? [...output.matchAll(/made (.*)/g)].map(([, at]) => at) : [],
          ),
        )
      expect([built(main).size, built(branch).size]).toEqual([1, 1])
      await vi.waitFor(
        async () => {
          await (byUrl ? postgres({ url }) : server).sweep?.()
          await server.sweep?.()
          expect(await leftOn(url)).toEqual([])
        },
        { timeout: 10_000, interval: 200 },
      )
    },
  )
})

describe('who runs it', () => {
  test.skipIf(process.getuid?.() !== 0)('root, or somebody who is not (needs root)', { timeout: 60_000 }, async () => {
    const path = migrations('user')
    chmodSync(path, 0o755)
    const nobody = { uid: 65_534, gid: 65_534 }
    const run = take({ server: { from: 'embedded', idleMinutes: 0.02 }, folder: path, takes: 3 }, nobody)
    expect(await finished(run)).toMatch(/done\n$/)
  })
})

describeOnServers(['container'], 'a server without room', () => {
  test('gives up its snapshots first, and then says so', { timeout: 120_000 }, async () => {
    const { PostgreSqlContainer } = await import('@testcontainers/postgresql')
    const container = await new PostgreSqlContainer('postgres:18')
      .withTmpFs({ '/small': 'rw,size=150m', '/log': 'rw' })
      .withEnvironment({ PGDATA: '/small/data', POSTGRES_INITDB_ARGS: '--no-sync --waldir=/log/wal' })
      .withCommand(['postgres', '-c', 'fsync=off', '-c', 'shared_buffers=16MB'])
      .start()
    onTestFinished(async () => void (await container.stop({ timeout: 0 })))
    const server = postgres({ url: container.getConnectionUri() })
    const slow = (n: number) => memory({ '1_a.up.sql': `create table a${n} (); select pg_sleep(0.03)` })
    for (let n = 0; n < 4; n++)
      await (await createMigratedDatabase({ server, migrations: slow(n) }))[Symbol.asyncDispose]()
    await settled()
    const all: { [Symbol.asyncDispose](): Promise<void> }[] = []
    const fill = async () => {
      for (let n = 0; n < 40; n++)
        all.push(await createMigratedDatabase({ server, migrations: memory({}), version: 'nil' }))
    }
    const error = await failure(fill())
    expect(error).toBeInstanceOf(NoSpaceError)
    expect(error.message).toMatch(/no room left on the server[\s\S]*migratest databases gc/)
    const client = new Client(container.getConnectionUri())
    await client.connect()
    const { rows } = await client.query("select from pg_database where starts_with(datname, 'migratest_snapshot_')")
    expect(rows.length).toBeLessThanOrEqual(1)
    await client.end()
    // Room again: it goes on.
    for (const db of all) await db[Symbol.asyncDispose]()
    await settled()
    await (await createMigratedDatabase({ server, migrations: slow(9) }))[Symbol.asyncDispose]()
  })
})
