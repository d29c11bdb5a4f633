/** Code and files as people write them, and what the command says of them. */
import { spawn } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { cli, folder, program } from '../support/cli.ts'
import { test } from '../support/database.ts'

const up = (url: string, file: string, text: string, ...args: string[]) =>
  cli(['up', '-d', url, '-p', folder({ [file]: text }), ...args])

describe('code that would not run, or ends oddly', () => {
  test.for([
    [
      'an async generator',
      'export const up = async function* ({ sql }) { yield sql("select 1") }',
      /its up is a generator function/,
    ],
    ['a generator', 'export function* up({ sql }) { yield sql("select 1") }', /its up is a generator function/],
    [
      'a function that gives a function',
      'export const up = () => async () => undefined',
      /It returned a function, which is never called/,
    ],
    [
      'a function that gives a generator',
      'export const up = ({ sql }) => (function* () { yield sql("select 1") })()',
      /It returned a generator, which is never called/,
    ],
    [
      'a class',
      'export class Init1 { async up() {} async down() {} }',
      /exports a class \(Init1\) with an up method, like TypeORM's migrations/,
    ],
    ['a text that is thrown', 'export const up = () => { throw "no disk" }', /1_x\.ts: no disk/],
    [
      'an object that is thrown',
      'export const up = () => { throw { reason: { deep: 1 } } }',
      /1_x\.ts: \{ reason: \{ deep: 1 \} \}/,
    ],
    [
      'process.exit',
      'export const up = () => process.exit(3)',
      /1_x\.ts ended the program while it ran \(process\.exit, code 3\)/,
    ],
    [
      'process.exit(0)',
      'export const up = () => process.exit(0)',
      /1_x\.ts ended the program while it ran \(process\.exit, code 0\)/,
    ],
    [
      'a text that is returned',
      'export const up = () => "create table t (id int)"',
      /It returned a text, which is not run/,
    ],
    ['texts that are returned', 'export const up = () => ["create table t (id int)"]', /It returned a text/],
    ['an error that is returned', 'export const up = () => new Error("nope")', /nope/],
  ] as const)('%s', async ([, text, message], { db }) => {
    const found = up(db.url, '1_x.ts', text)
    expect(found.err).toMatch(message)
    expect(found.code).not.toBe(0)
    expect(await db.rows('select 1 from schema_migrations')).toEqual([])
  })
})

describe('--json', () => {
  test('standard output is one document, whatever migrations and the configuration print', ({ db }) => {
    const cwd = folder({
      'migratest.config.ts': 'console.log("configured"); export default {}',
      'migrations/1_l.ts':
        'console.log("imported"); export async function up({ sql }) { console.log("hello"); console.info("more"); process.stdout.write("raw"); await sql("select 1") }',
    })
    const { out, err, code } = cli(['up', '--json', '-d', db.url], {}, cwd)
    expect(JSON.parse(out)).toMatchObject({ to: 1 })
    for (const text of ['configured', 'imported', 'hello', 'more', 'raw']) expect(err).toContain(text)
    expect(code).toBe(0)
  })

  test('an error is one JSON document on standard output', () => {
    const { out } = cli(['up', '--json', '-d', 'postgres://x@127.0.0.1:1/none', '-p', folder()])
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'MIGRATEST_CONNECTION' } })
  })
})

test('what the server says is told with --verbose', ({ db }) => {
  const text = "do $$ begin raise notice 'hello'; end $$"
  expect(up(db.url, '1_n.up.sql', text).err).not.toContain('hello')
  expect(cli(['redo', '--verbose', '-d', db.url, '-p', folder({ '1_n.up.sql': text })]).err).toContain(
    'n: NOTICE: hello',
  )
})

test('a file that cannot be read stops no status', ({ db }) => {
  const path = folder({ '1_a.up.sql': 'create table a (id int)' })
  writeFileSync(join(path, '2_b.up.sql'), Buffer.from([0xff, 0xfe, 0x00]))
  const { out, code } = cli(['status', '-d', db.url, '-p', path])
  expect(out).toMatch(/2_b\n.*not UTF-8 text \(it looks like UTF-16\)/)
  expect(code).toBe(0)
})

test('new, several at once: each has a number of its own', async () => {
  const path = folder({})
  const titles = ['a', 'b', 'c', 'd', 'e']
  await Promise.all(
    titles.map(
      (title) =>
        new Promise((resolve) =>
          spawn(process.execPath, [program, 'new', title, '-p', path], { stdio: 'ignore' }).once('close', resolve),
        ),
    ),
  )
  const numbers = readdirSync(path).map((name) => name.slice(0, 4))
  expect([...new Set(numbers)].sort()).toEqual(['0001', '0002', '0003', '0004', '0005'])
})

test("squash and showsql keep a file's DELIMITER", () => {
  const path = folder({
    '1_a.up.sql': 'DELIMITER $$\ncreate procedure p() begin select 1; end$$\n',
    '1_a.down.sql': 'drop procedure p;',
    '2_b.up.sql': 'create table t (id int);',
    '2_b.down.sql': 'drop table t;',
  })
  const { out } = cli(['showsql', 'nil..latest', '--dialect', 'mysql', '-p', path])
  expect(out).toContain('DELIMITER $$\ncreate procedure p() begin select 1; end$$\nDELIMITER ;\n')
})
