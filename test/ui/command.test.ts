/** `migratest ui` as it is typed: its address, what it may change, and the file that it writes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished } from 'vitest'
import { createMigratedDatabase } from '../../fixtures/withMigratedDatabase.ts'

import { listKept, removeKept } from '../../src/testing/server/kept.ts'
import type { SavedPage, UiState } from '../../src/ui/protocol.ts'
import { cli, folder, program, source, write } from '../support/cli.ts'
import { test } from '../support/database.ts'
import { builtPage } from '../support/page.ts'
import { anyPostgres } from '../support/servers.ts'

const SHOP = {
  'migrations/0001_users.up.sql': 'create table users (id int primary key);',
  'migrations/0001_users.down.sql': 'drop table users;',
  'migrations/0002_orders.up.sql': 'create table orders (id int references users);',
  'migrations/0002_orders.down.sql': 'drop table orders;',
}

interface Running {
  readonly child: ChildProcess
  /** The documents that it has printed, each in a line. */
  readonly lines: Record<string, unknown>[]
  said(): string
}

/** Makes Node print each module of the page's server that it loads. */
const TELLS = `--import "data:text/javascript,import { registerHooks } from 'node:module'; registerHooks({ load(url, context, next) { if (url.includes('/src/ui/')) process.stderr.write(url); return next(url, context) } })"`

async function running(
  cwd: string,
  args: readonly string[],
  command = 'ui',
  more: Readonly<Record<string, string>> = {},
  start = program,
): Promise<Running> {
  await builtPage()
  const { DATABASE_URL: _, NODE_ENV: __, ...rest } = process.env
  const env = { ...rest, ...more }
  const child = spawn(process.execPath, [start, command, '--json', ...args], { cwd, env: env as NodeJS.ProcessEnv })
  onTestFinished(() => ended(child))
  const lines: Record<string, unknown>[] = []
  let [out, err] = ['', '']
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  child.stdout.on('data', (chunk) => {
    out += chunk
    const whole = out.split('\n')
    out = whole.pop() ?? ''
    for (const line of whole) lines.push(JSON.parse(line))
  })
  return { child, lines, said: () => err }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const end = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await end
}

async function addressOf({ lines, said }: Running): Promise<URL> {
  await expect
    .poll(() => lines.find(({ type }) => type === 'page')?.url, { message: said(), timeout: 30_000 })
    .toBeDefined()
  return new URL(String(lines.find(({ type }) => type === 'page')?.url))
}

/** The state as a browser gets it that has opened the address. */
async function stateAt(address: URL): Promise<UiState> {
  const entered = await fetch(address, { redirect: 'manual' })
  const headers = { Cookie: entered.headers.get('set-cookie')?.split(';')[0] ?? '' }
  return (await (await fetch(`${address.origin}/api/state`, { headers })).json()) as UiState
}

