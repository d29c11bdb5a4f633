import { join } from 'node:path'
import { expect, test } from 'vitest'
import { project } from '../support/project.ts'

test.each<[string, Partial<Record<string, string>>, 'up' | 'down' | 'both' | 'none']>([
  ['a comment and white space', { '1_a.ts': '// new\n' }, 'none'],
  ['a comment of a helper', { 'h.ts': '/* new */ export const h = 1 /* more */' }, 'none'],
  ['a file that is not imported', { 'other.ts': 'export {}' }, 'none'],
  ['types', { '1_a.ts': 'interface New { a: string }\n' }, 'none'],
  ['the helper', { 'h.ts': 'export const h = 2' }, 'both'],
  ['the data', { 'd.json': '{ "a": 2 }' }, 'both'],
  ['white space in the data', { 'd.json': '{\n "a": 1 }' }, 'none'],
  ['something that both share', { '1_a.ts': 'const shared = 1\n' }, 'both'],
])('editing %s changes the fingerprint of: $2', async (_, edits, changed) => {
  const base =
    "import { h } from './h.ts'\nimport d from './d.json'\nexport function up() { return h + d.a }\nexport function down() { return h }\n"
  const { load, write } = project({ '1_a.ts': base, 'h.ts': 'export const h = 1', 'd.json': '{ "a": 1 }' })
  const prints = async () => {
    const { fingerprint } = await load('1_a.ts')
    return { up: fingerprint?.('up'), down: fingerprint?.('down') }
  }
  const before = await prints()
  for (const [name, text] of Object.entries(edits)) write(name, name === '1_a.ts' ? `${text}${base}` : (text as string))
  const after = await prints()
  const differing = (['up', 'down'] as const).filter((half) => before[half] !== after[half])
  expect(differing.join(' ')).toBe({ up: 'up', down: 'down', both: 'up down', none: '' }[changed])
})

test.each([
  ['functions', 'export function up() { return 1 }\n', 'export async function down() { return 2 }\n'],
  ['constants', 'export const up = () => 1\n', 'export const down = () => 2\n'],
  ['a default export', 'export default { up() { return 1 } ', ', down() { return 2 } }', ' }'],
  [
    'defineMigration',
    "import { defineMigration } from 'migratest'\nexport default defineMigration({ up() { return 1 },",
    ' down: async () => 2 })',
    ' })',
  ],
  ['names', 'function up() { return 1 }\n', 'function down() { return 2 }\nexport { up, down }\n', 'export { up }\n'],
  [
    'a short object',
    'function up() { return 1 }\n',
    'function down() {}\nexport default { up, down }\n',
    'export default { up }\n',
  ],
  [
    'an object with a name',
    'const it = { up() { return 1 }',
    ', down() {} }\nexport default it\n',
    ' }\nexport default it\n',
  ],
  ['register', "import { register } from 'migratest'\nregister({ up() { return 1 },", ' down() {} })', ' })'],
])('a down that is written later leaves the fingerprint of the up: %s', async (_, up, down, end = '') => {
  const { load, write } = project({ '1_a.ts': up + end })
  const before = (await load('1_a.ts')).fingerprint?.('up')
  write('1_a.ts', up + down)
  const { fingerprint, down: half } = await load('1_a.ts')
  expect(typeof half).toBe('function')
  expect(fingerprint?.('up')).toBe(before)
  write('1_a.ts', up.replace('1', '3') + down)
  expect((await load('1_a.ts')).fingerprint?.('up')).not.toBe(before)
})

test.each([
  ['calls it', 'export async function up() { return down() }\nexport function down() { return "DOWN" }'],
  ['is it', 'export const down = () => "DOWN"\nexport const up = down'],
  ['calls it as its own', 'export default { up() { return this.down() }, down() { return "DOWN" } }'],
  ['is it under another name', 'const undo = () => "DOWN"\nexport default { up: undo, down: undo }'],
  [
    'calls it under a name with a dollar',
    'const $d = () => "DOWN"\nexport const up = () => $d()\nexport { $d as down }',
  ],
  ['has a computed name', 'const down = "up"\nexport default { [down]() { return "DOWN" } }'],
  [
    'is made of it',
    'const make = (o: any) => ({ up: o.undo, ...o })\nexport default make({ undo() {}, down() { return "DOWN" } })',
  ],
])('an up that %s has another fingerprint once the down is edited', async (_, text) => {
  const { load, write } = project({ '1_a.ts': text })
  const before = (await load('1_a.ts')).fingerprint?.('up')
  write('1_a.ts', text.replace('DOWN', 'OTHER'))
  expect((await load('1_a.ts')).fingerprint?.('up')).not.toBe(before)
})

