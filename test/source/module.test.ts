import { rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { directory } from '../../index.ts'
import type { CodeBody, Migration } from '../../src/migrate/source.ts'
import { ModuleLoader } from '../../src/source/module/loader.ts'
import { project, said, UP } from '../support/project.ts'

test.each<[string, Record<string, string>, string[]]>([
  [
    'types, enums, parameter properties, namespaces, satisfies',
    {
      '0001_it.ts': `import type { Nothing } from './nowhere.ts'
enum Colour { red = 1, green }
namespace Shapes { export const sides = 4 }
class Point { constructor(readonly x: number) {} }
const given = { a: 1 } satisfies Record<string, number> as { a: number }
${UP} log([Colour[2], Shapes.sides, new Point(3).x, given!.a].join()) }`,
    },
    ['green,4,3,1'],
  ],
  [
    'experimental decorators, as tsconfig says, with metadata of a polyfill',
    {
      'tsconfig.json': '{ "compilerOptions": { "experimentalDecorators": true, "emitDecoratorMetadata": true } }',
      '0001_it.ts': `const order: string[] = []
;(Reflect as any).metadata ??= (key: string, value: any) => () => { order.push(key + '=' + ([value].flat().map((one) => one?.name))) }
const note = (name: string) => (...args: any[]) => { order.push(name + args.length) }
@note('class') class A { @note('method') m(x: string) {} @note('field') f = 1; n(@note('param') p: number) {} }
${UP} new A(); log(order.join(' ')) }`,
    },
    [
      'design:returntype= design:paramtypes=String design:type=Function method3 design:type=Object field3 design:returntype= design:paramtypes=Number design:type=Function param3 class1',
    ],
  ],
  [
    'decorators of the standard',
    {
      '0001_it.ts': `const loud = (value: any, { name }: any) => function (this: any) { return name + value.call(this).toUpperCase() }
class A { word: string = 'b'; @loud say() { return this.word } }
${UP} log(new A().say()) }`,
    },
    ['sayB'],
  ],
  [
    'tsconfig paths',
    {
      'tsconfig.json': '{ "compilerOptions": { "paths": { "~/*": ["./lib/*"] } } }',
      'lib/slug.ts': 'export const slug = (text: string) => text.toLowerCase()',
      'migrations/0001_it.ts': `import { slug } from '~/slug'\n${UP} log(slug('ABC')) }`,
    },
    ['abc'],
  ],
  [
    'top-level await, of a helper too',
    {
      'later.ts': "export const word = await new Promise<string>((done) => setTimeout(done, 5, 'later'))",
      '0001_it.ts': `import { word } from './later.ts'\nconst more = await import('./later.ts')\n${UP} log(word + (more.word === word)) }`,
    },
    ['latertrue'],
  ],
  [
    'JSON by default and by name',
    {
      'data.json': '{ "roles": ["a", "b"] }',
      '0001_it.ts': `import data, { roles } from './data.json' with { type: 'json' }\n${UP} log(data.roles.length + roles[1]) }`,
    },
    ['2b'],
  ],
  [
    'helpers without an ending, with that of what is built, in a folder, and CommonJS',
    {
      'a.ts': 'export const a = 1',
      'b.ts': 'export const b = 2',
      'c/index.ts': 'export { a } from "../a"; export * from "../b"; export default 3',
      'd.cjs': 'const { sep } = require("node:path"); exports.d = sep; exports.file = __filename',
      '0001_it.ts': `import { a } from './a'\nimport { b } from './b.js'\nimport c, * as all from './c'\nimport { d } from './d.cjs'
${UP} log([a, b, c, all.a, all.b, d].join()) }`,
    },
    ['1,2,3,1,2,/'],
  ],
  [
    'imports beside module.exports, imports of types alone, and names that Node does not find in CommonJS',
    {
      'node_modules/wide/package.json': '{ "name": "wide", "version": "1.0.0" }',
      'node_modules/wide/index.js':
        'const it = {}\nfor (const name of ["far", "wide"]) it[name] = name\nmodule.exports = it',
      'helper.ts':
        "import { wide } from 'wide'\nimport type { Far } from 'wide'\nmodule.exports = { word: wide as Far }",
      'types.ts': "import type { Far } from 'wide'\nmodule.exports = { typed: 'typed' as Far }",
      '0001_it.ts': `'use strict'\nimport { far } from 'wide'\nimport { word } from './helper'\nimport { typed } from './types'
${UP.replace('export ', 'module.exports = { up }\n')} log(far + word + typed) }`,
    },
    ['farwidetyped'],
  ],
  [
    'packages and what Node brings',
    {
      'node_modules/left/package.json':
        '{ "name": "left", "version": "1.0.0", "type": "module", "exports": { "import": "./index.js" } }',
      'node_modules/left/index.js': 'export const left = (text) => "<" + text\nexport default "it"',
      'node_modules/old/package.json': '{ "name": "old", "version": "1.0.0" }',
      'node_modules/old/index.js': 'module.exports = { old: 1 }',
      '0001_it.ts': `import it, { left } from 'left'\nimport { old } from 'old'\nimport { basename } from 'path'\nimport { EOL } from 'node:os'
${UP} log(left(it) + old + basename('/x/y') + EOL.length) }`,
    },
    ['<it1y1'],
  ],
  [
    'packages that bring their TypeScript, JSON of packages, CommonJS that was a module or is a function',
    {
      'node_modules/left/package.json':
        '{ "name": "left", "version": "1.2.3", "type": "module", "exports": { ".": "./index.js", "./package.json": "./package.json" } }',
      'node_modules/left/index.js': 'export const left = "js"',
      'node_modules/left/index.ts': 'export const left: string = "ts"',
      'f.cjs': 'module.exports = function f() { return "f" }; module.exports.more = "more"',
      'm.cjs':
        'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = "d"; exports.named = "n"; exports.lazy = () => import("node:os")',
      'c.cts': 'export const c: string = "c"',
      '0001_it.ts': `import { left } from 'left'\nimport pkg from 'left/package.json' with { type: 'json' }\nimport f, { more } from './f.cjs'\nimport d, { named, lazy } from './m.cjs'\nimport { c } from './c.cts'\nimport path = require('node:path')
export async function up({ log }: any) { log([left, pkg.version, f(), more, d, named, typeof (await lazy()).EOL, c, path.basename('/a/b'), 10n, 'me@example.com'].join()) }`,
    },
    ['js,1.2.3,f,more,d,n,string,c,b,10,me@example.com'],
  ],
  [
    'accessors, beside fields as tsconfig wants them',
    {
      'tsconfig.json': '{ "compilerOptions": { "useDefineForClassFields": false } }',
      '0001_it.ts':
        `let how = 'define'\nclass B { set x(_: number) { how = 'set' } }\nclass A extends B { x = 5; accessor y = 6 }\n${UP} log(how + new A().y) }`.replace(
          'log(how + new A().y)',
          'const y = new A().y; log(how + y)',
        ),
    },
    ['set6'],
  ],
  [
    'circles, with live bindings',
    {
      'even.ts':
        "import { odd } from './odd.ts'\nexport let asked = 0\nexport function even(n: number): boolean { asked++; return n === 0 || odd(n - 1) }",
      'odd.ts':
        "import { even } from './even.ts'\nexport function odd(n: number): boolean { return n !== 0 && even(n - 1) }",
      '0001_it.ts': `import { even, asked } from './even.ts'\n${UP} log(even(4) + ' ' + asked) }`,
    },
    ['true 3'],
  ],
  [
    'a circle whose members begin at the same time',
    {
      'b.ts': "import './c.ts'\nexport const b = 'b'",
      'c.ts': "import './b.ts'\nexport const c = 'c'",
      '0001_it.ts': `const [{ b }, { c }] = await Promise.all([import('./b.ts'), import('./c.ts')])\n${UP} log(b + c) }`,
    },
    ['bc'],
  ],
  [
    'import.meta, of each file its own',
    {
      'lib/where.ts': 'export const where = import.meta',
      '0001_it.ts': `import { where } from './lib/where.ts'
${UP} log([import.meta.filename.split('/').at(-1), import.meta.url.startsWith('file:///'), where.dirname === import.meta.dirname + '/lib', import.meta.resolve('./lib/where.ts') === where.url, import.meta.resolve('node:fs')].join()) }`,
    },
    ['0001_it.ts,true,true,true,node:fs'],
  ],
  [
    'a helper that is chosen while it runs',
    {
      'de.ts': "export const hello = 'hallo'",
      '0001_it.ts': `export async function up({ log }: any) { log((await import(\`./\${'de'}.ts\`)).hello) }`,
    },
    ['hallo'],
  ],
  [
    'names that the runner uses itself, and a script that begins with a hashbang and a byte order mark',
    {
      '0001_it.ts': `\uFEFF#!/usr/bin/env node\nconst Date = 1, exports = 2, require = 3, module = 4, crypto = await import('node:crypto')\n${UP} log([Date, exports, require, module, typeof crypto.randomUUID].join()) }`,
    },
    ['1,2,3,4,function'],
  ],
])('runs %s', async (_, files, expected) => {
  const main = Object.keys(files).find((name) => name.endsWith('0001_it.ts')) as string
  expect(await said(files, main)).toEqual(expected)
})

test('a migration is what it exports by default, by name, or registers', async () => {
  const { load } = project({
    '1_a.ts':
      "import { defineMigration } from 'migratest'\nexport default defineMigration({ transaction: false, async up({ sql }) { await sql('select 1') } })",
    '2_b.mjs': 'export const transaction = false\nexport async function up() {}\nexport async function down() {}',
    '3_c.ts': "import { register } from 'migratest'\nregister({ up() {}, down() {} })",
  })
  const shapes = await Promise.all(
    ['1_a.ts', '2_b.mjs', '3_c.ts'].map(async (name) => {
      const { up, down, transaction } = await load(name)
      return [typeof up, typeof down, transaction]
    }),
  )
  expect(shapes).toEqual([
    ['function', 'undefined', false],
    ['function', 'function', false],
    ['function', 'function', undefined],
  ])
})

test.each<[string, Record<string, string>, RegExp]>([
  [
    'a text that is no TypeScript',
    { '1_a.ts': 'const a = 1\nconst b: = 2\n' },
    /^1_a\.ts:2:10: Unexpected token\n\n[\s\S]*> 2 \| const b: = 2\n +\| {10}\^/,
  ],
  ['an error behind an emoji, in its column', { '1_a.ts': "const s = '🐘'; let x = = 1\n" }, /^1_a\.ts:1:25: /],
  [
    'one that a helper throws',
    {
      'lib/h.ts': 'type A = 1\n\nexport const x: A = boom() as any\nfunction boom() {\n  throw new Error("no luck")\n}',
      '1_a.ts': "import './lib/h.ts'",
    },
    /^lib\/h\.ts:5:9: Error: no luck\n\n[\s\S]*> 5 \|/,
  ],
  [
    'a missing file',
    { '1_a.ts': "import { a } from './nowhere.ts'\nexport const up = a" },
    /^1_a\.ts:1:20: "\.\/nowhere\.ts" is not found/,
  ],
  [
    'a missing package',
    { '1_a.ts': "import { a } from '@some/where/deep'\nexport const up = a" },
    /^1_a\.ts:1:20: [\s\S]*npm install @some\/where$/,
  ],
  [
    'a missing export',
    { 'h.ts': 'export const b = 1', '1_a.ts': "import { a } from './h.ts'\nexport const up = a" },
    /^1_a\.ts:1:\d+: SyntaxError: "\.\/h\.ts" has no export named "a"\./,
  ],
  [
    'JSON that is none',
    { 'd.json': '{ "a": }', '1_a.ts': "import d from './d.json'\nexport const up = d" },
    /^d\.json:1:1: not JSON: Unexpected token '}'/,
  ],
  [
    'no migration in it',
    { '1_a.ts': 'export const x = 1' },
    /^1_a\.ts: exports neither up nor down\.\n\nWrite "export async function up/,
  ],
  ['an up that is no function', { '1_a.ts': 'export const up = 1' }, /^1_a\.ts: its export "up" is not a function/],
  [
    'two that are registered',
    { '1_a.ts': "import { register } from 'migratest'\nregister({ up() {} })\nregister({ up() {} })" },
    /^1_a\.ts:3:1: 1_a\.ts registers two migrations/,
  ],
  ['something else that is thrown', { '1_a.ts': 'throw null' }, /^1_a\.ts cannot be loaded: it threw null/],
])('tells of %s', async (_, files, message) => {
  const { load } = project(files)
  await expect(load('1_a.ts')).rejects.toThrow(message)
})

test('register() outside of a migration is refused', async () => {
  const { register } = await import('../../index.ts')
  expect(() => register({ up() {} })).toThrow('register() can only be called while a migration is being loaded.')
})

test('what up throws has its place in the TypeScript, and so has its stack', async () => {
  const { load } = project({
    'lib/fail.ts':
      'interface Nothing {}\n\nexport function fail(why: string): never {\n  throw new TypeError(why)\n}\n',
    '1_a.ts':
      "import { fail } from './lib/fail.ts'\ntype Row = { id: number }\nenum E { a }\nexport async function up() {\n  await null\n  fail('no: ' + E.a)\n}\n",
  })
  const { up, locate } = await load('1_a.ts')
  const error = await Promise.resolve(up?.({} as never)).then(
    () => undefined,
    (thrown: Error) => thrown,
  )
  const place = locate?.(error)
  expect([place?.file, place?.text.slice(place.start, place.end)]).toEqual(['lib/fail.ts', 'new'])
  expect(error?.stack).toMatch(/lib\/fail\.ts:4:9\)?\n[\s\S]*1_a\.ts:6:3/)
})

