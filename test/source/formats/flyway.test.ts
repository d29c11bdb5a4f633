import { describe, expect, it } from 'vitest'
import { DuplicateVersionError, UsageError } from '../../../src/migrate/errors.ts'
import { type FlywayOptions, flywayFormat } from '../../../src/source/formats/flyway.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import { memoryFolder } from './memoryFolder.ts'

const sourceOf = (files: Record<string, string>, options?: FlywayOptions) =>
  sourceOfFormat(flywayFormat(options), memoryFolder(files))

const namesOf = async (files: Record<string, string>, options?: FlywayOptions) =>
  (await sourceOf(files, options).list()).map(({ name }) => name)

/** A placeholder as it stands in a file. */
const use = (name: string) => `\${${name}}`

/** The CRC-32 of "123456789" is 0xCBF43926, the check value of that algorithm; as a signed number: */
const CHECK = -873187034

describe('names of Flyway', () => {
  it('are ordered by the parts of their versions as numbers, in all subfolders, repeatable ones last', async () => {
    const source = sourceOf({
      'R__b_view.sql': '',
      'R__a_view.sql': '',
      'V1_10__ten.sql': '',
      'later/V2__two.sql': '',
      'V1.7__seven.sql': '',
      'V1.7.1__more.SQL': '',
      'V3.sql': '',
    })
    expect((await source.list()).map(({ name, number }) => [name, number])).toEqual([
      ['V1.7__seven', undefined],
      ['V1.7.1__more', undefined],
      ['V1_10__ten', undefined],
      ['V2__two', 2],
      ['V3', 3],
      ['R__a_view', undefined],
      ['R__b_view', undefined],
    ])
  })

  it('are identified by their version without zeros that do not count, or by their description', () => {
    const { format } = sourceOf({})
    expect(
      ['V1__a', 'V001.0__a', 'V1_0_0', 'U1__a', 'V1_10__a', 'R__a_view', '1.0'].map((name) => format?.identify(name)),
    ).toEqual(['1', '1', '1', '1', '1.10', 'R__a_view', '1'])
  })

  it('must differ in their versions', async () => {
    await expect(sourceOf({ 'V1__a.sql': '', 'x/V1.0__b.sql': '' }).list()).rejects.toThrow(DuplicateVersionError)
    await expect(sourceOf({ 'R__a.sql': '', 'x/R__a.sql': '' }).list()).rejects.toThrow(DuplicateVersionError)
  })

  it('are remarked upon where Flyway passes over the file, or does more than what is done here', async () => {
    const source = sourceOf({
      'Vx__a.sql': '',
      'R1__a.sql': '',
      'U9__gone.sql': '',
      'afterMigrate.sql': '',
      'R__view.sql': '',
      'V1__a.sql': '',
      'V1__a.sql.conf': 'shouldExecute=false',
      'readme.sql': '',
    })
    expect((await source.list()).map(({ name }) => name)).toEqual(['V1__a', 'R__view'])
    expect(source.remarks).toEqual([
      'migrations/Vx__a.sql is passed over by Flyway: its name has to begin like V1_2__.',
      'migrations/R1__a.sql is passed over by Flyway: its name has to begin with R__.',
      'migrations/U9__gone.sql undoes a version that is not there, so it never runs.',
      'migrations/V1__a.sql runs always: the condition shouldExecute in its .conf file is not evaluated.',
      'Callbacks of Flyway do not run here: afterMigrate.sql.',
      'Repeatable migrations run once here, after all versions; Flyway also runs them again when they change: R__view.sql.',
    ])
  })
})

describe('what Flyway does with late migrations and with undos', () => {
  it('depends on the files: a new version sorts below repeatable migrations', async () => {
    const source = sourceOf({ 'V1__a.sql': '' })
    await source.list()
    expect([source.format?.outOfOrder, source.format?.downs]).toEqual(['error', false])
    const other = sourceOf({ 'V1__a.sql': '', 'U1__a.sql': 'undo', 'R__b.sql': '' })
    const [first] = await other.list()
    expect([other.format?.outOfOrder, other.format?.downs]).toEqual(['apply', true])
    expect(first && (await other.read(first, 'down'))).toMatchObject({ text: 'undo' })
  })
})

