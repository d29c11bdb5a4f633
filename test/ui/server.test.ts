/** The page's server: whom it lets in, and what it tells. */
import { request as httpRequest } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { Migrator } from '../../src/migrate/migrator.ts'
import { directory } from '../../src/source/directory.ts'
import { Inspector } from '../../src/ui/inspector.ts'
import type { InspectorOptions } from '../../src/ui/options.ts'
import type { PlanDocument, SchemaDocument, UiState, VersionDetail } from '../../src/ui/protocol.ts'
import { startUiServer, type UiServer } from '../../src/ui/server.ts'
import { folder, write } from '../support/cli.ts'
import { test as base } from '../support/database.ts'
import { builtPage } from '../support/page.ts'
import { anyPostgres } from '../support/servers.ts'

const SHOP = {
  '0001_users.up.sql': 'create table users (id int primary key);\ninsert into users values (1);',
  '0001_users.down.sql': 'drop table users;',
  '0002_orders.up.sql':
    '-- migrate: no-transaction\ncreate table orders (\n  id int,\n  user_id int references users\n);\n\ncreate index on orders (id);',
  '0002_orders.down.sql': 'drop table orders;',
  '0003_total.ts': 'export async function up({ sql }: any) { await sql("alter table orders add total int") }\n',
}

interface Answer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly text: string
}