test('what is loaded stays the same until a file changes, of a helper too; then it is fresh', async () => {
  const { load, write, loader, root } = project({
    'h.ts': 'export let count = 0\nexport const bump = () => ++count',
    '1_a.ts': "import { bump } from './h.ts'\nexport const up = ({ log }: any) => log(String(bump()))",
    '2_b.ts': "import { bump } from './h.ts'\nexport const up = ({ log }: any) => log(String(bump()))",
  })
  const lines: string[] = []
  const run = async (name: string, from = loader) =>
    (await from.load(join(root, name))).up?.({ log: (line: string) => lines.push(line) } as never)
  await run('1_a.ts')
  await run('1_a.ts')
  await run('2_b.ts')
  await run('1_a.ts', new ModuleLoader((path) => path))
  expect(lines).toEqual(['1', '2', '1', '1'])
  const first = await load('1_a.ts')
  expect(await load('1_a.ts')).toBe(first)
  write('h.ts', 'export const bump = () => "new"')
  const second = await load('1_a.ts')
  expect(second).not.toBe(first)
  await run('1_a.ts')
  expect(lines.at(-1)).toBe('new')
})

test('loads at the same time have a registry and modules each', async () => {
  const { load } = project(
    Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [
        `${i}_a.ts`,
        `import { register } from 'migratest'\nawait new Promise((done) => setTimeout(done, ${20 - i}))\nregister({ up: () => ${i} as any })`,
      ]),
    ),
  )
  const loaded = await Promise.all(Array.from({ length: 20 }, (_, i) => load(`${i}_a.ts`)))
  expect(loaded.map(({ up }) => up?.({} as never))).toEqual(Array.from({ length: 20 }, (_, i) => i))
})

