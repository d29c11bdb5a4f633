/** Seeds that are functions: each runs once for all processes, unless it remembers something. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, inject, test } from 'vitest'
import { createMigratedDatabase, memory, type SeedTarget } from '../../index.ts'
import { folder, write } from '../support/cli.ts'
import { anyPostgres, describeOnDatabases } from '../support/servers.ts'
import { run } from '../support/tools.ts'
import { runVitest } from '../support/vitestRun.ts'

/** Keeps the snapshots of this run apart from those of earlier ones. */
const TAG = randomBytes(6).toString('hex')

describeOnDatabases(['PostgreSQL', 'MySQL', 'MariaDB'], ({ server, id }) => {
  const migrations = memory({ '1_rows.up.sql': `create table notes (${id}, note varchar(40))` })
  const noting = (note: string, made?: string[]) => async (db: SeedTarget) => {
    made?.push(note)
    await db.query(`insert into notes (note) values ('${note}')`)
  }
  const notes = async (options: object) => {
    await using db = await createMigratedDatabase({ server, migrations, ...options })
    const rows = await db.query<{ note: string }>('select note from notes order by id')
    return rows.map(({ note }) => note)
  }

  test('functions with the same text are told apart by the values that they use', async () => {
    const pair = ['Ada', 'Eve'].map((name) => noting(name + TAG))
    for (const _ of ['run', 'copied']) {
      for (const [i, name] of ['Ada', 'Eve'].entries()) {
        expect(await notes({ prepare: pair[i] })).toEqual([name + TAG])
        expect(await notes({ seeds: { 1: pair[i] }, prepare: noting(`more ${TAG}`) })).toEqual([
          name + TAG,
          `more ${TAG}`,
        ])
      }
    }
  })

  test('one whose variable gets another value between two tests is another function', async () => {
    let name = `Ada ${TAG}`
    const prepare = (db: SeedTarget) => db.query(`insert into notes (note) values ('${name}')`)
    for (const value of ['Ada', 'Eve', 'Ada']) {
      name = `${value} ${TAG}`
      expect(await notes({ prepare })).toEqual([name])
      expect(await notes({ seeds: { 1: prepare } })).toEqual([name])
    }
  })

  test('one that remembers what it did runs once, and another one of the same text runs, too', async () => {
    for (const _ of ['one test file', 'another']) {
      const made: string[] = []
      const prepare = noting(`made ${TAG}`, made)
      for (const __ of ['run', 'copied', 'copied']) {
        expect(await notes({ prepare })).toEqual([`made ${TAG}`])
        expect(made).toEqual([`made ${TAG}`])
      }
    }
  })
})

test('one that lets a library load or read files of the project: an edit of them makes a new snapshot', async () => {
  const path = folder({
    'node_modules/library/index.mjs': `import { readFileSync } from 'node:fs'
export const load = (name) => import(name)
export const read = (name) => readFileSync(name, 'utf8')`,
    'node_modules/library/package.json': '{ "name": "library", "version": "1.0.0", "exports": "./index.mjs" }',
    'rows.mjs': `export const rows = "insert into notes values ('loaded ${TAG}')"`,
    'rows.sql': `insert into notes values ('read ${TAG}')`,
  })
  const { load, read } = (await import(pathToFileURL(join(path, 'node_modules/library/index.mjs')).href)) as {
    load: (name: string) => Promise<{ rows: string }>
    read: (name: string) => string
  }
  const migrations = memory({
    '1_notes.up.sql': 'create table notes (note text, token uuid default gen_random_uuid())',
  })
  const made = async (prepare: (db: SeedTarget) => unknown) => {
    await using db = await createMigratedDatabase({ server: anyPostgres, migrations, prepare })
    return (await db.query<{ note: string; token: string }>('select * from notes'))[0]
  }
  const reading = (name: string) => (db: SeedTarget) => db.query(read(name))
  const first = await made(reading(join(path, 'rows.sql')))
  expect(first?.note).toBe(`read ${TAG}`)
  expect(await made(reading(join(path, 'rows.sql')))).toEqual(first)
  write(path, 'rows.sql', `insert into notes values ('edited ${TAG}')`)
  expect(await made(reading(join(path, 'rows.sql')))).toMatchObject({ note: `edited ${TAG}` })
  // Nothing tells what it will load, so its rows are copied by its own process only.
  const loading = (name: string) => async (db: SeedTarget) => db.query((await load(name)).rows)
  const name = `${pathToFileURL(join(path, 'rows.mjs')).href}`
  const one = loading(`${name}?1`)
  const loaded = await made(one)
  expect(loaded?.note).toBe(`loaded ${TAG}`)
  expect(await made(one)).toEqual(loaded)
  for (const query of ['?2', '?3']) expect((await made(loading(name + query)))?.token).not.toBe(loaded?.token)
})

