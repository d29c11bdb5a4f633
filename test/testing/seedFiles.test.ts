/** Seeds in files: what fills a database once, for all test files. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { createMigratedDatabase, memory } from '../../index.ts'
import { folder, write } from '../support/cli.ts'
import { failure } from '../support/database.ts'
import { anyPostgres, describeOnDatabases } from '../support/servers.ts'
import { runVitest } from '../support/vitestRun.ts'

describeOnDatabases(['PostgreSQL', 'PGlite', 'MySQL', 'MariaDB'], ({ server, id }) => {
  const migrations = memory({
    '1_users.up.sql': `create table users (${id}, name varchar(40))`,
    '2_no.up.sql': 'select 1',
  })

  test('prepare and seeds are files: SQL, TypeScript with its helpers', async () => {
    const path = folder({
      'first.sql': "\uFEFFinsert into users (name) values ('Ada');\r\ninsert into users (name) values ('Eve');\r\n",
      'more.ts': `import { name } from './name.ts'
export default (db: { query(sql: string): Promise<unknown> }) => db.query(\`insert into users (name) values ('\${name}')\`)`,
      'name.ts': "export const name: string = 'Bob'",
    })
    const options = {
      server,
      migrations,
      seeds: { 1: pathToFileURL(join(path, 'first.sql')) },
      prepare: join(path, 'more.ts'),
    }
    for (const _ of ['run', 'copied', 'copied']) {
      await using db = await createMigratedDatabase(options)
      expect(await db.query('select name from users order by id')).toEqual([
        { name: 'Ada' },
        { name: 'Eve' },
        { name: 'Bob' },
      ])
      await db.query('delete from users')
    }
    write(path, 'name.ts', "export const name: string = 'Mia'")
    await using edited = await createMigratedDatabase(options)
    expect(await edited.query("select name from users where name in ('Bob', 'Mia')")).toEqual([{ name: 'Mia' }])
    write(path, 'first.sql', 'select 1')
    await using fewer = await createMigratedDatabase(options)
    expect(await fewer.query('select name from users')).toEqual([{ name: 'Mia' }])
  })
})

describe('what the files determine', () => {
  /** A value that each run makes anew: two databases that have the same one are copies of the same result. */
  const TOKEN = 'insert into runs select gen_random_uuid()'
  const migrations = memory({ '1_runs.up.sql': 'create table runs (token uuid)' })

  async function tokenOf(prepare: string): Promise<unknown> {
    await using db = await createMigratedDatabase({ server: anyPostgres, migrations, prepare })
    return (await db.query('select token from runs'))[0]?.token
  }

  test('an edit of the module, of its helper, of a file and of a variable that it reads: each runs it again', async () => {
    const path = folder({
      'prepare.ts': `import { readFileSync } from 'node:fs'
import { note } from './note.ts'
const rows = readFileSync(new URL('./rows.csv', import.meta.url), 'utf8')
export default async (db) => {
  await db.query(\`${TOKEN} -- \${note} \${rows} \${process.env.MIGRATEST_TEST_ROWS}\`)
}`,
      'note.ts': 'export const note = 1',
      'rows.csv': 'a',
    })
    const prepare = join(path, 'prepare.ts')
    const seen = new Set<unknown>()
    const expectAnother = async () => {
      const token = await tokenOf(prepare)
      expect(await tokenOf(prepare)).toBe(token)
      expect(seen).not.toContain(token)
      seen.add(token)
    }
    await expectAnother()
    write(path, 'note.ts', 'export const note = 2')
    await expectAnother()
    write(path, 'rows.csv', 'b')
    await expectAnother()
    process.env.MIGRATEST_TEST_ROWS = randomBytes(4).toString('hex')
    await expectAnother()
    delete process.env.MIGRATEST_TEST_ROWS
  })

  test.for([
    ['there is no file', {}, 'prepare.ts', /^prepare: there is no file .*prepare\.ts/],
    [
      'it exports no function',
      { 'prepare.ts': 'export const rows = 1' },
      'prepare.ts',
      /no function as its default export/,
    ],
    [
      'its SQL is wrong',
      { 'prepare.sql': 'select 1;\nselect *\nfrom nowhere' },
      'prepare.sql',
      /prepare: .*prepare\.sql[\s\S]+> 3 \| from nowhere/,
    ],
    [
      'it throws',
      { 'prepare.ts': "export default () => { throw new Error('no rows today') }" },
      'prepare.ts',
      /no rows today/,
    ],
  ] as const)('%s: the error says so', async ([, files, name, message]) => {
    const path = folder(files)
    const error = await failure(createMigratedDatabase({ server: anyPostgres, migrations, prepare: join(path, name) }))
    expect(error.message).toMatch(message)
    if (name.endsWith('.ts') && 'prepare.ts' in files && /throw/.test(files['prepare.ts'])) {
      expect(error.stack).toContain(`${join(path, name)}:1:`)
    }
  })
})

