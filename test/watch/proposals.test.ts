/** A save of the wanted schema proposes a migration, which stays one draft until it is done. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { migrationFiles } from '../../src/cli/drafts.ts'
import { openBeside } from '../../src/database/beside.ts'
import { openFolder } from '../../src/source/open.ts'
import type { TestServer } from '../../src/testing/testServer.ts'
import type { AskedOfGenerate } from '../../src/watch/events.ts'
import type { Watcher } from '../../src/watch/watcher.ts'
import { anyPostgres } from '../support/servers.ts'
import { test as base, type Watched } from '../support/watch.ts'

const USERS = 'create table users (id integer primary key, name text);'

/** A watch with a wanted schema in a folder beside the migrations. */
class Proposing {
  readonly watched: Watched
  readonly schema: string
  readonly asked: AskedOfGenerate[] = []
  answers: Record<string, string> = {}
  watcher!: Watcher

  constructor(watched: Watched) {
    this.watched = watched
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'migratest-schema-')))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    this.schema = join(folder, 'schema.sql')
  }

  async start(
    schema: string,
    files: Record<string, string> = { '0001_users.up.sql': USERS, '0001_users.down.sql': 'drop table users;' },
  ) {
    for (const [name, text] of Object.entries(files)) this.watched.write(name, text)
    this.save(schema)
    const { folder } = this.watched
    const source = openFolder(folder)
    await source.list()
    this.watcher = await this.watched.start({
      source,
      open: openBeside(source, 'postgres', {}),
      proposals: {
        from: { paths: [this.schema] },
        schema: 'schema.sql',
        server: async () => anyPostgres as TestServer<unknown>,
        place: {},
        files: migrationFiles({
          folder,
          source,
          dialect: 'postgres',
          timestamp: false,
          base: false,
          isBaseNamed: false,
        }),
      },
      answer: async (asked) => {
        this.asked.push(asked)
        return this.answers[asked.question.id]
      },
    })
    await this.watcher.idle()
  }

  save(text: string): void {
    writeFileSync(this.schema, text)
  }

  read(name: string): string {
    return readFileSync(join(this.watched.folder, name), 'utf8')
  }
}

const test = base.extend('proposing', ({ watched }) => new Proposing(watched))

const WITH = (columns: string) => `create table users (id integer primary key, name text${columns});`

test('one save after another is one migration, applied with its rows, until it is done', async ({ proposing, db }) => {
  const { watched } = proposing
  await proposing.start(USERS)
  expect(watched.of('proposed')).toEqual([])
  await db.rows("insert into users values (1, 'Ada')")

  const proposed = watched.next('proposed')
  proposing.save(WITH(', age integer'))
  expect((await proposed).proposal).toMatchObject({
    title: 'add_users_age',
    up: 'ALTER TABLE users ADD COLUMN age integer;\n',
    statements: { up: 1, down: 1 },
  })
  expect(watched.names()).toHaveLength(2)

  const applied = watched.next('applied')
  proposing.watcher.do({ kind: 'generate' })
  expect(await applied).toMatchObject({ to: 2 })
  expect(watched.of('drafted')).toMatchObject([{ again: false }])
  expect(await db.rows('select * from users')).toEqual([{ id: 1, name: 'Ada', age: null }])
  await db.rows('update users set age = 36')

  const again = watched.next('applied')
  proposing.save(WITH(', age integer, mail text'))
  expect(await again).toMatchObject({ to: 2, changes: [{ what: 'edited' }] })
  expect(await db.rows('select * from users')).toEqual([{ id: 1, name: 'Ada', age: 36, mail: null }])
  await proposing.watcher.idle()
  expect(watched.names()).toHaveLength(4)
  expect(proposing.read('0002_add_users_age.up.sql')).toMatch(
    /^-- draft [0-9a-f]{12}: .*\nALTER TABLE users\n {2}ADD COLUMN age integer,\n {2}ADD COLUMN mail text;\n$|^-- draft [0-9a-f]{12}: .*\nALTER TABLE users ADD COLUMN age integer;\nALTER TABLE users ADD COLUMN mail text;\n$/,
  )

  // Comments change nothing, so nothing runs.
  const finished = watched.next('unchanged')
  proposing.watcher.do({ kind: 'finish' })
  await finished
  expect(proposing.read('0002_add_users_age.up.sql')).not.toContain('draft')
  expect(proposing.read('0002_add_users_age.down.sql')).not.toContain('draft')
  const next = watched.next('proposed')
  proposing.save(WITH(', age integer, mail text, phone text'))
  expect((await next).proposal.title).toBe('add_users_phone')
})

