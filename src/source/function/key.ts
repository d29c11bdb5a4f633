/**
 * Tells functions apart by what they are made of: their text, and the values of the variables that they use, with all
 * that these hold. Two functions that have the same key do the same, in whichever process they were made.
 */
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isProxy } from 'node:util/types'
import { fingerprintOf } from '../../sql/script.ts'
import { readsOf, stateOf } from '../module/reads.ts'
import { versionOfPackage } from '../packageVersion.ts'
import { Inspection, type Surroundings } from './inspect.ts'
import { filesNamed } from './namedFiles.ts'
import { bare, type Piece, piecesOf, tight, wordsOf } from './words.ts'

/** The parts that a function is made of. */
export type FunctionKey =
  | {
      readonly hash: string
      /** The variables of the environment and the files that it reads, with their values and contents. */
      readonly reads: string
      /** What it reads besides, such as `it uses fetch`: its result may be another one tomorrow. */
      readonly because?: string | undefined
      readonly files: readonly string[]
      readonly variables: readonly string[]
    }
  /** Nothing tells what it is made of, such as `it uses globalThis`. */
  | { readonly unknown: string }

/** Returns what a function is made of at this moment. */
export function keyOfFunction(fn: object): FunctionKey {
  let inspection: Inspection
  try {
    inspection = new Inspection()
  } catch {
    return { unknown: 'this JavaScript engine does not show what a function uses' }
  }
  try {
    const writer = new Writer(inspection)
    writer.root(fn)
    const { parts, reads, because, files, variables } = writer
    return {
      hash: fingerprintOf([...parts, ...reads]),
      reads: reads.join('\n'),
      because,
      files: [...files],
      variables: [...variables],
    }
  } catch (error) {
    if (error instanceof NotToldError) return { unknown: error.message }
    return { unknown: 'Node does not show what it uses' }
  } finally {
    inspection.close()
  }
}

// --- internal ---

class NotToldError extends Error {}

/** More objects or functions than these take longer to look at than most functions take to run. */
const MOST_OBJECTS = 100_000
const MOST_FUNCTIONS = 1000
const MOST_NAMES = 1000

class Writer {
  readonly parts: string[] = []
  readonly reads: string[] = []
  readonly files = new Set<string>()
  readonly variables = new Set<string>()
  because: string | undefined
  readonly #inspection: Inspection
  readonly #seen = new Map<object | symbol, number>()
  #functions = 0
  /** The number of strings that were looked up as names of files. */
  #names = 0

  constructor(inspection: Inspection) {
    this.#inspection = inspection
  }

  root(fn: object): void {
    this.#seen.set(fn, 0)
    this.#ownFunction(fn, this.#inspection.of(fn))
  }

  // --- internal ---