test('a link to a file or folder is what it leads to', async () => {
  const { root, loader, write } = project({
    'releases/1/m/1_a.ts': "import { h } from '../h.ts'\nexport const up = () => h as any",
    'releases/1/h.ts': 'export const h = "one"',
    'h.ts': 'export const h = "wrong"',
  })
  const link = join(root, 'm')
  symlinkSync('releases/1/m', link)
  const first = await loader.load(join(link, '1_a.ts'))
  expect(first.up?.({} as never)).toBe('one')
  expect(first.record?.()).not.toContain('releases')
  write('releases/2/m/1_a.ts', "import { h } from '../h.ts'\nexport const up = () => h as any")
  write('releases/2/h.ts', 'export const h = "one"')
  rmSync(link)
  symlinkSync('releases/2/m', link)
  const second = await loader.load(join(link, '1_a.ts'))
  expect(second).not.toBe(first)
  expect(second.fingerprint?.('up')).toBe(first.fingerprint?.('up'))
})

test.for([
  ['in a file beside it', 'external'],
  ['within it', 'inline'],
  ['without the texts, which are read', 'external'],
] as const)(
  'an error in compiled JavaScript is shown in the TypeScript, by a source map %s',
  async ([how, sourcemap]) => {
    const written = `interface Unused { name: string }

export async function up({ sql }: { sql: (text: string) => Promise<void> }): Promise<void> {
  const name: string = 'a'
  await sql(name)
  throw new Error('in line 6')
}
`
    const { transform } = await import('esbuild')
    const { code, map } = await transform(written, {
      loader: 'ts',
      format: 'cjs',
      sourcemap,
      sourcefile: '../src/1_a.ts',
      minifyWhitespace: true,
    })
    const { sourcesContent: _, ...short } = JSON.parse(map || '{}') as Record<string, unknown>
    const { root } = project({
      'src/1_a.ts': written,
      'dist/1_a.js': sourcemap === 'inline' ? code : `${code}//# sourceMappingURL=1_a.js.map\n`,
      'dist/1_a.js.map': how.startsWith('without') ? JSON.stringify(short) : map,
      'package.json': '{ "type": "commonjs" }',
    })
    const loader = new ModuleLoader((path) => path.slice(root.length + 1))
    const { up, locate } = await loader.load(join(root, 'dist/1_a.js'))
    const error = await Promise.resolve(up?.({ sql: async () => undefined } as never)).catch((thrown: Error) => thrown)
    const place = locate?.(error)
    expect(place).toMatchObject({ file: 'src/1_a.ts', text: written })
    expect(written.slice(place?.start)).toMatch(/^(?:new )?Error\('in line 6'\)/)
    expect((error as Error).stack).toContain(`${join(root, 'src/1_a.ts')}:6:`)
    // Without the map, the JavaScript is shown.
    rmSync(join(root, 'dist/1_a.js.map'))
    if (sourcemap === 'inline') return
    const again = await new ModuleLoader((path) => path.slice(root.length + 1)).load(join(root, 'dist/1_a.js'))
    const failed = await Promise.resolve(again.up?.({ sql: async () => undefined } as never)).catch((thrown) => thrown)
    expect(again.locate?.(failed)?.file).toBe(join('dist', '1_a.js'))
  },
)