test('a schema that comes back to what it was takes the draft away', async ({ proposing }) => {
  const { watched } = proposing
  await proposing.start(WITH(', age integer'))
  const applied = watched.next('applied')
  proposing.watcher.do({ kind: 'generate' })
  await applied
  const back = watched.next('applied')
  proposing.save(USERS)
  expect(await back).toMatchObject({ to: 1 })
  expect(watched.of('withdrawn')).toMatchObject([
    { files: [expect.stringContaining('0002_'), expect.stringContaining('0002_')] },
  ])
  expect(watched.names()).toHaveLength(2)
})

test('half a file says where it fails, keeps the proposal, and the whole one goes on', async ({ proposing }) => {
  const { watched } = proposing
  await proposing.start(WITH(', age integer'))
  expect(watched.of('proposed')).toHaveLength(1)
  const failed = watched.next('unreadable')
  proposing.save('create table users (id integer primary key, name text, age integer, ma')
  expect((await failed).error.message).toContain('schema.sql:1:')
  const proposed = watched.next('proposed')
  proposing.save(WITH(', age integer'))
  expect((await proposed).proposal.title).toBe('add_users_age')
  // An empty file would drop everything.
  const empty = watched.next('unreadable')
  proposing.save('-- nothing yet\n')
  expect((await empty).error.code).toBe('MIGRATEST_NOTHING_WANTED')
})

test('a draft that was edited by hand is never written over', async ({ proposing }) => {
  const { watched } = proposing
  await proposing.start(WITH(', age integer'))
  const applied = watched.next('applied')
  proposing.watcher.do({ kind: 'generate' })
  await applied
  await proposing.watcher.idle()
  const file = '0002_add_users_age.up.sql'
  const mine = `${proposing.read(file)}UPDATE users SET age = 0;\n`
  await watched.save(file, mine)
  const proposed = watched.next('proposed')
  proposing.save(WITH(', age integer, mail text'))
  expect((await proposed).proposal.title).toBe('add_users_mail')
  expect(watched.of('warning')).toMatchObject([
    { message: expect.stringContaining('2_add_users_age was edited by hand') },
  ])
  expect(proposing.read(file)).toBe(mine)
})

test('line ends, a byte order mark and another file in its place are no edit and no obstacle', async ({
  proposing,
}) => {
  const { watched } = proposing
  await proposing.start(`\uFEFF${WITH(', age integer').replace(',', ',\r\n')}`)
  const applied = watched.next('applied')
  proposing.watcher.do({ kind: 'generate' })
  await applied
  await proposing.watcher.idle()
  for (const half of ['up', 'down']) {
    const file = `0002_add_users_age.${half}.sql`
    watched.write(file, `\uFEFF${proposing.read(file).replaceAll('\n', '\r\n')}`)
  }
  await watched.quiet()
  const drafted = watched.next('drafted')
  // As vim does: a new file takes the name of the old one.
  writeFileSync(`${proposing.schema}.new`, WITH(', age integer, mail text'))
  renameSync(`${proposing.schema}.new`, proposing.schema)
  expect(await drafted).toMatchObject({ again: true })
  expect(watched.of('warning')).toEqual([])
})

test('questions wait for the user, and their answers stay with the draft', async ({ proposing, db }) => {
  const { watched } = proposing
  await proposing.start(USERS)
  await db.rows("insert into users values (1, 'Ada')")
  const open = watched.next('questions')
  proposing.save('create table users (id integer primary key, full_name text);')
  expect((await open).questions).toMatchObject([{ id: 'rename column users.name' }])
  expect(proposing.asked).toEqual([])
  // Nobody answers: nothing is written.
  proposing.watcher.do({ kind: 'generate' })
  await proposing.watcher.idle()
  expect(proposing.asked).toMatchObject([
    { about: 'generate', choices: [{ answer: 'users.full_name' }, { answer: 'no' }] },
  ])
  expect(watched.names()).toHaveLength(2)
  proposing.answers = { 'rename column users.name': 'users.full_name' }
  const applied = watched.next('applied')
  proposing.watcher.do({ kind: 'generate' })
  await applied
  expect(await db.rows('select full_name from users')).toEqual([{ full_name: 'Ada' }])
  // The next save asks no more: the draft has the answer.
  proposing.answers = {}
  proposing.asked.length = 0
  const again = watched.next('applied')
  proposing.save('create table users (id integer primary key, full_name text, age integer);')
  await again
  expect(proposing.asked).toEqual([])
  expect(await db.rows('select * from users')).toEqual([{ id: 1, full_name: 'Ada', age: null }])
})

