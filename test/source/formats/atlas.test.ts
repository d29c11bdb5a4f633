import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { DuplicateVersionError, UsageError } from '../../../src/migrate/errors.ts'
import { type AtlasOptions, atlasFormat } from '../../../src/source/formats/atlas.ts'
import { sourceOfFormat } from '../../../src/source/formats/format.ts'
import { memoryFolder } from './memoryFolder.ts'

const sourceOf = (files: Record<string, string>, options?: AtlasOptions) =>
  sourceOfFormat(atlasFormat(options), memoryFolder(files))

/** A folder of Atlas's own tests: `cmd/atlas/internal/cmdapi/testdata/sqlite`. */
const real = {
  '20220318104614_initial.sql': '-- create "tbl" table\nCREATE TABLE tbl (`col` int NOT NULL);\n',
  '20220318104615_second.sql': 'ALTER TABLE `tbl` ADD `col_2` bigint;\n',
  'atlas.sum': `h1:GMi7mvWSIHv0I/Wrc2NCGVt9Z5hWZbPa6wL986t7Z2o=
20220318104614_initial.sql h1:FifWjY2X0g2YVnb18Qm+QBPvoldDOOob7bS0LrFuCXc=
20220318104615_second.sql h1:wbPDlODOQeixCiopAhlT7W4xOO9TgJxzjYjxf4TA2f4=
`,
}
const hashes = ['FifWjY2X0g2YVnb18Qm+QBPvoldDOOob7bS0LrFuCXc=', 'wbPDlODOQeixCiopAhlT7W4xOO9TgJxzjYjxf4TA2f4=']

describe('names of Atlas', () => {
  it('are in the order of their characters, and identified by what stands before the first underscore', async () => {
    const source = sourceOf({ '2_b.sql': '', '10_j_k.sql': '', '3.sql': '', 'x/1_a.sql': '', 'notes.txt': '' })
    expect((await source.list()).map(({ name, number }) => [name, number])).toEqual([
      ['10_j_k', 10],
      ['2_b', 2],
      ['3', 3],
    ])
    expect(source.format?.identify('10_j_k')).toBe('10')
    expect(source.format?.identify('3')).toBe('3')
  })

  it('must differ in their versions', async () => {
    await expect(sourceOf({ '1_a.sql': '', '1_b.sql': '' }).list()).rejects.toThrow(DuplicateVersionError)
  })

  it('are not those of golang-migrate, which another source reads', async () => {
    await expect(sourceOf({ '1_a.up.sql': '', '1_a.down.sql': '' }).list()).rejects.toThrow(UsageError)
  })
})

describe('atlas.sum', () => {
  const remarksOf = async (files: Record<string, string>) => {
    const source = sourceOf(files)
    await source.list()
    return source.remarks
  }

  it('fits the files that Atlas wrote it for', async () => {
    expect(await remarksOf(real)).toEqual([])
    expect(await remarksOf({ ...real, 'atlas.sum': real['atlas.sum'].replaceAll('\n', '\r\n') })).toEqual([])
  })

  it('is remarked upon where it is missing, or a file was edited, added or removed', async () => {
    const { 'atlas.sum': sum, ...files } = real
    const hint = 'Atlas refuses to run until "atlas migrate hash" is called.'
    expect(await remarksOf(files)).toEqual([`migrations has no atlas.sum: ${hint}`])
    expect(await remarksOf({ ...real, '20220318104614_initial.sql': 'select 1' })).toEqual([
      `migrations/20220318104614_initial.sql was edited after atlas.sum was written: ${hint}`,
    ])
    expect(await remarksOf({ ...real, '202203181046145_new.sql': '' })).toEqual([
      `migrations/202203181046145_new.sql was added after atlas.sum was written: ${hint}`,
    ])
    expect(await remarksOf({ ...real, '20220318104616_new.sql': '' })).toEqual([
      `migrations/20220318104616_new.sql was added after atlas.sum was written: ${hint}`,
    ])
    expect(
      await remarksOf({ '20220318104614_initial.sql': files['20220318104614_initial.sql'], 'atlas.sum': sum }),
    ).toEqual([`migrations/20220318104615_second.sql is in atlas.sum but is gone: ${hint}`])
  })

  it('counts only the name of a file that says that it is ignored', async () => {
    const sum = createHash('sha256').update('1_a.sql2_b.sqlselect 2').digest('base64')
    expect(
      await remarksOf({
        '1_a.sql': '-- atlas:sum ignore\n\nselect 1',
        '2_b.sql': 'select 2',
        'atlas.sum': `h1:x\n2_b.sql h1:${sum}\n`,
      }),
    ).toEqual([])
  })
})

