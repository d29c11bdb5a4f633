/** Verification from a release: what is said, and that nothing is left behind. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mysql } from '../../presets/mysql.ts'
import { pglite } from '../../presets/pglite.ts'
import { checkOut } from '../../src/source/gitCheckout.ts'
import type { CheckResult } from '../../src/verify/check.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { gitRepository, type Repository } from '../support/gitRepository.ts'
import { anyPostgres } from '../support/servers.ts'

const FIRST = {
  'migrations/1_users.up.sql': 'create table users (id int primary key, name varchar(50) not null)',
  'migrations/1_users.down.sql': 'drop table users',
}
const SECOND = {
  'migrations/2_email.up.sql': 'alter table users add column email varchar(50)',
  'migrations/2_email.down.sql': 'alter table users drop column email',
}
const RENAMED = {
  'migrations/2_rename.up.sql': 'alter table users rename column name to full_name',
  'migrations/2_rename.down.sql': 'alter table users rename column full_name to name',
}

/** The packages of this project. */
const MODULES = join(import.meta.dirname, '..', '..', 'node_modules')

async function examine(
  repository: Repository,
  options: Partial<VerifyOptions<unknown>>,
): Promise<Record<string, CheckResult>> {
  const made = await verification({
    server: anyPostgres,
    migrations: join(repository.root, 'migrations'),
    release: 'v1',
    ...options,
  } as VerifyOptions<unknown>)
  const results: Record<string, CheckResult> = {}
  try {
    for (const check of made.checks) results[check.id] = await check.examine()
  } finally {
    await made.dispose()
  }
  return results
}

function released(files: Readonly<Record<string, string>> = SECOND): Repository {
  const repository = gitRepository()
  repository.write(FIRST)
  repository.commit('v1')
  repository.write(files)
  return repository
}

const checkouts = () => readdirSync(tmpdir()).filter((name) => name.startsWith(`migratest-checkout-${process.pid}-`))

test('an upgrade that ends where a fresh install does, on PGlite, too', async () => {
  const repository = released()
  for (const server of [anyPostgres, pglite()]) {
    const results = await examine(repository, { server: server as typeof anyPostgres, groups: ['release'] })
    expect(Object.values(results).map(({ ok, findings, notRun }) => [ok, findings, notRun])).toEqual([
      [true, [], undefined],
      [true, [], undefined],
      [true, [], undefined],
    ])
    expect(results['release-upgrade']?.remark).toBe('v1 has 1 migrations, 1 came since')
  }
  expect(checkouts()).toEqual([])
  expect(repository.git('status', '--short')).toBe('?? migrations/2_email.down.sql\n?? migrations/2_email.up.sql\n')
})

test('an edit is shown with its place and the lines that are others', async () => {
  const repository = released({
    'migrations/1_users.up.sql':
      '-- The people.\n\ncreate table users (\n  id bigint primary key,\n  name varchar(50) not null\n)',
  })
  const { 'release-files': files } = await examine(repository, { groups: ['release'] })
  expect(files?.findings).toMatchObject([
    {
      rule: 'release-edited',
      severity: 'error',
      version: 1,
      line: 1,
      evidence: { diff: expect.stringContaining('+   id bigint') },
    },
  ])
})

test('the seeds of versions that the release does not have are inserted on the way up', async () => {
  const seeds = {
    1: "insert into users values (1, 'Ada')",
    2: "insert into users values (2, 'Alan', 'alan@example.com')",
  }
  const results = await examine(released(), { groups: ['release'], seeds })
  expect(results['release-upgrade']).toMatchObject({ ok: true, findings: [], notRun: undefined })
})

test('a migration in TypeScript of the release is loaded with what it imports', async () => {
  const code = (type: string) => ({
    'lib/types.ts': `export const NAME = '${type}'\n`,
    'migrations/1_users.ts': `import { NAME } from '../lib/types.ts'\nexport async function up({ sql }) { await sql('create table users (id int primary key, name ' + NAME + ')') }\nexport async function down({ sql }) { await sql('drop table users') }\n`,
  })
  const repository = gitRepository()
  repository.write(code('varchar(20)'))
  repository.commit('v1')
  repository.write(code('text'))
  const results = await examine(repository, { groups: ['release'] })
  expect(results['release-files']?.findings).toMatchObject([{ rule: 'release-edited' }])
  expect(results['release-upgrade']?.findings).toMatchObject([
    {
      rule: 'release-differs',
      evidence: { diff: expect.stringMatching(/- +name text\n\+ +name character varying\(20\)/) },
    },
  ])
})

test('a folder of another tool: Drizzle passes over what is older than its latest', async () => {
  const entry = (idx: number, tag: string, when: number) => ({ idx, version: '7', when, tag, breakpoints: true })
  const journal = (...entries: object[]) => ({
    'migrations/meta/_journal.json': JSON.stringify({ version: '7', dialect: 'postgresql', entries }),
  })
  const repository = gitRepository()
  repository.write({
    'migrations/0000_users.sql': 'create table users (id int primary key)',
    ...journal(entry(0, '0000_users', 2000)),
  })
  repository.commit('v1')
  repository.write({
    'migrations/0001_plans.sql': 'create table plans (id int primary key)',
    ...journal(entry(0, '0000_users', 2000), entry(1, '0001_plans', 1000)),
  })
  const { 'release-files': files } = await examine(repository, { groups: ['release'] })
  expect(files?.findings).toMatchObject([
    { rule: 'release-order', objects: ['0001_plans'], message: expect.stringContaining('Drizzle runs what is newer') },
  ])
})

