import { describe, expect, test } from 'vitest'
import { justBefore } from '../../index.ts'
import {
  DirtyError,
  DuplicateVersionError,
  EditedMigrationError,
  LateMigrationError,
  MissingMigrationError,
  NoWayDownError,
  SourceChangedError,
  UsageError,
  VersionNotFoundError,
} from '../../src/migrate/errors.ts'
import type { MigrateEvent } from '../../src/migrate/events.ts'
import { Migrator, type MigratorOptions } from '../../src/migrate/migrator.ts'
import type { MigrationContext, Source } from '../../src/migrate/source.ts'
import { memory } from '../../src/source/memory.ts'
import { failure } from '../support/database.ts'
import { PlainDatabase, PlainDriver } from './plainDriver.ts'

const FILES = {
  '1_a.up.sql': 'create a',
  '1_a.down.sql': 'drop a',
  '2_b.up.sql': 'create b',
  '2_b.down.sql': 'drop b',
  '3_c.up.sql': 'create c',
  '3_c.down.sql': 'drop c',
}

function setUp(files: Parameters<typeof memory>[0] = FILES) {
  const db = new PlainDatabase()
  const events: MigrateEvent[] = []
  const over = (source: Source | typeof files, options: Partial<MigratorOptions> = {}) =>
    new Migrator({
      source: 'list' in source ? (source as Source) : memory(source as typeof files),
      database: new PlainDriver(db),
      onEvent: (event) => events.push(event),
      ...options,
    })
  const warnings = () => events.filter((event) => event.type === 'warning').map((event) => event.message)
  return { db, events, warnings, migrator: over(files), over }
}

describe('targets', () => {
  test.each([
    ['latest', 'latest', 3],
    ['nil', 'nil', -1],
    ['just before', justBefore(3), 2],
    ['just before the first', justBefore(1), -1],
    ['a version', 2, 2],
  ] as const)('%s', async (_, target, version) => {
    const { migrator } = setUp()
    expect((await migrator.to(target)).to).toBe(version)
    expect((await migrator.to(target)).steps).toEqual([])
  })

  test('the error for a version that is not there names the nearest', async () => {
    const { migrator, db } = setUp()
    const error = await failure(migrator.to(7))
    expect(error).toBeInstanceOf(VersionNotFoundError)
    expect(error.message).toBe('There is no version 7 in memory().\n\nNearest: 3_c. There are 3 migrations, up to 3.')
    expect(db.executed).toEqual([])
  })

  test.each([1.5, -2, Number.NaN, 2 ** 60])('%s is no version', async (target) => {
    expect((await failure(setUp().migrator.to(target))).message).toMatch(/is not a version/)
  })

  test('an empty source says how a migration is named', async () => {
    expect((await failure(setUp({}).migrator.up())).message).toMatch(
      /no migrations in memory\(\).*0001_create_users\.up\.sql/s,
    )
  })
})

