/** Which functions are taken for the same, and which are not. */
import { randomUUID } from 'node:crypto'
import fs, { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { type FunctionKey, keyOfFunction } from '../../../src/source/function/key.ts'
import { bare, piecesOf, wordsOf } from '../../../src/source/function/words.ts'
import { folder, write } from '../../support/cli.ts'

type Query = (text: string) => unknown

function hashOf(fn: object): string {
  const key = keyOfFunction(fn)
  if ('unknown' in key) throw new Error(key.unknown)
  return key.hash
}

/** A factory: each function that it makes has the same text. */
const inserting = (rows: unknown) => (query: Query) => query(`insert ${String(rows)}`)

describe('functions are the same', () => {
  test('if they have the same text and use variables of the same values', () => {
    expect(hashOf(inserting({ users: [1, 'a', 2n, new Date(5), /x/g, new Map([[1, [2]]])] }))).toBe(
      hashOf(inserting({ users: [1, 'a', 2n, new Date(5), /x/g, new Map([[1, [2]]])] })),
    )
  })

  test('and not if a closure holds another value: a factory, a table of tests', () => {
    const values = [
      1,
      '1',
      1n,
      -0,
      0,
      null,
      undefined,
      [1],
      { a: 1 },
      { b: 1 },
      new Date(1),
      new Set([1]),
      () => 1,
      () => 2,
    ]
    expect(new Set(values.map((value) => hashOf(inserting(value)))).size).toBe(values.length)
    const table = [1, 2].map((n) => (query: Query) => query(`insert ${n}`))
    expect(new Set(table.map(hashOf)).size).toBe(2)
  })

  test('and not if a helper of a helper differs', () => {
    const helper = (value: number) => () => value
    const using = (value: () => number) => () => value()
    const twice = (value: number) => using(helper(value))
    expect(hashOf(twice(1))).toBe(hashOf(twice(1)))
    expect(hashOf(twice(1))).not.toBe(hashOf(twice(2)))
  })

  test.for([
    [
      'a variable is assigned',
      () => {
        let id = 0
        return () => (id += 1)
      },
    ],
    [
      'an array is added to',
      () => {
        const ids: number[] = []
        return () => ids.push(1)
      },
    ],
    [
      'the counter of a factory goes up, in a private field',
      () => {
        class Factory {
          #made = 0
          build = () => ++this.#made
        }
        const factory = new Factory()
        return () => factory.build()
      },
    ],
    [
      'the counter of a factory goes up, in a closure of a bound function',
      () => {
        let made = 0
        const build = function (this: { start: number }) {
          return this.start + ++made
        }
        const bound = build.bind({ start: 1 })
        return () => bound()
      },
    ],
    [
      'a static member of a class changes',
      () => {
        class Counter {
          static count = 0
          name = 'counter'
        }
        return () => ++Counter.count
      },
    ],
    [
      'a spy is called',
      () => {
        const spy = vi.fn()
        return () => spy(1)
      },
    ],
    [
      'a key is added to a Map in an object',
      () => {
        const seen = { by: new Map<number, object>() }
        return () => seen.by.set(seen.by.size, {})
      },
    ],
  ] as const)('and a function is another one after a run in which %s', ([, make]) => {
    const fn = make() as () => unknown
    const before = hashOf(fn)
    expect(hashOf(fn)).toBe(before)
    expect(hashOf(make())).toBe(before)
    fn()
    expect(hashOf(fn)).not.toBe(before)
  })

  test('a run that changes nothing outside leaves it the same', () => {
    const rows = [{ name: 'Ada' }]
    const fn = () => rows.map(({ name }) => [name, randomUUID(), Date.now(), Math.max(1, 2)])
    const before = hashOf(fn)
    fn()
    expect(hashOf(fn)).toBe(before)
  })
})

describe('what a function reads', () => {
  test('a file and a variable of the environment, if their names are written out', () => {
    const path = folder({ 'rows.csv': 'a' })
    const make = (text: string) =>
      new Function('readFileSync', 'fs', `return () => ${text}`)(readFileSync, fs) as () => unknown
    const name = JSON.stringify(join(path, 'rows.csv'))
    for (const fn of [make(`readFileSync(${name}, 'utf8')`), make(`fs.readFileSync( ${name} /* it */ )`)]) {
      write(path, 'rows.csv', 'a')
      const before = keyOfFunction(fn)
      expect(before).toMatchObject({ files: [join(path, 'rows.csv')], because: undefined })
      write(path, 'rows.csv', 'b')
      expect(keyOfFunction(fn)).not.toMatchObject({ hash: (before as { hash: string }).hash })
    }
    const region = () => process.env.MIGRATEST_TEST_REGION
    const without = keyOfFunction(region)
    expect(without).toMatchObject({ variables: ['MIGRATEST_TEST_REGION'], because: undefined })
    vi.stubEnv('MIGRATEST_TEST_REGION', 'eu')
    expect(keyOfFunction(region)).not.toMatchObject({ hash: (without as { hash: string }).hash })
    vi.unstubAllEnvs()
  })

  test.for([
    ['the network', () => fetch('data:,'), /^it uses fetch/],
    ['a file with a computed name', (name: string) => readFileSync(name), /^it uses readFileSync/],
    ['a folder', () => fs.readdirSync('.'), /^it uses node:fs/],
    ['the process', () => process.memoryUsage(), /^it uses process/],
  ] as const)('%s: there is a key, and the reason why it may be another tomorrow', ([, fn, because]) => {
    expect(keyOfFunction(fn)).toMatchObject({ hash: expect.any(String), because: expect.stringMatching(because) })
  })

  const promise = Promise.resolve(1)
  const weak = new WeakMap()
  const proxy = new Proxy({}, {})
  test.for([
    ['writes a global', () => Object.assign(globalThis, { migratestId: 1 }), 'it uses globalThis'],
    [
      'writes the environment',
      () => {
        process.env.MIGRATEST_TEST_ID = '1'
      },
      'it uses process.env.MIGRATEST_TEST_ID',
    ],
    ['loads a module', () => import('./key.test.ts'), 'it uses import'],
    ['waits for a promise of others', () => promise, 'it uses a Promise'],
    ['remembers in a WeakMap', () => weak, 'it uses a WeakMap'],
    ['uses a Proxy', () => proxy, 'it uses a Proxy'],
  ] as const)('a function that %s has no key', ([, fn, unknown]) => {
    expect(keyOfFunction(fn)).toEqual({ unknown })
  })

  test('nor has one that runs while the clock is a fake one', () => {
    vi.useFakeTimers({ now: 0 })
    try {
      expect(keyOfFunction(() => new Date())).toEqual({ unknown: 'something replaced Date' })
    } finally {
      vi.useRealTimers()
    }
    expect(keyOfFunction(() => new Date())).toMatchObject({ hash: expect.any(String) })
  })
})

test("a package's function counts by the package's version", async () => {
  const path = folder({
    'node_modules/rows/index.mjs': 'export const rows = () => 1',
    'node_modules/rows/package.json': '{ "name": "rows", "version": "1.0.0", "exports": "./index.mjs" }',
  })
  const { rows } = (await import(pathToFileURL(join(path, 'node_modules/rows/index.mjs')).href)) as {
    rows: () => number
  }
  const fn = () => rows()
  const before = keyOfFunction(fn) as FunctionKey & { hash: string }
  write(path, 'node_modules/rows/package.json', '{ "name": "rows", "version": "1.0.1", "exports": "./index.mjs" }')
  expect(keyOfFunction(fn)).toMatchObject({ hash: expect.not.stringMatching(before.hash) })
})

describe('the names in a text', () => {
  test.for([
    ['(db) => db.query(users)', ['users'], {}],
    [
      'async (db) => { await fs.read(a.b.c); fs.write(...rest) }',
      ['fs', 'a', 'rest'],
      { fs: ['read', 'write'], a: ['b'] },
    ],
    [`() => { /* no */ // neither\n return \`text \${name + \`\${inner}\`} text\` }`, ['name', 'inner'], {}],
    [`() => 'it' + "'" + /["'\`]/.test(value) + half / 2 / other`, ['value', 'half', 'other'], {}],
    ['(db, n = later) => db?.x ?? { users, key: other }', ['db', 'n', 'later', 'users', 'key', 'other'], {}],
    ['function named(a) { return a + b }', ['named', 'b'], {}],
    ['() => helpers[name]()', ['helpers', 'name'], {}],
    ['() => ns.a(ns)', ['ns'], {}],
  ] as const)('%s', ([code, names, members]) => {
    const words = wordsOf(bare(piecesOf(code) ?? []))
    expect(words.names).toEqual(names)
    expect(Object.fromEntries(words.members)).toMatchObject(members)
    if (code.includes('(ns)')) expect(words.members.has('ns')).toBe(false)
  })

  test('nothing is said of a text whose strings cannot be told', () => {
    expect(piecesOf('() => if (x) /re"/.test(y)')).toBeUndefined()
    expect(piecesOf('() => `open ${')).toBeUndefined()
  })
})
