/** `verify` as it is typed: what it prints, in each format, and how it ends. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { cli, folder } from '../support/cli.ts'
import { test } from '../support/database.ts'

const MIGRATIONS = {
  'migrations/0001_users.up.sql': 'create table users (id int primary key, email text);\ncreate table orders (id int)',
  'migrations/0001_users.down.sql': 'drop table orders;\ndrop table users',
  'migrations/0002_index.up.sql': 'create index by_email\n  on users (email);',
  'migrations/0002_index.down.sql': 'drop index by_email',
}
const LIVE = ['verify', '--only', 'live']

test('text: the verdict, the migration, the place, the statement and the safe way', () => {
  const cwd = folder(MIGRATIONS)
  const { out, code } = cli(LIVE, {}, cwd)
  const [explained = '', docs = ''] = /(\S+)#index-blocks-writes/.exec(out) ?? []
  // The file is there for who reads this in their project.
  expect(readFileSync(join(cwd, docs), 'utf8')).toContain('### index-blocks-writes')
  const same = out
    .replace(/in [\d.]+ m?s/, 'in 9 ms')
    .replace(explained, 'node_modules/…/verify.md#index-blocks-writes')
  expect(same).toMatchInlineSnapshot(`
    "2 migrations: 1 warning; 5 checks, in 9 ms.

    2_index

      migrations/0002_index.up.sql:1:1  warning  index-blocks-writes
      Nobody can write to users (SHARE) while index by_email is built.

        > 1 | create index by_email
          2 |   on users (email)

      Every INSERT, UPDATE and DELETE on the table waits until the index is built.

      Instead: Build it without blocking writers.

        -- in a migration of its own, since it cannot run in a transaction
        create index concurrently by_email
          on users (email);

      node_modules/…/verify.md#index-blocks-writes

    ✓ nothing found in 1_users

      With the sizes of your tables ("migratest sizes"), findings about small ones are notices.
    "
  `)
  expect(code).toBe(0)
})

// Works that share a database once met there after a failure: one could not run, and the command never ended.
test.for(['schema,paths', 'schema,paths,rows'])(
  'a migration that fails is told once with --only %s, and it ends',
  (only) => {
    const files = { ...MIGRATIONS, 'migrations/0003_fails.up.sql': 'select * from nothing' }
    const { out, code } = cli(['verify', '--only', only, '--json'], {}, folder(files))
    const { findings, summary } = JSON.parse(out)
    expect(findings).toMatchObject([{ rule: 'up-fails', version: 3 }])
    expect(summary).toMatchObject({ errors: 1, notRun: 0 })
    expect(code).toBe(1)
  },
)

test('--fail-on, --verbose, and what is wrong on the command line', () => {
  const cwd = folder(MIGRATIONS)
  expect(cli([...LIVE, '--fail-on', 'warning'], {}, cwd).code).toBe(1)
  const { out } = cli([...LIVE, '--verbose'], {}, cwd)
  expect(out).toMatch(/^✓ 1_users: while others use it {2}[\d.]+ m?s\n✓ 2_index/)
  expect(out).toMatch(/What each statement did\n[\s\S]*0002_index.up.sql:1 create index .* users: SHARE +users/)
  const refused = (...args: string[]) => cli(['verify', ...args], {}, cwd)
  expect(refused('--only', 'lives')).toMatchObject({ code: 2, err: expect.stringContaining('use one of schema') })
  expect(refused('--fail-on', 'never').err).toContain('Unknown --fail-on never: use one of error, warning, notice.')
  expect(refused('--format', 'xml').err).toContain('Unknown --format xml')
  expect(refused('rules', 'index-block-writes').err).toContain('Did you mean index-blocks-writes?')
  expect(refused('rulez').code).toBe(2)
})

test('rules are listed and explained without a server', () => {
  const list = cli(['verify', 'rules'], { PATH: '' }, folder({}))
  expect(list.out).toMatch(/^schema\n {2}version-order +error +/)
  expect(list.out).toMatch(/\nlive\n {2}table-rewritten +warning +/)
  expect(cli(['verify', 'rules', 'invalid-index'], {}, folder({})).out).toMatch(
    /^invalid-index {2}live, error\n\nAn index is left/,
  )
})

test('json: findings, effects and checks', () => {
  const { out } = cli([...LIVE, '--json'], {}, folder(MIGRATIONS))
  expect(JSON.parse(out)).toMatchObject({
    format: 1,
    migrations: 2,
    summary: { errors: 0, warnings: 1, notices: 0, allowed: 0, checks: 5, notRun: 0 },
    findings: [
      {
        rule: 'index-blocks-writes',
        severity: 'warning',
        group: 'live',
        version: 2,
        half: 'up',
        file: 'migrations/0002_index.up.sql',
        line: 1,
        column: 1,
        endLine: 2,
        statement: 'create index by_email\n  on users (email)',
        objects: ['users', 'by_email'],
        evidence: { locks: { users: ['SHARE'] }, scanned: ['users'] },
      },
    ],
    effects: [
      { version: 1 },
      { version: 1 },
      { version: 2, locks: { users: 'SHARE' }, blocks: 'writes', transaction: true },
      { version: 2, half: 'down', blocks: 'reads' },
      { version: 1, half: 'down' },
      { version: 1, half: 'down' },
    ],
  })
})

test('an allow is shown with its reason, in SARIF as suppressed', () => {
  const allowed = {
    'migrations/0002_index.up.sql': `-- migrate: allow index-blocks-writes because it is small\n${MIGRATIONS['migrations/0002_index.up.sql']}`,
  }
  const cwd = folder({ ...MIGRATIONS, ...allowed })
  const text = cli([...LIVE, '--fail-on', 'warning'], {}, cwd)
  expect(text.out).toMatch(/^2 migrations: 1 allowed; 5 checks/)
  expect(text.out).toContain('allowed at migrations/0002_index.up.sql:1: it is small')
  expect(text.code).toBe(0)
  const { runs } = JSON.parse(cli([...LIVE, '--format', 'sarif'], {}, cwd).out)
  expect(runs[0].tool.driver.rules[runs[0].results[0].ruleIndex].id).toBe('index-blocks-writes')
  expect(runs[0].results).toMatchObject([
    {
      ruleId: 'index-blocks-writes',
      level: 'warning',
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'migrations/0002_index.up.sql' },
            region: { startLine: 2, startColumn: 1, endLine: 3 },
          },
        },
      ],
      suppressions: [{ kind: 'inSource', justification: 'it is small' }],
    },
  ])
})

test('the configuration changes severities, and an unknown rule is an error', () => {
  const config = (rules: string) => ({ ...MIGRATIONS, 'migratest.config.mjs': `export default { rules: ${rules} }` })
  expect(cli(LIVE, {}, folder(config("{ 'index-blocks-writes': 'error' }"))).code).toBe(1)
  expect(cli(LIVE, {}, folder(config("{ 'index-blocks-writes': 'off' }"))).out).toMatch(/^2 migrations: nothing found/)
  expect(cli(LIVE, {}, folder(config("{ 'index-block-writes': 'off' }")))).toMatchObject({
    code: 2,
    err: expect.stringContaining('Did you mean index-blocks-writes?'),
  })
})

describe('in GitHub Actions', () => {
  test('annotations follow the text, and the job has a summary', () => {
    const cwd = folder(MIGRATIONS)
    mkdirSync(join(cwd, 'tmp'))
    const summary = join(cwd, 'tmp', 'summary.md')
    writeFileSync(summary, '')
    const { out } = cli(LIVE, { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary }, cwd)
    expect(out).toMatch(/^2 migrations: 1 warning/)
    expect(out).toMatch(
      /\n::warning file=migrations\/0002_index.up.sql,line=1,endLine=2,col=1,title=index-blocks-writes::Nobody can write to users \(SHARE\).*%0A.*create index concurrently by_email%0A/,
    )
    const text = readFileSync(summary, 'utf8')
    expect(text).toMatch(/^## Migrations\n\n2 migrations: 1 warning/)
    expect(text).toContain('```sql\n-- in a migration of its own')
    expect(text).toContain('| `0002_index.up.sql:1` | users: SHARE | users |')
  })

  test('--format github prints annotations alone', () => {
    const { out } = cli([...LIVE, '--format', 'github'], {}, folder(MIGRATIONS))
    expect(out).toMatch(/^::warning .*\n2 migrations: 1 warning; 5 checks, in .*\n$/)
  })
})

test('JUnit: a test case a check', () => {
  const down = { 'migrations/0002_index.down.sql': 'select 1' }
  const { out, code } = cli(
    ['verify', '--only', 'schema,live', '--format', 'junit'],
    {},
    folder({ ...MIGRATIONS, ...down }),
  )
  expect(out).toMatch(
    /^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites name="migrations" tests="10" failures="1" errors="0"/,
  )
  expect(out).toContain('<failure type="down-differs" message="Does not restore the schema of version 1')
  expect(out).toContain('classname="migrations.live"')
  expect(code).toBe(1)
})

test('--since checks what the branch adds, committed or not', () => {
  const cwd = folder(MIGRATIONS)
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.org', ...args], { cwd })
  git('init', '-q', '-b', 'main')
  git('add', '.')
  git('commit', '-q', '-m', 'main')
  git('checkout', '-q', '-b', 'feature')
  const since = ['verify', '--since', 'main']
  expect(cli(since, {}, cwd).out).toMatch(/^0 migrations: nothing found; 3 checks/)
  writeFileSync(join(cwd, 'migrations/0003_third.up.sql'), 'alter table users add x uuid default gen_random_uuid()')
  writeFileSync(join(cwd, 'migrations/0003_third.down.sql'), 'alter table users drop x')
  expect(cli(since, {}, cwd).out).toMatch(/^1 migration: 1 warning, 1 notice; 7 checks.*\n\n3_third\n/)
  git('add', '.')
  git('commit', '-q', '-m', 'third')
  writeFileSync(join(cwd, 'migrations/0002_index.down.sql'), 'select 1')
  const { findings } = JSON.parse(cli([...since, '--json'], {}, cwd).out)
  const brief = findings.map(({ rule, version }: { rule: string; version: number }) => `${rule} ${version}`)
  expect(brief.toSorted()).toEqual([
    'down-differs 2',
    'index-blocks-writes 2',
    'no-lock-timeout 3',
    'table-rewritten 3',
  ])
  expect(cli(['verify', '--since', 'never'], {}, cwd)).toMatchObject({
    code: 2,
    err: expect.stringContaining('git knows no revision "never"'),
  })
})

test('sizes make findings about small tables notices, and say how large the others are', async ({ db }) => {
  await db.rows(MIGRATIONS['migrations/0001_users.up.sql'])
  await db.rows("insert into users select g, 'u' || g from generate_series(1, 20000) g")
  await db.rows('analyze users')
  const cwd = folder(MIGRATIONS)
  const sizes = cli(['sizes'], { DATABASE_URL: db.url }, cwd)
  const document = JSON.parse(sizes.out)
  expect(document).toMatchObject({ format: 1, tables: { orders: { rows: 0 }, users: { rows: 20000 } } })
  writeFileSync(join(cwd, 'sizes.json'), sizes.out)
  const large = cli([...LIVE, '--sizes', 'sizes.json'], {}, cwd)
  expect(large.out).toMatch(/^2 migrations: 1 warning;[\s\S]*users has about 20,000\s+rows \(\d+\s+[KM]iB\)\./)
  expect(large.out).not.toContain('migratest sizes')
  document.tables.users.rows = 200
  writeFileSync(join(cwd, 'sizes.json'), JSON.stringify(document))
  expect(cli([...LIVE, '--sizes', 'sizes.json'], {}, cwd).out).toMatch(/^2 migrations: 1 notice;/)
  writeFileSync(join(cwd, 'sizes.json'), '{}')
  expect(cli([...LIVE, '--sizes', 'sizes.json'], {}, cwd)).toMatchObject({
    code: 2,
    err: expect.stringContaining('sizes.json is not a file of sizes'),
  })
})

describe('bisect', () => {
  const files = {
    'migrations/0001_a.up.sql': 'create table items (id int, title text)',
    'migrations/0002_b.up.sql': 'create table other (id int)',
    'migrations/0003_c.up.sql': 'alter table items rename column title to name',
    'migrations/0004_d.up.sql': 'alter table items add column x int',
    'migrations/0005_e.up.sql': 'alter table items add column y int',
    'migrations/0006_f.up.sql': 'alter table items add column z int',
  }

  test('finds the first version at which a query fails', () => {
    const cwd = folder(files)
    const found = cli(['bisect', 'select title from items'], {}, cwd)
    expect(found.out).toMatch(
      /It fails since 3_c, and works at 2_b \(tried \d versions\)\.\n\n {2}column "title" does not exist/,
    )
    expect(found.code).toBe(1)
    expect(JSON.parse(cli(['bisect', '--json', 'select title from items'], {}, cwd).out)).toMatchObject({
      first: { version: 3, name: '3_c', ok: false },
      last: { version: 2, ok: true },
    })
    expect(cli(['bisect', 'select name from items'], {}, cwd)).toMatchObject({
      code: 0,
      out: expect.stringContaining('It works at the latest version, 6_f.'),
    })
    expect(cli(['bisect', 'selec'], {}, cwd)).toMatchObject({
      code: 1,
      out: expect.stringContaining('It fails at every version that was tried'),
    })
  })

  test('runs a command with the URL of each copy', () => {
    const cwd = folder({
      ...files,
      'check.mjs': `import { openDatabase } from '${join(import.meta.dirname, '../../src/database/open.ts')}'
const driver = await openDatabase(process.env.DATABASE_URL)
const rows = await driver.rows("select 1 from information_schema.columns where column_name = 'y'")
await driver.close()
if (rows.length > 0) { console.error('there is y'); process.exit(3) }`,
    })
    const { out, code } = cli(['bisect', '--', process.execPath, 'check.mjs'], {}, cwd)
    expect(out).toMatch(/It fails since 5_e, and works at 4_d .*\n\n {2}exit code 3\n {2}there is y/)
    expect(code).toBe(1)
    expect(cli(['bisect'], {}, cwd)).toMatchObject({
      code: 2,
      err: expect.stringContaining('migratest bisect -- npm test'),
    })
    expect(cli(['bisect', '--', 'no-such-command'], {}, cwd).err).toContain('no-such-command cannot be run')
  })
})
