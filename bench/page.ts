/** The page in Chromium: what it transfers, how soon 500 migrations stand there, an event, and a diagram of 300 tables. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { directory, Migrator, openDatabase } from '../dist/index.js'
import type { TestServer } from '../dist/src/testing/testServer.js'
import { Inspector } from '../dist/src/ui/inspector.js'
import { startUiServer } from '../dist/src/ui/server.js'
import { median } from './measure.ts'
import { writeMigrations } from './migrations.ts'

const CHROMIUM = process.env.MIGRATEST_CHROMIUM ?? '/usr/bin/chromium'

interface Input {
  freshDatabase(): Promise<string>
  readonly server: TestServer<unknown>
}

export async function page({ freshDatabase, server }: Input): Promise<void> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  try {
    await firstView(browser, await freshDatabase(), server)
    await diagram(browser, await freshDatabase(), server)
  } finally {
    await browser.close()
  }
}

// --- internal ---

const ROUNDS = 15

async function served(folder: string, url: string, server: TestServer<unknown>) {
  const database = await openDatabase(url)
  await new Migrator({ source: directory(folder), database, batch: true }).up()
  await database.close()
  const inspector = await Inspector.open({
    source: async () => directory(folder),
    folder: 'migrations',
    dialect: 'postgres',
    url,
    open: {},
    migrator: {},
    server: '',
    mode: 'watching',
    testServer: async () => server,
  })
  return { inspector, server: await startUiServer(inspector) }
}

/** Notes in the page when something first matches a selector, in milliseconds since the navigation began. */
async function noting(page: Page, selector: string): Promise<void> {
  await page.addInitScript((wanted) => {
    const seen = globalThis as unknown as { seenAt?: number; document: { querySelector(text: string): unknown } }
    const look = () => {
      if (seen.document.querySelector(wanted)) seen.seenAt ??= performance.now()
      else requestAnimationFrame(look)
    }
    const requestAnimationFrame = (globalThis as unknown as { requestAnimationFrame(work: () => void): void })
      .requestAnimationFrame
    requestAnimationFrame(look)
  }, selector)
}

async function firstView(browser: Browser, url: string, testServer: TestServer<unknown>): Promise<void> {
  const { folder } = writeMigrations(500)
  const { inspector, server } = await served(folder, url, testServer)
  const [times, works]: [number[], number[]] = [[], []]
  let transferred = 0
  for (let round = 0; round <= ROUNDS; round++) {
    // A new context each time: nothing is cached.
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    const page = await context.newPage()
    await noting(page, '.station')
    const session = await context.newCDPSession(page)
    await session.send('Network.enable')
    // Processor time of the page's main thread, which other work on the machine does not lengthen.
    await session.send('Performance.enable', { timeDomain: 'threadTicks' })
    let bytes = 0
    const ours = new Set<string>()
    session.on('Network.responseReceived', ({ requestId, response }) => {
      if (!response.url.includes('/api/')) ours.add(requestId)
    })
    session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      if (ours.has(requestId)) bytes += encodedDataLength
    })
    await page.goto(server.url)
    await page.waitForFunction('globalThis.seenAt !== undefined').catch(() => undefined)
    const at = await page.evaluate(() => (globalThis as unknown as { seenAt: number }).seenAt)
    const { metrics } = await session.send('Performance.getMetrics')
    const work = (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0) * 1000
    if (round > 0) times.push(at)
    if (round > 0) works.push(work)
    // The script is often compiled before its last bytes are reported.
    await page.waitForTimeout(100)
    transferred = bytes
    await context.close()
  }
  report('first view of 500 migrations', times)
  report('processor time of its main thread until then', works)
  console.log(`page, script and style, compressed: ${(transferred / 1000).toFixed(0)} kB`)
  await events(browser, inspector, server.url)
  await server.close()
  rmSync(folder, { recursive: true })
}

/** Measures the time from an event on the server to the frame in which the page shows it. */
async function events(browser: Browser, inspector: Inspector, url: string): Promise<void> {
  const page = await (await browser.newContext()).newPage()
  await page.goto(url)
  await page.waitForSelector('.station')
  const times: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const text = `message number ${round}`
    const shown = page.evaluate((wanted) => {
      const window = globalThis as unknown as {
        document: { body: { textContent: string } }
        requestAnimationFrame(work: () => void): void
      }
      return new Promise<number>((resolve) => {
        const look = () => {
          if (window.document.body.textContent.includes(wanted)) resolve(Date.now())
          else window.requestAnimationFrame(look)
        }
        look()
      })
    }, text)
    await new Promise((resolve) => setTimeout(resolve, 50))
    const told = Date.now()
    inspector.hear({ type: 'failed', version: undefined, error: { code: 'BENCH', message: text } })
    const at = (await shown) - told
    if (round > 0) times.push(at)
    await inspector.refresh()
  }
  report('an event, from the server to the screen', times)
  await page.context().close()
}

async function diagram(browser: Browser, url: string, testServer: TestServer<unknown>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'migratest-bench-page-'))
  writeFileSync(join(folder, '1_all.up.sql'), tables(300))
  const { server } = await served(folder, url, testServer)
  const [times, blocked]: [number[], number[]] = [[], []]
  for (let round = 0; round <= 7; round++) {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage()
    await page.goto(server.url)
    await page.waitForSelector('.station')
    await page.goto(`${new URL(server.url).origin}/#/migrations/1_all/schema`)
    await page.waitForSelector('.schema .block')
    const result = await page.evaluate(() => {
      const window = globalThis as unknown as {
        document: { querySelectorAll(text: string): { length: number } }
        location: { hash: string }
        requestAnimationFrame(work: () => void): void
      }
      let longest = 0
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) longest = Math.max(longest, duration)
        // Chromium has this type; the types of Node, which know the observer, do not.
      }).observe({ entryTypes: ['longtask' as 'measure'] })
      const begun = performance.now()
      window.location.hash = '#/migrations/1_all/diagram'
      return new Promise<{ ms: number; longest: number }>((resolve) => {
        const look = () => {
          if (window.document.querySelectorAll('.box').length >= 300) {
            const ms = performance.now() - begun
            setTimeout(() => resolve({ ms, longest }), 200)
          } else window.requestAnimationFrame(look)
        }
        window.requestAnimationFrame(look)
      })
    })
    if (round > 0) times.push(result.ms)
    if (round > 0) blocked.push(result.longest)
    await page.context().close()
  }
  report('diagram of 300 tables with 420 keys', times)
  report('longest time in which it takes no input', blocked)
  await server.close()
  rmSync(folder, { recursive: true })
}

/** Tables as projects have them: most refer to one or two others, a few are referred to by many. */
function tables(count: number): string {
  const made: string[] = []
  for (let i = 1; i <= count; i++) {
    const first = i > 1 ? `, first int references t${Math.ceil(i / 4)}` : ''
    const second = i % 5 < 2 && i > 20 ? `, second int references t${((i * 7) % 20) + 1}` : ''
    made.push(
      `create table t${i} (id int primary key, name text, at timestamptz, amount numeric(12, 2)${first}${second});`,
    )
  }
  return made.join('\n')
}

function report(what: string, times: readonly number[]): void {
  console.log(
    `${what}: ${median(times).toFixed(0)} ms (${Math.min(...times).toFixed(0)}–${Math.max(...times).toFixed(0)})`,
  )
}