  #value(value: unknown): void {
    if (typeof value === 'function') this.#function(value)
    else if (typeof value === 'object' && value !== null) this.#object(value)
    else if (typeof value === 'symbol') this.#symbol(value)
    else if (typeof value === 'string') this.#string(value)
    else if (typeof value === 'bigint') this.parts.push(`${value}n`)
    else this.parts.push(Object.is(value, -0) ? '-0' : String(value))
  }

  #string(text: string): void {
    this.parts.push(`string ${text}`)
    if (/[/\\.]/.test(text) && ++this.#names < MOST_NAMES) this.#name(text)
  }

  /** Notes the contents of a file or folder, if a string is the name of one. */
  #name(text: string): void {
    const named = filesNamed(text)
    if (named === null) this.because ??= `it names ${text}`
    if (!named) return
    this.reads.push(named.state)
    for (const file of named.files) this.files.add(file)
  }

  /** Returns `true` if it is the first time; otherwise writes which one it is. */
  #isFirst(thing: object | symbol): boolean {
    const seen = this.#seen.get(thing)
    if (seen !== undefined) this.parts.push(`again ${seen}`)
    else if (this.#seen.size > MOST_OBJECTS) throw new NotToldError('it uses too many objects')
    else this.#seen.set(thing, this.#seen.size)
    return seen === undefined
  }

  #symbol(symbol: symbol): void {
    if (this.#isFirst(symbol)) this.parts.push(`symbol ${symbol.description}`)
  }

  #function(fn: object): void {
    const name = INTRINSIC.get(fn)
    if (name !== undefined) {
      this.parts.push(`global ${name}`)
      return
    }
    if (!this.#isFirst(fn)) return
    if (++this.#functions > MOST_FUNCTIONS) throw new NotToldError('it uses too many functions')
    const text = textOf(fn)
    if (isProxy(fn)) throw new NotToldError('it uses a Proxy')
    if (text.endsWith('{ [native code] }')) {
      const bound = this.#inspection.hidden(fn)
      if (bound['[[TargetFunction]]'] === undefined) throw new NotToldError('it uses what is written in no file')
      this.parts.push('bound')
      for (const part of ['[[TargetFunction]]', '[[BoundThis]]', '[[BoundArgs]]']) this.#value(bound[part])
      return
    }
    const surroundings = this.#inspection.of(fn)
    const from = originOf(surroundings.script())
    if (from === 'own') this.#ownFunction(fn, surroundings)
    else this.#foreignFunction(fn, text, surroundings, from)
  }

  #ownFunction(fn: object, { scopes, module, script }: Surroundings): void {
    const text = textOf(fn)
    const code = tight(piecesIn(withNamesOfImports(text)))
    const kept = KEEPS.exec(withoutStrings(code))?.[0]
    if (kept !== undefined) throw new NotToldError(`it uses ${kept.replace(/\W+$/, '')}`)
    const read = READS.test(withoutStrings(code)) ? this.#reads(code, script) : code
    for (const { kind, text: string } of piecesIn(text)) if (kind === 'text') this.#name(string.slice(1, -1))
    const word = READS.exec(withoutStrings(read))?.[0]
    if (word !== undefined) this.because ??= `it uses ${word}`
    // Vite numbers the imports of each file, so the same function has other numbers elsewhere.
    const numbers: string[] = []
    const canonical = text.replace(IMPORT, (name) => {
      if (!numbers.includes(name)) numbers.push(name)
      return `import ${numbers.indexOf(name)}`
    })
    this.parts.push(`function ${canonical}`)
    const { names, members } = wordsOf(withoutStrings(read === code ? text : withoutReads(text)))
    for (const name of names) {
      const holder = [...scopes, module].find((variables) => variables !== undefined && name in variables)
      if (holder) this.#variable(name.replace(IMPORT, 'import'), holder[name], members.get(name))
      else this.#global(name)
    }
    this.#properties(fn, STANDARD)
  }

  /** Replaces the variables of the environment and files that code reads by a written-out name, and notes them. */
  #reads(code: string, script: () => string): string {
    const path = pathOf(script())
    const { rest, ...read } = readsOf(path, code)
    const state = stateOf(path, read)
    if (state === undefined) return code
    for (const file of read.files) this.files.add(file)
    for (const name of read.variables) this.variables.add(name)
    this.reads.push(state)
    return rest
  }

  /** Writes a variable; of a module's exports, only those that are used. */
  #variable(name: string, value: unknown, members: readonly string[] | undefined): void {
    this.parts.push(`variable ${name}`)
    if (!isModule(value)) {
      this.#value(value)
      return
    }
    for (const member of members ?? Object.keys(value).sort()) {
      this.parts.push(`export ${member}`)
      this.#value(valueIn(value, member))
    }
  }

  /** Writes a global that the engine does not have, or that a test has replaced. */
  #global(name: string): void {
    if (!(name in globalThis)) return
    if (name === 'Math' && Math.random !== random) throw new NotToldError('something replaced Math.random')
    const { value, get } = Object.getOwnPropertyDescriptor(globalThis, name) ?? {}
    if (GLOBALS.has(name)) {
      if (GLOBALS.get(name) === (value ?? get) || this.#isOfNode((globalThis as Record<string, unknown>)[name])) return
      throw new NotToldError(`something replaced ${name}`)
    }
    this.#variable(name, (globalThis as Record<string, unknown>)[name], undefined)
  }

  /** Returns whether it is a function of Node, which loads some when they are first used. */
  #isOfNode(value: unknown): boolean {
    if (typeof value !== 'function' || textOf(value).endsWith('{ [native code] }')) return false
    const from = originOf(this.#inspection.of(value).script())
    return from !== 'own' && from.builtin
  }

  /** Writes a function of a package or of Node: which one it is, and the variables that were made together with it. */
  #foreignFunction(fn: object, text: string, { scopes, module }: Surroundings, from: Origin): void {
    if (from.impure) this.because ??= `it uses ${from.name}`
    this.parts.push(`from ${from.name}`, text)
    if (from.builtin) return
    // The outermost one of CommonJS is its module.
    const inner = module === undefined ? scopes.slice(0, -1) : scopes
    const { names } = wordsOf(withoutStrings(text))
    for (const name of names) {
      const holder = inner.find((variables) => name in variables)
      if (holder) this.#variable(name, holder[name], undefined)
    }
    this.#properties(fn, STANDARD)
  }

  #object(object: object): void {
    const name = INTRINSIC.get(object)
    if (name !== undefined) {
      this.parts.push(`global ${name}`)
      return
    }
    if (!this.#isFirst(object)) return
    if (isProxy(object)) throw new NotToldError('it uses a Proxy')
    const kind = Object.prototype.toString.call(object).slice(8, -1)
    if (NOT_TOLD.has(kind)) throw new NotToldError(`it uses a ${kind}`)
    this.parts.push(kind)
    if (object instanceof Date) this.parts.push(`${object.getTime()} ${object.getTimezoneOffset()}`)
    else if (object instanceof RegExp) this.parts.push(`${object} ${object.lastIndex}`)
    else if (ArrayBuffer.isView(object)) {
      this.parts.push(Buffer.from(object.buffer, object.byteOffset, object.byteLength).toString('hex'))
      return
    } else if (object instanceof Map) for (const one of [...object].flat()) this.#value(one)
    else if (object instanceof Set) for (const one of object) this.#value(one)
    const prototype = Object.getPrototypeOf(object) as object | null
    if (prototype !== null && !PLAIN.has(prototype)) {
      this.parts.push('instance')
      const { constructor: made } = prototype
      this.#value(made.prototype === prototype ? made : prototype)
      const hidden = this.#inspection.hidden(object)
      for (const [field, value] of Object.entries(hidden)) this.#variable(field, value, undefined)
    }
    this.#properties(object, NONE)
  }

  #properties(object: object, except: ReadonlySet<string | symbol>): void {
    for (const key of Reflect.ownKeys(object)) {
      if (except.has(key)) continue
      if (typeof key === 'string') this.parts.push(`key ${key}`)
      else this.#symbol(key)
      const described = Object.getOwnPropertyDescriptor(object, key)
      if (described && 'value' in described) this.#value(described.value)
      else for (const accessor of [described?.get, described?.set]) this.#value(accessor)
    }
    this.parts.push('end')
  }
}