describe('plan, then run', () => {
  test('what is wrong with a later file is told before the first statement', async () => {
    const { migrator, db } = setUp({ ...FILES, '3_c.up.sql': "select 'unfinished" })
    expect((await failure(migrator.up())).message).toMatch(/^3_c\.up\.sql:1:8: unterminated string literal/)
    expect(db.executed).toEqual([])
  })

  test('two files with one number are both named', async () => {
    const error = await failure(setUp({ ...FILES, '03_other.up.sql': '' }).migrator.up())
    expect(error).toBeInstanceOf(DuplicateVersionError)
    expect(error.message).toMatch(/03_other\.up\.sql\n {2}3_c\.up\.sql/)
  })

  test('a file that changes between plan and run is not applied', async () => {
    const { db, over } = setUp()
    const plain = memory(FILES)
    let reads = 0
    const shifty: Source = {
      name: 'shifty',
      list: () => plain.list(),
      read: async (m, d) =>
        m.version === 2 && d === 'up' && ++reads === 2 ? { kind: 'sql', text: 'create other' } : plain.read(m, d),
    }
    expect(await failure(over(shifty).up())).toBeInstanceOf(SourceChangedError)
    expect(db.executed).toEqual(['create a'])
  })

  test('at most three bodies are held, with 3000 migrations', async () => {
    const { over } = setUp()
    let open = 0
    let most = 0
    const source: Source = {
      name: 'many',
      list: async () => Array.from({ length: 3000 }, (_, i) => ({ version: i + 1, name: 'm', up: 'up' })),
      read: async (_m, direction) => {
        if (direction === 'down') return null
        most = Math.max(most, ++open)
        return { kind: 'sql', text: 'create a' }
      },
    }
    const migrator = over(source, { onEvent: (event) => event.type === 'finished' && open-- })
    // The plan reads and lets go; what is counted is the run.
    const planned = await migrator.plan('latest')
    expect(planned.steps).toHaveLength(3000)
    open = 0
    most = 0
    let planning = true
    const counted: Source = {
      ...source,
      read: async (m, d) =>
        planning ? (await source.read(m, d)) && { kind: 'sql', text: 'create a' } : source.read(m, d),
    }
    const run = over(counted, {
      onEvent: (event) => {
        if (event.type === 'planned') {
          planning = false
          open = 0
          most = 0
        }
        if (event.type === 'finished') open--
      },
    })
    await run.up()
    expect(most).toBeLessThanOrEqual(3)
  })

  test('a nil down that would leave something behind is said before moving', async () => {
    const { migrator, warnings } = setUp({ '1_a.up.sql': 'create table users (id int); create index i on users (id)' })
    await migrator.up()
    expect((await migrator.plan('nil')).warnings).toEqual([
      '1_a has no down: the version changes, but the database keeps table users, index i.',
    ])
    await migrator.down('all')
    expect(warnings()).toHaveLength(1)
  })

  test('files of other tools are named once', async () => {
    const { migrator, warnings } = setUp({ ...FILES, '4_d.up.go': '' })
    await migrator.up(1)
    await migrator.up(1)
    expect(warnings()).toEqual(['Ignored files that look like migrations of another tool: 4_d.up.go'])
  })

  test('a Migrator runs one thing at a time', async () => {
    const { migrator } = setUp()
    const first = migrator.up()
    expect(await failure(migrator.up())).toBeInstanceOf(UsageError)
    await first
  })
})

describe('which down', () => {
  const applied = async () => {
    const set = setUp()
    await set.migrator.up()
    set.db.executed.length = 0
    return set
  }

  test('up unchanged: the file’s down, though mended since', async () => {
    const { db, over } = await applied()
    await over({ ...FILES, '3_c.down.sql': 'drop c; select mended' }).down(1)
    expect(db.executed).toEqual(['drop c', 'select mended'])
  })

  test('up edited: the recorded down of what was applied', async () => {
    const { db, over } = await applied()
    const run = await over({ ...FILES, '3_c.up.sql': 'create cc', '3_c.down.sql': 'drop cc' }).down(1)
    expect(db.executed).toEqual(['drop c'])
    expect(run.steps[0]).toMatchObject({ origin: 'record', file: '3_c (down recorded in the database)' })
  })

  test('a comment in the up is no edit', async () => {
    const { db, over } = await applied()
    await over({ ...FILES, '3_c.up.sql': '-- why\ncreate c;', '3_c.down.sql': 'drop c; select new' }).down(1)
    expect(db.executed).toEqual(['drop c', 'select new'])
  })

  test('the file is gone: the recorded down, as it was last seen beside an unchanged up', async () => {
    const { db, over } = await applied()
    await over({ ...FILES, '3_c.down.sql': 'drop c; select mended', '4_d.up.sql': 'create d' }).up()
    db.executed.length = 0
    const { '3_c.up.sql': _up, '3_c.down.sql': _down, ...rest } = FILES
    await over({ ...rest, '4_d.up.sql': 'create d' }).to(2)
    expect(db.executed).toEqual(['drop c', 'select mended'])
  })

  test('no text recorded and the file edited or gone: nothing runs, and it says why', async () => {
    const { db, over } = setUp()
    await over(FILES, { record: 'fingerprint' }).up()
    db.executed.length = 0
    expect(await failure(over({ ...FILES, '3_c.up.sql': 'create cc' }).down('all'))).toBeInstanceOf(NoWayDownError)
    const { '3_c.up.sql': _up, '3_c.down.sql': _down, ...gone } = FILES
    expect((await failure(over(gone).down('all'))).message).toMatch(
      /The file of version 3 is gone, and the history holds no text/,
    )
    expect(db.executed).toEqual([])
  })
})

