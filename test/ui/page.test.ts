/** The page in Chromium: each view, light and dark, by keyboard alone, checked by axe, and live. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, type TestContext } from 'vitest'
import { migrationFiles } from '../../src/cli/drafts.ts'
import { verifyForPage } from '../../src/cli/verify/forPage.ts'
import { directory } from '../../src/source/directory.ts'
import { readAssets } from '../../src/ui/assets.ts'
import { Inspector } from '../../src/ui/inspector.ts'
import type { InspectorOptions } from '../../src/ui/options.ts'
import { savePage } from '../../src/ui/savedPage.ts'
import { startUiServer, type UiServer } from '../../src/ui/server.ts'
import { singleFile } from '../../src/ui/singleFile.ts'
import type { VerifyOptions } from '../../src/verify/verify.ts'
import type { WatchOptions } from '../../src/watch/options.ts'
import { cli } from '../support/cli.ts'
import { builtPage, describeInChromium, launchChromium } from '../support/page.ts'
import { anyPostgres } from '../support/servers.ts'
import { test as base, type Watched } from '../support/watch.ts'

/** A name with everything that markup, SQL and terminals might stumble over. */
const ODD = `<script>alert(1)</script> "it's" 🦆`

const SHOP: Readonly<Record<string, string>> = {
  '0001_users.up.sql':
    "create table users (\n  id int primary key,\n  name text not null\n);\ninsert into users values (1, 'Ada'), (2, 'Grace');",
  '0001_users.down.sql': 'drop table users;',
  '0002_orders.up.sql':
    'create table orders (id int primary key, user_id int references users);\ncreate view names as select name from users;',
  '0002_orders.down.sql': 'drop view names;\ndrop table orders;',
  '0003_mail.up.sql': 'alter table users add column mail text;',
  '0003_mail.down.sql': 'alter table users drop column mail;',
}

/** The options that verify the schemas of a folder. */
function verifying({ folder: migrations }: Watched): VerifyOptions<unknown> {
  return { server: anyPostgres, migrations, groups: ['schema'] }
}

/** The folder for screenshots. They are made on demand: no test compares them, and they take as long as the tests. */
const PICTURES = process.env.MIGRATEST_SCREENSHOTS ? join(import.meta.dirname, 'screenshots') : undefined

let browser: Browser
let folder: string

/** The folder that is shown, and how a picture is attached to the test. */
interface Around {
  readonly watched: Watched
  readonly annotate: TestContext['annotate']
}

/** The page of a folder and a database, open in a browser. */
class Shown {
  readonly inspector: Inspector
  readonly server: UiServer
  readonly page: Page
  readonly watched: Watched
  /** Errors and dialogs of the browser. */
  readonly complaints: string[] = []
  readonly #context: BrowserContext
  readonly #annotate: TestContext['annotate']

  private constructor(
    { watched, annotate }: Around,
    inspector: Inspector,
    server: UiServer,
    context: BrowserContext,
    page: Page,
  ) {
    this.watched = watched
    this.#annotate = annotate
    this.inspector = inspector
    this.server = server
    this.#context = context
    this.page = page
    page.on('console', (message) => message.type() === 'error' && this.complaints.push(message.text()))
    page.on('pageerror', (error) => this.complaints.push(error.message))
    page.on('dialog', (dialog) => this.complaints.push(`a dialog: ${dialog.message()}`))
  }

  static async of(around: Around, options: Partial<InspectorOptions> = {}): Promise<Shown> {
    const { watched } = around
    const inspector = await Inspector.open({
      source: async () => directory(watched.folder),
      folder: 'migrations',
      dialect: 'postgres',
      url: watched.url,
      open: {},
      migrator: {},
      server: '',
      mode: 'reading',
      testServer: async () => anyPostgres,
      ...options,
    })
    const server = await startUiServer(inspector, { page: folder })
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' })
    const shown = new Shown(around, inspector, server, context, await context.newPage())
    await shown.page.goto(server.url)
    return shown
  }