test('an import that is computed at run time gets a remark, and the migration is not recorded', async () => {
  const { load } = project({
    'de.ts': '',
    '1_a.ts': 'export const up = () => {}\nexport const down = (c: any) => import("./" + c.x) as any',
  })
  const { remarks, record } = await load('1_a.ts')
  expect(remarks).toEqual([expect.stringMatching(/^1_a\.ts imports something whose name is only known when it runs/)])
  expect(record?.()).toBeUndefined()
})

test.each<[type: string, loads: boolean]>([
  ['commonjs', true],
  ['module', false],
])(
  'in a package of type %s, modules that import each other may read early what is not there yet: %s',
  async (type, loads) => {
    const { load } = project({
      'package.json': JSON.stringify({ type }),
      'config.ts': "import { isLoud } from './log'\nexport const early = isLoud()\nexport const LEVEL = 1",
      'log.ts': "import { LEVEL } from './config'\nexport const isLoud = () => LEVEL === 1",
      '1_a.ts':
        "import { early } from './config'\nimport { isLoud } from './log'\nexport const up = () => [early, isLoud()]",
    })
    const up = async () => (await load('1_a.ts')).up?.({} as never)
    if (loads) expect(await up()).toEqual([false, true])
    else await expect(up()).rejects.toThrow("Cannot access 'LEVEL' before initialization")
  },
)