/** The names of imports in code that Vite has made for a module runner. */
const IMPORT = /\b__vi(?:te_ssr)?_import_\d+__/g

/** Returns code with the names that its author wrote: `(0,__vi_import_3__.readFileSync)` was `readFileSync`. */
function withNamesOfImports(code: string): string {
  return code
    .replace(/\(\s*0\s*,\s*__vi(?:te_ssr)?_import_\d+__\.([\w$]+)\s*\)/g, '$1')
    .replace(/\b__vi(?:te_ssr)?_import_\d+__\./g, '')
    .replace(/\b__vi(?:te_ssr)?_import_meta__/g, 'import.meta')
    .replace(/\b__vi(?:te_ssr)?_dynamic_import__/g, 'import')
}

/** @throws NotToldError if the text cannot be taken apart */
function piecesIn(code: string): Piece[] {
  const pieces = piecesOf(code)
  if (pieces) return pieces
  throw new NotToldError('its text cannot be taken apart')
}

function withoutStrings(code: string): string {
  return bare(piecesIn(code))
}

/** Returns code without the calls that read a file whose name is written out, which are noted already. */
function withoutReads(text: string): string {
  return text.replace(/\b(?:[\w$]+\.)?readFile(?:Sync)?\b|\b__vi(?:te_ssr)?_import_meta__|\bimport\.meta\b/g, 'known')
}

