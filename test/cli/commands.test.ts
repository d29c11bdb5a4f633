/** Commands beyond moving, as they are typed. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { postgres } from '../../presets/postgres.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { keyOf } from '../../src/server/request.ts'
import { cli, folder, program } from '../support/cli.ts'
import { test } from '../support/database.ts'

const MIGRATIONS = {
  'migrations/0001_users.up.sql': 'create table users (id int)',
  'migrations/0001_users.down.sql': 'drop table users',
  'migrations/0002_orders.up.sql': '-- orders\ncreate table orders (id int) -- end',
  'migrations/0002_orders.down.sql': 'drop table orders',
}

describe('redo', () => {
  test('undoes the last and applies it again, as it is now', ({ db }) => {
    const cwd = folder(MIGRATIONS)
    const env = { DATABASE_URL: db.url }
    cli(['up'], env, cwd)
    const redo = cli(['redo'], env, cwd)
    expect(redo.out).toMatch(/^ {2}down {2}2_orders.*\n {2}up {4}2_orders.*\n.*is at version 2: 2 migrations in/)
    expect(JSON.parse(cli(['redo', '2', '--json'], env, cwd).out)).toMatchObject({
      from: 2,
      to: 2,
      steps: [{ version: 2 }, { version: 1 }, { version: 1 }, { version: 2 }],
    })
    writeFileSync(join(cwd, 'migrations/0002_orders.up.sql'), 'create table orders (id int, name text)')
    expect(cli(['redo'], env, cwd).code).toBe(0)
    expect(cli(['status', '--exit-code'], env, cwd).code).toBe(0)
    expect(cli(['redo', '3'], env, cwd).err).toMatch(/Only 2 migrations can be undone, not 3; nothing was done/)
    expect(cli(['version'], env, cwd).out).toBe('2\n')
  })
})

describe('plan', () => {
  test('shows what would run', ({ db }) => {
    const cwd = folder({
      ...MIGRATIONS,
      'migrations/0003_log.ts': 'export const up = () => {}\nexport const transaction = false',
    })
    const { out } = cli(['plan'], { DATABASE_URL: db.url }, cwd)
    expect(out).toMatch(/^nil → 3: 3 migrations on "/)
    expect(out.split('\n').slice(1)).toEqual([
      '  up    1_users   1 statement',
      '  up    2_orders  1 statement',
      '  up    3_log     code, without a transaction',
      '',
    ])
    expect(JSON.parse(cli(['plan', '1', '--json'], { DATABASE_URL: db.url }, cwd).out).steps).toMatchObject([
      { version: 1 },
    ])
    expect(cli(['plan', '1', '--from', '2'], { DATABASE_URL: db.url }, cwd).out).toContain(
      '  down  2_orders  1 statement',
    )
  })
})

describe('showsql', () => {
  test('prints SQL that runs', async ({ db }) => {
    const cwd = folder(MIGRATIONS)
    const env = { DATABASE_URL: db.url }
    const { out } = cli(['showsql'], env, cwd)
    expect(out).toBe(
      '-- nil → 2: 2 migrations\n\n-- up migrations/0001_users.up.sql\ncreate table users (id int);\n\n-- up migrations/0002_orders.up.sql\n-- orders\ncreate table orders (id int) -- end\n;\n',
    )
    await db.rows(out)
    await db.rows('drop table users, orders')
    expect(cli(['showsql', '2..1'], {}, cwd).out).toMatch(/^-- 2 → 1: 1 migration\n\n-- down .*\ndrop table orders;/)
    expect(JSON.parse(cli(['showsql', 'nil..1', '--json'], {}, cwd).out).steps).toMatchObject([
      { version: 1, text: 'create table users (id int)' },
    ])
    expect(await db.rows("select to_regclass('schema_migrations') as t")).toEqual([{ t: null }])
  })
})

describe('verify', () => {
  test('says what it found, and ends with 1', () => {
    const cwd = folder({ ...MIGRATIONS, 'migrations/0002_orders.down.sql': '' })
    const found = cli(['verify'], {}, cwd)
    expect(found.out).toMatch(/^2 migrations: 2 errors; 15 checks, in [\d.]+ m?s\.\n/)
    expect(found.out).toContain('    + CREATE TABLE orders (\n')
    expect(found.out).toContain('✓ nothing found in 1_users\n')
    expect(found.code).toBe(1)
    expect(cli(['verify', '--verbose'], {}, cwd).out).toMatch(
      /^✓ order of versions.*\n✓ nil → 2 .*\n✓ 1_users: up, down, up .*\n✗ 2_orders: up, down, up .*\n/,
    )
    writeFileSync(
      join(cwd, 'migratest.config.ts'),
      "import type { MigratestConfig } from 'migratest'\nexport default { irreversible: { 2: 'for good' } } satisfies MigratestConfig",
    )
    const { out, code } = cli(['verify', '--json'], {}, cwd)
    expect(JSON.parse(out)).toMatchObject({
      format: 1,
      migrations: 2,
      summary: { errors: 0, checks: 14, notRun: 0 },
      findings: [],
      checks: expect.arrayContaining([
        {
          id: 'round-trip',
          group: 'schema',
          name: '2_orders: up, down, up',
          version: 2,
          ok: true,
          ms: expect.any(Number),
          text: 'irreversible: for good',
        },
      ]),
    })
    expect(code).toBe(0)
  })
})

describe('schema', () => {
  test('to stdout, to a file, and whether the file is up to date', async ({ db }) => {
    const cwd = folder(MIGRATIONS)
    const env = { DATABASE_URL: db.url }
    cli(['up'], env, cwd)
    const { out } = cli(['schema'], env, cwd)
    expect(out).toContain('CREATE TABLE users (\n  id integer\n);')
    expect(out).not.toContain('schema_migrations')
    expect(cli(['schema', 'schema.sql'], env, cwd).out).toBe('Wrote schema.sql: 3 objects.\n')
    expect(readFileSync(join(cwd, 'schema.sql'), 'utf8')).toBe(out)
    expect(cli(['schema', 'schema.sql'], env, cwd).out).toBe('schema.sql is unchanged.\n')
    expect(cli(['schema', '--check', '--fresh', 'schema.sql'], {}, cwd)).toMatchObject({ code: 0 })
    await db.rows('alter table users add email text')
    const checked = cli(['schema', '--check', 'schema.sql'], env, cwd)
    expect(checked.out).toMatch(
      /^schema.sql differs from the schema:\n[\s\S]*\n- {3}id integer\n\+ {3}id integer,\n\+ {3}email text\n/,
    )
    expect(checked.code).toBe(1)
    expect(cli(['schema', '--check'], env, cwd).err).toMatch(/Which file is to be checked\?/)
    expect(readdirSync(cwd).sort()).toEqual(['migrations', 'schema.sql'])
    // A link stays a link, and what is no file is written to.
    symlinkSync('schema.sql', join(cwd, 'link.sql'))
    expect(cli(['schema', 'link.sql'], env, cwd).code).toBe(0)
    expect(lstatSync(join(cwd, 'link.sql')).isSymbolicLink()).toBe(true)
    expect(readFileSync(join(cwd, 'schema.sql'), 'utf8')).toContain('email text')
    execFileSync('mkfifo', ['pipe'], { cwd })
    const reader = spawn('cat', ['pipe'], { cwd, stdio: ['ignore', 'ignore', 'ignore'] })
    expect(cli(['schema', 'pipe'], env, cwd).code).toBe(0)
    expect(lstatSync(join(cwd, 'pipe')).isFIFO()).toBe(true)
    reader.kill()
  })
})

describe('wait', () => {
  test('until the database answers, or the time is over', async ({ db }) => {
    expect(cli(['wait', '-d', db.url]).out).toMatch(/ answered after [\d.]+ ms\.\n$/)
    const nobody = cli(['wait', '-d', 'postgres://u:secret@127.0.0.1:1/x', '--timeout', '0.3'])
    expect([nobody.code, nobody.err]).toEqual([1, expect.stringMatching(/127\.0\.0\.1:1/)])
    expect(nobody.err).not.toContain('secret')
    expect(cli(['wait', '-d', 'oracle://x']).code).toBe(2)
  })

  test('is not satisfied by an open port', async () => {
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    const child = spawn(process.execPath, [program, 'wait', '-d', `postgres://u@127.0.0.1:${port}/x`], {
      stdio: 'ignore',
    })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    const first = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 700, 'still waiting'))])
    child.kill()
    await ended
    silent.close()
    expect(first).toBe('still waiting')
  })
})

describe('databases and servers', () => {
  // A server that no other test uses.
  const flags = { 'cli.test': String(process.pid) }
  const own = postgres({ flags })
  const request = { kind: 'postgres', from: 'auto', version: undefined, image: undefined, flags, setup: [] } as const

  test('a kept database is listed, opened and removed', async () => {
    const database = await own.create()
    await database.keep()
    const listed = JSON.parse(cli(['databases', 'list', '--json']).out) as { name: string }[]
    expect(listed).toContainEqual({
      name: database.name,
      keptAt: expect.stringMatching(/^20/),
      sizeBytes: expect.any(Number),
      connections: 0,
      server: expect.stringContaining('PostgreSQL'),
    })
    expect(cli(['databases', 'list']).out).toMatch(new RegExp(`${database.name} +kept \\d{4}-\\d\\d-\\d\\d .*MiB`))
    expect(cli(['databases', 'open', database.name]).out).toBe(`${database.url}\n`)
    expect(cli(['databases', 'open', 'nothing']).err).toMatch(/No test database nothing is kept/)
    // Only on its server: others may have some that their tests look at.
    const client = await database.connect()
    const at = ['--server', database.url ?? '']
    expect(cli(['databases', 'gc', ...at]).out).toMatch(/^Removed 0 databases\. 1 is in use and was kept\.\n$/)
    await client.end()
    await expect
      .poll(() => JSON.parse(cli(['databases', 'gc', '--json', ...at]).out).removed, { timeout: 20_000 })
      .toEqual([database.name])
  })

  test('servers that run on demand', async () => {
    const database = await own.create()
    const found = () =>
      (JSON.parse(cli(['servers', 'list', '--json']).out) as { key: string; users: number }[]).find(
        (server) => server.key === keyOf(request),
      )
    expect(found()).toMatchObject({ users: 1 })
    expect(cli(['servers', 'list']).out).toMatch(/^[0-9a-f]{16} {2}PostgreSQL .* used by \d+ process/m)
    expect(await database.connect().then((client) => client.end())).toBeUndefined()
    expect(cli(['servers', 'stop', 'f00']).err).toMatch(/There is no server "f00"/)
    expect(cli(['servers', 'stop', '']).code).toBe(2)
    expect(cli(['servers', 'stop', keyOf(request)]).out).toBe('Stopped 1 server.\n')
    expect(found()).toBeUndefined()
  })
})

describe('init', () => {
  test('writes a configuration that works, and finds what is there', ({ db }) => {
    const cwd = folder({ 'db/migrations/1_a.up.sql': 'create table a ()', 'package.json': '{ "type": "module" }' })
    expect(cli(['init'], {}, cwd).out).toMatch(/^Wrote migratest.config.ts; db\/migrations\/ has 1 file\./)
    expect(cli(['up'], { DATABASE_URL: db.url }, cwd).out).toMatch(/1_a/)
    expect(cli(['init'], {}, cwd)).toMatchObject({ code: 2, err: expect.stringMatching(/already exists/) })
    // A package of another kind, and a folder with a quote in its name.
    const other = folder({ 'package.json': '{ "type": "commonjs" }' })
    expect(cli(['init', '-p', "it's"], {}, other).out).toMatch(/^Wrote migratest.config.mts; it's\/ is empty/)
    expect(cli(['new', 'x'], {}, other)).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/^it's\/0001_x/),
    })
  })
})

describe('configuration', () => {
  const config = (text: string) => folder({ ...MIGRATIONS, 'migratest.config.mjs': `export default ${text}` })

  test('database, folder and table come from it; options go first', ({ db }) => {
    const cwd = config(`{ database: process.env.SHOP_URL, migrations: 'migrations', table: 'moves' }`)
    const env = { SHOP_URL: db.url, DATABASE_URL: 'postgres://127.0.0.1:1/x' }
    expect(cli(['up', '1'], env, cwd).code).toBe(0)
    expect(cli(['version', '-d', `${db.url}?x-migrations-table=moves`]).out).toBe('1\n')
    expect(cli(['version', '-c', join(cwd, 'migratest.config.mjs')], env, '/').out).toBe('1\n')
    expect(cli(['status', '-c', join(cwd, 'migratest.config.mjs')], env, '/').out).toMatch(/2_orders/)
  })

  test.for([
    [`{ migrations: 5 }`, /migrations is not a folder or a source/],
    [`{ lock: 'tabel' }`, /lock is not "advisory" or "table"/],
    ['[]', /exports no configuration/],
    [`{ databse: 'x' }`, /there is no setting "databse"\.\n\nDid you mean database\?/],
    ['5', /exports no configuration/],
    ['(() => { throw new Error("boom") })()', /cannot be loaded: boom/],
  ] as const)('what is wrong with it is said: %s', ([text, message]) => {
    expect(cli(['version'], {}, config(text))).toMatchObject({ code: 2, err: expect.stringMatching(message) })
    expect(cli(['version', '-c', 'none.ts']).err).toMatch(/There is no configuration file "none.ts"/)
  })
})

describe('new', () => {
  test('does not take a number that the base branch has', () => {
    const cwd = folder(MIGRATIONS)
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.org', ...args], { cwd })
    git('init', '-q', '-b', 'main')
    git('add', '.')
    git('commit', '-q', '-m', 'one')
    git('branch', 'feature')
    writeFileSync(join(cwd, 'migrations/0003_theirs.up.sql'), '')
    git('add', '.')
    git('commit', '-q', '-m', 'two')
    git('checkout', '-q', 'feature')
    expect(cli(['new', 'mine'], {}, cwd).out).toMatch(/0004_mine.up.sql/)
    expect(cli(['new', 'other', '--base', 'feature'], {}, cwd).out).toMatch(/0005_other.up.sql/)
    expect(cli(['new', 'x', '--base', 'nothing'], {}, cwd).err).toMatch(/git knows no revision "nothing"/)
  })

  test('goes on by time where it was by time', () => {
    const cwd = folder({ 'migrations/20260101000000_a.up.sql': '' })
    expect(cli(['new', 'b'], {}, cwd).out).toMatch(/migrations\/20\d{12}_b.up.sql/)
    const seconds = folder({ 'migrations/1600000000_a.up.sql': '' })
    expect(cli(['new', 'b'], {}, seconds).out).toMatch(/migrations\/1[789]\d{8}_b.up.sql/)
    const ahead = folder({ 'migrations/20990101000000_a.up.sql': '' })
    expect(cli(['new', 'b'], {}, ahead).out).toMatch(/migrations\/20990101000001_b.up.sql/)
  })
})

describe('usage', () => {
  test('each command refuses what only others take, and has its help', () => {
    expect(cli(['up', '--exit-code'])).toMatchObject({
      code: 2,
      err: 'up takes no --exit-code.\n\nSee: migratest up --help\n',
    })
    expect(cli(['plan', '--help']).out).toMatch(/^migratest plan \[VERSION\]: show the steps[\s\S]*--from VERSION/)
    expect(cli(['plan', '--help']).out).not.toMatch(/--yes/)
  })

  test('errors as JSON', ({ db }) => {
    const cwd = folder({ 'migrations/1_a.up.sql': 'selec 1' })
    const { out, err, code } = cli(['up', '--json'], { DATABASE_URL: db.url }, cwd)
    expect(JSON.parse(out).error).toMatchObject({
      code: 'MIGRATEST_MIGRATION_FAILED',
      version: 1,
      file: 'migrations/1_a.up.sql',
      line: 1,
      column: 1,
    })
    expect([err, code]).toEqual(['', 1])
  })

  test('colours only where they are wanted', ({ db }) => {
    const cwd = folder(MIGRATIONS)
    const env = { DATABASE_URL: db.url }
    expect(cli(['status'], { ...env, FORCE_COLOR: '1' }, cwd).out).toContain('\u001b[33mpending')
    expect(cli(['status', '--no-color'], { ...env, FORCE_COLOR: '1' }, cwd).out).not.toContain('\u001b')
    expect(cli(['status'], env, cwd).out).not.toContain('\u001b')
  })

  test('--verbose says what is done meanwhile, on stderr', ({ db }) => {
    const cwd = folder(MIGRATIONS)
    const { out, err } = cli(['up', '--verbose'], { DATABASE_URL: db.url }, cwd)
    expect(err).toMatch(/^planned: 2 steps on .*\nrunning: migrations\/0001_users.up.sql, 1 statements/)
    expect(out).not.toContain('planned')
  })
})

describe('completion', () => {
  const inShell = (shell: string) => spawnSync(shell, ['--version']).status === 0

  test.skipIf(!inShell('bash'))('bash completes commands, their words and their options (needs bash)', () => {
    const { out } = cli(['completion', 'bash'])
    const complete = (...words: string[]) => {
      const line = words.map((word) => `'${word}'`).join(' ')
      const script = `${out}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _migratest; printf '%s\\n' "\${COMPREPLY[@]}"`
      return execFileSync('bash', ['-c', script], { encoding: 'utf8', cwd: '/' }).trim().split('\n')
    }
    expect(complete('migratest', 'st')).toEqual(['status'])
    expect(complete('migratest', 'databases', '')).toEqual(expect.arrayContaining(['list', 'open', 'gc', '--server']))
    expect(complete('migrate', '--json', 'down', '--a')).toEqual(['--all'])
    expect(complete('migrate', 'et')).toEqual(['etc'])
  })

  test('scripts for the others name every command', () => {
    for (const shell of ['zsh', 'fish']) {
      const { out } = cli(['completion', shell])
      for (const name of Object.keys(COMMANDS)) expect(out).toContain(name)
    }
    expect(cli(['completion', 'csh']).err).toMatch(/For which shell/)
  })
})

test('SIGINT between checks of verify ends with 130 and leaves nothing', async () => {
  const cwd = folder({
    ...MIGRATIONS,
    'migrations/0001_users.up.sql': 'create table users (id int); select pg_sleep(0.5)',
  })
  const child = spawn(process.execPath, [program, 'verify', '--verbose'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  child.stdout.on('data', (text) => (out += text))
  const ended = new Promise((resolve) => child.once('close', resolve))
  await expect.poll(() => out, { timeout: 30_000 }).toContain('order of versions')
  child.kill('SIGINT')
  expect(await ended).toBe(130)
  expect(out).toMatch(/2 migrations: nothing found; stopped after [12] of 15 checks, /)
})
