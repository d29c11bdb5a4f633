/** Packages that our own processes load from one file. Each test runs in processes of its own, as they do. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const PACKED = new URL('../../src/packages/packed.ts', import.meta.url).href

/** A project in which packages are installed. @param files of the packages, by their paths in node_modules */
function project(files: Readonly<Record<string, string>>) {
  const root = mkdtempSync(join(tmpdir(), 'migratest-packed-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const write = (name: string, text: string) => {
    const path = join(root, 'node_modules', name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  for (const [name, text] of Object.entries(files)) write(name, text)
  const packs = join(root, 'packs')
  return {
    write,
    packs: () => (existsSync(packs) ? readdirSync(packs) : []),
    /** Runs an expression in a new process in which `load` loads packages and `require` is Node's own. */
    run(expression: string): unknown {
      const program = `
        import { createRequire } from 'node:module'
        import { PackedPackages } from ${JSON.stringify(PACKED)}
        const require = createRequire(${JSON.stringify(join(root, 'index.js'))})
        const packages = new PackedPackages(require, ${JSON.stringify(packs)}, ['one', '@scope/two'])
        const load = (name) => packages.load(name)
        const result = await (async () => (${expression}))()
        await packages.keep()
        console.log(JSON.stringify(result))`
      const out = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
        cwd: root,
        encoding: 'utf8',
      })
      return JSON.parse(out)
    },
  }
}

const ONE = {
  'one/package.json': '{ "name": "one", "main": "lib/index.js" }',
  'one/lib/index.js': `'use strict'
    exports.begun = true
    const part = require('./part')
    const { join } = require('path')
    exports.part = part
    exports.data = require('./data.json')
    exports.joined = join('a', 'b')
    exports.file = require('path').basename(__filename)
    exports.id = [module.filename === __filename, module.children.length > 0, require.resolve('./part').endsWith('part.js')]
    exports.named = (name) => require('./' + name)
    exports.optional = () => { try { return require('not-installed') } catch (error) { return error.code } }
    exports.imported = () => require('./imports').read()`,
  // Sees what the first has exported so far: they require each other.
  'one/lib/part.js': `exports.saw = require('./index').begun; exports.Thing = class Thing {}; exports.two = require('@scope/two')`,
  'one/lib/data.json': '{ "n": 7 }',
  'one/lib/late.js': `module.exports = 'late'`,
  'one/lib/imports.js': `exports.read = async () => (await import('./es.mjs')).value`,
  'one/lib/es.mjs': 'export const value = 5',
  '@scope/two/package.json': '{ "name": "@scope/two" }',
  '@scope/two/index.js': `module.exports = 'two'`,
}

const EVERYTHING = `{
  saw: load('one').part.saw, data: load('one').data, joined: load('one').joined, file: load('one').file, id: load('one').id,
  late: load('one').named('late'), optional: load('one').optional(), imported: await load('one').imported(),
  two: load('@scope/two'), other: load('another') === undefined,
  same: require('one') === load('one') && new (require('one/lib/part').Thing)() instanceof load('one').part.Thing,
  imports: (await import('one')).default === load('one'),
}`

test('a packed package is the same as the installed one, whoever asks for it', () => {
  const { run, packs } = project({ ...ONE, '../package.json': '{}' })
  const first = run(EVERYTHING)
  expect(first).toEqual({
    saw: true,
    data: { n: 7 },
    joined: join('a', 'b'),
    file: 'index.js',
    id: [true, true, true],
    late: 'late',
    optional: 'MODULE_NOT_FOUND',
    imported: 5,
    two: 'two',
    other: true,
    same: true,
    imports: true,
  })
  // The first process makes the folder only, the second the file, and the third uses it.
  expect(packs()).toEqual([])
  expect(run(EVERYTHING)).toEqual(first)
  expect(packs()).toEqual(['one.cjs'])
  expect(run(EVERYTHING)).toEqual(first)
  expect(run(`(load('one'), packages.isIncomplete)`)).toBe(false)
})

test('a module that was edited, a package that was replaced and a damaged file are noticed', () => {
  const { run, write, packs } = project(ONE)
  for (let i = 0; i < 2; i++) run(`load('one').joined`)
  expect(packs()).toEqual(['one.cjs'])
  write('@scope/two/index.js', `module.exports = 'two, edited'`)
  expect(run(`load('one').part.two`)).toBe('two, edited')
  write('one/package.json', '{ "name": "one", "main": "other.js" }')
  write('one/other.js', `exports.part = { two: 'another entry' }`)
  expect(run(`load('one').part.two`)).toBe('another entry')
  write('../packs/one.cjs', 'module.exports = {')
  expect(run(`load('one').part.two`)).toBe('another entry')
  expect(run(`[load('one').part.two, packages.isIncomplete]`)).toEqual(['another entry', false])
})

test('an error of a module is thrown each time, as Node does', () => {
  const { run, write } = project(ONE)
  for (let i = 0; i < 2; i++) run(`load('one').joined`)
  const attempts = `['one', 'one'].map((name) => { try { return load(name).joined } catch (error) { return error.message } })`
  write('one/lib/data.json', '{')
  expect(run(attempts)).toEqual([expect.stringMatching(/JSON/), expect.stringMatching(/JSON/)])
  write('one/lib/data.json', '{ "n": 7 }')
  expect(run(attempts)).toEqual([join('a', 'b'), join('a', 'b')])
  expect(
    run(`(() => { try { load('@scope/two'); return require('missing') } catch (error) { return error.code } })()`),
  ).toBe('MODULE_NOT_FOUND')
})
