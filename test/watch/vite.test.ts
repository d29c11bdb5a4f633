/** The vite plugin on a real vite: the URL in the environment, the overlay, the reload, and an end. */
import { cpSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer, type ViteDevServer } from 'vite'
import { expect, onTestFinished } from 'vitest'
import { migratest, type VitePluginOptions } from '../../presets/vitePlugin.ts'
import { openDevelopment } from '../../src/database/open.ts'
import type { UiState } from '../../src/ui/protocol.ts'
import { test } from '../support/database.ts'
import { builtPage } from '../support/page.ts'

const NAME = 'MIGRATEST_TEST_URL'

async function started(
  url: string,
  more: VitePluginOptions = {},
): Promise<{ server: ViteDevServer; root: string; said: string[]; options: VitePluginOptions }> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'migratest-vite-')))
  cpSync(join(import.meta.dirname, '..', '..', 'examples', 'vite'), root, { recursive: true })
  // Servers in Docker may be on another host than this one.
  const development = await openDevelopment(url)
  await development.mark('development')
  await development.close()
  const said: string[] = []
  const info = (text: string) => void said.push(text)
  // It keeps out of test runs, of which this is one.
  const { VITEST } = process.env
  delete process.env.VITEST
  const options: VitePluginOptions = { database: url, env: NAME, seeds: 'seeds.sql', ...more }
  const server = await createServer({
    root,
    configFile: false,
    server: { port: 0, host: '127.0.0.1' },
    customLogger: {
      info,
      warn: info,
      warnOnce: info,
      error: info,
      clearScreen: () => undefined,
      hasErrorLogged: () => false,
      hasWarned: false,
    },
    plugins: [migratest(options)],
  })
  process.env.VITEST = VITEST
  await server.listen()
  onTestFinished(async () => {
    await server.close()
    rmSync(root, { recursive: true, force: true })
    delete process.env[NAME]
  })
  return { server, root, said, options }
}

/** As a browser does. */
async function page(server: ViteDevServer): Promise<Record<string, unknown>[]> {
  const heard: Record<string, unknown>[] = []
  const port = Number(new URL(server.resolvedUrls?.local[0] ?? '').port)
  const socket = new WebSocket(`ws://127.0.0.1:${port}/?token=${server.config.webSocketToken}`, 'vite-hmr')
  socket.addEventListener('message', ({ data }) => void heard.push(JSON.parse(String(data))))
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  onTestFinished(() => socket.close())
  return heard
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; !what() && i < 1000; i++) await sleep(10)
  expect(what()).toBe(true)
}

test('vite dev has a database, shows a migration that fails where the page is, and takes it back when it is mended', async ({
  db,
}) => {
  const { server, root, said } = await started(db.url)
  expect(process.env[NAME]).toBe(db.url)
  expect(await db.rows('select id::int, title, done from notes order by id limit 1')).toEqual([
    { id: 1, title: 'Write a migration', done: false },
  ])
  expect(said.join('\n')).toContain('version 2')
  const heard = await page(server)
  const file = join(root, 'migrations', '0002_add_done.up.sql')
  writeFileSync(file, 'ALTER TABLE notes ADD COLUMN done bolean;')
  await until(() => heard.some(({ type }) => type === 'error'))
  expect(heard.find(({ type }) => type === 'error')).toMatchObject({
    err: {
      message: expect.stringContaining('type "bolean" does not exist'),
      plugin: 'migratest',
      loc: { line: 1, column: 35 },
    },
  })
  // Who comes later sees it, too.
  const later = await page(server)
  await until(() => later.some(({ type }) => type === 'error'))
  writeFileSync(file, 'ALTER TABLE notes ADD COLUMN done boolean, ADD COLUMN due date;')
  await until(() => heard.some(({ type }) => type === 'full-reload'))
  expect(await db.rows('select title, done, due from notes where id = 1')).toEqual([
    { title: 'Write a migration', done: false, due: null },
  ])
  const fresh = await page(server)
  await sleep(100)
  expect(fresh.filter(({ type }) => type === 'error')).toEqual([])
})