describe('history against source', () => {
  test('edited since it was applied: an error with the file’s name, before anything runs', async () => {
    const { db, migrator, over } = setUp()
    await migrator.to(2)
    const edited = { ...FILES, '1_a.up.sql': 'create aa' }
    const error = await failure(over(edited).up())
    expect(error).toBeInstanceOf(EditedMigrationError)
    expect(error.message).toMatch(/Edited after they were applied:\n {2}1_a\.up\.sql/)
    expect(db.version).toBe(2)
    expect((await over(edited).status()).migrations.map((m) => m.state)).toEqual(['edited', 'applied', 'pending'])
    expect((await over(edited, { edited: 'ignore' }).up()).to).toBe(3)
  })

  test('applied and gone', async () => {
    const { migrator, over } = setUp()
    await migrator.to(2)
    const { '1_a.up.sql': _up, '1_a.down.sql': _down, ...gone } = FILES
    expect((await failure<MissingMigrationError>(over(gone).up())).message).toMatch(/no longer in memory\(\):\n {2}1_a/)
    expect(await failure(over(gone).up())).toBeInstanceOf(MissingMigrationError)
    expect((await over(gone).status()).migrations.map((m) => m.state)).toEqual(['missing', 'applied', 'pending'])
    expect((await over(gone, { missing: 'ignore' }).up()).to).toBe(3)
  })

  test.each([
    ['error', LateMigrationError, undefined, undefined],
    ['ignore', undefined, ['create d'], 4],
    ['apply', undefined, ['create b', 'create d'], 4],
  ] as const)('a lower version merged late: %s', async (outOfOrder, thrown, executed, version) => {
    const { '2_b.up.sql': _up, '2_b.down.sql': _down, ...without } = FILES
    const { db, over } = setUp()
    await over(without).up()
    db.executed.length = 0
    const migrator = over({ ...FILES, '4_d.up.sql': 'create d' }, { outOfOrder })
    if (thrown) {
      expect((await failure(migrator.up())).message).toMatch(/not applied.*2_b\.up\.sql/is)
      return
    }
    await migrator.up()
    expect(db.executed).toEqual(executed)
    expect(db.version).toBe(version)
  })

  test('late, edited and missing are told though nothing higher is pending', async () => {
    const { '2_b.up.sql': _up, '2_b.down.sql': _down, ...without } = FILES
    const { over } = setUp()
    await over(without).up()
    for (const migrator of [
      over(FILES),
      over({ ...without, '1_a.up.sql': 'create aa' }),
      over({ '3_c.up.sql': 'create c' }),
    ]) {
      expect((await failure<Error & { code: string }>(migrator.up())).code).toMatch(/LATE|EDITED|MISSING/)
      expect((await failure<Error & { code: string }>(migrator.to('latest'))).code).toMatch(/LATE|EDITED|MISSING/)
    }
  })

  test('a late migration that was applied is undone in its place', async () => {
    const { '2_b.up.sql': _up, '2_b.down.sql': _down, ...without } = FILES
    const { db, over } = setUp()
    await over(without).up()
    const migrator = over(FILES, { outOfOrder: 'apply' })
    await migrator.up()
    expect([db.version, db.dirty]).toEqual([3, false])
    db.executed.length = 0
    await migrator.down('all')
    expect(db.executed).toEqual(['drop c', 'drop b', 'drop a'])
    expect(db.version).toBe(-1)
  })
})

