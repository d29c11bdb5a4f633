/** Two functions have the same key only if they do the same. */
import crypto, { randomUUID } from 'node:crypto'
import fs, { readFileSync, symlinkSync } from 'node:fs'
import path, { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import vm from 'node:vm'
import { afterEach, describe, expect, test, vi } from 'vitest'
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

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

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
      'a private static member of a class changes',
      () => {
        class Counter {
          static #made = 0
          readonly id = ++Counter.#made
        }
        return () => new Counter()
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

  /** Pairs of functions of one text each, which do something else. */
  const made: Readonly<Record<string, (n: number) => () => unknown>> = {
    'a name that is not written in ASCII': (größe) => () => größe,
    'a name that is also a keyword of JavaScript': (of) => () => of,
    // biome-ignore lint/suspicious/noShadowRestrictedNames: that is the question
    'a name that all objects have': (valueOf) => () => valueOf,
    'what an ArrayBuffer contains': (n) => {
      const bytes = new Uint8Array([n]).buffer
      return () => bytes
    },
    'a number as an object': (n) => {
      const boxed = Object(n)
      return () => boxed
    },
    'the message of an error': (n) => {
      const error = new Error(`${n}`)
      return () => error
    },
    'a URL': (n) => {
      const url = new URL(`https://example.org/${n}`)
      return () => url
    },
    'a method of a constructor function': (n) => {
      const User = function User() {} as unknown as { new (): { name(): string }; prototype: object }
      User.prototype = { name: [() => 'Ada', () => 'Eve'][n] }
      return () => new User().name()
    },
    'a method of an instance of a constructor function': (n) => {
      const User = function User() {} as unknown as { new (): { name?: () => string } }
      User.prototype.name = [() => 'Ada', () => 'Eve'][n]
      const user = new User()
      return () => user.name?.()
    },
    'a method that a decorator has replaced': (n) => {
      class User {
        name() {
          return 'Ada'
        }
      }
      User.prototype.name = [() => 'Eve', () => 'Joan'][n] as () => string
      return () => new User().name()
    },
    'a property of a bound function': (n) => {
      const bound = Object.assign(inserting.bind(null, 1), { n })
      return () => bound.n
    },
    'an argument of a bound function': (n) => ((one: number) => one).bind(null, n),
    'a helper with the name of one of Node': (n) => {
      const helpers = { readFile: [() => 'a', () => 'b'][n] as (name: string) => string }
      return () => helpers.readFile('test/none.csv')
    },
    'what an object inherits that inherits nothing more': (n) => {
      const object = Object.create(Object.create(null, { n: { value: n } }))
      return () => object.n
    },
    'the instance that an arrow function is a field of': (n) => {
      class Seed {
        rows = n
        run = () => this.rows
      }
      const seed = new Seed()
      return () => seed.run()
    },
  }
  test.for(Object.entries(made))('and not if %s differs', ([, make]) => {
    expect(hashOf(make(1))).toBe(hashOf(make(1)))
    expect(hashOf(make(0))).not.toBe(hashOf(make(1)))
  })

  test('and not if a test or a set-up file has added or replaced a global', () => {
    const fn = new Function('return migratestTenant') as () => unknown
    const tenant = { name: 'Ada' }
    vi.stubGlobal('migratestTenant', tenant)
    const before = hashOf(fn)
    tenant.name = 'Eve'
    expect(hashOf(fn)).not.toBe(before)
    const json = () => JSON.stringify(1)
    const plain = hashOf(json)
    vi.spyOn(JSON, 'stringify').mockReturnValue('2')
    expect(hashOf(json)).not.toBe(plain)
    vi.restoreAllMocks()
    expect(hashOf(json)).toBe(plain)
  })

  test('and not if somebody has added a method to what JavaScript has, which code uses without a name', () => {
    const fn = () => JSON.stringify({ n: 1n })
    const before = hashOf(fn)
    Object.assign(BigInt.prototype, { toJSON: () => 'n' })
    try {
      expect(hashOf(fn)).not.toBe(before)
    } finally {
      Reflect.deleteProperty(BigInt.prototype, 'toJSON')
    }
    expect(hashOf(fn)).toBe(before)
  })

  test('two thousand instances and a hundred thousand numbers are looked at, and too many objects are not', () => {
    class User {
      readonly #id: number
      constructor(id: number) {
        this.#id = id
      }
      get id() {
        return this.#id
      }
    }
    class Plain {
      id = 1
    }
    const numbers = Array.from({ length: 100_000 }, (_, n) => n)
    const users = Array.from({ length: 20 }, (_, n) => new User(n))
    const plain = Array.from({ length: 2000 }, () => new Plain())
    const fn = () => [numbers, users, plain]
    const before = hashOf(fn)
    numbers[50_000] = 0
    expect(hashOf(fn)).not.toBe(before)
    const many = Array.from({ length: 100_001 }, () => ({}))
    expect(keyOfFunction(() => many)).toEqual({ unknown: 'it uses too many objects' })
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

  test('words that are names of properties are none of those that read or remember', () => {
    const fn = (db: { fetch(row: object): unknown }) => db.fetch({ module: 1, process: 2, global: 3 })
    expect(keyOfFunction(fn)).toMatchObject({ hash: expect.any(String), because: undefined })
    expect(keyOfFunction(() => ({ ...process.argv }))).toMatchObject({ because: 'it uses process' })
  })

  test('the modules of Node by what is used of them', () => {
    const fn = () => path.join('a', 'b') + crypto.randomUUID()
    expect(keyOfFunction(fn)).toMatchObject({ hash: expect.any(String), because: undefined })
  })

  test('what vitest adds to its text does not count: counters of coverage, the object for import.meta.env', () => {
    const counters = { s: [0, 0], b: [[0, 0]] }
    const make = (text: string) => new Function('cov_1x', `return ${text}`)(() => counters) as () => unknown
    const counted = make('(n) => { cov_1x().s[0]++; return n ? (cov_1x().b[0][0]++, 1) : 2 }')
    const before = hashOf(counted)
    counted()
    expect(counters.s[0]).toBe(1)
    expect(hashOf(counted)).toBe(before)
    const meta = make(
      '() => Object.assign(/* istanbul ignore next */ globalThis.__vitest_worker__?.metaEnv ?? __vite_ssr_import_meta__.env).MODE',
    )
    expect(keyOfFunction(meta)).toMatchObject({ hash: expect.any(String), because: 'it uses import.meta' })
  })

  test('the place of its file, if its text asks for it', () => {
    const made = ['a.mjs', 'b.mjs'].map((name) => {
      const context = vm.runInThisContext('(__filename) => () => __filename', { filename: `/tmp/${name}` })
      return (context as (name: string) => () => string)(name)
    })
    const [one, other] = made.map((fn) => hashOf(fn))
    expect(one).not.toBe(other)
  })

  test('files and folders that a string names, also through a link, with spaces, and below a folder', () => {
    const path = folder({ 'my rows/a.csv': 'a', 'kept.csv': 'a' })
    symlinkSync(join(path, 'kept.csv'), join(path, 'my rows', 'link.csv'))
    for (const name of [join(path, 'my rows', 'a.csv'), `${path}/my rows/`]) {
      const fn = () => name
      const before = hashOf(fn)
      write(path, 'my rows/a.csv', `${Math.random()}`)
      const after = hashOf(fn)
      expect(after).not.toBe(before)
      write(path, 'kept.csv', `${Math.random()}`)
      if (name.endsWith('/')) expect(hashOf(fn)).not.toBe(after)
    }
  })

  test.for([
    ['the network', () => fetch('data:,'), /^it uses fetch/],
    ['a file with a computed name', (name: string) => readFileSync(name), /^it uses readFileSync/],
    ['a folder', () => fs.readdirSync('.'), /^it uses node:fs/],
    ['the process', () => process.memoryUsage(), /^it uses process/],
  ] as const)('%s: there is a key, and the reason why it may be another tomorrow', ([, fn, because]) => {
    expect(keyOfFunction(fn)).toMatchObject({ hash: expect.any(String), because: expect.stringMatching(because) })
  })

  const given = new (class {
    run = () => this
  })()
  const iterator = [1].values()
  const resolvers = Promise.withResolvers()
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
    ['removes a variable of the environment', () => delete process.env.MIGRATEST_TEST_ID, 'it uses delete process.env'],
    ['uses the object that it was made in', given.run, 'it uses this'],
    ['goes on with an iterator', () => iterator.next(), 'it uses an Iterator'],
    ['calls what resolves a promise', () => resolvers.resolve(1), 'it uses a Promise'],
    ['waits for a promise of others', () => promise, 'it uses a Promise'],
    ['remembers in a WeakMap', () => weak, 'it uses a WeakMap'],
    ['uses a Proxy', () => proxy, 'it uses a Proxy'],
  ] as const)('a function that %s has no key', ([, fn, unknown]) => {
    expect(keyOfFunction(fn)).toEqual({ unknown })
  })

  test('a global function that a test has replaced counts like a variable', () => {
    const fn = () => fetch('data:,')
    const before = hashOf(fn)
    vi.stubGlobal('fetch', () => 'stubbed')
    const stubbed = hashOf(fn)
    vi.stubGlobal('fetch', () => 'otherwise')
    expect(new Set([before, stubbed, hashOf(fn)]).size).toBe(3)
    vi.unstubAllGlobals()
    expect(hashOf(fn)).toBe(before)
  })

  test('nor has one that runs while the clock is a fake one', () => {
    vi.useFakeTimers({ now: 0 })
    try {
      expect(keyOfFunction(() => new Date())).toEqual({ unknown: 'something replaced Date' })
      // Packages use the clock, too.
      expect(keyOfFunction(() => 1)).toEqual({ unknown: 'something replaced Date' })
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
      ['async', 'await', 'fs', 'a', 'rest'],
      { fs: ['read', 'write'], a: ['b'] },
    ],
    [`() => { /* no */ // neither\n return \`text \${name + \`\${inner}\`} text\` }`, ['name', 'inner'], {}],
    [`() => 'it' + "'" + /["'\`]/.test(value) + half / 2 / other`, ['value', 'half', 'other'], {}],
    ['(db, n = later) => db?.x ?? { users, key: other }', ['db', 'n', 'later', 'users', 'key', 'other'], {}],
    ['function named(a) { return a + b }', ['named', 'b'], {}],
    ['(ñ) => ñ + größe.weiß', ['größe'], { größe: ['weiß'] }],
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