test('a save of the wanted schema is proposed in the terminal of vite', async ({ db }) => {
  const { root, said } = await started(db.url, { wanted: 'schema.sql' })
  const wanted = (more: string) =>
    `CREATE TABLE notes (id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, title text NOT NULL, done boolean NOT NULL DEFAULT false${more});`
  writeFileSync(join(root, 'schema.sql'), wanted(', due date'))
  await until(() => said.some((text) => text.includes('is proposed')))
  expect(said.join('\n')).toContain('ADD COLUMN due date')
  writeFileSync(join(root, 'schema.sql'), wanted(', due dat'))
  await until(() => said.some((text) => text.includes('schema.sql:1:')))
  // The page writes what g and Enter write in the terminal.
  writeFileSync(join(root, 'schema.sql'), wanted(', due date, note text'))
  await until(() => said.some((text) => text.includes('ADD COLUMN note text')))
  await builtPage()
  const address = new URL(/the page is at (\S+)/.exec(said.join('\n'))?.[1] ?? '')
  const entered = await fetch(address, { redirect: 'manual' })
  const Cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? ''
  const headers = { Cookie, Origin: address.origin, 'Content-Type': 'application/json' }
  const written = await fetch(new URL('/__migratest/api/generate', address), { method: 'POST', headers, body: '{}' })
  expect(written.status).toBe(200)
  await until(() => said.some((text) => text.includes('version 3 in')))
  expect(readdirSync(join(root, 'migrations'))).toHaveLength(6)
})

test('a restart of vite keeps the watch; its end ends it', async ({ db }) => {
  const { server } = await started(db.url)
  const watching = async () =>
    (
      await db.rows(
        "select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'vite, migratest'",
      )
    )[0]?.n
  expect(await watching()).toBe(2)
  const { VITEST } = process.env
  delete process.env.VITEST
  await server.restart()
  process.env.VITEST = VITEST
  expect(await watching()).toBe(2)
  await server.close()
  for (let i = 0; i < 200 && (await watching()) !== 0; i++) await sleep(10)
  expect(await watching()).toBe(0)
})

test('a restart with other options: the old watch ends, and the new one follows the same database', async ({ db }) => {
  const { server, root, options } = await started(db.url)
  const { VITEST } = process.env
  delete process.env.VITEST
  Object.assign(options, { reload: false, seeds: [] })
  await server.restart()
  process.env.VITEST = VITEST
  writeFileSync(join(root, 'migrations/7_later.up.sql'), 'create table later (id int)')
  const isThere = async () => (await db.rows("select to_regclass('later') as there"))[0]?.there !== null
  for (let i = 0; i < 500 && !(await isThere()); i++) await sleep(10)
  expect(await isThere()).toBe(true)
})

test('the page is at /__migratest/, for the address that is printed, and says what the watch does', async ({ db }) => {
  await builtPage()
  const { server, said } = await started(db.url)
  const address = /the page is at (\S+)/.exec(said.join('\n'))?.[1] ?? ''
  const { origin, pathname } = new URL(address)
  expect(pathname).toBe('/__migratest/')
  expect((await fetch(`${origin}${pathname}`)).status).toBe(403)
  expect((await fetch(`${origin}/__migratest`, { redirect: 'manual' })).headers.get('location')).toBe('/__migratest/')
  const entered = await fetch(address, { redirect: 'manual' })
  const cookie = entered.headers.get('set-cookie') ?? ''
  expect(cookie).toMatch(/; Path=\/__migratest\/; HttpOnly; SameSite=Strict$/)
  const headers = { Cookie: cookie.split(';')[0] ?? '' }
  const page = await fetch(`${origin}/__migratest/`, { headers })
  expect(await page.text()).toContain('<div id="page">')
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
  const state = (await (await fetch(`${origin}/__migratest/api/state`, { headers })).json()) as UiState
  expect(state.at).toBe('2_add_done')
  expect((state.events ?? []).some(({ event }) => event.type === 'applied')).toBe(true)
  // The app's own page is still there.
  expect((await fetch(`${origin}/`)).status).toBe(200)
  await server.close()
})