describe('one whose package does what no copy has', () => {
  const migrations = memory({ '1_notes.up.sql': 'create table notes (token uuid)' })
  /** Takes a database twice with functions of one text each, and returns what the runs left in it. */
  const tokens = async (make: () => (db: SeedTarget) => unknown) => {
    const found: unknown[] = []
    for (const _ of ['one process', 'another']) {
      await using db = await createMigratedDatabase({ server: anyPostgres, migrations, prepare: make() })
      found.push(...(await db.query<{ token: string }>('select token from notes')))
    }
    return found
  }
  const insert = (db: SeedTarget) => db.query(`insert into notes values (gen_random_uuid()) /* ${TAG} */`)

  test('a request over HTTP: each process runs it', async () => {
    const path = folder({
      'node_modules/client/index.mjs': `import { get } from 'node:http'
export const load = (url) => new Promise((done, fail) => get(url, (answer) => answer.resume().on('end', done)).on('error', fail))`,
      'node_modules/client/package.json': '{ "name": "client", "version": "1.0.0", "exports": "./index.mjs" }',
    })
    const { load } = (await import(pathToFileURL(join(path, 'node_modules/client/index.mjs')).href)) as {
      load: (url: string) => Promise<void>
    }
    const server = createServer((_, answer) => answer.end('x')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    try {
      const [one, other] = await tokens(() => async (db) => {
        await load(url)
        await insert(db)
      })
      expect(one).not.toEqual(other)
    } finally {
      server.close()
    }
  })

  test.for([
    ['to another server: each process makes it', false],
    ["to the database's own server is its work: one process does it", true],
  ] as const)('a connection %s', async ([, isOwn]) => {
    const path = folder({
      'node_modules/cache/index.mjs': `import { connect } from 'node:net'
export const open = (host, port) => new Promise((done, fail) => { const socket = connect(port, host, () => socket.end(done)).on('error', fail) })`,
      'node_modules/cache/package.json': '{ "name": "cache", "version": "1.0.0", "exports": "./index.mjs" }',
    })
    const { open } = (await import(pathToFileURL(join(path, 'node_modules/cache/index.mjs')).href)) as {
      open: (host: string, port: number) => Promise<void>
    }
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    try {
      const [one, other] = await tokens(() => async (db) => {
        const own = new URL(db.url ?? '')
        await (isOwn ? open(own.hostname, Number(own.port)) : open('127.0.0.1', port))
        await insert(db)
      })
      expect(isOwn).toBe(JSON.stringify(one) === JSON.stringify(other))
    } finally {
      server.close()
    }
  })

  test('a variable of the environment: each process sets it', async () => {
    const path = folder({
      'node_modules/dotenv/index.mjs': `export const config = () => { process.env.MIGRATEST_SEEDED = 'yes' }`,
      'node_modules/dotenv/package.json': '{ "name": "dotenv", "version": "1.0.0", "exports": "./index.mjs" }',
    })
    const { config } = (await import(pathToFileURL(join(path, 'node_modules/dotenv/index.mjs')).href)) as {
      config: () => void
    }
    const [one, other] = await tokens(() => {
      delete process.env.MIGRATEST_SEEDED
      return async (db) => {
        config()
        await insert(db)
      }
    })
    expect(process.env.MIGRATEST_SEEDED).toBe('yes')
    delete process.env.MIGRATEST_SEEDED
    expect(one).not.toEqual(other)
  })
})

describe('several processes', { timeout: 120_000 }, () => {
  const PRODUCT = join(import.meta.dirname, '..', '..', inject('product'))

  /** A program that prepares a database and prints the value that the preparation made. */
  const FILES = {
    'main.mjs': `import { readFileSync } from 'node:fs'
import { memory, withMigratedDatabase } from ${JSON.stringify(join(PRODUCT, 'index.js'))}
import { postgres } from ${JSON.stringify(join(PRODUCT, 'postgres.js'))}
import { quantity } from 'quantity'
import { note } from './note.mjs'
const migrations = memory({ '1_runs.up.sql': 'create table runs (token uuid)' })
const prepare = async (db) => {
  const rows = readFileSync(new URL('./rows.csv', import.meta.url), 'utf8')
  await db.query(\`insert into runs select gen_random_uuid() /* ${TAG} \${note()} \${quantity()} \${rows} \${process.env.REGION} */\`)
}
await withMigratedDatabase({ server: postgres(), migrations, prepare }, async (db) => {
  const [{ token }] = await db.query('select token from runs')
  console.log(token)
})`,
    'note.mjs': "import { words } from './words.mjs'\nexport const note = () => words.join(' ')",
    'words.mjs': "export const words = ['one', 'two']",
    'rows.csv': 'a',
    'node_modules/quantity/index.mjs': 'export const quantity = () => 1',
    'node_modules/quantity/package.json': '{ "name": "quantity", "version": "1.0.0", "exports": "./index.mjs" }',
  }

  test('each copies what the first one made, until something that the function is made of changes', async () => {
    const path = folder(FILES)
    const seen = new Set<unknown>()
    const token = async (region = 'eu') => {
      const { printed, code } = await run(process.execPath, ['main.mjs'], { cwd: path, env: { REGION: region } })
      expect(code, printed).toBe(0)
      return /^[-0-9a-f]{36}$/m.exec(printed)?.[0]
    }
    const expectAnother = async (region?: string) => {
      const [one, other] = await Promise.all([token(region), token(region)])
      expect(one).toBeDefined()
      expect(other).toBe(one)
      expect(seen).not.toContain(one)
      seen.add(one)
    }
    await expectAnother()
    write(path, 'words.mjs', "export const words = ['one', 'three']")
    await expectAnother()
    write(path, 'note.mjs', "import { words } from './words.mjs'\nexport const note = () => words.join(', ')")
    await expectAnother()
    write(path, 'rows.csv', 'b')
    await expectAnother()
    write(
      path,
      'node_modules/quantity/package.json',
      '{ "name": "quantity", "version": "1.0.1", "exports": "./index.mjs" }',
    )
    await expectAnother()
    await expectAnother('us')
    write(path, 'main.mjs', `${FILES['main.mjs']}\n// what is elsewhere in the file does not count`)
    expect(seen).toContain(await token('us'))
  })

  /** A vitest project of three files, whose tests write down what they found. */
  async function seenBy(files: Readonly<Record<string, string>>, test: string, config = '') {
    const seen = join(folder({ seen: '' }), 'seen')
    const one = `
      import { appendFileSync } from 'node:fs'
      import { test as base } from 'vitest'
      import { memory, withMigratedDatabase } from 'migratest'
      import { postgres } from 'migratest/presets/postgres'
      const migrations = memory({ '1_runs.up.sql': 'create table runs (token uuid)' })
      const options = { server: postgres(), migrations }
      const TOKEN = 'insert into runs select gen_random_uuid() from pg_sleep(0.12) /* ${TAG} */'
      const see = async (db, ...more) => {
        const rows = await db.query('select token from runs')
        appendFileSync(process.env.SEEN, [...rows.map(({ token }) => token), ...more].join(' ') + '\\n')
      }
      ${test}`
    const settings = `env: { SEEN: ${JSON.stringify(seen)} }, testTimeout: 30_000, ${config}`
    const all = { ...files, 'a.test.ts': one, 'b.test.ts': one, 'c.test.ts': `// a comment\n${one}` }
    const { exitCode, screen } = await runVitest(all, settings)
    expect(exitCode, screen).toBe(0)
    return { lines: readFileSync(seen, 'utf8').trim().split('\n'), screen }
  }

  test('workers of vitest that begin at the same time wait for the one that runs it', async () => {
    const { lines } = await seenBy(
      { 'rows.ts': `export const rows = (token: string) => (db) => db.query(token)` },
      `import { rows } from './rows.ts'
      const test = base.extend({ db: withMigratedDatabase({ ...options, prepare: rows(TOKEN) }) })
      for (const nth of [1, 2]) test('takes ' + nth, ({ db }) => see(db))`,
      'maxWorkers: 3',
    )
    expect(lines).toHaveLength(6)
    expect(new Set(lines).size).toBe(1)
  })

  test('a table of tests: each row of the table has its own, whichever file comes first', async () => {
    const { lines } = await seenBy(
      {},
      `for (const n of import.meta.filename.includes('/a.') ? [1, 2] : [2, 1]) {
        const test = base.extend({ db: withMigratedDatabase({ ...options, prepare: async (db) => {
          for (let i = 0; i < n; i++) await db.query(TOKEN)
        } }) })
        test('takes ' + n, ({ db }) => see(db, n))
      }`,
    )
    expect(lines).toHaveLength(6)
    for (const line of lines) expect(line.split(' ')).toHaveLength(Number(line.at(-1)) + 1)
    expect(new Set(lines).size).toBe(2)
  })

  test('one that remembers runs once in each file, and a line says so', async () => {
    const { lines, screen } = await seenBy(
      {},
      `let token
      const test = base.extend({ db: withMigratedDatabase({ ...options, prepare: async (db) => {
        token = (await db.query(TOKEN + ' returning token'))[0].token
      } }) })
      for (const nth of [1, 2]) test('takes ' + nth, ({ db }) => see(db, token))`,
    )
    expect(lines).toHaveLength(6)
    for (const line of lines) expect(line).toMatch(/^(\S+) \1$/)
    expect(new Set(lines).size).toBe(3)
    expect(screen).toMatch(
      /prepare, a function: its run changes a variable or an object that it uses, so it runs once in each test file \(\d+ ms\)/,
    )
  })

  test('a module that a file mocks makes it another function there', async () => {
    const { lines } = await seenBy(
      {
        'rate.ts': "export const rate = () => 'real'",
        'prepare.ts': `import { rate } from './rate.ts'
export const prepare = (db) => db.query('create table rates as select \\'' + rate() + '\\' as rate')`,
      },
      `import { vi } from 'vitest'
      import { prepare } from './prepare.ts'
      if (import.meta.filename.includes('/b.')) vi.doMock('./rate.ts', () => ({ rate: () => 'mocked' }))
      const { prepare: mocked } = await import('./prepare.ts?again')
      const test = base.extend({ db: withMigratedDatabase({ ...options, prepare: mocked }) })
      test('takes', async ({ db }) => see(db, (await db.query('select rate from rates'))[0].rate, import.meta.filename.at(-9)))`,
    )
    expect(lines.map((line) => line.trim()).sort()).toEqual(['mocked b', 'real a', 'real c'])
  })

  test('one that uses the network runs once in a run', async () => {
    const program = `const test = base.extend({ db: withMigratedDatabase({ ...options, prepare: async (db) => {
        await fetch('data:,x')
        await db.query(TOKEN)
      } }) })
      for (const nth of [1, 2]) test('takes ' + nth, ({ db }) => see(db))`
    const runs = [await seenBy({}, program), await seenBy({}, program)].map(({ lines }) => new Set(lines))
    expect(runs.map((run) => run.size)).toEqual([1, 1])
    expect(runs[0]).not.toEqual(runs[1])
  })
})