test('the first migration of all is proposed, too', async ({ proposing }) => {
  const { watched } = proposing
  await proposing.start(USERS, {})
  expect(watched.of('proposed')).toMatchObject([{ proposal: { title: 'create_users' } }])
  const applied = watched.next('applied')
  proposing.watcher.do({ kind: 'generate' })
  expect(await applied).toMatchObject({ to: 1 })
  const again = watched.next('applied')
  proposing.save(WITH(', age integer'))
  await again
  expect(watched.names()).toEqual(['0001_create_users.down.sql', '0001_create_users.up.sql'])
  expect(proposing.read('0001_create_users.up.sql')).toContain('age integer')
})

test.for([
  ['dbmate', '20240101000000_users.sql', `-- migrate:up\n${USERS}\n-- migrate:down\ndrop table users;\n`],
  ['goose', '20240101000000_users.sql', `-- +goose Up\n${USERS}\n-- +goose Down\ndrop table users;\n`],
] as const)('a draft in the format of %s stays one file', async ([, name, text], { proposing }) => {
  const { watched } = proposing
  await proposing.start(WITH(', age integer'), { [name]: text })
  const applied = watched.next('applied')
  proposing.watcher.do({ kind: 'generate' })
  await applied
  await proposing.watcher.idle()
  const again = watched.next('applied')
  proposing.save(WITH(', age integer, mail text'))
  await again
  await proposing.watcher.idle()
  expect(watched.of('warning')).toEqual([])
  expect(watched.names()).toHaveLength(2)
  const [draft = ''] = watched.names().filter((file) => file !== name)
  expect(proposing.read(draft)).toContain('ADD COLUMN mail text')
  const finished = watched.next('finished')
  proposing.watcher.do({ kind: 'finish' })
  await finished
  expect(proposing.read(draft)).not.toContain('draft')
})

const JOURNAL = {
  version: '7',
  dialect: 'postgresql',
  entries: [{ idx: 0, version: '7', when: 1_700_000_000_000, tag: '0000_users', breakpoints: true }],
}
const SNAPSHOT = { id: 'a', prevId: '0', version: '7', dialect: 'postgresql' }

test.for([
  [
    'Drizzle 0.x',
    {
      '0000_users.sql': USERS,
      'meta/_journal.json': JSON.stringify(JOURNAL),
      'meta/0000_snapshot.json': JSON.stringify(SNAPSHOT),
    },
  ],
  [
    'Drizzle 1.0',
    {
      '20240101000000_users/migration.sql': USERS,
      '20240101000000_users/snapshot.json': JSON.stringify({ ...SNAPSHOT, prevIds: [], ddl: [] }),
    },
  ],
  ['Atlas', { '20240101000000_users.sql': USERS, 'atlas.sum': '' }],
] as const)(
  'a draft in the format of %s keeps the list of migrations right',
  async ([name, files], { proposing, db }) => {
    const { watched } = proposing
    const { folder } = watched
    for (const path of Object.keys(files)) mkdirSync(dirname(join(folder, path)), { recursive: true })
    if ('atlas.sum' in files) {
      for (const [path, text] of Object.entries(files)) watched.write(path, text)
      const { contents } = (await openFolder(folder).alongside?.(new Map())) ?? { contents: {} }
      for (const [path, text] of Object.entries<string>(contents)) watched.write(path, text)
      await proposing.start(WITH(', age integer'), {})
    } else await proposing.start(WITH(', age integer'), files)
    /** Returns the migrations of the folder and the remarks of its format. */
    const told = async () => {
      const source = openFolder(folder)
      const migrations = await source.list()
      return { migrations: migrations.map((one) => one.name.replace(/^\d+_/, '')), remarks: source.remarks }
    }
    const all = () => readdirSync(folder, { recursive: true }).map(String).sort()
    const before = all()
    const texts = () =>
      Object.fromEntries(
        all()
          .filter((path) => /\.\w+$/.test(path))
          .map((path) => [path, proposing.read(path)]),
      )
    const first = texts()
    await db.rows("insert into users values (1, 'Ada')")

    const applied = watched.next('applied')
    proposing.watcher.do({ kind: 'generate' })
    await applied
    await proposing.watcher.idle()
    expect(await told()).toEqual({ migrations: ['users', 'add_users_age'], remarks: [] })
    const written = all()

    const again = watched.next('applied')
    proposing.save(WITH(', age integer, mail text'))
    await again
    await proposing.watcher.idle()
    expect(watched.of('drafted')).toMatchObject([{ again: false }, { again: true }])
    expect(await told()).toEqual({ migrations: ['users', 'add_users_age'], remarks: [] })
    expect(all()).toEqual(written)
    expect(await db.rows('select * from users')).toEqual([{ id: 1, name: 'Ada', age: null, mail: null }])

    // The schema comes back to what it was: so does the folder.
    const back = watched.next('applied')
    proposing.save(USERS)
    await back
    await proposing.watcher.idle()
    if (name === 'Drizzle 0.x') {
      // Its table has no names, so a file that is gone would leave the column there.
      expect(await db.rows('select * from users')).toEqual([{ id: 1, name: 'Ada' }])
      const gone = watched.next('finished')
      proposing.watcher.do({ kind: 'finish' })
      await gone
      await proposing.watcher.idle()
    }
    expect(await told()).toEqual({ migrations: ['users'], remarks: [] })
    expect(all()).toEqual(before)
    const asData = (list: Record<string, string>) =>
      Object.entries(list).map(([path, text]) => [path, path.endsWith('.json') ? JSON.parse(text) : text])
    expect(asData(texts())).toEqual(asData(first))

    const drafted = watched.next('proposed')
    proposing.save(WITH(', age integer'))
    await drafted
    const last = watched.next('applied')
    proposing.watcher.do({ kind: 'generate' })
    await last
    await proposing.watcher.idle()
    const finished = watched.next('finished')
    proposing.watcher.do({ kind: 'finish' })
    await finished
    await proposing.watcher.idle()
    expect(await told()).toEqual({ migrations: ['users', 'add_users_age'], remarks: [] })
    expect(Object.values(texts()).join('')).not.toContain('-- draft')
    expect(watched.of('warning')).toEqual([])
  },
)