describe('bodies of Atlas', () => {
  const bodyOf = async (text: string, options?: AtlasOptions) => {
    const source = sourceOf({ '1_a.sql': text }, options)
    const [migration] = await source.list()
    const body = migration && (await source.read(migration, 'up'))
    return body?.kind === 'sql' ? body : undefined
  }

  it('run in one transaction unless a directive at the top says otherwise', async () => {
    expect(await bodyOf('select 1')).toEqual({
      kind: 'sql',
      text: 'select 1',
      rules: { directives: false, control: 'units' },
    })
    for (const text of [
      '-- atlas:txmode none\n\nselect 1',
      '\uFEFF-- atlas:txmode none\r\n\r\nselect 1',
      '-- a comment\n-- atlas:txmode none\n\nselect 1',
      '-- atlas:txmode none',
    ]) {
      expect((await bodyOf(text))?.rules?.transaction, text).toBe('none')
    }
  })

  it('take no directive from a comment on a statement', async () => {
    expect((await bodyOf('-- atlas:txmode none\nselect 1'))?.rules?.transaction).toBeUndefined()
    expect((await bodyOf('select 1;\n-- atlas:txmode none\n\n'))?.rules?.transaction).toBeUndefined()
  })

  it('run without a transaction if the option says so, and the file does not', async () => {
    expect((await bodyOf('select 1', { txMode: 'none' }))?.rules?.transaction).toBe('none')
    expect((await bodyOf('-- atlas:txmode file\n\nselect 1', { txMode: 'none' }))?.rules?.transaction).toBeUndefined()
  })

  it.each([
    ['-- atlas:delimiter //\nselect 1 //\nselect 2//\n', '-- atlas:delimiter //\nselect 1  ;\nselect 2 ;\n'],
    ['-- atlas:delimiter -- end\nselect 1\n-- end\n', '-- atlas:delimiter -- end\nselect 1\n     ;\n'],
    ['-- atlas:delimiter \\n\\n\nselect 1\n\nselect 2', '-- atlas:delimiter \\n\\n\nselect 1\n;select 2'],
    ["-- atlas:delimiter //\nselect '//' -- don't //\n//", "-- atlas:delimiter //\nselect '//' -- don't //\n ;"],
    ['-- atlas:delimiter //\nselect $$ // $$//', '-- atlas:delimiter //\nselect $$ // $$ ;'],
  ])('have semicolons in place of a delimiter of their own: %j', async (text, expected) => {
    expect((await bodyOf(text))?.text).toBe(expected)
    expect(expected).toHaveLength(text.length)
  })

  it('leave out the checks of an archive, and keep offsets', async () => {
    const text = '-- atlas:txtar\n\n-- checks.sql --\nselect 1;\n\n-- migration.sql --\ndrop table a;\n'
    const body = await bodyOf(text)
    expect(body?.text.trim()).toBe('drop table a;')
    expect(body?.text.indexOf('drop')).toBe(text.indexOf('drop'))
  })
})

