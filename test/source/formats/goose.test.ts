// biome-ignore-all lint/suspicious/noTemplateCurlyInString: goose's variables look like this.
import { describe, expect, test } from 'vitest'
import type { Direction, Migration } from '../../../src/migrate/source.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import { type GooseOptions, gooseFormat } from '../../../src/source/formats/goose.ts'
import { interpolate } from '../../../src/source/formats/interpolate.ts'
import type { Dialect } from '../../../src/sql/dialect.ts'
import { readScript } from '../../../src/sql/script.ts'
import { memoryFolder, newFiles } from './memoryFolder.ts'

async function open(files: Record<string, string>, dialect: Dialect = 'postgres', options: GooseOptions = {}) {
  const source = sourceOfFormat(gooseFormat(options), memoryFolder(files, 'db'))
  const migrations = await source.list()
  const format = source.format
  if (!format) throw new Error('a source of a format has one')
  return { source, format, migrations, names: migrations.map(({ name }) => name), table: format.bookkeeping(dialect) }
}

async function read(text: string, direction: Direction = 'up', options: GooseOptions = {}) {
  const { source, migrations } = await open({ '1_a.sql': text }, 'postgres', options)
  const body = await source.read(migrations[0] as Migration, direction)
  if (body?.kind !== 'sql') throw new Error('a body is SQL')
  const script = readScript(body.text, 'postgres', {}, body.rules)
  const statements = script.statements.map(({ start, end }) => script.source.slice(start, end))
  return { ...body, script, statements }
}

describe('the folder', () => {
  test('is in the order of the numbers', async () => {
    const { names, format, migrations } = await open({ '10_b.sql': '', '00009_a.sql': '', '11_c.go': '' })
    expect(names).toEqual(['00009_a', '10_b', '11_c'])
    expect(names.map(format.identify)).toEqual(['9', '10', '11'])
    expect(migrations[0]).toMatchObject({ number: 9, up: 'db/00009_a.sql', down: 'db/00009_a.sql' })
    expect(format).toMatchObject({ tool: 'goose', downs: true, outOfOrder: 'error' })
  })

  test('may have numbers beyond those of JavaScript', async () => {
    const { names, format, migrations } = await open({ '9007199254740993_b.sql': '', '9007199254740992_a.sql': '' })
    expect(names.map(format.identify)).toEqual(['9007199254740992', '9007199254740993'])
    expect(migrations[0]?.number).toBeUndefined()
  })

  test('names what cannot run', async () => {
    const { source, names } = await open({
      '1_a.go': '',
      '2_b_test.go': '',
      'helpers.go': '',
      '0_zero.sql': '',
      'seed.sql': '',
      '3.sql': '',
      'x/4_d.sql': '',
    })
    expect(names).toEqual(['1_a'])
    expect(source.remarks).toEqual([
      'db has migrations in Go, which cannot be run here: 1_a.go.',
      'db has files whose names do not begin with a number and "_": 0_zero.sql, 3.sql, seed.sql. The goose command refuses the folder; goose as a library ignores the files.',
    ])
  })

  test('a migration in Go is an error when it is to run', async () => {
    const { source, migrations } = await open({ '1_a.go': 'package migrations' })
    await expect(source.read(migrations[0] as Migration, 'up')).rejects.toThrow('db/1_a.go is a migration in Go')
  })

  test('two files with the same number are an error', async () => {
    await expect(open({ '1_a.sql': '', '01_b.go': '' })).rejects.toThrow('Two migrations have version 1')
  })
})