  /** The same with a watch, which the page follows and moves. */
  static async following(
    around: Around,
    options: Partial<WatchOptions>,
    page: Partial<InspectorOptions>,
  ): Promise<Shown> {
    const { watched } = around
    let act: InspectorOptions['act']
    const shown = await Shown.of(around, { mode: 'watching', act: (job) => act?.(job), ...page })
    const watcher = await watched.start({
      onEvent: (event) => {
        watched.events.push(event)
        shown.inspector.hear(event)
      },
      onStep: (running) => shown.inspector.tell({ running }),
      ask: (question, signal) => shown.inspector.ask(question, signal),
      answer: (asked, signal) => shown.inspector.answer(asked, signal),
      ...options,
    })
    act = (job) => watcher.do(job)
    return shown
  }

  async go(hash: string): Promise<void> {
    await this.page.evaluate((to) => {
      location.hash = to
    }, hash)
  }

  async text(): Promise<string> {
    return (await this.page.locator('#page').textContent()) ?? ''
  }

  /** Saves pictures of what is shown, in both themes and at three widths, and attaches them to the test. */
  async photograph(name: string): Promise<void> {
    if (!PICTURES) return
    mkdirSync(PICTURES, { recursive: true })
    for (const colorScheme of ['light', 'dark'] as const) {
      await this.page.emulateMedia({ colorScheme })
      for (const width of [380, 2560, 1280]) {
        await this.page.setViewportSize({ width, height: 900 })
        const path = join(PICTURES, `${name}, ${colorScheme}, ${width}.png`)
        await this.page.screenshot({ path })
        await this.#annotate(`${name}, ${colorScheme}, ${width}`, { path, contentType: 'image/png' })
      }
    }
  }

  /** The animations that never end although the browser asks for reduced motion. */
  motion(): Promise<string[]> {
    return this.page.evaluate(() =>
      document
        .getAnimations()
        .filter(({ effect }) => effect?.getComputedTiming().iterations === Number.POSITIVE_INFINITY)
        .map((animation) => (animation as CSSAnimation).animationName),
    )
  }

  /** Violations of the rules that axe checks, one line each. */
  async violations(): Promise<string[]> {
    // In a world of its own, which the page's policy does not govern.
    const session = await this.#context.newCDPSession(this.page)
    const { frameTree } = await session.send('Page.getFrameTree')
    const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id })
    await session.send('Runtime.evaluate', { contextId: executionContextId, expression: axe.source })
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
      contextId: executionContextId,
      awaitPromise: true,
      returnByValue: true,
      expression: `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
        .then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html, any }) => id + ': ' + html + ' ' + (any[0]?.message ?? ''))))`,
    })
    await session.detach()
    if (exceptionDetails) throw new Error(exceptionDetails.text)
    return result.value
  }

  async close(): Promise<void> {
    await this.#context.close()
    await this.server.close()
  }
}

/** Schemas and verifications wait for a test server, which may have much to do. */
const PATIENT = { timeout: 40_000 }

const test = base.extend('shown', async ({ watched, annotate }, { onCleanup }) => {
  const around = { watched, annotate }
  const all: Shown[] = []
  onCleanup(async () => void (await Promise.all(all.map((one) => one.close()))))
  return {
    /** Writes the files and shows them. */
    async looking(files: Readonly<Record<string, string>> = SHOP, options: Partial<InspectorOptions> = {}) {
      for (const [name, text] of Object.entries(files)) watched.write(name, text)
      const shown = await Shown.of(around, options)
      all.push(shown)
      return shown
    },
    async following(
      files: Readonly<Record<string, string>> = SHOP,
      options: Partial<WatchOptions> = {},
      page: Partial<InspectorOptions> = {},
    ) {
      for (const [name, text] of Object.entries(files)) watched.write(name, text)
      const shown = await Shown.following(around, options, page)
      all.push(shown)
      return shown
    },
  }
})