describe('checkpoints of Atlas', () => {
  const files = { '1_a.sql': 'a', '2_b.sql': 'b', '3_c.sql': '-- atlas:checkpoint\n\na; b', '4_d.sql': 'd' }
  const identities = async (options: AtlasOptions, versions: readonly string[]) => {
    const source = sourceOf(files, options)
    await source.list()
    const rows = versions.map((version) => ({ version, applied: 1, total: 1, executed_at: null, hash: '' }))
    return source.format
      ?.bookkeeping('postgres')
      .rows(rows)
      .map(({ identity }) => identity)
  }

  it('are where an empty database starts', async () => {
    expect((await sourceOf(files).list()).map(({ name }) => name)).toEqual(['3_c', '4_d'])
    expect(await identities({}, ['3', '4'])).toEqual(['3', '4'])
  })

  it('count as applied where everything before them is', async () => {
    expect(await identities({}, ['1', '2'])).toEqual(['3'])
    expect(await identities({}, ['1', '2', '4'])).toEqual(['3', '4'])
    expect(await identities({}, [])).toEqual([])
  })

  it('cannot stand for a part of what is before them', async () => {
    await expect(identities({}, ['1'])).rejects.toThrow('but not 2_b.sql')
  })

  it('can be left out', async () => {
    expect((await sourceOf(files, { checkpoint: 'skip' }).list()).map(({ name }) => name)).toEqual([
      '1_a',
      '2_b',
      '4_d',
    ])
    expect(await identities({ checkpoint: 'skip' }, ['1'])).toEqual(['1'])
    expect(await identities({ checkpoint: 'skip' }, ['3', '4'])).toEqual(['1', '2', '4'])
  })
})

describe('the table of Atlas', () => {
  const rowsOf = async (files: Record<string, string>, rows: readonly Record<string, unknown>[]) => {
    const source = sourceOf(files)
    await source.list()
    return source.format?.bookkeeping('postgres').rows(rows) ?? []
  }
  const row = (version: string, hash: string | undefined, applied = 1) => ({
    version,
    applied,
    total: 1,
    executed_at: null,
    hash,
  })

  it('records the hash in atlas.sum and the number of statements', async () => {
    const source = sourceOf(real, { schema: 'public' })
    const [first] = await source.list()
    const [insert = ''] = (first && (await source.format?.bookkeeping('postgres').record(first))) ?? []
    expect(insert).toContain(
      'INSERT INTO "public"."atlas_schema_revisions" (version, description, "type", applied, total',
    )
    expect(insert).toContain(`VALUES ('20220318104614', 'initial', '2', '1', '1', `)
    expect(insert).toContain(`'${hashes[0]}'`)
  })

  it('is in a schema of its own on PostgreSQL, and in the database on MySQL', () => {
    const { format } = sourceOf({})
    expect(format?.bookkeeping('postgres').schema).toBe('atlas_schema_revisions')
    expect(format?.bookkeeping('postgres').create[0]).toBe('CREATE SCHEMA IF NOT EXISTS "atlas_schema_revisions"')
    expect(format?.bookkeeping('mysql').forget('1')).toEqual([
      "DELETE FROM `atlas_schema_revisions` WHERE version = '1'",
    ])
  })

  it('is guarded by the lock of "atlas migrate apply"', () => {
    let hash = 2166136261
    for (const byte of Buffer.from('atlas_migrate_execute')) hash = (Math.imul(hash, 16777619) ^ byte) >>> 0
    expect(sourceOf({}).format?.bookkeeping('postgres').locks?.('app')).toEqual([String(hash)])
    expect(sourceOf({}).format?.bookkeeping('mysql').locks?.('app')).toEqual(['atlas_migrate_execute'])
  })

  it('tells applied, half-applied and missing migrations apart', async () => {
    const rows = await rowsOf(real, [
      row('20220318104614', hashes[0]),
      row('20220318104615', hashes[1], 0),
      row('20220318104616', 'x'),
    ])
    expect(rows.map(({ state }) => state)).toEqual(['applied', 'failed', 'applied'])
    expect(await rows[0]?.isUnchanged?.()).toBe(true)
    expect(rows[2]?.isUnchanged).toBeUndefined()
  })

  it('names the edited file, and not those after it whose hashes differ for that reason', async () => {
    const rows = await rowsOf({ ...real, '20220318104614_initial.sql': 'select 1' }, [
      row('20220318104614', hashes[0]),
      row('20220318104615', hashes[1]),
    ])
    expect(await rows[0]?.isUnchanged?.()).toBe(false)
    expect(rows[1]?.isUnchanged).toBeUndefined()
  })

  it('says that everything below a baseline is applied', async () => {
    const rows = await rowsOf({ '1_a.sql': '', '2_b.sql': '', '3_c.sql': '' }, [
      { version: '2', applied: 0, total: 0, executed_at: null, hash: '' },
    ])
    expect(rows.map(({ identity, state }) => `${identity} ${state}`)).toEqual(['1 applied', '2 applied'])
  })
})