describe('several test files', { timeout: 120_000 }, () => {
  /** Three files whose tests get one database each and write down the value that its preparation made. */
  function project(prepare: string) {
    const one = `
      import { appendFileSync } from 'node:fs'
      import { test as base } from 'vitest'
      import { memory, withMigratedDatabase } from 'migratest'
      import { postgres } from 'migratest/presets/postgres'
      const migrations = memory({ '1_runs.up.sql': 'create table runs (token uuid)' })
      const test = base.extend({ db: withMigratedDatabase({ server: postgres(), migrations, prepare: new URL('./prepare.ts', import.meta.url) }) })
      for (const nth of [1, 2]) {
        test('takes ' + nth, async ({ db, expect }) => {
          const [{ token }] = await db.query('select token from runs')
          appendFileSync(process.env.SEEN!, token + '\\n')
        })
      }`
    return { 'prepare.ts': prepare, 'a.test.ts': one, 'b.test.ts': one, 'c.test.ts': one }
  }

  async function tokensOf(prepare: string, { plugin, mode = 'RUN' }: { plugin?: string; mode?: 'RUN' | 'WATCH' } = {}) {
    const seen = join(folder({ seen: '' }), 'seen')
    const config = `env: { SEEN: ${JSON.stringify(seen)}, VITEST_MODE: '${mode}' }, fileParallelism: false, testTimeout: 30_000`
    const { exitCode, screen } = await runVitest(project(prepare), config, 5, plugin)
    expect(exitCode, screen).toBe(0)
    return { tokens: readFileSync(seen, 'utf8').trim().split('\n'), screen }
  }

  const TAG = randomBytes(6).toString('hex')
  const FOLLOWED = `export default (db) => db.query('insert into runs select gen_random_uuid() /* ${TAG} */')`
  const NOT_FOLLOWED = `export default async (db) => {
    await fetch('data:,x')
    await db.query('insert into runs select gen_random_uuid() from pg_sleep(0.12) /* ${TAG} */')
  }`

  test('a module runs once for all of them, and for the next run', async () => {
    const first = await tokensOf(FOLLOWED)
    expect(first.tokens).toHaveLength(6)
    expect(new Set(first.tokens).size).toBe(1)
    expect(new Set((await tokensOf(FOLLOWED)).tokens)).toEqual(new Set(first.tokens))
  })

  test('a module that reads what cannot be followed runs once in a run', async () => {
    const runs = [
      await tokensOf(NOT_FOLLOWED, { plugin: '{ server: postgres() }' }),
      await tokensOf(NOT_FOLLOWED, { plugin: '{ server: postgres() }' }),
      // On Linux the workers find out themselves which run they are of.
      ...(process.platform === 'linux' ? [await tokensOf(NOT_FOLLOWED)] : []),
    ].map(({ tokens }) => [...new Set(tokens)])
    expect(runs.map((tokens) => tokens.length)).toEqual(runs.map(() => 1))
    expect(new Set(runs.flat()).size).toBe(runs.length)
  })

  test('where nothing tells which run it is, it runs once in each file, and a line says so', async () => {
    const { tokens, screen } = await tokensOf(NOT_FOLLOWED, { mode: 'WATCH' })
    expect(new Set(tokens).size).toBe(3)
    expect(screen).toMatch(/prepare\.ts: it uses fetch, so it runs once in each test file \(\d+ ms\)\. With the plugin/)
  })
})