describe('bodies of Flyway', () => {
  const bodyOf = async (files: Record<string, string>, options?: FlywayOptions) => {
    const source = sourceOf(files, options)
    const [migration] = await source.list()
    const body = migration && (await source.read(migration, 'up'))
    return body?.kind === 'sql' ? body : undefined
  }

  it('run in one transaction unless their configuration says otherwise', async () => {
    expect(await bodyOf({ 'V1__a.sql': '\uFEFFselect 1;\r\n' })).toMatchObject({
      kind: 'sql',
      text: '\uFEFFselect 1;\r\n',
      rules: { directives: false, control: 'units' },
    })
    const alone = await bodyOf({ 'V1__a.sql': 'select 1', 'V1__a.sql.conf': 'executeInTransaction=false\r\n' })
    expect(alone?.rules?.transaction).toBe('none')
  })

  it('have their placeholders replaced, whatever the case of the name', async () => {
    const placeholders = { tableSpace: 'fast' }
    expect(
      (await bodyOf({ 'V1__a.sql': `-- ${use('TABLESPACE')}\nselect '${use('flyway:filename')}'` }, { placeholders }))
        ?.text,
    ).toBe("-- fast\nselect 'V1__a.sql'")
  })

  it('need a value for each placeholder, unless they are turned off', async () => {
    await expect(bodyOf({ 'V1__a.sql': `select ${use('x')}` })).rejects.toThrow(
      `needs a value for the placeholder ${use('x')}`,
    )
    expect((await bodyOf({ 'V1__a.sql': `select ${use('x')}` }, { placeholders: false }))?.text).toBe(
      `select ${use('x')}`,
    )
    const off = { 'V1__a.sql': `select ${use('x')}`, 'V1__a.sql.conf': 'placeholderReplacement=false' }
    expect((await bodyOf(off))?.text).toBe(`select ${use('x')}`)
  })

  it('that are code are an error that names the file', async () => {
    await expect(bodyOf({ 'V1__a.py': '' })).rejects.toThrow('migrations/V1__a.py is code')
  })
})

describe('baseline migrations of Flyway', () => {
  const files = { 'V1__a.sql': '', 'V2__b.sql': '', 'B2__base.sql': '', 'B1__old.sql': '', 'V3__c.sql': '' }
  const identities = async (versions: readonly string[], type = 'SQL', options?: FlywayOptions) => {
    const source = sourceOf(files, options)
    await source.list()
    const rows = versions.map((version) => ({ version, description: '', type, checksum: null, success: true }))
    return source.format
      ?.bookkeeping('postgres')
      .rows(rows)
      .map(({ identity }) => identity)
  }

  it('are where an empty database starts', async () => {
    expect(await namesOf(files)).toEqual(['B2__base', 'V3__c'])
    expect(await namesOf(files, { baseline: 'skip' })).toEqual(['V1__a', 'V2__b', 'V3__c'])
  })

  it('count as applied where everything they stand for is', async () => {
    expect(await identities([])).toEqual([])
    expect(await identities(['1', '2', '3'])).toEqual(['2', '3'])
    expect(await identities(['2'], 'SQL_BASELINE')).toEqual(['2'])
    await expect(identities(['1'])).rejects.toThrow(UsageError)
    expect(await identities(['1'], 'SQL', { baseline: 'skip' })).toEqual(['1'])
  })

  it('are not those of the command baseline, whose row says that older versions are applied', async () => {
    expect(await identities(['2'], 'BASELINE', { baseline: 'skip' })).toEqual(['1', '2'])
  })
})

