/** What determines the effect of a migration in code: its key, or that there is none. */
import { expect, test } from 'vitest'
import { directory } from '../../src/source/directory.ts'
import { folder } from '../support/cli.ts'

async function keyOf(file: string, text: string, more: Record<string, string> = {}): Promise<string | undefined> {
  const source = directory(folder({ 'package.json': '{ "type": "commonjs" }', ...more, [file]: text }))
  const [migration] = await source.list()
  return migration && (await source.codeKey?.(migration))?.hash
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
  ['the environment', '1_a.js', 'exports.up = () => process.env.A'],
  ['the network', '1_a.ts', "export const up = () => fetch('http://localhost')"],
  ['files', '1_a.ts', "import { readFileSync } from 'node:fs'\nexport const up = () => readFileSync('a')"],
  ['another program', '1_a.js', "exports.up = () => require('child_process').execSync('a')"],
  ['data that it requires', '1_a.js', "exports.up = () => require('./package.json')"],
  ['a file that it requires', '1_a.js', "exports.up = () => require('./b')"],
  ['a module whose name is computed by require', '1_a.js', 'exports.up = (a) => require(a)'],
  ['what require resolves', '1_a.js', "exports.up = () => require.resolve('util')"],
  ['a module whose name is computed', '1_a.ts', 'export const up = (a: string) => import(a)'],
] as const)('code that may read %s has none', async ([, file, text]) => {
  expect(await keyOf(file, text)).toBeUndefined()
})

test('a helper is part of it, its comments are not', async () => {
  const text = "import { name } from './name.js'\nexport const up = () => name"
  const keyWith = (helper: string) => keyOf('1_a.ts', text, { 'name.js': helper })
  const key = await keyWith("export const name = 'a'")
  expect(key).toBeDefined()
  expect(await keyWith("export const name = 'a' // so")).toBe(key)
  expect(await keyWith("export const name = 'b'")).not.toBe(key)
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
