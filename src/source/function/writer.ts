/** Writes a function down, with all that it is made of, as texts that are the same in each process. */
import { hash } from 'node:crypto'
import {
  isAnyArrayBuffer,
  isBoxedPrimitive,
  isDate,
  isGeneratorFunction,
  isMap,
  isNativeError,
  isProxy,
  isRegExp,
  isSet,
} from 'node:util/types'
import { HIDDEN, hides, isClass, isFieldOf } from './classes.ts'
import {
  BUILTINS,
  INTRINSIC,
  isNative,
  isOpaque,
  nameOf,
  PATCHED,
  PLAIN,
  READERS,
  STANDARD_OBJECTS,
  textOf,
  untouched,
} from './engine.ts'
import { Reads } from './functionReads.ts'
import type { Inspection, Surroundings, Variables } from './inspect.ts'
import { NotToldError, type Origin, originOf } from './origin.ts'
import { IMPORT, namesIn, readingIn, readOwnText } from './ownText.ts'

/** More than these take longer to look at than most functions take to run. */
const MOST_PARTS = 3_000_000
const MOST_OBJECTS = 100_000
const MOST_FUNCTIONS = 1000

const NONE: ReadonlySet<string | symbol> = new Set()
const STACK: ReadonlySet<string | symbol> = new Set(['stack'])
const STANDARD: ReadonlySet<string | symbol> = new Set(['length', 'name', 'prototype', 'arguments', 'caller'])

export class Writer {
  readonly parts: string[] = []
  readonly reads = new Reads()
  readonly #inspection: Inspection
  readonly #seen = new Map<object | symbol, number>()
  #functions = 0

  constructor(inspection: Inspection) {
    this.#inspection = inspection
  }

  root(fn: object): void {
    // Packages use the clock, too, and nobody sees where.
    if (!isNative(Date, 'Date')) throw new NotToldError('something replaced Date')
    for (const name of PATCHED) this.#patches(name, Reflect.get(globalThis, name))
    this.#value(fn)
  }

  // --- internal ---