test('what CommonJS requires is loaded again with it, and shown where it fails', async () => {
  const wrong = "exports.fail = () => {\n  throw new Error('here')\n}"
  const { write, load } = project({
    'package.json': '{ "type": "commonjs" }',
    // Two that require each other, and one that more than one requires.
    'h.js': "exports.early = require('./i').seen\nexports.h = (a) => [require('./j').n++, exports.early, a]",
    'i.js': "const h = require('./h')\nrequire('./j').n++\nexports.seen = Object.keys(h)",
    'j.js': 'exports.n = 0',
    'wrong.js': wrong,
    '1_a.js': `
      const { join } = require('path')
      const { h } = require('./h')
      const { fail } = require('./wrong')
      let missing
      try { require('./none') } catch ({ code }) { missing = code }
      exports.up = () => [join('a', 'b'), missing, h(require('./package.json').type), require('./j') === require('./j.js')]
      exports.down = () => fail()`,
  })
  const up = async () => (await load('1_a.js')).up?.({} as never)
  expect(await up()).toEqual(['a/b', 'MODULE_NOT_FOUND', [1, [], 'commonjs'], true])
  const { remarks, down, locate } = await load('1_a.js')
  expect(remarks).toEqual([])
  const failed = await Promise.resolve()
    .then(() => down?.({} as never))
    .catch((error) => error)
  expect(locate?.(failed)).toMatchObject({ file: 'wrong.js', start: wrong.indexOf('new') })
  write('j.js', 'exports.n = 41')
  expect(await up()).toEqual(['a/b', 'MODULE_NOT_FOUND', [42, [], 'commonjs'], true])
})