test.each<[string, Record<string, string>, (write: (name: string, text: string) => void) => void]>([
  [
    'a file comes before a folder',
    { 'h/index.ts': 'export const h = 1' },
    (write) => write('h.ts', 'export const h = 2'),
  ],
  [
    'TypeScript comes before JavaScript',
    { 'h.js': 'export const h = 1' },
    (write) => write('h.ts', 'export const h = 2'),
  ],
  [
    'tsconfig means another folder',
    {
      'tsconfig.json': '{ "compilerOptions": { "paths": { "~/*": ["./x/*"] } } }',
      '1_a.ts': "import { h } from '~/h'\nexport const up = () => h as any",
      'x/h.ts': 'export const h = 1',
      'y/h.ts': 'export const h = 2',
    },
    (write) => write('tsconfig.json', '{ "compilerOptions": { "paths": { "~/*": ["./y/*"] } } }'),
  ],
])('an import that means something else by now is followed: %s', async (_, files, edit) => {
  const { load, loader, write } = project({
    '1_a.ts': "import { h } from './h'\nexport const up = () => h as any",
    ...files,
  })
  expect((await load('1_a.ts')).up?.({} as never)).toBe(1)
  edit(write)
  // A source does so each time that it lists its files.
  loader.refresh()
  expect((await load('1_a.ts')).up?.({} as never)).toBe(2)
})

test('a fingerprint is the same wherever the project is', async () => {
  const files = { 'm/1_a.ts': "import { h } from '../h.ts'\nexport const up = () => h", 'h.ts': 'export const h = 1' }
  const prints = await Promise.all([1, 2].map(async () => (await project(files).load('m/1_a.ts')).fingerprint?.('up')))
  expect(prints[0]).toBe(prints[1])
})

test('what is recorded of a migration runs again when its files are gone', async () => {
  const { load, loader, root, write } = project({
    'm/1_a.ts':
      "import { h } from '../h.ts'\nimport d from './d.json'\nimport { left } from 'left'\nenum E { a = 7 }\nexport const up = () => {}\nexport const down = ({ log }: any) => log(left(h + d.a + E.a))",
    'h.ts': "export * from './deep/x.ts'",
    'deep/x.ts': "export const h: string = 'h'",
    'm/d.json': '{ "a": 1 }',
    'node_modules/left/package.json': '{ "name": "left", "type": "module", "exports": "./index.js" }',
    'node_modules/left/index.js': 'export const left = (text) => "<" + text',
  })
  const record = (await load('m/1_a.ts')).record?.() ?? ''
  expect(record).not.toContain(root)
  for (const name of ['m/1_a.ts', 'h.ts', 'deep/x.ts', 'm/d.json']) write(name, 'broken (')
  const lines: string[] = []
  const { down } = await loader.revive(record, join(root, 'm'))
  await down?.({ log: (line: string) => lines.push(line) } as never)
  expect(lines).toEqual(['<h17'])
})

test('what is recorded of a migration in CommonJS, too', async () => {
  const { load, loader, root, write } = project({
    'package.json': '{ "type": "commonjs" }',
    'm/1_a.js':
      "const { h } = require('../h')\nconst d = require('./d.json')\nconst { left } = require('left')\nconst { sep } = require('path')\nexports.up = () => {}\nexports.down = ({ log }) => log(left(h + d.a + sep))",
    'h.js': "module.exports = { ...require('./deep') }",
    'deep/index.js': "exports.h = 'h'",
    'm/d.json': '{ "a": 1 }',
    'node_modules/left/package.json': '{ "name": "left", "version": "1.0.0" }',
    'node_modules/left/index.js': 'exports.left = (text) => "<" + text',
  })
  const record = (await load('m/1_a.js')).record?.() ?? ''
  expect(record).not.toContain(root)
  for (const name of ['m/1_a.js', 'h.js', 'deep/index.js', 'm/d.json']) write(name, 'broken (')
  const lines: string[] = []
  const { down } = await loader.revive(record, join(root, 'm'))
  await down?.({ log: (line: string) => lines.push(line) } as never)
  expect(lines).toEqual(['<h1/'])
})

test.each<[string, string | undefined]>([
  ['const at = Date.now()', 'the clock'],
  ['const at = new Date()', 'the clock'],
  ['const at = new Date(0).toISOString()', undefined],
  ['const id = Math.random()', 'random numbers'],
  ['const id = Math.max(1, 2)', undefined],
  ['const id = crypto.randomUUID()', 'random numbers'],
  ["import { randomUUID } from 'node:crypto'; const id = randomUUID()", 'random numbers'],
  ["import { createHash } from 'node:crypto'; const id = createHash('sha256')", undefined],
  ['const at = performance.now()', 'the clock'],
  ['const later = () => Date.now()', undefined],
])('"%s" at load is reported: %s', async (line, what) => {
  const { load } = project({
    '1_a.ts': `type A = 1\n${line}\nexport const up = () => [Date.now(), Math.random()] as any`,
  })
  const { remarks, up } = await load('1_a.ts')
  expect(remarks?.map((remark) => remark.replace(/:\d+ reads/, ' reads'))).toEqual(
    what ? [`1_a.ts:2 reads ${what} while it is loaded: two loads may differ. Read it in up or down.`] : [],
  )
  expect(up?.({} as never)).toEqual([expect.any(Number), expect.any(Number)])
})