describe('the table of Flyway', () => {
  const files = { 'sub/V1_0__add_users.sql': '\uFEFF12345\r\n6789\n', 'R__a_view.sql': use('digits') }
  const options = { placeholders: { digits: '123456789' } }

  it('records the next rank, the description in words and the CRC-32 of the lines', async () => {
    const source = sourceOf(files, options)
    const [version, repeatable] = await source.list()
    const books = source.format?.bookkeeping('postgres')
    if (!books || !version || !repeatable) throw new Error('no migration')
    const insert = `INSERT INTO "flyway_schema_history" (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
SELECT COALESCE(MAX(installed_rank), 0) + 1, `
    const end = `'${CHECK}', current_user, 0, TRUE FROM "flyway_schema_history"`
    expect(await books.record(version)).toEqual([
      `${insert}'1.0', 'add users', 'SQL', 'sub/V1_0__add_users.sql', ${end}`,
    ])
    expect(await books.record(repeatable)).toEqual([`${insert}NULL, 'a view', 'SQL', 'R__a_view.sql', ${end}`])
    expect(books.forget('1')).toEqual([`DELETE FROM "flyway_schema_history" WHERE version IN ('1', '1.0')`])
    expect(books.forget('R__a_view')).toEqual([
      `DELETE FROM "flyway_schema_history" WHERE version IS NULL AND description = 'a view'`,
    ])
  })

  it('tells applied, edited, failed, undone and missing migrations apart', async () => {
    const source = sourceOf({ ...files, 'V2__b.sql': '', 'V3__c.sql': '', 'V4__d.sql': '' }, options)
    await source.list()
    const row = (version: string | null, type: string, checksum: number | null, success: boolean | number = true) => ({
      version,
      description: 'a view',
      type,
      checksum,
      success,
      installed_on: null,
    })
    const rows = source.format
      ?.bookkeeping('mysql')
      .rows([
        row(null, 'SCHEMA', null),
        row('1.0', 'SQL', CHECK, 1),
        row('2', 'SQL', 7, 1),
        row('3', 'SQL', 0, 0),
        row('4', 'SQL', 0, 1),
        row('4', 'UNDO_SQL', 0, 1),
        row('5', 'SQL', 0, 1),
        row(null, 'SQL', 7, 1),
        row(null, 'SQL', CHECK, 1),
      ])
    expect(rows?.map(({ identity, state }) => `${identity} ${state}`)).toEqual([
      '1 applied',
      '2 applied',
      '3 failed',
      '5 applied',
      'R__a_view applied',
    ])
    expect(await Promise.all(rows?.map(({ isUnchanged }) => isUnchanged?.()) ?? [])).toEqual([
      true,
      false,
      true,
      undefined,
      true,
    ])
  })

  it('is created as Flyway does, in its schema', () => {
    const books = sourceOf({}, { schema: 'app', table: 'history' }).format?.bookkeeping('postgres')
    expect(books?.create).toHaveLength(4)
    expect(books?.create[2]).toBe(
      'ALTER TABLE "app"."history" ADD CONSTRAINT "history_pk" PRIMARY KEY (installed_rank)',
    )
    expect(sourceOf({}).format?.bookkeeping('mysql').create).toHaveLength(2)
  })

  it('is guarded by a lock that is computed from its name', () => {
    // "a"."b".hashCode() in Java: ((((((34*31+97)*31+34)*31+46)*31+34)*31+98)*31+34.
    const hash = [34, 97, 34, 46, 34, 98, 34].reduce((sum, code) => BigInt.asIntN(32, sum * 31n + BigInt(code)), 0n)
    const postgres = sourceOf({}, { schema: 'a', table: 'b' }).format?.bookkeeping('postgres')
    expect(postgres?.locks?.('app')).toEqual([String(77431708279161n + hash)])
    const ticks = [96, 97, 96, 46, 96, 98, 96].reduce((sum, code) => BigInt.asIntN(32, sum * 31n + BigInt(code)), 0n)
    expect(sourceOf({}, { table: 'b' }).format?.bookkeeping('mysql').locks?.('a')).toEqual([`Flyway-${ticks}`])
  })
})
