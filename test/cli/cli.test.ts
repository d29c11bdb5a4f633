/** The command as it is typed: what it prints, where, and its exit code. */
import { spawn } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished } from 'vitest'
import { nearest } from '../../src/migrate/nearest.ts'
import { cli, cliBeside, folder, program } from '../support/cli.ts'
import { test } from '../support/database.ts'

/** The same database at an address of loopback, wherever its server is (beside this container, on a remote engine). */
async function onLoopback(url: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const forwarder = createServer((socket) => {
    const upstream = connect({ host: hostname, port: Number(port) })
    for (const end of [socket, upstream]) end.on('error', () => undefined)
    socket.pipe(upstream).pipe(socket)
  })
  await new Promise<void>((resolve) => forwarder.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void forwarder.close())
  const near = new URL(url)
  near.host = `127.0.0.1:${(forwarder.address() as AddressInfo).port}`
  return near.href
}

describe('moving', () => {
  test('up, status, down, goto, version, by option or environment, options anywhere', ({ db }) => {
    const path = folder()
    const at = ['--database', db.url, '--path', path]
    const up = cli(['up', ...at])
    expect(up.out).toMatch(
      /^ {2}up {4}1_users {2}[\d.]+ ms\n {2}up {4}2_orders {2}[\d.]+ ms\n"migratest_\w+" on \S+ is at version 2: 2 migrations in [\d.]+ m?s\.\n$/,
    )
    expect([up.err, up.code]).toEqual(['', 0])
    expect(cli(['up', ...at]).out).toMatch(/^Nothing to do: .* is at version 2\.\n$/)
    expect(cli([...at, 'down', '1']).out).toMatch(/down {2}2_orders.*\n.*is at version 1: 1 migration in/)
    expect(cli(['status', ...at]).out).toMatch(
      /^Version 1, clean, 1 pending\n {2}applied {5}1_users {3}\d{4}-\d\d-\d\d \d\d:\d\d {2}[\d.]+ ms\n {2}pending {5}2_orders\n$/,
    )
    expect(cli(['status', ...at, '--exit-code']).code).toBe(1)
    expect(cli(['plan', ...at]).out).toMatch(/^1 → 2: 1 migration on .*\n {2}up {4}2_orders {2}1 statement\n$/)
    const env = { DATABASE_URL: db.url }
    expect(cli(['goto', 'latest', '-p', path], env).code).toBe(0)
    expect(cli(['status', '--exit-code', '-p', path], env).code).toBe(0)
    expect(cli(['version', '-p', path], env).out).toBe('2\n')
    expect(JSON.parse(cli(['version', '--json', '-p', path], env).out)).toEqual({ version: 2, dirty: false })
    expect(cli(['force', '-1', '-p', path], env).out).toMatch(/is now marked as version nil; no migration was run/)
  })

  test('a failure ends with 1 and the place, on stderr', ({ db }) => {
    const at = ['-d', db.url, '-p', folder({ '1_a.up.sql': 'select 1', '2_b.up.sql': 'select nonsense' })]
    const { out, err, code } = cli(['up', ...at])
    expect(out).toMatch(/^ {2}up {4}1_a/)
    expect(err).toMatch(
      /2_b\.up\.sql:1:8: column "nonsense" does not exist \(42703\)\n\n> 1 \| select nonsense\n {4}\| {8}\^{8}\n\nThe migration left no changes: .* is at version 1, clean\.\n\nSee docs\/errors\.md#migratest_migration_failed\n$/,
    )
    expect(code).toBe(1)
    const json = cli(['up', '--json', ...at])
    expect(JSON.parse(json.out).error.code).toBe('MIGRATEST_MIGRATION_FAILED')
  })

  test('resume continues a migration that stopped half-way', ({ db }) => {
    const path = folder({ '1_a.up.sql': '-- migrate: no-transaction\ncreate table a (id int);\nselect 1/0' })
    const at = ['-d', db.url, '-p', path]
    expect(cli(['up', ...at]).err).toMatch(/run "migratest resume"/)
    expect(cli(['status', ...at]).out).toMatch(
      /^Version 1, DIRTY.*\n {2}up of 1 stopped after 1 of 2 statements: run "migratest resume"/,
    )
    writeFileSync(join(path, '1_a.up.sql'), '-- migrate: no-transaction\ncreate table a (id int);\nselect 1')
    expect(cli(['resume', ...at]).code).toBe(0)
    expect(cli(['version', ...at]).out).toBe('1\n')
  })

  test('SIGINT finishes the running migration and ends with 130', async ({ db }) => {
    const path = folder({ '1_a.up.sql': 'select pg_sleep(1)', '2_b.up.sql': 'select 2' })
    const child = spawn(process.execPath, [program, 'up', '-d', db.url, '-p', path], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ended = new Promise((resolve) => child.once('close', resolve))
    await db.underWay('pg_sleep')
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(cli(['version', '-d', db.url, '-p', path]).out).toBe('1\n')
  })
})

describe('destroying', () => {
  test('asks for a name unless it was named and is near; --yes then is enough', async ({ db }) => {
    const near = await onLoopback(db.url)
    const path = folder()
    const name = new URL(db.url).pathname.slice(1)
    const env = { DATABASE_URL: db.url }
    cli(['up', '-p', path], env)
    const refused = cli(['drop', '-p', path], env)
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining(`To proceed, add --confirm ${name}.`)])
    expect(cli(['drop', '--yes', '-p', path], env).code).toBe(2)
    expect(cli(['drop', '--confirm', 'other', '-p', path], env).err).toMatch(/the database is called/)
    expect(cli(['drop', '--yes', '-d', near, '-p', path], { NODE_ENV: 'production' }).err).toMatch(
      /NODE_ENV is production/,
    )
    expect(cli(['version', '-p', path], env).out).toBe('2\n')
    const down = await cliBeside(['down', '--all', '--yes', '-d', near, '-p', path])
    expect(down).toEqual({ out: expect.stringMatching(/is at version nil/), err: '', code: 0 })
    // The address that a URL leads to counts, not how it begins.
    const elsewhere = ['drop', '--yes', '-d', near.replace('?', '').concat('?host=192.0.2.1')]
    expect(cli(elsewhere)).toMatchObject({ code: 2, err: expect.stringContaining(`--confirm ${name}`) })
    const unnamed = new URL(near)
    unnamed.pathname = '/'
    expect(cli(['drop', '--confirm', '', '-d', unnamed.href]).code).toBe(2)
    expect(cli(['drop', '--confirm', name, '-p', path], env).out).toMatch(/is empty/)
  })
})

