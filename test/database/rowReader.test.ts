/** Tables and rows for people to look at, with names and values that try to be more than text. */
import { expect, test } from 'vitest'
import { openRowReader } from '../../src/database/open.ts'
import { DIALECTS } from '../../src/sql/dialect.ts'
import { describeOnDatabases } from '../support/servers.ts'

describeOnDatabases(['PostgreSQL', 'MySQL', 'MariaDB'], ({ server, mysql }) => {
  const { quote } = DIALECTS[mysql ? 'mysql' : 'postgres']
  /** A name that would end a quoted one, a statement and a comment. */
  const odd = `a"b\`c'; drop table notes; --`

  async function shop() {
    const database = await server.create()
    const client = await database.connect()
    const run = (sql: string) => database.query(client, sql)
    await run(
      `create table notes (id int primary key, body text, ${quote(odd)} varchar(20), raw ${mysql ? 'blob' : 'bytea'})`,
    )
    await run("insert into notes values (2, 'two', 'x', null), (1, 'One 100%', null, null), (3, null, 'y', null)")
    await run(`create table ${quote(odd)} (id int)`)
    await run('create view short as select id from notes')
    await run('create table schema_migrations (version bigint, dirty boolean)')
    const reader = await openRowReader(database.url ?? '')
    const [first] = await reader.tables()
    return {
      reader,
      run,
      schema: first?.schema ?? '',
      [Symbol.asyncDispose]: async () => {
        await reader.close()
        await database.disconnect(client)
        await database.drop()
      },
    }
  }

  test('tables with their rows and sizes; ours are left out', async () => {
    await using it = await shop()
    const tables = await it.reader.tables()
    expect(tables.map(({ name, kind, rows, exact }) => ({ name, kind, rows, exact }))).toEqual(
      expect.arrayContaining([
        { name: 'notes', kind: 'table', rows: 3, exact: true },
        { name: odd, kind: 'table', rows: 0, exact: true },
        { name: 'short', kind: 'view', rows: undefined, exact: false },
      ]),
    )
    expect(tables).toHaveLength(3)
    expect(tables.find(({ name }) => name === 'notes')?.bytes).toBeGreaterThan(0)
  })

  test('rows in the order of the key, or of any column; NULL is not a text', async () => {
    await using it = await shop()
    const page = await it.reader.rows({ schema: it.schema, table: 'notes' })
    expect(page.columns.map(({ name, isKey }) => [name, isKey])).toEqual([
      ['id', true],
      ['body', false],
      [odd, false],
      ['raw', false],
    ])
    expect(page.rows).toEqual([
      ['1', 'One 100%', null, null],
      ['2', 'two', 'x', null],
      ['3', null, 'y', null],
    ])
    expect(page.total).toBe(3)
    const ids = async (column: string, descending: boolean) =>
      (await it.reader.rows({ schema: it.schema, table: 'notes', order: { column, descending } })).rows.map(
        ([id]) => id,
      )
    expect(await ids(odd, true)).toEqual(['3', '2', '1'])
    expect(await ids('id', true)).toEqual(['3', '2', '1'])
    expect(await it.reader.rows({ schema: it.schema, table: odd })).toMatchObject({ rows: [], total: 0 })
    expect((await it.reader.rows({ schema: it.schema, table: 'short' })).total).toBe(3)
  })

  test('the database filters: by value, by part, by presence; a value is never SQL', async () => {
    await using it = await shop()
    const ids = async (column: string, operator: '=' | '<>' | '<' | '>' | 'contains' | 'empty' | 'set', value = '') =>
      (await it.reader.rows({ schema: it.schema, table: 'notes', filter: { column, operator, value } })).rows.map(
        ([id]) => id,
      )
    expect(await ids('id', '=', '2')).toEqual(['2'])
    expect(await ids('id', '>', '1')).toEqual(['2', '3'])
    expect(await ids('body', 'contains', 'ONE')).toEqual(['1'])
    expect(await ids('body', 'contains', '%')).toEqual(['1'])
    expect(await ids('body', 'contains', '_')).toEqual([])
    expect(await ids('id', 'contains', '3')).toEqual(['3'])
    expect(await ids(odd, 'empty')).toEqual(['1'])
    expect(await ids(odd, 'set')).toEqual(['2', '3'])
    for (const value of ["'; drop table notes; --", "\\'; drop table notes; --", "' or '1'='1", '\\']) {
      expect(await ids('body', '=', value)).toEqual([])
      expect(await ids('body', 'contains', value)).toEqual([])
    }
    expect(await ids('id', 'set')).toHaveLength(3)
    const filter = { column: 'id; drop table notes', operator: '=' as const, value: '1' }
    await expect(it.reader.rows({ schema: it.schema, table: 'notes', filter })).rejects.toThrow('There is no column')
    await expect(it.reader.rows({ schema: it.schema, table: 'notes; drop table notes' })).rejects.toThrow(
      'There is no table',
    )
  })

  test('long and binary values are cut and shown as text; a hundred of many rows, all counted', async () => {
    await using it = await shop()
    const bytes = mysql ? "x'00ff'" : "'\\x00ff'"
    await it.run(`update notes set body = repeat('ä', 5000), raw = ${bytes} where id = 1`)
    const { rows } = await it.reader.rows({ schema: it.schema, table: 'notes' })
    expect(rows[0]?.[1]).toBe(`${'ä'.repeat(400)}…`)
    expect(rows[0]?.[3]).toMatch(/00ff$/i)
    const many = Array.from({ length: 250 }, (_, i) => `(${i + 10})`).join(', ')
    await it.run(`insert into notes (id) values ${many}`)
    const page = await it.reader.rows({ schema: it.schema, table: 'notes' })
    expect(page.rows).toHaveLength(100)
    expect(page.total).toBe(253)
  })

  // MariaDB's catalog runs the function, too, and then has no columns of the view.
  test('a view that writes cannot', async () => {
    await using it = await shop()
    if (mysql) {
      await it
        .run(
          'create function noted() returns int reads sql data begin insert into notes (id) values (99); return 1; end',
        )
        .catch(() => undefined)
    } else {
      await it.run(
        "create function noted() returns int language sql as 'insert into notes (id) values (99) returning id'",
      )
    }
    await it.run('create view writing as select noted() as id')
    await expect(it.reader.rows({ schema: it.schema, table: 'writing' })).rejects.toThrow(
      /read.?only|There is no table/i,
    )
    expect((await it.reader.rows({ schema: it.schema, table: 'notes' })).total).toBe(3)
  })
})