  /** @param holder the object of which it is a property */
  #value(value: unknown, holder?: object): void {
    if (typeof value === 'function') this.#function(value, holder)
    else if (typeof value === 'object' && value !== null) this.#object(value)
    else if (typeof value === 'symbol') this.#symbol(value)
    else if (typeof value === 'string') this.#string(value)
    else if (typeof value === 'bigint') this.parts.push(`${value}n`)
    else this.parts.push(Object.is(value, -0) ? '-0' : String(value))
  }

  #string(text: string): void {
    this.parts.push(`string ${text.length} ${text}`)
    if (/[/\\.]/.test(text)) this.reads.name(text)
  }

  /** Returns `true` if it is the first time; otherwise writes which one it is. */
  #isFirst(thing: object | symbol): boolean {
    const seen = this.#seen.get(thing)
    if (seen !== undefined) this.parts.push(`again ${seen}`)
    else if (this.#seen.size > MOST_OBJECTS || this.parts.length > MOST_PARTS) {
      throw new NotToldError('it uses too many objects')
    } else this.#seen.set(thing, this.#seen.size)
    return seen === undefined
  }

  #symbol(symbol: symbol): void {
    if (this.#isFirst(symbol)) this.parts.push(`symbol ${symbol.description}`)
  }

  #function(fn: object, holder?: object): void {
    const name = INTRINSIC.get(fn)
    if (name !== undefined) {
      this.parts.push(`global ${name}`)
      return
    }
    if (!this.#isFirst(fn)) return
    if (++this.#functions > MOST_FUNCTIONS) throw new NotToldError('it uses too many functions')
    if (isProxy(fn)) throw new NotToldError('it uses a Proxy')
    if (isNative(fn)) {
      const bound = this.#inspection.hidden(fn)
      if (bound['[[TargetFunction]]'] === undefined) {
        throw new NotToldError(`it uses ${nameOf(fn) || 'a function'}, which is written in no file`)
      }
      this.parts.push('bound')
      for (const part of ['[[TargetFunction]]', '[[BoundThis]]', '[[BoundArgs]]']) this.#value(bound[part])
      this.#properties(fn, STANDARD)
      return
    }
    const surroundings = this.#inspection.of(fn)
    const from = originOf(surroundings.script())
    if (from === 'own') this.#ownFunction(fn, surroundings, holder)
    else this.#foreignFunction(fn, surroundings, from)
  }

  #ownFunction(fn: object, { scopes, module, script }: Surroundings, holder: object | undefined): void {
    const raw = textOf(fn)
    const { canonical, code, strings, unseen, mayRead, used } = readOwnText(raw, () => isFieldOf(holder, raw))
    if (unseen !== undefined) throw new NotToldError(`it uses ${unseen}`)
    const { word, usesPlace } = readingIn(mayRead ? this.reads.inCode(code, script) : code)
    for (const string of strings) this.reads.name(string)
    if (word !== undefined) this.reads.because ??= `it uses ${word}`
    // The same text may mean something else in another file, or in another folder.
    if (usesPlace) this.parts.push(`in ${script()}`)
    if (word !== undefined) this.parts.push(process.cwd())
    this.parts.push(`function ${canonical}`)
    const all = module === undefined ? scopes : [...scopes, module]
    for (const name of used.names) if (!this.#named(name, all, used.members.get(name))) this.#global(name)
    this.#properties(fn, STANDARD)
    if (!isClass(canonical)) this.#methods(fn, '')
    else {
      this.#methods(fn, raw)
      if (HIDDEN.test(canonical)) this.#hidden(fn)
    }
  }

  /**
   * Writes what an own function's instances inherit, except for what is written in a class's text: methods that were
   * added or replaced later, such as by a decorator.
   */
  #methods(fn: { readonly prototype?: unknown }, text: string): void {
    const { prototype } = fn
    if (typeof prototype !== 'object' || prototype === null || isGeneratorFunction(fn)) return
    for (const key of Reflect.ownKeys(prototype)) {
      if (key === 'constructor') continue
      const { value, get, set } = Object.getOwnPropertyDescriptor(prototype, key) ?? {}
      const added = [value, get, set].filter((one) => typeof one !== 'function' || !text.includes(textOf(one)))
      if (added.every((one) => one === undefined)) continue
      this.#key(key)
      for (const one of added) this.#value(one)
    }
    const above = Object.getPrototypeOf(prototype) as object | null
    if (text === '' && above !== null && !PLAIN.has(above)) this.#made(above)
    this.parts.push('end')
  }

  /** Writes the variable that a name means in these scopes. Returns `false` if there is none. */
  #named(name: string, scopes: readonly Variables[], members: readonly string[] | undefined): boolean {
    const [variable = '', exported] = name.split('.')
    const value = scopes.find((variables) => Object.hasOwn(variables, variable))
    if (value === undefined) return false
    const shown = variable.replace(IMPORT, 'import')
    const held = value[variable]
    if (exported !== undefined && isModule(held)) this.#variable(`${shown}.default`, valueIn(held, 'default'), members)
    else this.#variable(shown, held, exported === undefined ? members : [exported])
    return true
  }

  /** Writes a variable; of a module's exports, only those that are used. */
  #variable(name: string, value: unknown, members: readonly string[] | undefined): void {
    this.parts.push(`variable ${name}`)
    // The text of the calling function already contains what these read.
    if (READERS.get(name)?.has(value)) return
    if (members !== undefined && (isModule(value) || BUILTINS.has(value))) {
      for (const member of members) {
        this.parts.push(`export ${member}`)
        const exported = valueIn(value as Record<string, unknown>, member)
        if (!READERS.get(member)?.has(exported)) this.#value(exported)
      }
    } else if (isModule(value)) this.#variable(name, value, Object.keys(value).sort())
    else this.#value(value)
  }

  /** Writes a global, unless it is as JavaScript and Node have it. */
  #global(name: string): void {
    // Nobody who writes a name that all objects inherit means a global.
    if (!(name in globalThis) || name in Object.prototype || STANDARD_OBJECTS.has(name)) return
    const value: unknown = Reflect.get(globalThis, name)
    if (value === undefined || INTRINSIC.get(value) === name) this.#patches(name, value)
    else if (!this.#isOfNode(value)) this.#variable(name, value, undefined)
  }

  /** Writes the functions that somebody has added to an object of JavaScript, or replaced in it. */
  #patches(name: string, object: unknown): void {
    const { prototype } = (object ?? {}) as { prototype?: unknown }
    for (const patched of [object, prototype]) {
      if (patched === null || !/^(?:object|function)$/.test(typeof patched)) continue
      for (const key of Reflect.ownKeys(patched as object)) {
        const { value } = Object.getOwnPropertyDescriptor(patched, key) ?? {}
        if (typeof value !== 'function' || untouched.has(value) || key === 'prepareStackTrace') continue
        if (isNative(value) && !/^bound /.test(nameOf(value))) {
          untouched.add(value)
          continue
        }
        this.parts.push(`patched ${name}`)
        this.#key(key)
        this.#value(value)
      }
    }
  }

  /** Returns whether it is a function of Node, which loads some when they are first used. */
  #isOfNode(fn: unknown): boolean {
    if (typeof fn !== 'function' || isProxy(fn) || isNative(fn)) return false
    const from = originOf(this.#inspection.of(fn).script())
    return from !== 'own' && from.builtin
  }

  /** Writes a function of a package or of Node: which one it is, and the variables that were made together with it. */
  #foreignFunction(fn: object, { scopes, module }: Surroundings, from: Origin): void {
    if (from.impure) this.reads.because ??= `it uses ${from.name}`
    const text = textOf(fn)
    this.parts.push(`from ${from.name}`, text)
    if (from.builtin) return
    // The outermost one of CommonJS is its module.
    const inner = module === undefined ? scopes.slice(0, -1) : scopes
    for (const name of namesIn(text)) this.#named(name, inner, undefined)
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
    const kind = kindOf(object)
    if (isOpaque(object)) throw new NotToldError(`it uses ${withArticle(kind)}`)
    this.parts.push(`object ${kind}`)
    if (isDate(object)) this.parts.push(`${object.getTime()} ${object.getTimezoneOffset()}`)
    else if (isRegExp(object)) this.parts.push(`${object} ${object.lastIndex}`)
    else if (isBoxedPrimitive(object)) this.#value(object.valueOf())
    else if (isAnyArrayBuffer(object)) this.#bytes(new Uint8Array(object))
    else if (ArrayBuffer.isView(object)) {
      this.#bytes(new Uint8Array(object.buffer, object.byteOffset, object.byteLength))
      return
    } else if (isMap(object) || isSet(object)) {
      this.parts.push(`${object.size}`)
      for (const one of isMap(object) ? [...object].flat() : object) this.#value(one)
    }
    const prototype = Object.getPrototypeOf(object) as object | null
    if (prototype !== null && !PLAIN.has(prototype)) {
      this.parts.push('instance')
      this.#made(prototype)
      if (hides(prototype)) this.#hidden(object)
    }
    this.#properties(object, isNativeError(object) ? STACK : NONE)
  }

  /** Writes the class of an instance, or the object that it inherits from. */
  #made(prototype: object): void {
    const made = (prototype as { constructor?: { prototype?: unknown } }).constructor
    if (made?.prototype !== prototype) this.#value(prototype)
    else if (isNative(made)) throw new NotToldError(`it uses ${withArticle(nameOf(made))}`)
    else this.#value(made)
  }

  #hidden(object: object): void {
    for (const [field, value] of Object.entries(this.#inspection.hidden(object))) {
      this.#variable(field, value, undefined)
    }
  }

  #bytes(bytes: Uint8Array): void {
    this.parts.push(`${bytes.length} ${hash('sha256', bytes)}`)
  }

  #properties(object: object, except: ReadonlySet<string | symbol>): void {
    const keys = Reflect.ownKeys(object)
    // Its only other key is its length.
    const isDense = Array.isArray(object) && keys.length === object.length + 1
    if (isDense) {
      if (object.length > MOST_PARTS) throw new NotToldError('it uses too many objects')
      this.parts.push(`${object.length}`)
      for (const value of object) this.#value(value, object)
    }
    for (const key of isDense ? [] : keys) {
      if (except.has(key)) continue
      this.#key(key)
      const described = Object.getOwnPropertyDescriptor(object, key)
      if (described && 'value' in described) this.#value(described.value, object)
      else for (const accessor of [described?.get, described?.set]) this.#value(accessor)
    }
    this.parts.push('end')
  }

  #key(key: string | symbol): void {
    if (typeof key === 'string') this.parts.push(`key ${key}`)
    else this.#symbol(key)
  }
}

// --- internal ---

function kindOf(object: object): string {
  return Object.prototype.toString.call(object).slice(8, -1)
}

function withArticle(name: string): string {
  return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`
}

function isModule(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && kindOf(value) === 'Module'
}

/** Returns an export, or a value that says it has none yet. */
function valueIn(module: Record<string, unknown>, name: string): unknown {
  try {
    return module[name]
  } catch {
    return Symbol.for('not yet')
  }
}