const test = base.extend('served', async ({ db }, { onCleanup }) => {
  const path = folder(SHOP)
  const page = await builtPage()
  const servers: UiServer[] = []
  onCleanup(async () => void (await Promise.all(servers.map((server) => server.close()))))
  const open = async (options: Partial<InspectorOptions> = {}) => {
    const inspector = await Inspector.open({
      source: async () => directory(path),
      folder: 'migrations',
      dialect: 'postgres',
      url: db.url,
      open: {},
      migrator: {},
      server: '',
      mode: 'reading',
      testServer: async () => anyPostgres,
      ...options,
    })
    const server = await startUiServer(inspector, { page })
    servers.push(server)
    return { inspector, server }
  }
  const { inspector, server } = await open()
  const { port, searchParams } = new URL(server.url)
  const host = `127.0.0.1:${port}`
  const token = searchParams.get('token') ?? ''
  const ask = (target: string, headers: Record<string, string> = {}, method = 'GET', body = '') =>
    new Promise<Answer>((resolve, reject) => {
      const asked = httpRequest(
        { host: '127.0.0.1', port, path: target, method, headers: { Host: host, ...headers } },
        (answer) => {
          let text = ''
          answer.setEncoding('utf8').on('data', (chunk) => {
            text += chunk
          })
          answer.once('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }))
        },
      )
      asked.once('error', reject)
      asked.end(body)
    })
  const cookie = `migratest-${port}=${token}`
  const get = async <T>(target: string) => JSON.parse((await ask(`/api/${target}`, { Cookie: cookie })).text) as T
  const migrate = async (to: number) => {
    const database = await db.open()
    await new Migrator({ source: directory(path), database }).to(to)
    await database.close()
  }
  return { path, inspector, host, port, token, cookie, ask, get, migrate, open }
})

describe('who is let in', () => {
  test('the address with the token sets a cookie that no script and no other site can use, and leads to one without it', async ({
    served,
  }) => {
    const { headers, status } = await served.ask(`/?token=${served.token}`)
    expect(status).toBe(303)
    expect(headers.location).toBe('/')
    expect(headers['set-cookie']).toEqual([`${served.cookie}; Path=/; HttpOnly; SameSite=Strict`])
    const { status: then, text } = await served.ask('/', { Cookie: served.cookie })
    expect(then).toBe(200)
    expect(text).toContain('<div id="page">')
  })

  test('nobody without the token', async ({ served }) => {
    for (const target of ['/', '/api/state', '/api/events', '/assets/x.js', `/?token=${'x'.repeat(32)}`, '/?token=']) {
      const { status, text } = await served.ask(target)
      expect([target, status]).toEqual([target, 403])
      expect(text).toContain('Open the address that migratest printed')
    }
    const { status } = await served.ask('/api/state', { Cookie: `migratest-${served.port}=${'x'.repeat(32)}` })
    expect(status).toBe(403)
  })

  test('no name that somebody else could point at this machine (DNS rebinding)', async ({ served }) => {
    const cookie = { Cookie: served.cookie }
    for (const host of [
      'evil.example',
      `evil.example:${served.port}`,
      '127.0.0.1',
      '127.0.0.1:1',
      `127.0.0.1.evil.example:${served.port}`,
    ]) {
      expect([host, (await served.ask('/api/state', { ...cookie, Host: host })).status]).toEqual([host, 403])
    }
    expect((await served.ask('/api/state', { ...cookie, Host: `localhost:${served.port}` })).status).toBe(200)
  })

  test('no request that the page of another site makes, even with the cookie', async ({ served }) => {
    const cookie = { Cookie: served.cookie }
    const foreign: Record<string, string>[] = [
      { Origin: 'https://evil.example' },
      { Origin: 'null' },
      { Origin: `https://${served.host}` },
      { Origin: `http://localhost:${served.port}` },
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
    ]
    for (const headers of foreign) {
      expect((await served.ask('/api/state', { ...cookie, ...headers })).status).toBe(403)
    }
    const json = { 'Content-Type': 'application/json' }
    for (const what of ['refresh', 'move', 'answer', 'verify', 'verify/stop', 'generate', 'finish']) {
      const given = { ...cookie, ...json }
      expect((await served.ask(`/api/${what}`, given, 'POST', '{}')).status, what).toBe(403)
      const from = { ...given, Origin: 'https://evil.example' }
      expect((await served.ask(`/api/${what}`, from, 'POST', '{}')).status, what).toBe(403)
    }
    const own = { ...cookie, Origin: `http://${served.host}` }
    expect((await served.ask('/api/refresh', { ...own, 'Content-Type': 'text/plain' }, 'POST', '{}')).status).toBe(400)
    expect((await served.ask('/api/refresh', { ...own, ...json }, 'POST', 'x'.repeat(20_000))).status).toBe(400)
    expect((await served.ask('/api/refresh', { ...own, ...json }, 'POST', '{}')).status).toBe(200)
    expect((await served.ask('/api/state', own, 'PUT')).status).toBe(405)
  })

  test('every answer forbids what is not its own: scripts, frames, guessed types, referrers', async ({ served }) => {
    for (const target of ['/', '/api/state', '/nothing']) {
      const { headers } = await served.ask(target, { Cookie: served.cookie })
      const policy = String(headers['content-security-policy'])
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("script-src 'self'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toMatch(/unsafe|https?:/)
      expect(headers['x-content-type-options']).toBe('nosniff')
      expect(headers['referrer-policy']).toBe('no-referrer')
      expect(headers['access-control-allow-origin']).toBeUndefined()
    }
  })

  test('no file but the page is served', async ({ served }) => {
    for (const target of [
      '/../package.json',
      '/%2e%2e/package.json',
      '/assets/../../../package.json',
      '//etc/passwd',
      '/api/constructor',
      '/__proto__',
    ]) {
      expect([target, (await served.ask(target, { Cookie: served.cookie })).status]).toEqual([target, 404])
    }
  })

  test('it listens on loopback only', async ({ served }) => {
    expect(served.host.startsWith('127.0.0.1:')).toBe(true)
    const { networkInterfaces } = await import('node:os')
    const other = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal)
    if (!other) return
    const reached = await fetch(`http://${other.address}:${served.port}/`).then(
      () => true,
      () => false,
    )
    expect(reached).toBe(false)
  })
})

describe('answers of the server', () => {
  test('the state: every migration, where the database is, and what is wrong', async ({ served }) => {
    await served.migrate(2)
    write(served.path, '0001_users.up.sql', 'create table users (id bigint primary key)')
    await served.inspector.saved()
    const { stations, at, database, connected, mode, failure } = await served.get<UiState>('state')
    expect(stations.map(({ key, number, title, state, parents }) => [key, number, title, state, parents])).toEqual([
      ['1_users', '1', 'users', 'edited', []],
      ['2_orders', '2', 'orders', 'applied', ['1_users']],
      ['3_total', '3', 'total', 'pending', ['2_orders']],
    ])
    expect({ at, connected, mode, failure }).toEqual({
      at: '2_orders',
      connected: true,
      mode: 'reading',
      failure: undefined,
    })
    expect(database).not.toMatch(/password|:\/\//)
  })

  test('a version: both halves, the lines of their statements, and the text that was applied if it was edited', async ({
    served,
  }) => {
    await served.migrate(2)
    write(served.path, '0001_users.up.sql', 'create table users (id bigint primary key)')
    const edited = await served.get<VersionDetail>('version?key=1_users')
    expect(edited.recorded?.up).toBe(undefined)
    await served.inspector.saved()
    expect((await served.get<VersionDetail>('version?key=1_users')).recorded).toEqual({
      up: SHOP['0001_users.up.sql'],
      down: SHOP['0001_users.down.sql'],
    })
    const { up, down } = await served.get<VersionDetail>('version?key=2_orders')
    expect(up).toMatchObject({
      kind: 'sql',
      path: join(served.path, '0002_orders.up.sql'),
      transaction: false,
    })
    expect(up?.statements).toEqual([
      { from: 2, to: 5 },
      { from: 7, to: 7 },
    ])
    expect(down?.text).toBe('drop table orders;')
    const code = await served.get<VersionDetail>('version?key=3_total')
    expect(code.up).toMatchObject({ kind: 'code', text: SHOP['0003_total.ts'] })
    const { error } = await served.get<{ error: { code: string } }>('version?key=9_nothing')
    expect(error.code).toBe('MIGRATEST_VERSION_NOT_FOUND')
  })

  test('the schema after any version, and of the database as it is', async ({ served }) => {
    const names = async (key: string) =>
      (await served.get<SchemaDocument>(`schema?key=${key}`)).objects.map(({ name }) => name)
    expect(await names('1_users')).toContain('users')
    expect(await names('1_users')).not.toContain('orders')
    expect(await names('3_total')).toContain('orders')
    expect(await names('nil')).not.toContain('users')
    expect(await names('database')).not.toContain('users')
    await served.migrate(1)
    await served.inspector.refresh()
    expect(await names('database')).toContain('users')
  })

  test('the way between two versions, up and down', async ({ served }) => {
    const steps = async (from: string, to: string) =>
      (await served.get<PlanDocument>(`plan?from=${from}&to=${to}`)).steps.map(
        ({ direction, key }) => `${direction} ${key}`,
      )
    expect(await steps('nil', '2_orders')).toEqual(['up 1_users', 'up 2_orders'])
    expect(await steps('2_orders', 'nil')).toEqual(['down 2_orders', 'down 1_users'])
    expect(await steps('database', '3_total')).toEqual(['up 1_users', 'up 2_orders', 'up 3_total'])
  })

  test('each change, as it happens; a page that comes later gets the same state', async ({ served }) => {
    const aborted = new AbortController()
    const stream = await fetch(`http://${served.host}/api/events`, {
      headers: { Cookie: served.cookie },
      signal: aborted.signal,
    })
    let text = ''
    void stream.body
      ?.pipeThrough(new TextDecoderStream())
      .pipeTo(
        new WritableStream({
          write(chunk) {
            text += chunk
          },
        }),
      )
      .catch(() => undefined)
    await expect.poll(() => text).toContain('event: state')
    served.inspector.hear({ type: 'failed', version: 1, error: { code: 'X', message: 'no <script>' } })
    await expect.poll(() => text).toContain('event: heard\ndata: {"id":1,')
    await expect.poll(() => text).toContain('event: change\ndata: {"set":{"failure":{"code":"X"')
    served.inspector.hear({ type: 'unchanged', files: [], mended: true })
    await expect.poll(() => text).toContain('"unset":["failure"]')
    served.inspector.hear({ type: 'failed', version: 1, error: { code: 'X', message: 'no <script>' } })
    const { failure, events } = await served.get<UiState>('state')
    expect(failure).toEqual({ code: 'X', message: 'no <script>' })
    expect(events).toHaveLength(3)
    aborted.abort()
  })

  test('a folder that cannot be read: the reason, and what was there before', async ({ served }) => {
    write(served.path, '0002_again.up.sql', 'select 1')
    await served.inspector.saved()
    const { unread, stations } = await served.get<UiState>('state')
    expect(unread?.message).toContain('0002_again.up.sql')
    expect(stations).toHaveLength(3)
  })

  test('a database that goes away, and comes back', async ({ served, db }) => {
    await served.migrate(1)
    const { hostname, port } = new URL(db.url)
    const sockets = new Set<Socket>()
    const proxy = createServer((socket) => {
      const other = connect(Number(port), hostname)
      for (const one of [socket, other]) sockets.add(one.on('error', () => undefined))
      socket.pipe(other).pipe(socket)
    })
    const listen = (at: number) => new Promise<void>((resolve) => proxy.listen(at, '127.0.0.1', resolve))
    await listen(0)
    const { port: at } = proxy.address() as AddressInfo
    const url = new URL(db.url)
    url.host = `127.0.0.1:${at}`
    const { inspector } = await served.open({ url: url.href })
    expect(inspector.state).toMatchObject({ connected: true, at: '1_users' })
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => proxy.close(resolve))
    await inspector.refresh()
    expect(inspector.state).toMatchObject({ connected: false, at: '1_users', unread: { code: 'MIGRATEST_CONNECTION' } })
    expect(inspector.state.stations).toHaveLength(3)
    await listen(at)
    // Nobody has to ask, if a page is open.
    const stop = inspector.listen(() => undefined)
    await expect.poll(() => inspector.state.connected).toBe(true)
    stop()
    for (const socket of sockets) socket.destroy()
    proxy.close()
  })

  test('a database that was never there: the files alone', async ({ served }) => {
    const { inspector } = await served.open({ url: 'postgres://127.0.0.1:1/nothing' })
    const { connected, stations } = inspector.state
    expect(connected).toBe(false)
    expect(stations.map(({ key, state }) => [key, state])).toEqual([
      ['1_users', undefined],
      ['2_orders', undefined],
      ['3_total', undefined],
    ])
  })

  test('nothing is moved and nothing written where there is no watch', async ({ served }) => {
    const headers = { Cookie: served.cookie, Origin: `http://${served.host}`, 'Content-Type': 'application/json' }
    for (const what of ['move', 'generate', 'finish']) {
      const { status, text } = await served.ask(`/api/${what}`, headers, 'POST', '{"to":"3_total"}')
      expect(status).toBe(400)
      expect(text).toContain('only looks')
    }
    expect((await served.get<UiState>('state')).at).toBe('nil')
  })

  test('a move becomes a job of the watch: so many up, or so many down', async ({ served }) => {
    const jobs: unknown[] = []
    await served.migrate(2)
    const { inspector } = await served.open({ mode: 'watching', act: (job) => jobs.push(job) })
    inspector.move('3_total')
    inspector.move('nil')
    inspector.move('1_users')
    inspector.move('2_orders')
    expect(() => inspector.move('4_nothing')).toThrow('There is no migration "4_nothing"')
    expect(jobs).toEqual([
      { kind: 'move', wish: { kind: 'up', count: 1 } },
      { kind: 'move', wish: { kind: 'down', count: 2 } },
      { kind: 'move', wish: { kind: 'down', count: 1 } },
    ])
  })
})