describe('usage', () => {
  test.for([
    ['no command', [], 2, /^$/, /^migratest: database migrations[\s\S]*Usage: migratest COMMAND/],
    ['too many arguments', ['up', '1', '2'], 2, /^$/, /^Unexpected argument "2": up takes at most 1\.\n/],
    [
      'a URL without its option',
      ['status', 'postgres://u:secret@h/db'],
      2,
      /^$/,
      /^Unexpected argument "postgres:\/\/…": .*\n\nTo name a database, use/,
    ],
    ['a URL for a number', ['up', 'postgres://u:secret@h/db'], 2, /^$/, /^"postgres:\/\/…" is not a number/],
    ['a number and all', ['down', '1', '--all'], 2, /^$/, /Both 1 and --all/],
    [
      'a URL that is none',
      ['drop', '--yes', '-d', 'postgres://u:secret@h:99999/db'],
      2,
      /^$/,
      /^The port in the database URL is not a port number/,
    ],
    [
      'a server that is none',
      ['databases', 'list', '--server', 'postgres://u:secret@h:99999/'],
      2,
      /^$/,
      /^The server's URL is not a URL/,
    ],
    ['help', ['--help'], 0, /Usage: migratest COMMAND/, /^$/],
    ['help of a command', ['help', 'goto'], 0, /^migratest goto VERSION: migrate up or down/, /^$/],
    ['its own version', ['--version'], 0, /^\d+\.\d+\.\d+\n$/, /^$/],
    ['a command that is none', ['stauts'], 2, /^$/, /There is no command "stauts"\.\n\nDid you mean status\?/],
    [
      'an option that is none',
      ['up', '--databse', 'x'],
      2,
      /^$/,
      /There is no option --databse\.\n\nDid you mean --database\?/,
    ],
    [
      "an option's name in another tool",
      ['up', '--url', 'x'],
      2,
      /^$/,
      /no option --url\.\n\nDid you mean --database\?/,
    ],
    [
      'an option of another command',
      ['up', '--dry-run'],
      2,
      /^$/,
      /^up takes no --dry-run\.\n\n"migratest plan" prints/,
    ],
    [
      'no database',
      ['up'],
      2,
      /^$/,
      /Neither --database nor DATABASE_URL is given.*npx migratest up --database.*npx migratest watch starts/s,
    ],
    ['a number that is none', ['up', 'x'], 2, /^$/, /"x" is not a number of migrations/],
    ['a version that is none', ['goto', '1/5'], 2, /^$/, /"1\/5" is not a version/],
    ['down without a number', ['down'], 2, /^$/, /How many\?/],
  ] as const)('%s', ([, args, code, out, err]) => {
    const found = cli(args)
    expect(found.out).toMatch(out)
    expect(found.err).toMatch(err)
    expect(found.code).toBe(code)
  })

  test('a misspelt command is compared with those that exist, and the nearest is proposed', () => {
    expect(nearest('stat', ['status', 'up'])).toBeUndefined()
    expect(nearest('sttaus', ['status', 'up'])).toBe('status')
  })
})

describe('new', () => {
  test('numbers go on with as many digits; a title becomes a name', () => {
    const path = folder({})
    expect(cli(['new', 'Add users', '-p', path]).code).toBe(0)
    expect(cli(['new', "Ada's", 'größe', '-p', path]).code).toBe(0)
    expect(readdirSync(path).sort()).toEqual([
      '0001_add_users.down.sql',
      '0001_add_users.up.sql',
      '0002_ada_s_größe.down.sql',
      '0002_ada_s_größe.up.sql',
    ])
    expect(JSON.parse(cli(['new', 'x', '--timestamp', '--json', '-p', path]).out).files[0]).toMatch(
      /\/\d{14}_x\.up\.sql$/,
    )
    expect(cli(['new', '-p', path]).code).toBe(2)
  })
})