describe('a file', () => {
  test.each([
    ['line ends of Unix', '\n', ''],
    ['line ends of Windows', '\r\n', ''],
    ['a byte order mark', '\n', '\uFEFF'],
  ])('with %s has two sections, each at its own place', async (_, end, mark) => {
    const text = ['-- about', '', '-- +goose Up', 'select', '  1;', '-- +goose Down', 'select 2; -- two', ''].join(end)
    const up = await read(mark + text)
    const down = await read(mark + text, 'down')
    expect(up.statements).toEqual([`select${end}  1`])
    expect(down.statements).toEqual(['select 2'])
    expect(up.text).toHaveLength(text.length)
    expect(down.text.indexOf('select 2')).toBe(text.indexOf('select 2'))
  })

  test('without a down has a down that does nothing', async () => {
    expect((await read('-- +goose Up\nselect 1;', 'down')).statements).toEqual([])
  })

  test('may have annotations in any letter case', async () => {
    const { statements, rules } = await read('--+goose uP\nselect 1;')
    expect(statements).toEqual(['select 1'])
    expect(rules?.transaction).toBeUndefined()
  })

  test('with NO TRANSACTION anywhere runs statement by statement in both directions', async () => {
    const text = '-- +goose Up\nselect 1;\nselect 2;\n-- +goose Down\n-- +goose no transaction\nselect 3;'
    expect((await read(text)).rules?.transaction).toBe('none')
    expect((await read(text, 'down')).rules?.transaction).toBe('none')
    expect((await read(text)).script.transaction).toBe('none')
  })

  test('may have a statement without a semicolon in a block', async () => {
    const text = `-- +goose Up
-- +goose StatementBegin
create function f() returns int as $$
begin
  return 1;
end $$ language plpgsql
-- the end
-- +goose StatementEnd
select 2;
-- +goose StatementBegin
select 3;
-- +goose StatementEnd
`
    const { statements, text: body } = await read(text)
    expect(statements).toHaveLength(3)
    expect(statements[0]).toMatch(/^create function[\s\S]*language plpgsql$/)
    expect(body.match(/;/g)).toHaveLength(4)
    expect(body).toHaveLength(text.length)
  })

  test.each([
    ['nothing', '', 'db/1_a.sql: there is no line "-- +goose Up"'],
    ['SQL first', 'select 1;\n-- +goose Up', 'db/1_a.sql:1: there is SQL before "-- +goose Up"'],
    ['two ups', '-- +goose Up\n-- +goose Up', 'db/1_a.sql:2: there is a second "-- +goose Up"'],
    ['down first', '-- +goose Down\n-- +goose Up', 'db/1_a.sql:1: "-- +goose Down" must follow'],
    ['two downs', '-- +goose Up\n-- +goose Down\n-- +goose Down', 'db/1_a.sql:3: "-- +goose Down" must follow'],
    ['an indented annotation', '-- +goose Up\n -- +goose Down', 'db/1_a.sql:2: an annotation of goose must begin'],
    ['an unknown annotation', '-- +goose Upp', 'goose does not know the annotation "-- +goose Upp"'],
    ['an open block', '-- +goose Up\n-- +goose StatementBegin\nselect 1;', 'has no StatementEnd'],
    ['a closed block only', '-- +goose Up\n-- +goose StatementEnd', 'has no StatementBegin'],
    ['no semicolon', '-- +goose Up\nselect 1;\nselect 2\n', 'db/1_a.sql:3: a statement begins here'],
    ['no semicolon before down', '-- +goose Up\nselect 2\n-- +goose Down', 'db/1_a.sql:2: a statement begins here'],
    [
      'a function outside of a block',
      '-- +goose Up\ncreate function f() as $$\nbegin\n  return;\nend $$;',
      'db/1_a.sql:4: goose ends the statement of line 2 here, inside of a string.',
    ],
  ])('with %s is refused', async (_, text, message) => {
    await expect(read(text)).rejects.toThrow(message)
  })

  test('substitutes variables between ENVSUB ON and ENVSUB OFF', async () => {
    const text =
      "-- +goose Up\nselect '$A';\n-- +goose ENVSUB ON\nselect '${A}' || '$$';\n-- +goose ENVSUB OFF\nselect '${A}';\n"
    const { statements } = await read(text, 'up', { env: { A: 'long value' } })
    expect(statements).toEqual(["select '$A'", "select 'long value' || '$'", "select '${A}'"])
  })

  test('names the line whose variable is required', async () => {
    await expect(read('-- +goose Up\n-- +goose ENVSUB ON\nselect ${A?give it};', 'up', { env: {} })).rejects.toThrow(
      'db/1_a.sql:3: variables cannot be substituted: $A: give it',
    )
  })
})

