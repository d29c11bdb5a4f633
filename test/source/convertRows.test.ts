/** Columns written from others, row by row: every type that a client reads, and every kind of key. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MigratedDatabase } from '../../src/testing/lease/migratedDatabase.ts'
import { folder } from '../support/cli.ts'
import { describeOnDatabases } from '../support/servers.ts'

const POSTGRES_TYPES = {
  integer: '-7',
  bigint: '9007199254740993',
  'numeric(30, 10)': '12345678901234567890.0123456789',
  'double precision': '1.5e300',
  boolean: 'true',
  'character varying(20)': "'it''s \\ \"x\" ☃'",
  'character(5)': "'ab'",
  uuid: "'5c1f6f0e-0f7b-4f7e-9e9b-0d1c1b1a1918'",
  date: "'2024-02-29'",
  timestamp: "'2024-03-31 02:30:00.123'",
  timestamptz: "'2024-03-31 02:30:00.123+05:30'",
  time: "'12:34:56.789'",
  jsonb: `'{"a": [1, "x", null], "b": {"c": true}}'`,
  bytea: "'\\x00ff10'",
  'text[]': `'{"a b",NULL,"c,d"}'`,
  'integer[]': "'{1,2,3}'",
  mood: "'glad'",
}

const MYSQL_TYPES = {
  int: '-7',
  'decimal(30, 10)': '12345678901234567890.0123456789',
  double: '1.5e300',
  'varchar(20)': "'it''s \\\\ \"x\" ☃'",
  'char(5)': "'ab'",
  date: "'2024-02-29'",
  'datetime(3)': "'2024-03-31 12:30:00.123'",
  'timestamp(3)': "'2024-03-30 02:30:00.123'",
  time: "'12:34:56'",
  // MariaDB keeps the text as it is written, without spaces.
  json: `'{"a":[1,"x",null],"b":{"c":true}}'`,
  'varbinary(10)': "x'00ff10'",
  "enum('sad','glad')": "'glad'",
  "set('a','b')": "'a,b'",
}

/** A migration in code that writes the columns `b…` from `a…`. */
const copying = (table: string, key: readonly string[], count: number, batch: number) => `
import { convertRows, defineMigration } from 'migratest'
export default defineMigration({
  async up(migration) {
    const rows = await convertRows(migration, (row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name.replace('a', 'b'), value])), {
      table: ${JSON.stringify(table)},
      key: ${JSON.stringify(key)},
      from: ${JSON.stringify(Array.from({ length: count }, (_, i) => `a${i}`))},
      to: ${JSON.stringify(Array.from({ length: count }, (_, i) => `b${i}`))},
      batch: ${batch},
    })
    migration.log(String(rows))
  },
})`

describeOnDatabases(['PostgreSQL', 'PGlite', 'MySQL', 'MariaDB'], ({ server, mysql, name }) => {
  /** A database in which the code has run. */
  const ran = async (sql: string, code: string) => {
    const cwd = folder({ '1_t.up.sql': sql })
    writeFileSync(join(cwd, '2_code.ts'), code)
    return MigratedDatabase.create({ server, migrations: cwd })
  }

  test('values of every type stay as they are', async () => {
    const all = Object.entries(mysql ? MYSQL_TYPES : POSTGRES_TYPES)
    // Numbers beyond those of JavaScript are what PGlite makes of it.
    const types = name === 'PGlite' ? all.filter(([type]) => !/^(?:timestamp|date|bigint)/.test(type)) : all
    const columns = types.flatMap(([type], i) => [`a${i} ${type}`, `b${i} ${type}`])
    const names = types.map((_, i) => `a${i}`).join(', ')
    await using db = await ran(
      `${mysql ? '' : "create type mood as enum ('sad', 'glad');"} create table t (id int primary key, ${columns.join(', ')});
      insert into t (id, ${names}) values (1, ${types.map(([, value]) => value).join(', ')});
      insert into t (id) values (2);`,
      copying('t', ['id'], types.length, 1),
    )
    const isSame = types.map((_, i) => (mysql ? `a${i} <=> b${i}` : `a${i} is not distinct from b${i}`))
    const [row] = await db.query(`select ${isSame.map((one, i) => `${one} as s${i}`).join(', ')} from t where id = 1`)
    const differ = types.filter((_, i) => ![true, 1, '1'].includes(row?.[`s${i}`] as string))
    expect(differ).toEqual([])
    expect(await db.query('select b0, b3 from t where id = 2')).toEqual([{ b0: null, b3: null }])
  })

  const keys: readonly (readonly [string, string, readonly string[], readonly string[]])[] = mysql
    ? [
        [
          'large numbers',
          'k bigint unsigned',
          ['k'],
          ['18446744073709551614', '18446744073709551615', '9007199254740993', '9007199254740992'],
        ],
        [
          'times',
          'k datetime(6)',
          ['k'],
          ["'2024-01-01 00:00:00.000001'", "'2024-01-01 00:00:00.000002'", "'2024-01-01 00:00:00.000003'"],
        ],
        ['bytes', 'k binary(3)', ['k'], ["x'00ff01'", "x'00ff02'", "x'ff0000'"]],
        ['values of an enum', "k enum('z', 'y', 'x', 'a')", ['k'], ["'a'", "'x'", "'z'", "'y'"]],
        [
          'several columns',
          'k varchar(20), `l ``o``` decimal(10, 2)',
          ['k', 'l `o`'],
          ["'a', 1.5", "'a', 1.25", "'it''s', 0", "'b', -1"],
        ],
      ]
    : [
        ['large numbers', 'k bigint', ['k'], ['9223372036854775807', '9223372036854775806', '9007199254740993', '-1']],
        [
          'times',
          'k timestamptz',
          ['k'],
          ["'2024-01-01 00:00:00.000001'", "'2024-01-01 00:00:00.000002'", "'infinity'"],
        ],
        ['bytes', 'k bytea', ['k'], ["'\\x00ff01'", "'\\x00ff02'", "'\\xff'"]],
        ['values of an enum', 'k e', ['k'], ["'a'", "'x'", "'z'", "'y'"]],
        [
          'several columns',
          'k varchar(20), "l ""o""" numeric(10, 2)',
          ['k', 'l "o"'],
          ["'a', 1.5", "'a', 1.25", "'it''s', 0", "'b', -1"],
        ],
      ]

  test.for(keys)('a key of %s', async ([, columns, key, values]) => {
    const names = key.map((one) => (mysql ? `\`${one.replaceAll('`', '``')}\`` : `"${one.replaceAll('"', '""')}"`))
    await using db = await ran(
      `${mysql ? '' : "create type e as enum ('z', 'y', 'x', 'a');"} create table t (${columns}, a0 int, b0 int, primary key (${names.join(', ')}));
      insert into t (${names.join(', ')}, a0) values ${values.map((value, i) => `(${value}, ${i})`).join(', ')}`,
      copying('t', key, 1, 2),
    )
    expect(await db.query('select a0, b0 from t order by a0')).toEqual(values.map((_, i) => ({ a0: i, b0: i })))
  })

  test('a row for which no value is returned is named, and nothing is changed', async () => {
    const code = `import { convertRows } from 'migratest'
export const up = (migration) => convertRows(migration, ({ a }) => (a === 2 ? {} : { b: a }), { table: 't', key: ['id'], from: ['a'], to: ['b'] }).then(() => undefined)`
    await expect(
      ran('create table t (id int primary key, a int, b int); insert into t (id, a) values (7, 1), (8, 2)', code),
    ).rejects.toThrow('No value for b was returned for the row of t with id = 8. Return null for no value.')
  })
})