/**
 * Ways to remember something outside of the function's own variables, or to load what does. A function that does this
 * must run in each process.
 */
const KEEPS =
  /\b(?:globalThis|global|eval|Function|require|module|exports)\b|\bimport\(|\bprocess\.env(?:\.\w+|\[[^\]]*\])(?:=(?![=>])|\+=|\?\?=|\|\|=)/

/** Names through which code reads what is neither in its text nor in its variables. */
const READS =
  /\b(?:process|fetch|WebSocket|EventSource|XMLHttpRequest|Worker|__dirname|__filename|readFile|readFileSync)\b|\bimport\.meta\b/

const random = Math.random

/** The globals as they were when this process began: their values, or the functions that load them. */
const GLOBALS: ReadonlyMap<string, unknown> = new Map(
  Object.entries(Object.getOwnPropertyDescriptors(globalThis)).map(([name, { value, get }]) => [name, value ?? get]),
)

const INTRINSIC = new Map<unknown, string>([...GLOBALS].map(([name, value]) => [value, name]))

const PLAIN = new Set<object>(
  [Object, Array, Map, Set, Date, RegExp, Uint8Array, Buffer].map((made) => made.prototype as object),
)
const NONE: ReadonlySet<string | symbol> = new Set()
const STANDARD: ReadonlySet<string | symbol> = new Set(['length', 'name', 'prototype', 'arguments', 'caller'])

/** Objects whose content cannot be seen. */
const NOT_TOLD = new Set(['Promise', 'WeakMap', 'WeakSet', 'WeakRef', 'Generator', 'AsyncGenerator', 'process'])

interface Origin {
  /** A package with its version, or a module of Node. */
  readonly name: string
  readonly builtin: boolean
  /** `true` for a module of Node that reads what may be another thing tomorrow. */
  readonly impure: boolean
}

/** Modules of Node that read nothing. */
const PURE =
  /^node:(?:internal\/)?(?:assert|buffer|crypto|errors|events|path|punycode|querystring|string_decoder|timers|url|util|webidl|encoding|structured_clone|zlib|console)\b/

/** This package's own folder. */
const HOME = import.meta.url.endsWith('.ts') ? dirname(dirname(dirname(import.meta.dirname))) : import.meta.dirname
const OWN_ROOMS = import.meta.url.endsWith('.ts')
  ? ['src', 'presets', 'fixtures', 'index.ts'].map((room) => `${HOME}/${room}`)
  : [HOME]

/** Tells whose a script is. */
function originOf(url: string): Origin | 'own' {
  if (url.startsWith('node:')) return { name: url, builtin: true, impure: !PURE.test(url) }
  const path = pathOf(url)
  const isOurs = OWN_ROOMS.some((room) => path.startsWith(room))
  if (!isOurs && !path.includes('/node_modules/')) return 'own'
  const version = versionOfPackage(path) ?? (isOurs ? 'migratest' : undefined)
  if (version === undefined) throw new NotToldError(`it uses ${basename(path)}, a package without a version`)
  return { name: `${version} ${basename(path)}`, builtin: false, impure: false }
}

function pathOf(url: string): string {
  return (url.startsWith('file:') ? fileURLToPath(url) : url).replace(/\?.*$/, '')
}

function textOf(fn: object): string {
  return Function.prototype.toString.call(fn)
}

function isModule(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Module]'
}

/** Returns an export, or a value that says it has none yet. */
function valueIn(module: Record<string, unknown>, name: string): unknown {
  try {
    return module[name]
  } catch {
    return Symbol.for('not yet')
  }
}