describe('where nothing can be rolled back', () => {
  const BROKEN = { ...FILES, '2_b.up.sql': 'create b1;\ncreate b2;\nfail;\ncreate b3' }

  test('a failure leaves the target dirty, and says which statement of how many and what stands', async () => {
    const { db, migrator } = setUp(BROKEN)
    const error = await failure(migrator.up())
    expect(error.message).toMatch(/^2_b\.up\.sql:3:1: refused/)
    expect(error.message).toMatch(
      /Statement 3 of 4 failed outside a transaction\. Statements 1 to 2 took effect; the database is dirty at version 2/,
    )
    expect([db.version, db.dirty, [...db.things]]).toEqual([2, true, ['a', 'b1', 'b2']])
  })

  test('steps(0) runs nothing, even on a dirty database', async () => {
    const { db, migrator } = setUp(BROKEN)
    await failure(migrator.up())
    expect(await migrator.steps(0)).toEqual({ from: db.version, to: db.version, steps: [] })
    expect(db.dirty).toBe(true)
  })

  test('a dirty database runs nothing else', async () => {
    const { db, migrator } = setUp(BROKEN)
    await failure(migrator.up())
    db.executed.length = 0
    for (const call of [
      () => migrator.up(),
      () => migrator.down('all'),
      () => migrator.to(1),
      () => migrator.run({ version: 9, body: 'create x' }),
    ]) {
      expect(await failure(call())).toBeInstanceOf(DirtyError)
    }
    expect(db.executed).toEqual([])
  })

  test('resume goes on behind the last statement that is done, with the mended file', async () => {
    const { db, migrator, over } = setUp(BROKEN)
    await failure(migrator.up())
    db.executed.length = 0
    await over({ ...BROKEN, '2_b.up.sql': 'create b1;\ncreate b2;\ncreate mended;\ncreate b3' }).resume()
    expect(db.executed).toEqual(['create mended', 'create b3'])
    expect([db.version, db.dirty]).toEqual([2, false])
  })

  test('resume refuses where what has run was changed', async () => {
    const { migrator, over } = setUp(BROKEN)
    await failure(migrator.up())
    expect(
      await failure(over({ ...BROKEN, '2_b.up.sql': 'create bb;\ncreate b2;\ncreate b3' }).resume()),
    ).toBeInstanceOf(EditedMigrationError)
  })

  test('resume of a down', async () => {
    const files = { ...FILES, '3_c.down.sql': 'drop c;\nfail' }
    const { db, migrator, over } = setUp(files)
    await migrator.up()
    await failure(migrator.down(1))
    expect([db.version, db.dirty]).toEqual([2, true])
    await over({ ...files, '3_c.down.sql': 'drop c;\nselect ok' }).resume()
    expect([db.version, db.dirty, db.executed.at(-1)]).toEqual([2, false, 'select ok'])
    expect((await over(files).status()).migrations.map((m) => m.state)).toEqual(['applied', 'applied', 'pending'])
  })

  test('a connection that breaks leaves it unknown, and resume asks', async () => {
    const { db, migrator, over } = setUp({ '1_a.up.sql': 'create a;\ndie;\ncreate b' })
    await failure(migrator.up())
    const mended = over({ '1_a.up.sql': 'create a;\ndie;\ncreate b' })
    expect((await failure(mended.resume())).message).toMatch(/not known whether statement 2 of 3 of 1_a took effect/)
    await mended.resume({ applied: 2 })
    expect([...db.things]).toEqual(['a', 'b'])
  })

  test('force sets the version, clean', async () => {
    const { db, migrator } = setUp(BROKEN)
    await failure(migrator.up())
    await migrator.force(1)
    expect([db.version, db.dirty]).toEqual([1, false])
    expect((await migrator.status()).migrations.map((m) => m.state)).toEqual(['applied', 'pending', 'pending'])
    expect((await failure(migrator.resume())).message).toMatch(/nothing to resume/)
    expect(await failure(migrator.force(1.5))).toBeInstanceOf(UsageError)
  })
})

test('run() keeps what it recorded before', async () => {
  const { db, over } = setUp()
  await over(FILES).up(1)
  await over(FILES).run({ version: 2, body: 'create b' }, { version: 3, body: 'create c' })
  expect([...db.history.keys()].sort()).toEqual([1, 2, 3])
  expect((await over(FILES).up()).steps).toEqual([])
})