describe('the table', () => {
  test('begins with a row for version 0', async () => {
    const { table } = await open({})
    expect(table.create).toEqual([
      expect.stringMatching(
        /^CREATE TABLE "goose_db_version" \(\s+id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY/,
      ),
      'INSERT INTO "goose_db_version" (version_id, is_applied) VALUES (0, true)',
    ])
    expect(table.locks?.('x')).toEqual(['4097083626'])
  })

  test('is written as goose writes it', async () => {
    const { table, migrations } = await open({ '0007_a.sql': '' }, 'postgres', { table: 'App.Done' })
    expect(await table.record(migrations[0] as Migration)).toEqual([
      `INSERT INTO "app"."done" (version_id, is_applied) VALUES ('7', true)`,
    ])
    expect(table.forget('7')).toEqual([`DELETE FROM "app"."done" WHERE version_id = '7'`])
  })

  test('has its own types in MySQL', async () => {
    const { table } = await open({}, 'mysql')
    expect(table.create[0]).toContain('id bigint(20) unsigned NOT NULL AUTO_INCREMENT')
    expect(table.locks?.('x')).toEqual([])
  })

  test('is read in the order of its rows, and the last row of a version counts', async () => {
    const tstamp = new Date('2026-01-27T00:00:00Z')
    const { table } = await open({ '1_a.sql': '' })
    const rows = table.rows([
      { version_id: '0', is_applied: true, tstamp },
      { version_id: '1', is_applied: true, tstamp },
      { version_id: '2', is_applied: true, tstamp },
      { version_id: '1', is_applied: false, tstamp },
      { version_id: 3n, is_applied: 1, tstamp: null },
      { version_id: '1', is_applied: true, tstamp },
    ])
    expect(rows).toEqual([
      { identity: '2', state: 'applied', appliedAt: tstamp },
      { identity: '3', state: 'applied', appliedAt: null },
      { identity: '1', state: 'applied', appliedAt: tstamp },
    ])
  })
})

describe('variables', () => {
  const env = { A: 'abcdef', EMPTY: '', B: 'b' }
  test.each([
    ['$A.', 'abcdef.'],
    ['${A}x', 'abcdefx'],
    ['${NONE}|$NONE|', '||'],
    ['${NONE:-d} ${EMPTY:-d} ${A:-d}', 'd d abcdef'],
    ['${NONE-d} ${EMPTY-d}', 'd '],
    ['${NONE:-${B:-x}y}', 'by'],
    ['${A:2} ${A:1:2} ${A: -2} ${A:1:-2} ${A:9}', 'cdef bc ef bcd '],
    ['${A?no}', 'abcdef'],
    ['${A:-${NONE?no}}', 'abcdef'],
    ['$$A \\$A $(date) \\\\ $', '$A $A $(date) \\\\ $'],
  ])('%s becomes %s', (text, expected) => {
    expect(interpolate(text, env)).toBe(expected)
  })

  test.each(['$1', '${A', '${A!x}', '${NONE?}', '${A:x}'])('%s is an error', (text) => {
    expect(() => interpolate(text, env)).toThrow()
  })
})

describe('a new migration', () => {
  const create = (names: readonly string[], title = 'add_users') =>
    newFiles(
      gooseFormat(),
      memoryFolder(Object.fromEntries(names.map((name) => [name, '']))),
      title,
      new Date('2026-11-27T08:30:05.678Z'),
    )

  test('has the two sections that goose writes', async () => {
    const [[path, text] = []] = Object.entries(create([]))
    expect(path).toBe('20261127083005_add_users.sql')
    expect(text).toBe("-- +goose Up\nSELECT 'up SQL query';\n\n-- +goose Down\nSELECT 'down SQL query';\n")
    expect((await read(text ?? '')).statements).toEqual(["SELECT 'up SQL query'"])
    expect((await read(text ?? '', 'down')).statements).toEqual(["SELECT 'down SQL query'"])
  })

  test.each([
    ['begins with the time if the folder is empty', [], '20261127083005_add_users.sql'],
    [
      'begins with the time if the last one does',
      ['00001_a.sql', '20260101000000_b.sql'],
      '20261127083005_add_users.sql',
    ],
    ['continues the numbers with as many digits', ['00008_a.sql', '00009_b.sql'], '00010_add_users.sql'],
    ['comes after migrations in Go, too', ['001_a.sql', '002_b.go'], '003_add_users.sql'],
  ])('%s', (_, names, path) => {
    expect(Object.keys(create(names))).toEqual([path])
  })

  test('has a name in small letters with underscores', () => {
    expect(Object.keys(create(['1_a.sql'], '-Add  Users, Größe-'))).toEqual(['2_add_users_größe.sql'])
  })
})
