/** `migrate watch`, killed at rising moments, and its server restarted under it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished } from 'vitest'
import { findEmbedded, findInstalled } from '../../src/server/binaries.ts'
import { remember } from '../../src/server/kept.ts'
import { startProcess } from '../../src/server/process.ts'
import type { WatchEvent } from '../../src/watch/events.ts'
import { program } from '../support/cli.ts'
import { test, Watched } from '../support/watch.ts'

const KILLS = Number(process.env.MIGRATEST_KILLS ?? 6)

/** The command in a process of its own. */
class Process {
  readonly child: ChildProcess
  readonly events: WatchEvent[] = []
  errors = ''

  constructor(watched: Watched) {
    const name = decodeURIComponent(new URL(watched.url).pathname.slice(1))
    const args = [
      'watch',
      '--json',
      '--path',
      watched.folder,
      '--on-irreversible',
      'rebuild',
      '--database',
      watched.url,
      '--confirm',
      name,
    ]
    const { NODE_ENV: _, ...env } = process.env
    this.child = spawn(process.execPath, [program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: env as NodeJS.ProcessEnv,
    })
    onTestFinished(() => void this.child.kill('SIGKILL'))
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) =>
      this.events.push(JSON.parse(line)),
    )
    this.child.stderr?.on('data', (chunk) => {
      this.errors += chunk
    })
  }

  async has(type: WatchEvent['type'], from = 0): Promise<WatchEvent> {
    for (let i = 0; i < 2000; i++) {
      const found = this.events.slice(from).find((event) => event.type === type)
      if (found) return found
      if (this.child.exitCode !== null) break
      await sleep(10)
    }
    throw new Error(`No ${type}: ${JSON.stringify(this.events.slice(from))} ${this.errors}`)
  }

  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await ended
  }
}

const up = (columns: string, more = '') =>
  `create table t (id serial primary key, v text${columns}); select pg_sleep(0.05); ${more}`

describe('kill -9', () => {
  test(`${KILLS} times during a run: the next start ends where the files are, with every row`, {
    timeout: 240_000,
  }, async ({ watched, db }) => {
    watched.write('1_t.up.sql', up(''))
    watched.write('1_t.down.sql', 'drop table t; select pg_sleep(0.02)')
    for (let kill = 0; kill < KILLS; kill++) {
      const watch = new Process(watched)
      await watch.has('ready')
      const client = await db.connect()
      if (kill === 0) await client.query("insert into t (v) select 'row ' || i from generate_series(1, 500) i")
      // Every third cannot share a transaction, so that there is a copy to go back to.
      const concurrently = kill % 3 === 2
      const index = 'create index concurrently by_v on t (v)'
      if (concurrently) watched.write('2_i.up.sql', index)
      else watched.remove('2_i.up.sql')
      watched.write('1_t.up.sql', up(`, c${kill} int`))
      await sleep(20 + (kill * 400) / KILLS)
      await watch.kill()
    }
    const last = new Process(watched)
    await last.has('ready')
    expect(String(await watched.schema())).toBe(String(await watched.fresh()))
    const client = await db.connect()
    expect(
      (
        await client.query(
          "select count(*)::int, max(id), count(*) filter (where v = 'row ' || id)::int as whole from t",
        )
      ).rows,
    ).toEqual([{ count: 500, max: 500, whole: 500 }])
    expect((await client.query("insert into t (v) values ('next') returning id")).rows).toEqual([{ id: 501 }])
    expect((await client.query("select datname from pg_database where datname like '%before_watch%'")).rows).toEqual([])
    await last.kill()
  })
})

describe('the server restarts under it', () => {
  test('it waits, and goes on with what was saved meanwhile', { timeout: 120_000 }, async () => {
    const embedded = findEmbedded(process.cwd())
    const binaries = typeof embedded === 'string' ? findInstalled()[0] : embedded
    if (!binaries) throw new Error('no binaries of PostgreSQL on this machine')
    const key = `restart${process.pid}`
    const request = {
      kind: 'postgres',
      from: 'embedded',
      version: undefined,
      image: undefined,
      flags: {},
      setup: [],
      keep: true,
    } as const
    const home = mkdtempSync(join(tmpdir(), 'migratest-restart-'))
    chmodSync(home, 0o755)
    process.env.XDG_DATA_HOME = home
    onTestFinished(() => {
      delete process.env.XDG_DATA_HOME
      rmSync(home, { recursive: true, force: true })
    })
    remember(key, { password: 'secret', id: 'test' })
    const start = () =>
      startProcess({ key, binaries, request, password: 'secret', how: 'embedded', onProgress: () => undefined })
    const first = await start()
    const watched = new Watched(first.url)
    onTestFinished(() => watched.close())
    watched.write('1_t.up.sql', 'create table t (id int)')
    watched.write('1_t.down.sql', 'drop table t')
    await watched.start()
    const lost = watched.next('disconnected')
    await first.stop()
    await lost
    watched.write('1_t.up.sql', 'create table t (id int, v text)')
    const back = watched.next('reconnected')
    const applied = watched.next('applied')
    const second = await start()
    onTestFinished(() => second.stop())
    // The same port and password: the URL that an app was given still leads there.
    expect(second.url).toBe(first.url)
    await back
    expect(await applied).toMatchObject({ to: 1, changes: [{ what: 'edited' }] })
    await watched.close()
  })
})