test('a remark names what CommonJS requires if that cannot be followed; Node loads it once', async () => {
  const { load } = project({
    'open.js': 'exports.n = 0\nexports.load = (name) => require(name)',
    '1_a.js': "const h = require('./open')\nexports.up = () => ++h.n",
    '2_b.js': "const h = require('./open')\nexports.up = () => ++h.n",
  })
  const { remarks, up, record } = await load('1_a.js')
  expect(remarks).toEqual([
    expect.stringMatching(
      /^1_a\.js requires open\.js, which requires something whose name is only known when it runs: an/,
    ),
  ])
  expect(record?.()).toBeUndefined()
  expect(await up?.({} as never)).toBe(1)
  expect(await (await load('2_b.js')).up?.({} as never)).toBe(2)
})

test('two who load a file at once get one module', async () => {
  const { load } = project({ '1_a.ts': 'export const up = () => {}' })
  const [first, second] = await Promise.all([load('1_a.ts'), load('1_a.ts')])
  expect(first).toBe(second)
})

test('a clock that is replaced is seen by migrations', async () => {
  const { load } = project({ '1_a.ts': 'export const up = () => [Date.now(), new Date().getTime()] as any' })
  const { up } = await load('1_a.ts')
  vi.useFakeTimers({ now: 7 })
  onTestFinished(() => void vi.useRealTimers())
  expect(up?.({} as never)).toEqual([7, 7])
})

test.each([
  ['a frozen error', 'const e = new Error("real reason"); Object.freeze(e); throw e', /Error: real reason/],
  [
    'an error without a stack',
    'const e: any = new Error("real reason"); Object.defineProperty(e, "stack", { get() { throw 1 } }); throw e',
    /real reason/,
  ],
  ['an object', 'throw { message: "real reason" }', /it threw \{ message: 'real reason' \}/],
  ['an object without a prototype', 'throw Object.create(null)', /it threw \[Object: null prototype\] \{\}/],
])('%s that is thrown does not hide why', async (_, text, message) => {
  await expect(project({ '1_a.ts': text }).load('1_a.ts')).rejects.toThrow(message)
})

test('a path with parentheses is no hindrance to a place', async () => {
  const { load } = project({ '(group)/1_(x).ts': 'export const a = 1\nthrow new Error("no")' })
  await expect(load('(group)/1_(x).ts')).rejects.toThrow(/^\(group\)\/1_\(x\)\.ts:2:7: Error: no/)
})

test('dates made in a migration are dates everywhere', async () => {
  const { load } = project({
    '1_a.ts':
      'export const up = () => [new Date(5), new Date(5) instanceof Date, Date.UTC(2020, 1), structuredClone(new Date(5))] as any',
  })
  const [made, is, utc, cloned] = ((await load('1_a.ts')).up?.({} as never) ?? []) as unknown[]
  expect(made).toBeInstanceOf(Date)
  expect([is, utc, (cloned as Date).getTime()]).toEqual([true, Date.UTC(2020, 1), 5])
})

test('the source hands out the two halves, and the same body as long as nothing changed', async () => {
  const { root, write } = project({
    'm/1_a.ts': 'export const up = () => {}\nexport const down = () => {}',
    'm/h.ts': '',
  })
  const source = directory(join(root, 'm'))
  const [migration] = (await source.list()) as [Migration]
  const up = (await source.read(migration, 'up')) as CodeBody
  expect(await source.read(migration, 'up')).toBe(up)
  write('m/1_a.ts', 'export const up = () => {}')
  expect(await source.read(migration, 'up')).not.toBe(up)
  expect(await source.read(migration, 'down')).toBeNull()
})