test('a revision that git does not know, and a folder that the release did not have', async () => {
  const repository = released()
  await expect(examine(repository, { release: 'v9' })).rejects.toThrow('git knows no revision "v9"')
  repository.copy(join(repository.root, 'migrations'), 'other')
  await expect(examine(repository, { migrations: join(repository.root, 'other') })).rejects.toThrow(
    /no directory|has no migrations/,
  )
  expect(checkouts()).toEqual([])
})

describe('the command of the release', () => {
  test('is told as a finding with what it printed, if it fails on the new schema only', async () => {
    const repository = released(RENAMED)
    const command = `NODE_PATH=${MODULES} node -e "const { Client } = require('pg'); const c = new Client(process.env.DATABASE_URL); c.connect().then(() => c.query('select name from users')).then(() => process.exit(0), (e) => { console.error('the app says: ' + e.message); process.exit(3) })"`
    const results = await examine(repository, { groups: ['compat'], app: { command, folder: repository.root } })
    expect(results['old-app']?.findings).toMatchObject([
      {
        rule: 'old-app-fails',
        severity: 'warning',
        message: expect.stringContaining('of v1 ended with exit code 3 on the new schema'),
        evidence: { output: 'the app says: column "name" does not exist' },
      },
    ])
    expect(results['old-code']?.findings).toMatchObject([
      { rule: 'old-code-breaks', severity: 'warning', objects: ['users.name'] },
    ])
    expect(repository.git('worktree', 'list').trim().split('\n')).toHaveLength(1)
    expect(checkouts()).toEqual([])
  })

  test('tells nothing of the new schema if it fails on its own', async () => {
    const repository = released(RENAMED)
    const results = await examine(repository, {
      groups: ['compat'],
      app: { command: 'echo no such thing; exit 1', folder: repository.root },
    })
    expect(results['old-app']).toMatchObject({ ok: false, findings: [] })
    expect(results['old-app']?.notRun).toMatch(/on the schema of that revision already[\s\S]*no such thing/)
  })

  test('runs in the files of its revision, and has the variables of its database', async () => {
    for (const [server, name] of [
      [anyPostgres, 'PGDATABASE'],
      [mysql(), 'MYSQL_DATABASE'],
    ] as const) {
      const repository = released(RENAMED)
      const command = `test ! -e migrations/2_rename.up.sql && test -n "$DATABASE_URL" && test -n "$${name}" && git rev-parse HEAD > /dev/null`
      const results = await examine(repository, {
        server: server as typeof anyPostgres,
        groups: ['compat'],
        app: { command, folder: repository.root },
      })
      expect(results['old-app']).toMatchObject({ ok: true, findings: [], notRun: undefined })
    }
  })

  test('has the installed packages where the repository has a link in their place', async () => {
    const repository = gitRepository()
    repository.write(FIRST)
    const installed = join(repository.root, 'installed', 'node_modules')
    mkdirSync(join(installed, 'one'), { recursive: true })
    symlinkSync(join('installed', 'node_modules'), join(repository.root, 'node_modules'))
    repository.commit('v1')
    repository.write(RENAMED)
    const app = { command: 'test -e node_modules/one', folder: repository.root }
    const results = await examine(repository, { groups: ['compat'], app })
    expect(results['old-app']).toMatchObject({ ok: true, findings: [], notRun: undefined })
  })

  test('is ended when its time is over', async () => {
    const repository = released(RENAMED)
    const app = { command: 'sleep 60', timeoutMs: 300, folder: repository.root }
    const results = await examine(repository, { groups: ['compat'], app })
    expect(results['old-app']?.notRun).toContain('sleep 60 was still running after 0 s')
  })

  test('is ended with verify, and its work tree goes', async () => {
    const repository = released(RENAMED)
    repository.write({ 'app.sh': 'touch "$MARK"; sleep 60' })
    repository.commit('v2')
    const mark = join(repository.root, 'running')
    const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts')
    const args = [main, 'verify', '--only', 'compat', '--from', 'v2', '--app', 'sh app.sh', '--dialect', 'postgres']
    const child = spawn(process.execPath, args, {
      cwd: repository.root,
      env: { ...process.env, MARK: mark },
      stdio: 'pipe',
    })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    await expect.poll(() => existsSync(mark), { timeout: 60_000, interval: 100 }).toBe(true)
    child.kill('SIGTERM')
    await once(child, 'close')
    expect(output).toContain('Stopped by SIGTERM')
    expect(repository.git('worktree', 'list').trim().split('\n')).toHaveLength(1)
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith(`migratest-checkout-${child.pid}-`))).toEqual([])
  }, 90_000)
})

test('packages are links one by one, so that a command that removes them removes links', () => {
  const repository = gitRepository()
  repository.write({ 'package.json': '{}', '.gitignore': 'node_modules\n', 'packages/own/package.json': '{}' })
  repository.commit('v1')
  repository.write({
    'node_modules/left/package.json': '{}',
    'node_modules/@scope/right/package.json': '{}',
    'node_modules/.cache/x': '',
  })
  const checkout = checkOut('v1', repository.root, 'files')
  const there = checkout.locate(repository.root)
  expect(readdirSync(join(there, 'node_modules')).toSorted()).toEqual(['@scope', 'left'])
  expect(existsSync(join(there, 'node_modules', '@scope', 'right', 'package.json'))).toBe(true)
  checkout.dispose()
  expect(existsSync(there)).toBe(false)
  expect(existsSync(join(repository.root, 'node_modules', 'left', 'package.json'))).toBe(true)
})