describeInChromium('the page', () => {
  beforeAll(async () => {
    folder = await builtPage()
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  const VIEWS: readonly { readonly view: string; readonly hash: string; readonly shows: string }[] = [
    { view: 'a migration', hash: '#/migrations/2_orders', shows: 'CREATE VIEW names' },
    { view: 'a schema', hash: '#/migrations/2_orders/schema', shows: 'CREATE TABLE users' },
    { view: 'a diagram', hash: '#/migrations/2_orders/diagram', shows: '3 tables and views' },
    { view: 'a comparison', hash: '#/compare/nil/3_mail', shows: 'mail text' },
    { view: 'rows', hash: '#/rows/public/users', shows: 'Ada' },
    { view: 'findings', hash: '#/findings', shows: 'just the schema that the migrations make' },
    { view: 'the activity', hash: '#/activity', shows: 'At 3 in' },
  ]

  test('each view, in light and dark, at three widths: nothing is cut off, axe finds nothing', async ({ shown }) => {
    const one = await shown.following()
    await expect.poll(() => one.inspector.state.at, PATIENT).toBe('3_mail')
    const found: string[] = []
    for (const { view, hash, shows } of VIEWS) {
      await one.go(hash)
      await expect.poll(() => one.text(), PATIENT).toContain(shows)
      for (const width of [380, 1280, 2560]) {
        await one.page.setViewportSize({ width, height: 900 })
        const wide = await one.page.evaluate(() =>
          Math.max(
            ...[...document.querySelectorAll('.app, .app > *, .split > *')].map(({ scrollWidth }) => scrollWidth),
          ),
        )
        if (wide > width) found.push(`${view} is ${wide} wide on ${width}`)
      }
      await one.photograph(view)
      await one.page.setViewportSize({ width: 1280, height: 900 })
      for (const colorScheme of ['light', 'dark'] as const) {
        await one.page.emulateMedia({ colorScheme })
        found.push(...(await one.violations()).map((text) => `${view}, ${colorScheme}: ${text}`))
        found.push(...(await one.motion()).map((text) => `${view}: ${text}`))
      }
    }
    expect(found).toEqual([])
    expect(one.complaints).toEqual([])
  })

  test('an edit of a file is seen on the page, and a reload shows the same', async ({ shown, watched }) => {
    const one = await shown.following()
    await one.go('#/migrations/3_mail')
    await expect.poll(() => one.text(), PATIENT).toContain('mail text')
    watched.write('0003_mail.up.sql', 'alter table users add column email varchar(99);')
    await expect.poll(() => one.text(), PATIENT).toContain('email character varying(99)')
    await one.page.reload()
    await expect.poll(() => one.text(), PATIENT).toContain('email character varying(99)')
    expect(one.complaints).toEqual([])
  })

  test('a failure stands on every view until it is mended', async ({ shown, watched }) => {
    const one = await shown.following()
    watched.write('0003_mail.up.sql', 'alter table users add column mail txt;')
    await expect.poll(() => one.text()).toContain('type "txt" does not exist')
    await one.go('#/compare')
    const link = one.page.getByRole('link', { name: 'Open in VS Code' })
    expect(await link.getAttribute('href')).toMatch(/^vscode:\/\/file\/.*0003_mail\.up\.sql:1:35$/)
    expect(await one.violations()).toEqual([])
    await one.photograph('a failure')
    watched.write('0003_mail.up.sql', SHOP['0003_mail.up.sql'] ?? '')
    await expect.poll(() => one.text()).not.toContain('does not exist')
  })

  test('a question is answered on the page, and the database follows the answer', async ({ shown, watched }) => {
    const { '0003_mail.down.sql': _, ...files } = SHOP
    const one = await shown.following(files, { onIrreversible: 'ask' })
    await expect.poll(() => one.inspector.state.at, PATIENT).toBe('3_mail')
    watched.write('0003_mail.up.sql', 'alter table users add column email text;')
    const leave = one.page.getByRole('button', { name: 'Leave it unchanged' })
    await leave.click()
    await expect.poll(() => one.text()).toContain('The last save was not applied')
    expect(await leave.count()).toBe(0)
    watched.write('0003_mail.up.sql', 'alter table users add column electronic text;')
    await expect.poll(() => one.text()).toContain('This cannot be undone. Rebuild the database?')
    expect(await one.violations()).toEqual([])
    await one.photograph('a question')
    await one.page.getByRole('button', { name: 'Rebuild' }).click()
    await expect.poll(async () => String(await watched.schema()), PATIENT).toContain('electronic text')
    await expect.poll(() => one.text()).not.toContain('This cannot be undone')
  })

  test('the database is moved to a version, after the page has said what that means', async ({ shown }) => {
    const one = await shown.following()
    await expect.poll(() => one.inspector.state.at, PATIENT).toBe('3_mail')
    await one.go('#/compare/database/1_users')
    await one.page.getByRole('button', { name: 'Go to 1_users' }).click()
    expect(await one.text()).toContain('2 migrations will be undone')
    await one.photograph('before a move')
    await one.page.getByRole('button', { name: 'Undo 2' }).click()
    await expect.poll(() => one.inspector.state.at, PATIENT).toBe('1_users')
    await expect.poll(() => one.text()).toContain('There is nothing to run')
  })

  test('rows are filtered and ordered by the database, and a wrong value is said', async ({ shown }) => {
    const one = await shown.following()
    await expect.poll(() => one.inspector.state.at, PATIENT).toBe('3_mail')
    await one.go('#/rows')
    await one.page.getByRole('link', { name: /users 2/ }).click()
    const cells = () => one.page.locator('tbody td:nth-child(2)').allTextContents()
    await expect.poll(cells).toEqual(['Ada', 'Grace'])
    await one.page.getByRole('button', { name: 'name' }).click()
    await one.page.getByRole('button', { name: 'name' }).click()
    await expect.poll(cells).toEqual(['Grace', 'Ada'])
    await one.page.getByRole('combobox', { name: 'Column to filter by' }).selectOption('name')
    await one.page.getByRole('textbox', { name: 'Value' }).fill('ad')
    await one.page.keyboard.press('Enter')
    await expect.poll(cells).toEqual(['Ada'])
    await one.page.reload()
    await expect.poll(cells).toEqual(['Ada'])
    await one.page.getByRole('combobox', { name: 'Column to filter by' }).selectOption('id')
    await one.page.getByRole('combobox', { name: 'How to compare' }).selectOption('=')
    await one.page.getByRole('textbox', { name: 'Value' }).fill('one')
    await one.page.keyboard.press('Enter')
    await expect.poll(() => one.text()).toContain('invalid input syntax for type integer')
    await one.page.getByRole('link', { name: 'Show all rows' }).click()
    await expect.poll(cells).toEqual(['Ada', 'Grace'])
  })

  test('all of it by keyboard alone', async ({ shown }) => {
    const one = await shown.looking()
    const { keyboard } = one.page
    await expect.poll(() => one.text()).toContain('3 migrations')
    // The page is seen a moment before it listens.
    const search = async () => {
      await keyboard.press('/')
      return one.page.evaluate(() => document.activeElement?.tagName)
    }
    await expect.poll(search).toBe('INPUT')
    await keyboard.type('1')
    await keyboard.press('Enter')
    await expect.poll(() => one.page.url()).toContain('#/migrations/1_users')
    await expect.poll(search).toBe('INPUT')
    await keyboard.press('Escape')
    await keyboard.press('Tab')
    await keyboard.press('Tab')
    await keyboard.press('Home')
    await expect.poll(() => one.page.url()).toContain('#/migrations/3_mail')
    await keyboard.press('ArrowDown')
    await expect.poll(() => one.page.url()).toContain('#/migrations/2_orders')
    const reached: string[] = []
    for (let i = 0; i < 12; i++) {
      await keyboard.press('Tab')
      reached.push(
        await one.page.evaluate(
          () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '',
        ),
      )
    }
    for (const name of ['Older: 1_users', 'Newer: 3_mail', 'Migration', 'Schema', 'Diagram'])
      expect(reached).toContain(name)
    await one.go('#/migrations/2_orders/diagram')
    const canvas = one.page.getByRole('application')
    await canvas.focus()
    const before = await canvas.locator('g').first().getAttribute('transform')
    await keyboard.press('ArrowLeft')
    await keyboard.press('+')
    await expect.poll(() => canvas.locator('g').first().getAttribute('transform')).not.toBe(before)
  })

  test('names with markup, quotes and emoji are text everywhere', async ({ shown }) => {
    const name = ODD.replaceAll('/', '')
    const quoted = `"${ODD.replaceAll('"', '""')}"`
    const one = await shown.following({
      [`0001_${name}.up.sql`]: `create table ${quoted} (${quoted} int primary key);\ncreate view "v${quoted.slice(1)} as select * from ${quoted};\ncomment on table ${quoted} is '${ODD.replaceAll("'", "''")}';`,
      [`0001_${name}.down.sql`]: `drop table ${quoted} cascade;`,
    })
    await expect.poll(() => one.inspector.state.at, PATIENT).toBe(`1_${name}`)
    for (const { hash } of VIEWS) {
      await one.go(hash.replace(/[23]_\w+/, encodeURIComponent(`1_${name}`)).replace(/users$/, encodeURIComponent(ODD)))
      await expect.poll(() => one.text()).toContain('alert(1)')
      expect(await one.page.locator('script:not([src], #state)').count()).toBe(0)
      await one.photograph(`odd names, ${hash.split('/')[1]} ${hash.split('/')[3] ?? ''}`.trim())
    }
    expect(one.complaints).toEqual([])
  })

  test('even code on the page cannot make markup or scripts of texts', async ({ shown }) => {
    const one = await shown.looking()
    await expect.poll(() => one.text()).toContain('3 migrations')
    const tried = await one.page.evaluate(() => {
      const attempts = [
        () => document.body.insertAdjacentHTML('beforeend', '<img src="x" onerror="this.id = 1">'),
        () => {
          document.body.append(
            Object.assign(document.createElement('script'), { textContent: 'document.title = "run"' }),
          )
        },
        () => void new Worker('https://evil.example/worker.js'),
      ]
      return attempts.map((attempt) => {
        try {
          attempt()
          return 'done'
        } catch {
          return 'refused'
        }
      })
    })
    expect(tried).toEqual(['refused', 'refused', 'refused'])
    expect(await one.page.title()).not.toBe('run')
  })

  test('500 migrations: found by number or by name, and only what is in view is in the document', async ({ shown }) => {
    const files = Object.fromEntries(
      Array.from({ length: 500 }, (_, i) => [
        `${String(i + 1).padStart(4, '0')}_step_${i + 1}.up.sql`,
        `select ${i + 1};`,
      ]),
    )
    const one = await shown.looking(files)
    await expect.poll(() => one.text()).toContain('500 migrations')
    expect(await one.page.getByRole('option').count()).toBeLessThan(80)
    await one.photograph('500 migrations')
    await one.page.getByRole('searchbox', { name: /Find a migration/ }).fill('137')
    await one.page.keyboard.press('Enter')
    await expect.poll(() => one.page.getByRole('heading', { level: 1 }).textContent()).toContain('step_137')
    await one.page.getByRole('searchbox', { name: /Find a migration/ }).fill('step_44')
    await expect.poll(() => one.text()).toContain('11 of 500 migrations')
  })

  test('an exported file is opened from disk, loads nothing, and shows the same', async ({ shown, watched }) => {
    const odd = ODD.replaceAll('/', '')
    const one = await shown.looking({ ...SHOP, [`0004_${odd}.up.sql`]: "select '</script><script>alert(2)</script>';" })
    const source = directory(watched.folder)
    const data = await savePage({ inspector: one.inspector, source, server: anyPostgres, onProgress: () => undefined })
    const file = join(watched.folder, 'report.html')
    writeFileSync(file, singleFile(readAssets(folder), data))
    const asked: string[] = []
    one.page.on('request', (request) => asked.push(request.url()))
    await one.page.goto(`file://${file}`)
    await expect.poll(() => one.text()).toContain('4 migrations')
    for (const { hash, shows } of VIEWS.slice(0, 4)) {
      await one.go(hash)
      await expect.poll(() => one.text(), PATIENT).toContain(shows)
      expect(await one.violations()).toEqual([])
    }
    await one.go(`#/migrations/${encodeURIComponent(`4_${odd}`)}`)
    await expect.poll(() => one.text()).toContain('alert(2)')
    expect(
      asked.filter((url) => !url.startsWith('file:') && !url.startsWith('blob:') && !url.startsWith('data:')),
    ).toEqual([])
    expect(one.complaints).toEqual([])
  })

  test('the report of verify: a matrix, each finding with its place, and the schemas', async ({ shown, watched }) => {
    const one = await shown.looking({
      ...SHOP,
      '0003_mail.down.sql': 'select 1;',
      '0004_wrong.up.sql': `-- migrate: depends-on 0003_mail\ncreate table "<b>x</b>" (id int, id int);`,
    })
    const file = join(watched.folder, 'report.html')
    const { code, err } = cli(['verify', '--only', 'schema', '--path', watched.folder, '--report', file])
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('report.html') })
    await one.page.goto(`file://${file}`)
    // The report begins with its verdict. The live page could not show the schema of the migration that fails.
    one.complaints.length = 0
    await expect.poll(() => one.text()).toContain('down-differs')
    const cell = (migration: string) =>
      one.page.getByRole('row', { name: migration }).locator('.cell').first().getAttribute('title')
    expect(await cell('1_users')).toContain('passed')
    expect(await cell('3_mail')).toContain('error')
    expect(await cell('4_wrong')).toContain('error')
    await one.photograph('the report of verify')
    for (const colorScheme of ['light', 'dark'] as const) {
      await one.page.emulateMedia({ colorScheme })
      expect(await one.violations()).toEqual([])
    }
    await one.page.getByRole('link', { name: '4_wrong' }).first().click()
    await expect.poll(() => one.text()).not.toContain('down-differs')
    await one.go('#/migrations/3_mail')
    await expect.poll(() => one.text()).toContain('What verify found')
    await expect.poll(() => one.text(), PATIENT).toContain('mail text')
    expect(await one.violations()).toEqual([])
    expect(one.complaints).toEqual([])
  })

  test('verify runs from the page and says how far it is; a cell opens what its check found', async ({
    shown,
    watched,
  }) => {
    const one = await shown.following(
      { ...SHOP, '0003_mail.down.sql': 'select 1;' },
      {},
      { verify: (hooks) => verifyForPage(verifying(watched), hooks) },
    )
    await one.go('#/findings')
    await expect.poll(() => one.text()).toContain('have not been verified yet')
    // Nothing else has changed the database.
    await expect.poll(() => one.text(), PATIENT).toContain('just the schema that the migrations make')
    await one.page.getByRole('button', { name: 'Verify' }).click()
    await expect.poll(() => one.text(), { interval: 5, ...PATIENT }).toMatch(/of \d+ checks/)
    await expect.poll(() => one.text(), PATIENT).toMatch(/3 migrations: 1 error/)
    const row = one.page.getByRole('row', { name: '3_mail' })
    await row.getByRole('link', { name: 'round trip error' }).click()
    await expect.poll(() => one.text()).toContain('3_mail: round trip')
    expect(await one.text()).toContain('mail text')
    const place = one.page.locator('.finding').getByRole('link', { name: /0003_mail/ })
    expect(await place.getAttribute('href')).toMatch(/^vscode:\/\/file\/.*0003_mail\.down\.sql/)
    expect(await one.violations()).toEqual([])
    // The other pages and a reload show the same, and a save makes it old.
    await one.page.reload()
    await expect.poll(() => one.text(), PATIENT).toMatch(/3 migrations: 1 error/)
    watched.write('0003_mail.down.sql', 'alter table users drop column mail;')
    await expect.poll(() => one.text(), PATIENT).toContain('Files were saved since then')
    await one.page.getByRole('button', { name: 'Verify again' }).click()
    await expect.poll(() => one.text(), PATIENT).toMatch(/3 migrations: nothing found/)
    expect(one.complaints).toEqual([])
  })

  test('a verification is ended after the running check', async ({ shown, watched }) => {
    const files = Object.fromEntries(
      Array.from({ length: 250 }, (_, i) => [`${i + 1}_t.up.sql`, `create table t${i} (id int);`]),
    )
    const one = await shown.looking(files, { verify: (hooks) => verifyForPage(verifying(watched), hooks) })
    await one.go('#/findings')
    await one.page.getByRole('button', { name: 'Verify' }).click()
    await expect.poll(() => one.text(), { interval: 5, ...PATIENT }).toMatch(/of \d+ checks/)
    expect(await one.motion()).toEqual([])
    await one.photograph('a running verification')
    await one.page.getByRole('button', { name: 'Stop' }).click()
    await expect.poll(() => one.text(), PATIENT).toMatch(/stopped after \d+ of \d+ checks/)
    expect(one.inspector.state.verifying).toBeUndefined()
  })

  test('the migration for the wanted schema is seen before it is written; its questions are answered on the page', async ({
    shown,
    watched,
  }) => {
    const schema = join(mkdtempSync(join(tmpdir(), 'migratest-wanted-')), 'schema.sql')
    const wanted = (users: string) =>
      writeFileSync(
        schema,
        `create table users (id int primary key, ${users}, mail text); create table orders (id int primary key, user_id int references users); create view names as select id from users;`,
      )
    const files = {
      ...SHOP,
      '0002_orders.up.sql': SHOP['0002_orders.up.sql']?.replace('select name', 'select id') ?? '',
    }
    const source = directory(watched.folder)
    wanted('name text not null, age int')
    const one = await shown.following(files, {
      source,
      proposals: {
        from: { paths: [schema] },
        schema: 'schema.sql',
        server: async () => anyPostgres,
        place: {},
        files: migrationFiles({
          folder: watched.folder,
          source,
          dialect: 'postgres',
          timestamp: false,
          base: false,
          isBaseNamed: false,
        }),
      },
    })
    await one.page.getByRole('button', { name: 'Generate migration' }).click()
    const panel = one.page.getByRole('region', { name: 'The wanted schema' })
    await expect.poll(() => panel.textContent()).toContain('ADD COLUMN age integer')
    expect(await panel.textContent()).toContain('DROP COLUMN age')
    expect(watched.names()).toHaveLength(6)
    for (const colorScheme of ['light', 'dark'] as const) {
      await one.page.emulateMedia({ colorScheme })
      expect(await one.violations()).toEqual([])
    }
    await one.photograph('a proposed migration')
    await one.page.getByRole('button', { name: 'Write it' }).click()
    await expect.poll(() => one.inspector.state.at, PATIENT).toBe('4_add_users_age')
    await panel.getByRole('link', { name: '4_add_users_age' }).click()
    await expect.poll(() => one.page.url()).toContain('4_add_users_age')
    await one.page.getByRole('button', { name: 'It is done' }).click()
    await expect.poll(() => one.text()).not.toContain('is a draft')

    wanted('full_name text not null, age int')
    await one.page.getByRole('button', { name: 'Answer and generate' }).click()
    await expect.poll(() => one.text(), PATIENT).toContain('Renamed, or new?')
    expect(await one.violations()).toEqual([])
    await one.photograph('a question of generate')
    await one.page.getByRole('button', { name: /was renamed to .*full_name/ }).click()
    await expect.poll(async () => String(await watched.schema()), PATIENT).toContain('full_name text')
    expect(watched.names()).toHaveLength(10)

    wanted('full_name text not null, age int not null')
    await one.page.getByRole('textbox', { name: /SQL expression/ }).fill('18')
    await one.page.keyboard.press('Enter')
    await expect.poll(async () => String(await watched.schema()), PATIENT).toContain('age integer NOT NULL')
    expect(one.complaints).toEqual([])
  })

  test('rows that wait for a place after a save, and why, with their values', async ({ shown, watched }) => {
    const one = await shown.following({
      ...SHOP,
      '0003_mail.up.sql': "alter table users add column mail text;\nupdate users set mail = '<b>' || name;",
      '0003_mail.down.sql': 'alter table users drop column if exists mail, drop column if exists post;',
    })
    await expect.poll(() => one.inspector.state.at, PATIENT).toBe('3_mail')
    watched.write('0003_mail.up.sql', 'alter table users add column post text;')
    await one.go('#/rows')
    await expect.poll(() => one.text()).toContain('users: 2 values')
    expect(await one.text()).toContain('its column is gone')
    const cells = () => one.page.locator('.waiting-rows td').allTextContents()
    expect(await cells()).toEqual(['1', '<b>Ada', '2', '<b>Grace'])
    await one.photograph('rows that wait')
    for (const colorScheme of ['light', 'dark'] as const) {
      await one.page.emulateMedia({ colorScheme })
      expect(await one.violations()).toEqual([])
    }
    watched.write('0003_mail.up.sql', 'alter table users add column mail text;')
    await expect.poll(cells).toEqual([])
  })

  test('two tabs show the same; the server goes and comes back, and so do they', async ({ shown }) => {
    const one = await shown.looking()
    const second = await one.page.context().newPage()
    await second.goto(one.server.url)
    await expect.poll(() => second.locator('#page').textContent()).toContain('3 migrations')
    const { port, searchParams } = new URL(one.server.url)
    await one.server.close()
    await expect.poll(() => one.text()).toContain('The server of this page has stopped')
    await one.photograph('a server that stopped')
    expect(await one.text()).toContain('3 migrations')
    const again = await startUiServer(one.inspector, {
      page: folder,
      port: Number(port),
      token: searchParams.get('token') ?? '',
    })
    try {
      for (const page of [one.page, second]) {
        await expect.poll(() => page.locator('#page').textContent()).not.toContain('has stopped')
      }
    } finally {
      await again.close()
    }
  })

  test('a folder without migrations, and one that cannot be read, say so', async ({ shown, watched }) => {
    const one = await shown.looking({})
    await expect.poll(() => one.text()).toContain('No migrations yet')
    expect(await one.violations()).toEqual([])
    await one.photograph('no migrations')
    watched.write('0001_a.up.sql', 'select 1')
    watched.write('0001_b.up.sql', 'select 1')
    await one.inspector.saved()
    await expect.poll(() => one.text()).toContain('The migrations cannot be read')
    await one.photograph('migrations that cannot be read')
  })

  test('a database that does not answer: the files are shown, and the page says so', async ({ shown }) => {
    const one = await shown.looking(SHOP, { url: 'postgres://127.0.0.1:1/nothing' })
    await expect.poll(() => one.text()).toContain('The database does not answer')
    expect(await one.text()).toContain('3 migrations')
    await expect.poll(() => one.text()).toContain('alter table users add column mail text')
    expect(await one.violations()).toEqual([])
    await one.photograph('a database that is away')
  })
})
