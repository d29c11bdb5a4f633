/** Commands about migrations in TypeScript and branches, as they are typed. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { cli, folder } from '../support/cli.ts'
import { test } from '../support/database.ts'

const table = (name: string, head = '') => ({
  up: `${head}create table ${name} (id int);\n`,
  down: `drop table ${name};\n`,
})
const sql = (number: string, name: string, head = '') => ({
  [`migrations/${number}_${name}.up.sql`]: table(name, head).up,
  [`migrations/${number}_${name}.down.sql`]: table(name).down,
})
const git = (cwd: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], { cwd, encoding: 'utf8' })

describe('new --ts', () => {
  test('writes a migration that runs', ({ db }) => {
    const cwd = folder(sql('0001', 'a'))
    expect(cli(['new', 'split', 'names', '--ts'], {}, cwd).out).toBe('migrations/0002_split_names.ts\n')
    expect(cli(['up'], { DATABASE_URL: db.url }, cwd).code).toBe(0)
    expect(cli(['redo'], { DATABASE_URL: db.url }, cwd).code).toBe(0)
  })
})

describe('a migration in TypeScript', () => {
  test('that leaves something unawaited ends the command with the state of the database', async ({ db }) => {
    const cwd = folder({
      'migrations/1_a.ts':
        "async function helper() { throw new Error('nobody hears') }\nexport async function up({ sql }: any) {\n  await sql('create table a ()')\n  helper()\n  await sql('select pg_sleep(20)')\n}",
    })
    const { err, code } = cli(['up'], { DATABASE_URL: db.url }, cwd)
    expect(err).toMatch(
      /^A promise that was not awaited was rejected: nobody hears\n\nAwait it[\s\S]*is at version nil, clean\./,
    )
    expect(code).toBe(1)
    expect(await db.rows("select to_regclass('a') as a")).toEqual([{ a: null }])
  })

  test('that leaves something behind when all is done is told, and ends with 1', ({ db }) => {
    const cwd = folder({
      'migrations/1_a.ts': "export const up = () => { setTimeout(() => Promise.reject(new Error('late')), 30) }",
    })
    const { out, err, code } = cli(['up', '--json'], { DATABASE_URL: db.url }, cwd)
    expect(JSON.parse(out)).toMatchObject({ to: 1 })
    expect([err.split('\n')[0], code]).toEqual(['A promise that was not awaited was rejected: late', 1])
  })

  test('whose file is gone is undone with --run-recorded-code', ({ db }) => {
    const cwd = folder({
      'migrations/1_a.ts':
        "export const up = ({ sql }: any) => sql('create table a ()')\nexport const down = ({ sql }: any) => sql('drop table a')",
    })
    const env = { DATABASE_URL: db.url }
    cli(['up'], env, cwd)
    execFileSync('rm', [join(cwd, 'migrations/1_a.ts')])
    expect(cli(['down', '1'], env, cwd).err).toContain('--run-recorded-code')
    expect(cli(['down', '1', '--run-recorded-code'], env, cwd).code).toBe(0)
  })
})

describe('merge', () => {
  test('writes what joins the heads, and nothing where there is one', ({ db }) => {
    const cwd = folder({
      ...sql('0001', 'a'),
      ...sql('0002', 'b c', '-- migrate: depends-on 1\n'.replace('b c', '')),
      ...sql('0003', 'd', '-- migrate: depends-on 1\n'),
    })
    writeFileSync(join(cwd, 'migrations/0002_b c.up.sql'), 'create table b (id int)')
    expect(cli(['up'], { DATABASE_URL: db.url }, cwd).err).toContain('"migratest merge"')
    expect(cli(['merge', 'both'], {}, cwd).out).toBe('migrations/0004_both.up.sql follows 2_b c and 3_d\n')
    expect(readFileSync(join(cwd, 'migrations/0004_both.up.sql'), 'utf8')).toBe('-- migrate: depends-on "2_b c", 3_d\n')
    expect(cli(['up'], { DATABASE_URL: db.url }, cwd).code).toBe(0)
    expect(cli(['merge'], {}, cwd).out).toBe('Nothing to merge: 4_both is the only head.\n')
  })
})

describe('squash', () => {
  const FILES = { ...sql('0001', 'a'), ...sql('0002', 'b'), ...sql('0003', 'c'), ...sql('0004', 'd') }
  const names = (cwd: string) => readdirSync(join(cwd, 'migrations')).sort()

  test('replaces files that are committed, once both ways are proved to lead to the same schema', ({ db }) => {
    const cwd = folder(FILES)
    cli(['goto', '3'], { DATABASE_URL: db.url }, cwd)
    expect(cli(['squash', '2..3'], {}, cwd).err).toMatch(/removes the files .* they are not in a git repository/)
    git(cwd, 'init', '-q')
    git(cwd, 'add', '-A')
    expect(cli(['squash', '2..3'], {}, cwd).err).toMatch(/and not all of them are committed in their current state/)
    git(cwd, 'commit', '-q', '-m', 'one')
    const { out, code } = cli(['squash', '2..3', 'both'], {}, cwd)
    expect([out, code]).toEqual(['migrations/0003_both.up.sql replaces 2 migrations; the schema is the same.\n', 0])
    expect(names(cwd)).toEqual(
      ['0001_a', '0003_both', '0004_d'].flatMap((name) => [`${name}.down.sql`, `${name}.up.sql`]),
    )
    expect(readFileSync(join(cwd, 'migrations/0003_both.up.sql'), 'utf8')).toBe(
      '-- migrate: replaces 2_b, 3_c\n\n-- 2_b\ncreate table b (id int);\n\n-- 3_c\ncreate table c (id int);\n',
    )
    expect(cli(['up'], { DATABASE_URL: db.url }, cwd).err).toContain(
      '3_both replaces 2 migrations that are all applied',
    )
    expect(cli(['down', '3'], { DATABASE_URL: db.url }, cwd).code).toBe(0)
    expect(cli(['up'], { DATABASE_URL: db.url }, cwd).code).toBe(0)
  })

  test('writes nothing where the proof fails, or others say something that would not be true', () => {
    const odd = {
      ...FILES,
      'migrations/0002_b.up.sql': "alter type e add value 'b'; create table b (id int);",
      'migrations/0001_a.up.sql': "create type e as enum ('a'); create table a (id int);",
      'migrations/0001_a.down.sql': 'drop table a; drop type e',
      'migrations/0003_c.up.sql': "create table c (id int, e e default 'b');",
    }
    const cwd = folder(odd)
    const before = names(cwd)
    const { err, code } = cli(['squash', '2..3', '--yes'], {}, cwd)
    expect(err).toContain('unsafe use of new value "b" of enum type e')
    expect([code, names(cwd)]).toEqual([1, before])
    const branches = folder({
      ...sql('0001', 'a'),
      ...sql('0002', 'b', '-- migrate: depends-on 1\n'),
      ...sql('0003', 'c', '-- migrate: depends-on 1\n'),
      ...sql('0004', 'd', '-- migrate: depends-on 2, 3\n'),
    })
    expect(cli(['squash', '3..4', '--yes'], {}, branches).code).toBe(0)
    expect(readFileSync(join(branches, 'migrations/0004_squashed.up.sql'), 'utf8')).toMatch(
      /^-- migrate: depends-on 1_a, 2_b\n-- migrate: replaces 3_c, 4_d\n/,
    )
  })

  test.each([
    ['1', /is not a range/],
    ['1..9', /There is no migration 9/],
    ['2..2', /fewer than two/],
    ['3..1', /fewer than two/],
  ])('%s is refused', (range, message) => {
    expect(cli(['squash', range, '--yes'], {}, folder(FILES)).err).toMatch(message)
  })
})

describe('bundle', () => {
  const FILES = {
    ...sql('0001', 'a'),
    'migrations/0002_code.ts': `import { register } from 'migratest'
import { basename } from 'node:path'
import { left } from 'left'
import { word } from './words'
import data from './data.json' with { type: 'json' }
enum E { b = 'b' }
register({ up: ({ sql }: any) => sql(\`create table \${E.b} (\${left(word)} int, \${data.name} int, \${basename('/x/last')} int)\`), down: ({ sql }: any) => sql('drop table b') })
`,
    'migrations/words.ts': "export const word: string = 'word'",
    'migrations/data.json': '{ "name": "named" }',
    'node_modules/left/package.json':
      '{ "name": "left", "version": "1.0.0", "type": "module", "exports": "./index.js" }',
    'node_modules/left/index.js': 'export const left = (text) => "left_" + text',
    'package.json': '{ "type": "module" }',
    'migratest.config.ts': "export default { table: 'versions', outOfOrder: 'ignore' }",
  }

  test('gives each migration helpers of its own, as files do, and tells which one cannot be loaded', async ({ db }) => {
    const held = (n: number) =>
      `import { hold } from './state.ts'\nexport const up = ({ sql }: any) => sql(\`create table t${n}_\${hold()} ()\`)`
    const cwd = folder({
      'migrations/1_a.ts': held(1),
      'migrations/2_b.ts': held(2),
      'migrations/state.ts': 'let n = 0\nexport const hold = () => ++n',
    })
    const env = { ...process.env, DATABASE_URL: db.url, NODE_ENV: undefined } as NodeJS.ProcessEnv
    cli(['bundle'], {}, cwd)
    expect(spawnSync(process.execPath, ['migrate.mjs', 'up'], { cwd, env }).status).toBe(0)
    expect(await db.rows("select tablename from pg_tables where tablename ~ '^t' order by 1")).toEqual([
      { tablename: 't1_1' },
      { tablename: 't2_1' },
    ])
    writeFileSync(
      join(cwd, 'migrations/3_c.ts'),
      "if (!process.env.HERE) throw new Error('needs HERE')\nexport const up = () => {}",
    )
    expect(cli(['bundle'], { HERE: '1' }, cwd).code).toBe(0)
    expect(spawnSync(process.execPath, ['migrate.mjs', 'up'], { cwd, env, encoding: 'utf8' }).stderr).toMatch(
      /^migrations\/3_c\.ts cannot be loaded: Error: needs HERE/,
    )
    writeFileSync(join(cwd, 'migrations/3_c.ts'), "import './old.cjs'\nexport const up = () => {}")
    writeFileSync(join(cwd, 'migrations/old.cjs'), 'module.exports = 1')
    expect(cli(['bundle'], {}, cwd).err).toContain('old.cjs is CommonJS, which cannot be put into a bundle')
  })

  test.for([
    // Tools compile such a migration to CommonJS.
    ['commonjs', 'it_1_10_1'],
    ['module', '_1__1'],
  ] as const)(
    'in a package of type %s, imports what CommonJS exports as the files do',
    async ([type, name], { db }) => {
      const cwd = folder({
        'package.json': JSON.stringify({ type }),
        'node_modules/logger/package.json': '{ "name": "logger", "version": "1.0.0" }',
        'node_modules/logger/index.js':
          'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = { title: "it" }; exports.level = 1',
        'node_modules/hashes/package.json': '{ "name": "hashes", "version": "1.0.0" }',
        'node_modules/hashes/index.js': '(function (make) { module["exports"] = make() })(() => ({ rounds: 10 }))',
        'migrations/1_a.ts': `import logger, { level } from 'logger'
import * as hashes from 'hashes'
const later = await import('logger')
export const up = ({ sql }: any) => sql(\`create table t_\${[logger.title, level, hashes.rounds, later.level].join('_')} ()\`)`,
      })
      const env = { ...process.env, DATABASE_URL: db.url, NODE_ENV: undefined } as NodeJS.ProcessEnv
      const tables = () => db.rows("select tablename from pg_tables where tablename ~ '^t'")
      expect(cli(['bundle'], {}, cwd).err).toBe('')
      expect(spawnSync(process.execPath, ['migrate.mjs', 'up'], { cwd, env, encoding: 'utf8' }).stderr).toBe('')
      expect(await tables()).toEqual([{ tablename: `t_${name}` }])
      await db.rows(`drop schema public cascade; create schema public`)
      expect(cli(['up'], { DATABASE_URL: db.url }, cwd).code).toBe(0)
      expect(await tables()).toEqual([{ tablename: `t_${name}` }])
    },
  )

  test('is one file that goes on where the folder was, and the folder where it was', async ({ db }) => {
    const cwd = folder(FILES)
    const env = { DATABASE_URL: db.url }
    const made = cli(['bundle', '-o', 'out/migrate.mjs'], {}, cwd)
    expect(made.out).toMatch(/^out\/migrate\.mjs: 2 migrations and the command, \d+ KiB\n$/)
    const elsewhere = folder({})
    const file = join(elsewhere, 'migrate.mjs')
    writeFileSync(file, readFileSync(join(cwd, 'out/migrate.mjs')))
    const bundled = (...args: string[]) => {
      const { stdout, stderr, status } = spawnSync(process.execPath, [file, ...args], {
        cwd: elsewhere,
        encoding: 'utf8',
        env: { ...process.env, ...env, NODE_ENV: undefined } as NodeJS.ProcessEnv,
      })
      return { out: stdout, err: stderr, code: status }
    }
    expect(bundled('up')).toMatchObject({ code: 0, err: '' })
    expect(
      await db.rows("select column_name from information_schema.columns where table_name = 'b' order by 1"),
    ).toEqual(['last', 'left_word', 'named'].map((column_name) => ({ column_name })))
    expect(await db.rows('select version::int from versions')).toEqual([{ version: 2 }])
    expect(cli(['status', '--exit-code'], env, cwd).code).toBe(0)
    expect(cli(['redo', '2'], env, cwd).code).toBe(0)
    expect(bundled('redo').code).toBe(0)
    expect(bundled('status', '--exit-code').code).toBe(0)
    expect(bundled('dag', '--format', 'json').out).toBe(cli(['dag', '--format', 'json'], env, cwd).out)
    expect(bundled('showsql', 'nil..2').out).toBe(cli(['showsql', 'nil..2'], env, cwd).out)
    expect(bundled('new', 'x').err).toBe('"new" is not available in a bundle.\n')
    expect(bundled('--help').out).not.toContain('verify')
    expect(existsSync(join(elsewhere, 'migrations'))).toBe(false)
  })
})

describe('dag', () => {
  test('draws files alone without a database, and what became of them with one', ({ db }) => {
    const cwd = folder({
      ...sql('0001', 'a'),
      ...sql('0002', 'b', '-- migrate: depends-on 1\n'),
      ...sql('0003', 'c', '-- migrate: depends-on 1\n'),
    })
    expect(cli(['dag'], {}, cwd).out).toBe('* 3_c (head)\n| * 2_b (head)\n|/\n* 1_a\n')
    cli(['goto', '1'], { DATABASE_URL: db.url }, cwd)
    expect(cli(['dag'], { DATABASE_URL: db.url }, cwd).out).toBe(
      '* 3_c (head)  pending\n| * 2_b (head)  pending\n|/\n* 1_a\n',
    )
    expect(JSON.parse(cli(['dag', '--json'], {}, cwd).out)).toMatchObject({ format: 1, roots: [1], heads: [2, 3] })
    expect(cli(['dag', '--format', 'png'], {}, cwd)).toMatchObject({
      code: 2,
      err: expect.stringContaining('text, json, mermaid, svg'),
    })
  })

  test('goes on while a file is broken, and says what contradicts itself', () => {
    const cwd = folder({
      ...sql('0001', 'a'),
      'migrations/0002_b.ts': 'const x: = 1',
      ...sql('0003', 'c', '-- migrate: depends-on users\n'),
    })
    mkdirSync(join(cwd, 'empty'))
    const { out, err, code } = cli(['dag'], {}, cwd)
    expect(out).toContain('2_b')
    expect([err, code]).toEqual(['3_c depends on users: there is no such migration.\n', 1])
  })
})

describe('fake and unfake', () => {
  test('say what they did', ({ db }) => {
    const cwd = folder({ ...sql('0001', 'a'), ...sql('0002', 'b') })
    const env = { DATABASE_URL: db.url }
    expect(cli(['fake', '2'], env, cwd).err).toContain('2_b follows migrations that are not applied:\n  1_a')
    expect(cli(['fake', '1'], env, cwd).out).toMatch(
      /is at version 1: 1 is now recorded as applied; no migration was run\.\n$/,
    )
    expect(cli(['unfake', '1'], env, cwd).out).toMatch(
      /is at version nil: 1 is now recorded as not applied; nothing was undone\.\n$/,
    )
  })
})
