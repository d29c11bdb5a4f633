/** A real folder, a real server: from a save to the database and back to a person. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, vi } from 'vitest'
import { openDatabase } from '../../src/database/open.ts'
import { UsageError } from '../../src/migrate/errors.ts'
import { Migrator } from '../../src/migrate/migrator.ts'
import { ServerUnavailableError } from '../../src/server/errors.ts'
import { directory } from '../../src/source/directory.ts'
import type { WatchEvent } from '../../src/watch/events.ts'
import { failure } from '../support/database.ts'
import { anyPostgres } from '../support/servers.ts'
import { test, Watched } from '../support/watch.ts'

const USERS = 'create table users (id serial primary key, name text not null)'

describe('from save to schema', () => {
  test('starts at the latest, follows a save, says what changed and how long it took', async ({ watched, db }) => {
    watched.write('1_users.up.sql', USERS)
    watched.write('1_users.down.sql', 'drop table users')
    await watched.start()
    expect(watched.events.map(({ type }) => type)).toEqual(['opened', 'applied', 'ready'])
    expect(watched.events[0]).toMatchObject({ version: -1, pending: 1 })
    await db.rows("insert into users (name) values ('Ada')")
    const applied = await watched.save('1_users.up.sql', USERS.replace(')', ', mail text)'))
    expect(applied).toMatchObject({
      type: 'applied',
      changes: [{ version: 1, what: 'edited' }],
      how: 'atomic',
      carried: { back: [{ table: 'users', rows: 1 }], left: [] },
      diff: { changes: [{ change: 'changed', object: 'table users' }] },
    })
    expect(await db.rows('select * from users')).toEqual([{ id: 1, name: 'Ada', mail: null }])
  })

  test('an error has its place, and the same database goes on with the mended file', async ({ watched, db }) => {
    watched.write('1_users.up.sql', USERS)
    watched.write('1_users.down.sql', 'drop table users')
    await watched.start()
    await db.rows("insert into users (name) values ('Ada')")
    const failed = await watched.save('1_users.up.sql', `${USERS};\ncreate index on users (nme)`)
    expect(failed).toMatchObject({
      type: 'failed',
      error: {
        code: 'MIGRATEST_MIGRATION_FAILED',
        line: 2,
        column: 1,
        message: expect.stringContaining('database and its rows are unchanged'),
      },
    })
    expect(await db.rows('select name from users')).toEqual([{ name: 'Ada' }])
    expect(await watched.save('1_users.up.sql', `${USERS};\ncreate index on users (name)`)).toMatchObject({
      type: 'applied',
    })
  })

  test('comments do nothing and say so; an unfinished statement is a failure until it is finished', async ({
    watched,
  }) => {
    watched.write('1_users.up.sql', USERS)
    await watched.start()
    expect(await watched.save('1_users.up.sql', `-- all users\n${USERS}`)).toEqual({
      type: 'unchanged',
      mended: false,
      files: ['1_users.up.sql'],
    })
    expect(await watched.save('2_a.up.sql', "create table a (v text default 'x")).toMatchObject({ type: 'failed' })
    expect(await watched.save('2_a.up.sql', "create table a (v text default 'x')")).toMatchObject({
      type: 'applied',
      to: 2,
    })
  })

  test('what editors leave for a moment is nothing', async ({ watched }) => {
    watched.write('1_users.up.sql', USERS)
    await watched.start()
    for (const name of ['.1_users.up.sql.swp', '4913', '1_users.up.sql~', '#1_users.up.sql#', '.#1_users.up.sql']) {
      watched.write(name, 'x')
      watched.remove(name)
    }
    await sleep(300)
    expect(watched.events.map(({ type }) => type)).toEqual(['opened', 'applied', 'ready'])
    // As vim and others save: beside it, and renamed over it.
    const next = watched.next('applied')
    watched.write('.1_users.up.sql.tmp', USERS.replace(')', ', mail text)'))
    watched.rename('.1_users.up.sql.tmp', '1_users.up.sql')
    // Its down was never written.
    await expect(Promise.race([next, watched.next('skipped')])).resolves.toMatchObject({ type: 'skipped' })
  })

  test('files that come while git holds its index are one change', async ({ watched }) => {
    mkdirSync(join(watched.folder, '.git'))
    watched.write('1_users.up.sql', USERS)
    await watched.start()
    writeFileSync(join(watched.folder, '.git', 'index.lock'), '')
    const next = watched.next('applied')
    for (const version of [2, 3, 4]) {
      watched.write(`${version}_t.up.sql`, `create table t${version} (id int)`)
      await sleep(60)
    }
    expect(watched.of('applied')).toHaveLength(1)
    rmSync(join(watched.folder, '.git', 'index.lock'))
    expect((await next).changes.map(({ version }) => version)).toEqual([2, 3, 4])
  })

  test('a file in TypeScript, and the helper it imports from a folder below', async ({ watched, db }) => {
    mkdirSync(join(watched.folder, 'lib'))
    writeFileSync(join(watched.folder, 'lib', 'name.ts'), "export const name: string = 'one'")
    const next = watched.next('applied')
    watched.write(
      '1_a.ts',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: of the file's own
      "import { name } from './lib/name.ts'\nexport const up = ({ sql }) => sql(`create table ${name} (id int)`)\nexport const down = ({ sql }) => sql(`drop table ${name}`)",
    )
    await watched.start()
    await next
    const again = watched.next('applied', 'failed')
    writeFileSync(join(watched.folder, 'lib', 'name.ts'), "export const name: string = 'two'")
    expect(await again).toMatchObject({ type: 'applied', steps: [{ origin: 'record' }, { origin: 'file' }] })
    expect(await db.rows("select to_regclass('one') as one, to_regclass('two')::text as two")).toEqual([
      { one: null, two: 'two' },
    ])
  })

  test('steps that share no transaction have a copy to go back to', async ({ watched, db }) => {
    watched.write('1_users.up.sql', USERS)
    watched.write('1_users.down.sql', 'drop table users')
    await watched.start()
    await db.rows("insert into users (name) values ('Ada'), ('Ada')")
    // Only the second of its statements fails: the first stands, but for the copy.
    const failed = await watched.save(
      '2_i.up.sql',
      '-- migrate: no-transaction\ncreate index concurrently a on users (name); create unique index concurrently b on users (name)',
    )
    expect(failed).toMatchObject({
      type: 'failed',
      error: { message: expect.stringContaining('database and its rows are unchanged') },
    })
    const rows = await (await db.connect()).query("select to_regclass('a') as a, count(*)::int from users")
    expect(rows.rows).toEqual([{ a: null, count: 2 }])
    expect(watched.of('warning').map(({ message }) => message)).toEqual([
      'To copy the database, migratest ended another session.',
    ])
    expect(await watched.save('2_i.up.sql', 'create index concurrently a on users (name)')).toMatchObject({
      type: 'applied',
      how: 'stepwise',
      why: expect.stringContaining('2_i.up.sql'),
    })
    const copies = await (await db.connect()).query(
      "select datname from pg_database where datname like '%before_watch%'",
    )
    expect(copies.rows).toEqual([])
  })
})

describe('what a person asks for', () => {
  test('no way back: asked, with what would be lost; a new save takes the question back', async ({ watched, db }) => {
    watched.write('1_users.up.sql', USERS)
    const questions: unknown[] = []
    let answer: ((yes: boolean) => void) | undefined
    await watched.start({
      onIrreversible: 'ask',
      ask: (question, signal) => {
        questions.push(question)
        return new Promise((resolve) => {
          answer = resolve
          signal.addEventListener('abort', () => resolve(false))
        })
      },
    })
    await db.rows("insert into users (name) values ('Ada')")
    const asked = watched.next('asked')
    watched.write('1_users.up.sql', USERS.replace(')', ', mail text)'))
    await asked
    const again = watched.next('asked')
    watched.write('1_users.up.sql', USERS.replace(')', ', email text)'))
    expect(await again).toMatchObject({ question: { about: 'irreversible', loss: { left: [] } } })
    const applied = watched.next('applied')
    answer?.(true)
    expect(await applied).toMatchObject({ how: 'rebuilt', carried: { back: [{ table: 'users', rows: 1 }] } })
    expect(await db.rows('select * from users')).toEqual([{ id: 1, name: 'Ada', email: null }])
    expect(questions).toHaveLength(2)
  })

  test('up, down, redo, reset, seeds; rows of what is undone are back with it', async ({ watched, db }) => {
    watched.write('1_users.up.sql', USERS)
    watched.write('1_users.down.sql', 'drop table users')
    watched.write('seeds.txt', "insert into users (name) values ('Seed')")
    const watcher = await watched.start({ seeds: [join(watched.folder, 'seeds.txt')] })
    expect(await db.rows('select name from users')).toEqual([{ name: 'Seed' }])
    const move = async (kind: 'up' | 'down' | 'redo') => {
      const next = watched.next('applied')
      watcher.do({ kind: 'move', wish: { kind, count: 1 } })
      return (await next).steps.map((step) => `${step.direction} ${step.version}`)
    }
    expect(await move('down')).toEqual(['down 1'])
    expect(await db.rows("select to_regclass('users')")).toEqual([{ to_regclass: null }])
    expect(await move('up')).toEqual(['up 1'])
    await db.rows("insert into users (name) values ('Ada')")
    expect(await move('redo')).toEqual(['down 1', 'up 1'])
    expect(await db.rows('select name from users order by id')).toEqual([{ name: 'Seed' }, { name: 'Ada' }])
    const seeded = watched.next('seeded')
    watcher.do({ kind: 'reset' })
    await seeded
    expect(await db.rows('select name from users')).toEqual([{ name: 'Seed' }])
  })

  test('drift is told, a command is run, the schema is handed out', async ({ watched, db }) => {
    watched.write('1_users.up.sql', USERS)
    watched.write('1_users.down.sql', 'drop table users')
    const schemas: string[] = []
    await watched.start({
      command: `node -e "console.log(new URL(process.env.DATABASE_URL).pathname); process.exit(3)"`,
      onSchema: (schema) => schemas.push(String(schema)),
    })
    await expect.poll(() => watched.of('command')).toHaveLength(1)
    await db.rows('alter table users add hand int')
    const next = watched.next('command')
    watched.write('2_b.up.sql', 'create table b (id int)')
    expect(await next).toMatchObject({ code: 3, output: new URL(watched.url).pathname })
    expect(watched.of('drifted')).toMatchObject([{ diff: { changes: [{ object: 'table users' }] } }])
    await vi.waitFor(() => expect(schemas.at(-1)).toContain('CREATE TABLE b'), 10_000)
  })

  test('seeds wait until the migrations are right', async ({ watched, db }) => {
    watched.write('1_users.up.sql', 'creat table users (id int)')
    watched.write('seeds.txt', "insert into users (name) values ('Seed')")
    await watched.start({ seeds: [join(watched.folder, 'seeds.txt')] })
    expect(watched.of('failed')).toHaveLength(1)
    const seeded = watched.next('seeded')
    watched.write('1_users.up.sql', USERS)
    await seeded
    expect(await db.rows('select name from users')).toEqual([{ name: 'Seed' }])
  })

  test('a command that does not end keeps nobody waiting, and ends with the watch', async ({ watched }) => {
    watched.write('1_users.up.sql', USERS)
    const pid = join(watched.folder, 'pid.txt')
    await watched.start({ command: `echo $$ > ${pid}; sleep 300; echo` })
    await expect.poll(() => existsSync(pid) && readFileSync(pid, 'utf8').trim() !== '').toBe(true)
    const first = Number(readFileSync(pid, 'utf8'))
    expect(await watched.save('2_b.up.sql', 'create table b (id int)')).toMatchObject({ type: 'applied' })
    await expect.poll(() => Number(readFileSync(pid, 'utf8'))).not.toBe(first)
    await expect.poll(() => isAlive(first)).toBe(false)
    const second = Number(readFileSync(pid, 'utf8'))
    await watched.close()
    await expect.poll(() => isAlive(second)).toBe(false)
  })

  test('who holds what it waits for is said', async ({ watched, db }) => {
    watched.write('1_users.up.sql', USERS)
    watched.write('1_users.down.sql', 'drop table users')
    await watched.start()
    const other = await db.connect()
    await other.query("set application_name = 'the app'; begin; lock table users")
    const waiting = watched.next('waiting')
    const applied = watched.next('applied')
    watched.write('1_users.up.sql', USERS.replace(')', ', mail text)'))
    expect((await waiting).why).toMatch(/"the app", user \w+ \(idle in transaction\): .*lock table users/)
    await other.query('rollback')
    await applied
  })

  test('keys with nothing to do say so', async ({ watched }) => {
    watched.write('1_users.up.sql', USERS)
    const watcher = await watched.start()
    const why = async (job: Parameters<typeof watcher.do>[0]) => {
      const next = watched.next('idle')
      watcher.do(job)
      return (await next).why
    }
    expect(await why({ kind: 'follow' })).toBe('the database matches the files')
    expect(await why({ kind: 'move', wish: { kind: 'up', count: 1 } })).toBe('there is nothing more to apply')
    expect(await why({ kind: 'seed' })).toContain('--seeds FILE')
  })

  test('a failing seed has its place', async ({ watched }) => {
    watched.write('1_users.up.sql', USERS)
    watched.write('seeds.txt', '-- rows\ninsert into user_s values (1)')
    await watched.start({ seeds: [join(watched.folder, 'seeds.txt')] })
    expect(watched.of('failed')).toMatchObject([
      { error: { line: 2, column: 13, message: expect.stringContaining('user_s') } },
    ])
  })
})

describe('it does not fall over', () => {
  test('what waits for a lock does not keep it from ending', async ({ watched, db }) => {
    watched.write('1_users.up.sql', USERS)
    watched.write('1_users.down.sql', 'drop table users')
    await watched.start()
    const other = await db.connect()
    await other.query('begin; lock table users')
    const waiting = watched.next('waiting')
    watched.write('1_users.up.sql', USERS.replace(')', ', mail text)'))
    await waiting
    await watched.close()
    await other.query('rollback')
    expect(await db.rows('select * from users')).toEqual([])
  })

  test('no way back among migrations that share no transaction: from nothing, one by one', async ({ watched, db }) => {
    watched.write('1_users.up.sql', USERS)
    watched.write('2_i.up.sql', 'create index concurrently by_name on users (name)')
    await watched.start({ onIrreversible: 'rebuild' })
    // The copy ended the first client.
    await (await db.connect()).query("insert into users (name) values ('Ada')")
    const applied = await watched.save('1_users.up.sql', USERS.replace(')', ', mail text)'))
    expect(applied, JSON.stringify(applied)).toMatchObject({
      type: 'applied',
      how: 'rebuilt',
      carried: { back: [{ rows: 1 }], left: [] },
    })
    const client = await db.connect()
    expect((await client.query('select * from users')).rows).toEqual([{ id: 1, name: 'Ada', mail: null }])
    expect((await client.query("select to_regclass('by_name')::text as i")).rows).toEqual([{ i: 'by_name' }])
  })

  test('a second watch on the database says who the first is', async ({ watched, db }) => {
    watched.write('1_users.up.sql', USERS)
    await watched.start({ open: { applicationName: 'the first' } })
    const { Watched } = await import('../support/watch.ts')
    const second = new Watched(db.url)
    const error = await failure(second.start())
    expect(error).toMatchObject({ code: 'MIGRATEST_ALREADY_WATCHED', message: expect.stringContaining('"the first"') })
    await second.close()
  })

  test('sessions that the server ends are opened again', async ({ watched, db }) => {
    watched.write('1_users.up.sql', USERS)
    await watched.start({ open: { applicationName: 'watch' } })
    const back = watched.next('reconnected')
    await db.rows(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'watch'`)
    await back
    expect(await watched.save('2_b.up.sql', 'create table b (id int)')).toMatchObject({ type: 'applied' })
  })

  test.for(['opened', 'applied'] as const)(
    'closed at "%s", while it starts, it leaves nothing open',
    async (moment, { watched, db }) => {
      watched.write('1_users.up.sql', USERS)
      let closing: Promise<void> | undefined
      const started = watched.start({
        open: { applicationName: 'closed' },
        onEvent: ({ type }) => {
          watched.events.push({ type } as WatchEvent)
          if (type === moment) closing = watched.close()
        },
      })
      await started.catch(() => undefined)
      expect(closing).toBeDefined()
      await closing
      expect(watched.events.some(({ type }) => type === 'ready')).toBe(false)
      const sessions = () =>
        db.rows(`select from pg_stat_activity
      where datname = current_database() and application_name = 'closed'`)
      await expect.poll(sessions, { timeout: 2000 }).toEqual([])
    },
  )

  test('a folder that goes and comes back', async ({ watched }) => {
    watched.write('1_users.up.sql', USERS)
    watched.write('1_users.down.sql', 'drop table users')
    await watched.start()
    const failed = watched.next('failed', 'skipped', 'applied')
    rmSync(watched.folder, { recursive: true })
    expect((await failed).type).toMatch(/failed|applied/)
    const next = watched.next('applied')
    mkdirSync(watched.folder)
    watched.write('1_users.up.sql', USERS)
    watched.write('2_b.up.sql', 'create table b (id int)')
    await next
    await watched.quiet()
    expect(String(await watched.schema())).toBe(String(await watched.fresh()))
  })
})

describe('a folder and its names', () => {
  test('a relative folder is followed from save to save', async ({ watched, db }) => {
    watched.write('1_a.up.sql', 'create table a (id int)')
    watched.write('1_a.down.sql', 'drop table a')
    await watched.start({ folder: relative(process.cwd(), watched.folder) })
    for (const column of ['b', 'c', 'd']) {
      const text = `${readFileSync(join(watched.folder, '1_a.up.sql'), 'utf8')};\nalter table a add ${column} int`
      expect(await watched.save('1_a.up.sql', text)).toMatchObject({ type: 'applied' })
    }
    expect(await db.rows('select id, b, c, d from a')).toEqual([])
  })

  test('files that are polled are followed', async ({ watched }) => {
    watched.write('1_a.up.sql', 'create table a (id int)')
    await watched.start({ poll: true })
    expect(await watched.save('2_b.up.sql', 'create table b (id int)')).toMatchObject({ type: 'applied', to: 2 })
    expect(await watched.save('2_b.down.sql', 'drop table b')).toMatchObject({ type: 'applied' })
    expect(await watched.save('2_b.up.sql', 'create table b (id int, c int)')).toMatchObject({ type: 'applied' })
  })

  test('a pair that is renamed in two steps fails nowhere', async ({ watched }) => {
    watched.write('1_a.up.sql', 'create table a (id int)')
    watched.write('1_a.down.sql', 'drop table a')
    await watched.start()
    for (let i = 0; i < 20; i++) {
      watched.rename(i % 2 ? '1_b.up.sql' : '1_a.up.sql', i % 2 ? '1_a.up.sql' : '1_b.up.sql')
      await sleep(i)
      watched.rename(i % 2 ? '1_b.down.sql' : '1_a.down.sql', i % 2 ? '1_a.down.sql' : '1_b.down.sql')
      await sleep(25)
    }
    await watched.quiet()
    expect(watched.of('failed')).toEqual([])
  })

  test('names that editors make for a moment are not shown, whatever they are', async ({ watched }) => {
    watched.write('1_a.up.sql', 'create table a (id int)')
    await watched.start()
    for (const name of ['sedKx81aQ', '.goutputstream-8WQ1X2', '1_a.up.sql.25871.tmp2']) {
      watched.write(name, 'x')
      watched.remove(name)
    }
    await sleep(300)
    expect(watched.of('changed')).toEqual([])
  })
})

describe('the own server of a watch', () => {
  const broken = (db: { rows(sql: string): Promise<unknown> }) =>
    db.rows(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )

  test('is started again, even if the first try fails', async ({ watched, db }) => {
    watched.write('1_a.up.sql', 'create table a (id int)')
    let tries = 0
    await watched.start({
      restart: async () => {
        if (tries++ === 0) throw new ServerUnavailableError('Its lock file is still there.')
      },
    })
    const back = watched.next('reconnected')
    await broken(db)
    await back
    expect(tries).toBe(2)
    expect(await watched.save('2_b.up.sql', 'create table b (id int)')).toMatchObject({ type: 'applied' })
  })

  test('that cannot be started is said, and tried again with the next save', async ({ watched, db }) => {
    watched.write('1_a.up.sql', 'create table a (id int)')
    let isHere = false
    await watched.start({
      restart: async () => {
        if (!isHere) throw new UsageError('It is at another address.')
      },
    })
    const failed = watched.next('failed')
    await broken(db)
    expect((await failed).error.message).toMatch(/another address/)
    isHere = true
    expect(await watched.save('2_b.up.sql', 'create table b (id int)')).toMatchObject({ type: 'applied' })
  })
})

describe('a down that lags behind its up', () => {
  const GROWN = 'create table shelf (id int);\ncreate table rack (id int);'

  test('is named with what it left, and followed again when it is mended', async ({ watched, db }) => {
    watched.write('1_shelf.up.sql', 'create table shelf (id int);')
    watched.write('1_shelf.down.sql', 'drop table shelf;')
    await watched.start()
    await db.rows('insert into shelf values (1)')
    expect(await watched.save('1_shelf.up.sql', GROWN)).toMatchObject({ type: 'applied' })
    const hook = `${GROWN}\ncreate table hook (id int);`
    expect(await watched.save('1_shelf.up.sql', hook)).toMatchObject({
      type: 'skipped',
      why: expect.stringContaining('did not undo what was applied: it left table public.rack.'),
    })
    expect(await watched.save('1_shelf.down.sql', 'drop table shelf; drop table rack;')).toMatchObject({
      type: 'applied',
    })
    expect(await db.rows("select id, to_regclass('hook')::text as hook from shelf")).toEqual([{ id: 1, hook: 'hook' }])
  })

  test('is noticed even if the next up would not meet what it left', async ({ watched }) => {
    watched.write('1_shelf.up.sql', GROWN)
    watched.write('1_shelf.down.sql', 'drop table shelf;')
    await watched.start()
    expect(await watched.save('1_shelf.up.sql', 'create table shelf (id int, n int);')).toMatchObject({
      type: 'skipped',
    })
  })

  test('is built anew with its rows where that is wished', async ({ watched, db }) => {
    watched.write('1_shelf.up.sql', GROWN)
    watched.write('1_shelf.down.sql', 'drop table shelf;')
    await watched.start({ onIrreversible: 'rebuild' })
    await db.rows('insert into shelf values (1); insert into rack values (2)')
    const next = await watched.save('1_shelf.up.sql', `${GROWN}\ncreate table hook (id int);`)
    expect(next).toMatchObject({ type: 'applied', how: 'rebuilt' })
    expect(await db.rows('select shelf.id, rack.id as rack from shelf, rack')).toEqual([{ id: 1, rack: 2 }])
  })

  test('is suspected, where no watch applied it, by what the up meets', async ({ watched }) => {
    watched.write('1_shelf.up.sql', GROWN)
    watched.write('1_shelf.down.sql', 'drop table shelf;')
    const driver = await openDatabase(watched.url)
    await new Migrator({ source: directory(watched.folder), database: driver }).up()
    await driver.close()
    await watched.start()
    const hook = `${GROWN}\ncreate table hook (id int);`
    expect(await watched.save('1_shelf.up.sql', hook)).toMatchObject({
      type: 'skipped',
      why: expect.stringContaining('relation "rack" already exists'),
    })
    expect(await watched.save('1_shelf.down.sql', 'drop table shelf; drop table rack;')).toMatchObject({
      type: 'applied',
    })
  })

  test('is noticed by the next watch', async ({ watched }) => {
    watched.write('1_shelf.up.sql', `${GROWN}\ncreate index shelf_id on shelf (id);`)
    watched.write('1_shelf.down.sql', 'drop table shelf;')
    await (await watched.start()).close()
    await watched.start()
    expect(await watched.save('1_shelf.up.sql', 'create table shelf (id int);')).toMatchObject({
      type: 'skipped',
      why: expect.stringContaining('it left table public.rack.'),
    })
  })

  test.for([
    ['drop table b; drop table a', 'table public.a'],
    ['drop table b; alter table a drop keep', 'column keep text on public.a'],
  ] as const)(
    'is noticed where it removes what another migration made: %s',
    async ([down, missing], { watched, db }) => {
      watched.write('1_a.up.sql', 'create table a (id int primary key, keep text)')
      watched.write('1_a.down.sql', 'drop table a')
      watched.write('2_b.up.sql', 'create table b (id int primary key)')
      watched.write('2_b.down.sql', down)
      await watched.start()
      await db.rows('insert into a values (1)')
      expect(await watched.save('2_b.up.sql', 'create table b (id int primary key, n int)')).toMatchObject({
        type: 'skipped',
        why: expect.stringContaining(`2_b.down.sql did not undo what was applied: it did not restore ${missing}.`),
      })
      expect(await watched.save('2_b.down.sql', 'drop table b')).toMatchObject({ type: 'applied' })
      expect(await db.rows('select id from a')).toEqual([{ id: 1 }])
    },
  )

  test('of rows is named, and the down in the file is tried', async ({ watched, db }) => {
    watched.write('1_a.up.sql', 'create table a (id int primary key)')
    watched.write('1_a.down.sql', 'drop table a')
    watched.write('2_b.up.sql', 'insert into a values (7);')
    watched.write('2_b.down.sql', 'select 1;')
    await watched.start()
    expect(await watched.save('2_b.up.sql', 'insert into a values (7), (8);')).toMatchObject({
      type: 'skipped',
      why: expect.stringContaining('may have left rows'),
    })
    expect(await watched.save('2_b.down.sql', 'delete from a where id in (7, 8);')).toMatchObject({ type: 'applied' })
    expect(await db.rows('select id from a order by id')).toEqual([{ id: 7 }, { id: 8 }])
  })

  test('is not blamed for what was added to its table by hand', async ({ watched, db }) => {
    watched.write('1_shelf.up.sql', 'create table shelf (id int);')
    watched.write('1_shelf.down.sql', 'drop table shelf;')
    await watched.start()
    await db.rows(
      'alter table shelf add hand int; create index by_hand on shelf (hand); alter table shelf alter id type bigint',
    )
    expect(await watched.save('1_shelf.up.sql', 'create table shelf (id int, n int);')).toMatchObject({
      type: 'applied',
    })
  })

  test('is not blamed for a text that makes the same thing twice', async ({ watched }) => {
    watched.write('1_shelf.up.sql', 'create table shelf (id int);')
    watched.write('1_shelf.down.sql', 'drop table shelf;')
    await (await watched.start()).close()
    await watched.start()
    expect(
      await watched.save('1_shelf.up.sql', 'create table shelf (id int); create table shelf (id int);'),
    ).toMatchObject({
      type: 'failed',
      error: { code: 'MIGRATEST_MIGRATION_FAILED' },
    })
  })

  test('is not blamed for what was made by hand', async ({ watched, db }) => {
    watched.write('1_shelf.up.sql', 'create table shelf (id int);')
    watched.write('1_shelf.down.sql', 'drop table shelf;')
    await watched.start()
    await db.rows('create table by_hand (id int)')
    expect(await watched.save('1_shelf.up.sql', 'create table shelf (id int, n int);')).toMatchObject({
      type: 'applied',
    })
  })
})

describe('the watch says', () => {
  test('after a failure that is mended by taking it back, that all is well', async ({ watched }) => {
    watched.write('1_a.up.sql', 'create table a (id int)')
    await watched.start()
    expect(await watched.save('1_a.up.sql', 'create tabel a (id int)')).toMatchObject({ type: 'failed' })
    expect(await watched.save('1_a.up.sql', 'create table a (id int)')).toMatchObject({
      type: 'unchanged',
      mended: true,
    })
  })

  test('that a step takes long', async ({ watched }) => {
    await watched.start()
    const running = watched.next('running')
    watched.write('1_slow.up.sql', 'select pg_sleep(4)')
    expect(await running).toMatchObject({ step: '1_slow', seconds: 3 })
    await watched.next('applied')
  })

  test('what code logs is no warning', async ({ watched }) => {
    await watched.start()
    const log = watched.next('log')
    watched.write('1_l.ts', "export const up = ({ log }) => log('half done')")
    expect(await log).toMatchObject({ step: '1_l', message: 'half done' })
  })

  test('a second watch names the first of this database, not one of another', async ({ watched, db }) => {
    const other = await anyPostgres.create()
    const elsewhere = new Watched(other.url ?? '')
    await elsewhere.start()
    await watched.start()
    const [{ pid }] = (await db.rows(
      "select pid from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())",
    )) as [{ pid: number }]
    const second = new Watched(watched.url)
    expect((await failure(second.start())).message).toContain(`server process ${pid} `)
    await second.close()
    await elsewhere.close()
    await other.drop()
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