describe('migratest ui', () => {
  test('a database that is marked for development follows the files', async ({ db }) => {
    const cwd = folder(SHOP)
    expect(
      cli(['mark', 'development', '--database', db.url, '--confirm', new URL(db.url).pathname.slice(1)]).code,
    ).toBe(0)
    const it = await running(cwd, ['--database', db.url])
    const address = await addressOf(it)
    await expect.poll(async () => (await stateAt(address)).at).toBe('2_orders')
    expect((await stateAt(address)).mode).toBe('watching')
    write(cwd, 'migrations/0003_more.up.sql', 'create table more (id int);')
    await expect.poll(async () => (await stateAt(address)).at).toBe('3_more')
  })

  test('one that nobody has marked is only looked at, and the page says why', async ({ db }) => {
    const cwd = folder(SHOP)
    const it = await running(cwd, ['--database', db.url])
    const state = await stateAt(await addressOf(it))
    expect(state.mode).toBe('reading')
    expect(state.why).toContain('not marked for development')
    write(cwd, 'migrations/0003_more.up.sql', 'create table more (id int);')
    const address = await addressOf(it)
    await expect.poll(async () => (await stateAt(address)).stations.length).toBe(3)
    expect((await stateAt(address)).at).toBe('nil')
    expect(await db.rows("select to_regclass('users') as found")).toEqual([{ found: null }])
  })

  test('the kept database of a failed test, at its version, is only looked at', async () => {
    const cwd = folder(SHOP)
    const db = await createMigratedDatabase({
      server: anyPostgres,
      migrations: join(cwd, 'migrations'),
      version: 1,
    })
    await db.keep({ test: 'orders', file: 'orders.test.ts' })
    await db[Symbol.asyncDispose]()
    const state = await stateAt(await addressOf(await running(cwd, ['--kept', db.name])))
    expect(state).toMatchObject({ at: '1_users', mode: 'reading' })
    expect(state.why).toContain('kept from a failed test, orders.test.ts > orders')
    expect(cli(['ui', '--kept', 'none'], {}, cwd)).toMatchObject({ code: 2, err: expect.stringContaining(db.name) })
    await removeKept((await listKept(undefined)).filter(({ name }) => name === db.name))
  })

  test('one that another watch follows is only looked at, and shows what that one does', async ({ db }) => {
    const cwd = folder(SHOP)
    const name = new URL(db.url).pathname.slice(1)
    const watching = await running(cwd, ['--database', db.url, '--confirm', name], 'watch')
    await expect.poll(() => watching.lines.some(({ type }) => type === 'ready'), { timeout: 30_000 }).toBe(true)
    const it = await running(cwd, ['--database', db.url])
    const address = await addressOf(it)
    const state = await stateAt(address)
    expect({ mode: state.mode, at: state.at }).toEqual({ mode: 'reading', at: '2_orders' })
    expect(state.why).toContain('Another watch follows')
    write(cwd, 'migrations/0003_more.up.sql', 'create table more (id int);')
    await expect.poll(async () => (await stateAt(address)).at).toBe('3_more')
    await ended(it.child)
    await ended(watching.child)
  })

  test('a second start has the same address, so that an open page comes back', async ({ db }) => {
    const cwd = folder(SHOP)
    const first = await running(cwd, ['--database', db.url, '--read-only'])
    const address = await addressOf(first)
    // While it runs, another one of the same folder takes another port.
    const second = await running(cwd, ['--database', db.url, '--read-only'])
    expect((await addressOf(second)).port).not.toBe(address.port)
    await ended(second.child)
    await ended(first.child)
    const again = await running(cwd, ['--database', db.url, '--read-only', '--port', address.port])
    expect((await addressOf(again)).href).toBe(address.href)
  })

  test('a port that is taken or is none ends the command with a reason', async ({ db }) => {
    const cwd = folder(SHOP)
    const args = ['ui', '--read-only', '--database', db.url]
    expect(cli([...args, '--port', 'x'], {}, cwd)).toMatchObject({
      code: 2,
      err: expect.stringContaining('not a port'),
    })
    const it = await running(cwd, ['--database', db.url, '--read-only'])
    const { port } = await addressOf(it)
    expect(cli([...args, '--port', port], {}, cwd)).toMatchObject({
      code: 2,
      err: expect.stringContaining('it is taken'),
    })
  })

  test('watch has the page, and loads it, only with --ui', async ({ db }) => {
    const cwd = folder(SHOP)
    const name = new URL(db.url).pathname.slice(1)
    const tells = { NODE_OPTIONS: TELLS }
    const plain = await running(cwd, ['--database', db.url, '--confirm', name], 'watch', tells, source)
    await expect.poll(() => plain.lines.some(({ type }) => type === 'ready'), { timeout: 30_000 }).toBe(true)
    expect(plain.lines.some(({ type }) => type === 'page')).toBe(false)
    expect(plain.said()).not.toContain('/src/ui/')
    await ended(plain.child)
    const it = await running(cwd, ['--database', db.url, '--ui'], 'watch', tells, source)
    await expect.poll(() => it.said(), { timeout: 30_000 }).toContain('/src/ui/inspector.ts')
    expect((await stateAt(await addressOf(it))).mode).toBe('watching')
    // Also if it is ended while it still starts.
    await ended(it.child)
  })

  test('--export writes one file with all versions; from one that fails on, the reason', async () => {
    await builtPage()
    const cwd = folder({ ...SHOP, 'migrations/0003_wrong.up.sql': 'create tabel x (id int);' })
    const { code, err, out } = cli(['ui', '--export', 'site'], {}, cwd)
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^Wrote site[/\\]index\.html: 3 migrations/) })
    expect(err).toContain('from 3_wrong on there is no schema')
    const html = readFileSync(join(cwd, 'site', 'index.html'), 'utf8')
    const json = /<script type="application\/json" id="saved">(.*?)<\/script>/.exec(html)?.[1] ?? ''
    const saved = JSON.parse(json) as SavedPage
    const names = (key: string) => saved.schemas[key]?.map((index) => saved.objects[index]?.name)
    expect(names('1_users')).toContain('users')
    expect(names('2_orders')).toContain('orders')
    expect(names('3_wrong')).toBeUndefined()
    expect(saved.missing['3_wrong']).toContain('0003_wrong.up.sql')
    expect(json).not.toContain(cwd)
    // Nothing is loaded: every address in it is an XML namespace.
    const addresses = new Set([...html.matchAll(/(?:src|href)=["']?(https?:[^"'\s>]+)/g)].map((match) => match[1]))
    expect([...addresses]).toEqual([])
  })
})
