// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the code of a migration, written out.
/** A migration in code has a key that covers everything its effect depends on, or none. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { directory } from '../../src/source/directory.ts'
import { folder } from '../support/cli.ts'

async function keyOf(file: string, text: string, more: Record<string, string> = {}): Promise<string | undefined> {
  const source = directory(folder({ 'package.json': '{ "type": "commonjs" }', ...more, [file]: text }))
  const [migration] = await source.list()
  const key = migration && (await source.codeKey?.(migration))
  return key && 'hash' in key ? key.hash : undefined
}

test.for([
  ['types in comments', '1_a.js', "/** @type {import('knex').Knex} */\nexports.up = () => {}"],
  ['words in comments', '1_a.js', '// process all rows, then fetch\nexports.up = () => {}'],
  [
    'modules of Node that read nothing',
    '1_a.ts',
    "import { join } from 'node:path'\nexport const up = () => join('a')",
  ],
] as const)('%s do not count', async ([, file, text]) => {
  expect(await keyOf(file, text)).toMatch(/^[0-9a-f]{32}$/)
})

test.for([
  ['the environment as a whole', '1_a.js', 'exports.up = () => Object.keys(process.env)'],
  ['a variable whose name is computed', '1_a.js', 'exports.up = (a) => process.env[a]'],
  ['the network', '1_a.ts', "export const up = () => fetch('http://localhost')"],
  ['a file that is not there', '1_a.ts', "import fs from 'node:fs'\nexport const up = () => fs.readFileSync('none')"],
  [
    'a file whose name is computed',
    '1_a.ts',
    "import { readFileSync } from 'node:fs'\nexport const up = (a) => readFileSync(__dirname + '/' + a)",
  ],
  [
    'a file whose name is a parameter, too',
    '1_a.js',
    "const fs = require('fs')\nconst a = __dirname + '/a.txt'\nexports.up = () => fs.readFileSync(a)\nexports.down = (a) => fs.readFileSync(a)",
  ],
  [
    'other things of a folder',
    '1_a.js',
    "const fs = require('fs')\nexports.up = () => fs.readdirSync('.').concat(fs.readFileSync(__dirname + '/a.txt'))",
  ],
  [
    'a file behind another name of fs',
    '1_a.ts',
    "import { readFileSync as read } from 'node:fs'\nexport const up = () => read(__dirname + '/a.txt')",
  ],
  ['another program', '1_a.js', "exports.up = () => require('child_process').execSync('a')"],
  ['a file that is not there, which it requires', '1_a.js', "exports.up = () => require('./b')"],
  ['the environment in a file that it requires', '1_a.js', "exports.up = () => require('./env')"],
  ['what a file that it requires requires', '1_a.js', "exports.up = () => require('./open')"],
  ['an ES module that it requires', '1_a.js', "exports.up = () => require('./es.mjs')"],
  ['a module whose name is computed by require', '1_a.js', 'exports.up = (a) => require(a)'],
  ['what require resolves', '1_a.js', "exports.up = () => require.resolve('util')"],
  ['a module whose name is computed', '1_a.ts', 'export const up = (a: string) => import(a)'],
] as const)('code that may read %s has none', async ([, file, text]) => {
  const more = {
    'a.txt': 'select 1',
    'env.js': 'exports.all = Object.keys(process.env)',
    'open.js': 'exports.all = (a) => require(a)',
    'es.mjs': 'export const a = 1',
  }
  expect(await keyOf(file, text, more)).toBeUndefined()
})

test('a helper is part of it, its comments are not', async () => {
  const text = "import { name } from './name.js'\nexport const up = () => name"
  const keyWith = (helper: string) => keyOf('1_a.ts', text, { 'name.js': helper })
  const key = await keyWith("export const name = 'a'")
  expect(key).toBeDefined()
  expect(await keyWith("export const name = 'a' // so")).toBe(key)
  expect(await keyWith("export const name = 'b'")).not.toBe(key)
})

test('a file that CommonJS requires is part of it, and what that requires', async () => {
  const text = "const { all } = require('./lib')\nexports.up = () => all"
  const keyWith = (name: string, data: string) =>
    keyOf('1_a.js', text, {
      'lib/index.js': "const { name } = require('./name')\nexports.all = [name, require('../data.json')]",
      'lib/name.js': name,
      'data.json': data,
    })
  const key = await keyWith("exports.name = 'a'", '[1]')
  expect(key).toBeDefined()
  expect(await keyWith("exports.name = 'a' // so", '[ 1 ]')).toBe(key)
  expect(await keyWith("exports.name = 'b'", '[1]')).not.toBe(key)
  expect(await keyWith("exports.name = 'a'", '[2]')).not.toBe(key)
})

test('the versions of packages that CommonJS requires are part of it', async () => {
  const keyAt = (version: string) =>
    keyOf('1_a.js', "const { a } = require('lib')\nexports.up = () => a", {
      'node_modules/lib/package.json': `{ "name": "lib", "version": "${version}" }`,
      'node_modules/lib/index.js': 'exports.a = 1',
    })
  const key = await keyAt('1.0.0')
  expect(key).toBeDefined()
  expect(await keyAt('1.0.0')).toBe(key)
  expect(await keyAt('1.0.1')).not.toBe(key)
})

test.for([
  [
    'join',
    "import { readFileSync } from 'node:fs'\nimport { join } from 'node:path'",
    "readFileSync(join(__dirname, 'sql', 'a.sql'), 'utf8')",
  ],
  [
    'resolve',
    "import fs from 'fs'\nimport path from 'path'",
    "fs.readFileSync(path.resolve(import.meta.dirname, './sql/a.sql'))",
  ],
  ['a URL', "import { readFile } from 'fs/promises'", "readFile(new URL('./sql/a.sql', import.meta.url), 'utf8')"],
  ['a sum', "import { promises } from 'fs'", "promises.readFile(__dirname + '/sql/a.sql')"],
  ['a template', "import * as fs from 'node:fs'", 'fs.readFileSync(`${__dirname}/sql/a.sql`)'],
  [
    'require',
    "const fs = require('fs'), path = require('path')\nconst file = path.join(__dirname, 'sql', 'a.sql')",
    'fs.readFileSync(file)',
  ],
] as const)('a file that is named by %s is part of it', async ([, head, call]) => {
  const isModule = head.startsWith('import')
  const text = `${head}\n${isModule ? 'export const up =' : 'exports.up ='} () => ${call}`
  const keyWith = (sql: string) => keyOf(isModule ? '1_a.ts' : '1_a.js', text, { 'sql/a.sql': sql })
  const key = await keyWith('select 1')
  expect(key).toBeDefined()
  expect(await keyWith('select 1')).toBe(key)
  expect(await keyWith('select 2')).not.toBe(key)
})

test('a variable of the environment that is named is part of it, others are not', async () => {
  const key = () => keyOf('1_a.js', "exports.up = () => process.env.MIGRATEST_A + process.env['MIGRATEST_B']")
  onTestFinished(() => void vi.unstubAllEnvs())
  const without = await key()
  expect(without).toBeDefined()
  vi.stubEnv('MIGRATEST_C', '1')
  expect(await key()).toBe(without)
  vi.stubEnv('MIGRATEST_B', '')
  const empty = await key()
  expect(empty).not.toBe(without)
  vi.stubEnv('MIGRATEST_B', '1')
  expect(await key()).not.toBe(empty)
})
