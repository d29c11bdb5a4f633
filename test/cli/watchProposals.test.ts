/** A watch in a terminal: the keys with which a proposed migration is written and finished. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { expect, onTestFinished } from 'vitest'
import { openDevelopment } from '../../src/database/open.ts'
import { folder, program, write } from '../support/cli.ts'
import { test } from '../support/database.ts'

/** The program of util-linux that gives another one a terminal. */
const SCRIPT = '/usr/bin/script'

/** Runs the command in a terminal. */
function terminal(cwd: string, args: readonly string[]) {
  const line = [process.execPath, program, ...args].map((word) => `'${word}'`).join(' ')
  const { DATABASE_URL: _, CI: __, ...env } = process.env
  const child = spawn(SCRIPT, ['-qfec', line, '/dev/null'], { cwd, env })
  let shown = ''
  child.stdout.on('data', (chunk: Buffer) => {
    shown += stripVTControlCharacters(chunk.toString())
  })
  onTestFinished(() => void child.kill())
  return {
    type: (keys: string) => void child.stdin.write(keys),
    /** Waits for a text after what was waited for before, and returns what came up to it. */
    async until(text: string): Promise<string> {
      for (let i = 0; i < 1000 && !shown.includes(text); i++) await sleep(30)
      expect(shown).toContain(text)
      const end = shown.indexOf(text) + text.length
      const seen = shown.slice(0, end)
      shown = shown.slice(end)
      return seen
    },
    ended: () => new Promise<number | null>((resolve) => child.once('exit', resolve)),
  }
}

test.skipIf(!existsSync(SCRIPT))('g asks and writes, f finishes (needs script of util-linux)', async ({ db }) => {
  const development = await openDevelopment(db.url)
  await development.mark('development')
  await development.close()
  const cwd = folder({
    'migrations/0001_users.up.sql': 'create table users (id integer primary key, name text);',
    'migrations/0001_users.down.sql': 'drop table users;',
    'schema.sql': 'create table users (id integer primary key, name text);',
    'migratest.config.mjs': "export default { wanted: 'schema.sql', schemaFile: 'schema.sql' }",
  })
  const { type, until, ended } = terminal(cwd, ['watch', '--database', db.url])
  await until('Press h for help')
  write(cwd, 'schema.sql', 'create table users (id integer primary key, full_name text, age integer not null);')
  expect(await until('g asks')).toContain('2 questions about the wanted schema')
  type('g')
  await until('1 to 2')
  type('1')
  await until('SQL expression')
  type('7\r')
  expect(await until('version 2 in')).toContain('ALTER TABLE users RENAME COLUMN name TO full_name;')
  write(cwd, 'schema.sql', 'create table users (id integer primary key, full_name text, age integer not null, mail te')
  await until('schema.sql:1:')
  write(
    cwd,
    'schema.sql',
    'create table users (id integer primary key, full_name text, age integer not null, mail text);',
  )
  await until('wrote anew')
  await until('version 2 in')
  // The wanted schema is the user's file, so the watch does not write the schema into it.
  expect(readFileSync(join(cwd, 'schema.sql'), 'utf8')).toContain('create table users')
  type('f')
  await until('done: ')
  const [, , , up = ''] = readdirSync(join(cwd, 'migrations')).sort()
  expect(readFileSync(join(cwd, 'migrations', up), 'utf8')).toMatch(
    /^ALTER TABLE users RENAME COLUMN[\s\S]*ADD COLUMN mail text;\n$/,
  )
  const end = ended()
  type('q')
  expect(await end).toBe(0)
})