test('a migration that fails is said once, by the run, and a proposal comes when it is mended', async ({
  proposing,
}) => {
  const { watched } = proposing
  await proposing.start(WITH(', age integer'))
  const failed = watched.next('failed')
  watched.write('0002_mail.up.sql', 'alter table users add mail txt;')
  await failed
  await proposing.watcher.idle()
  expect(watched.of('unreadable')).toEqual([])
  const questions = watched.next('questions')
  watched.write('0002_mail.up.sql', 'alter table users add mail text;')
  // The wanted schema has no such column: is it another one now, or does it go?
  expect((await questions).questions).toMatchObject([{ object: 'column users.mail' }])
})

test('a split is offered, and its file is no draft: it waits until it is filled in', async ({ proposing, db }) => {
  const { watched } = proposing
  await proposing.start(USERS)
  await db.rows("insert into users values (1, 'Ada Lovelace')")
  const open = watched.next('questions')
  proposing.save('create table users (id integer primary key, first_name text, last_name text);')
  await open
  const split = 'split users.name = users.first_name, users.last_name'
  proposing.answers = { 'rename column users.name': split }
  const drafted = watched.next('drafted')
  const failed = watched.next('failed')
  proposing.watcher.do({ kind: 'generate' })
  const { files, fillIn } = await drafted
  expect(proposing.asked[0]?.choices).toContainEqual({ answer: split, label: expect.stringContaining('TypeScript') })
  expect(files).toEqual([join(watched.folder, '0002_split_users_name.ts')])
  expect(fillIn).toBe('newValues (line 16) and oldValues (line 19)')
  expect((await failed).error.message).toContain('fillIn() stands for a function')

  const text = proposing.read('0002_split_users_name.ts')
  expect(text).not.toContain('draft')
  const applied = watched.next('applied')
  watched.write(
    '0002_split_users_name.ts',
    text
      .replace(
        /fillIn\('.* first_name .*'\)/,
        "({ name }) => ({ first_name: name?.split(' ')[0] ?? null, last_name: name?.split(' ')[1] ?? null })",
      )
      .replace(/fillIn\('.* name'\)/, "({ first_name, last_name }) => ({ name: [first_name, last_name].join(' ') })"),
  )
  await applied
  expect(await db.rows('select * from users')).toEqual([{ id: 1, first_name: 'Ada', last_name: 'Lovelace' }])
  await expect.poll(() => watched.of('withdrawn').length).toBe(1)
})