test('"latest" never goes down: where newer files are gone, that is told', async () => {
  const { db, over } = setUp()
  await over(FILES).up()
  db.executed.length = 0
  const { '3_c.up.sql': _up, '3_c.down.sql': _down, ...older } = FILES
  expect(await failure(over(older).to('latest'))).toBeInstanceOf(MissingMigrationError)
  expect((await over(older, { missing: 'ignore' }).to('latest')).steps).toEqual([])
  expect(db.executed).toEqual([])
})

test('resume of a mended down compares with what ran, not with what was recorded at first', async () => {
  const { db, over } = setUp()
  await over(FILES).up()
  const broken = { ...FILES, '3_c.down.sql': 'drop c;\nselect other;\nfail' }
  await failure(over(broken).down(1))
  await over({ ...broken, '3_c.down.sql': 'drop c;\nselect other;\nselect mended' }).resume()
  expect([db.version, db.dirty, db.executed.at(-1)]).toEqual([2, false, 'select mended'])
})

test('resume refuses where a setting that the rest needs went with the session', async () => {
  const files = { '1_a.up.sql': 'set search_path = app;\ncreate a;\nfail;\ncreate b' }
  const { over } = setUp()
  await failure(over(files).up())
  const mended = files['1_a.up.sql'].replace('fail;', 'create c;')
  expect((await failure(over({ '1_a.up.sql': mended }).resume())).message).toMatch(
    /"set search_path = app" ran before the migration stopped/,
  )
  const repeated = mended.replace('create c;', 'set search_path = app;\ncreate c;')
  expect((await over({ '1_a.up.sql': repeated }).resume()).to).toBe(1)
})

test('run() takes the same version more than once', async () => {
  const { db, migrator } = setUp()
  await migrator.run(
    { version: 1, body: 'create x' },
    { version: 1, targetVersion: -1, body: 'drop x' },
    { version: 1, body: 'create y' },
  )
  expect(db.executed).toEqual(['create x', 'drop x', 'create y'])
})

test('the text of code is not recorded as SQL, even if its down was mended', async () => {
  const { over } = setUp({})
  const code = (note: string) => ({ '1_a.js': { up: () => undefined, down: ({ log }: MigrationContext) => log(note) } })
  await over(code('first')).up()
  await over({ ...code('first'), '2_b.up.sql': 'create b' }).up()
  expect((await failure<Error & { code: string }>(over({ '2_b.up.sql': 'create b' }).down('all'))).code).toBe(
    'MIGRATEST_NO_WAY_DOWN',
  )
})

test('code migrations run with a client, and log', async () => {
  const { events, migrator } = setUp({ '1_code.ts': { up: ({ log }) => log('working') } })
  await migrator.up()
  expect(events.map((event) => event.type)).toEqual(['planned', 'started', 'log', 'finished'])
})

test('a down that says it is irreversible refuses, with its reason; an up cannot say that', async () => {
  const files = {
    '1_a.up.sql': 'create a',
    '1_a.down.sql': '-- migrate: irreversible the rows were merged',
  }
  const { migrator, over } = setUp(files)
  await migrator.up()
  expect(await failure(migrator.down(1))).toMatchObject({
    code: 'MIGRATEST_IRREVERSIBLE',
    version: 1,
    reason: 'the rows were merged',
    message: expect.stringMatching(/^1_a.down.sql: version 1 cannot be undone: the rows were merged\n/),
  })
  // Also where only the record is left.
  const gone = over({ '0_z.up.sql': '' }, { missing: 'ignore', outOfOrder: 'ignore' })
  expect((await failure(gone.down(1))).code).toBe('MIGRATEST_IRREVERSIBLE')
  const up = over({ ...files, '2_b.up.sql': 'create b;\n-- migrate: irreversible no' })
  expect((await failure(up.up())).message).toMatch(/^2_b.up.sql:2:1: "irreversible" belongs in the down half/)
  const mute = over({ ...files, '1_a.down.sql': '-- migrate: irreversible' })
  expect((await failure(mute.down(1))).message).toMatch(/the reason is missing/)
})
