/** Distinguishes the objects of JavaScript and Node from those that a program has put in their place. */
import { promises, readFile, readFileSync } from 'node:fs'
import { isExternal, isGeneratorObject, isPromise, isWeakMap, isWeakSet } from 'node:util/types'

/** Objects of JavaScript and Node. What they do depends on nothing else, or is noticed by their names. */
export const STANDARD_OBJECTS: ReadonlySet<string> = new Set(
  'Math JSON Intl Reflect Atomics WebAssembly Temporal console process global globalThis performance crypto navigator'.split(
    ' ',
  ),
)

/** Objects of JavaScript to which people add functions, which code then uses without naming these objects. */
export const PATCHED = 'Object Array String Number BigInt Date Map Set Promise RegExp Math JSON'.split(' ')

/** Functions that were found to be the engine's. */
export const untouched = new WeakSet<object>()

/**
 * The functions and objects of JavaScript by what they are, with the functions in these. A file may have replaced some
 * before this one is loaded, or have added others.
 */
export const INTRINSIC: ReadonlyMap<unknown, string> = new Map(
  Object.entries(Object.getOwnPropertyDescriptors(globalThis)).flatMap(([name, { value }]): [unknown, string][] => {
    if (!isNative(value, name) && !STANDARD_OBJECTS.has(name)) return []
    return [...membersOf(`${name}.`, value), ...membersOf(`${name}.prototype.`, value?.prototype), [value, name]]
  }),
)

export const PLAIN = new Set<object>(
  [Object, Array, Map, Set, Date, RegExp, Number, String, Boolean, ArrayBuffer, Error].map(
    (made) => made.prototype as object,
  ),
)

/** Returns whether nobody can see what an object contains, whatever class it is of. */
export function isOpaque(object: object): boolean {
  return [isPromise, isWeakMap, isWeakSet, isGeneratorObject, isExternal].some((is) => is(object)) || object === process
}

/** Returns whether the engine has made a function, and if a name is given, the one of that name. */
export function isNative(value: unknown, name?: string): boolean {
  if (typeof value !== 'function' || !textOf(value).endsWith('{ [native code] }')) return false
  return name === undefined || nameOf(value) === name
}

/** Returns a function's own name, which a static member of a class may hide. */
export function nameOf(fn: object): string {
  const name: unknown = Object.getOwnPropertyDescriptor(fn, 'name')?.value
  return typeof name === 'string' ? name : ''
}

export function textOf(fn: object): string {
  return Function.prototype.toString.call(fn)
}

/** The functions that read the file whose name they are given, by their names. */
export const READERS: ReadonlyMap<string, ReadonlySet<unknown>> = new Map([
  ['readFileSync', new Set<unknown>([readFileSync])],
  ['readFile', new Set<unknown>([readFile, promises.readFile])],
])

/** The modules of Node that are objects: `import path from 'node:path'`. */
export const BUILTINS: ReadonlySet<unknown> = new Set(
  ['crypto', 'fs', 'fs/promises', 'os', 'path', 'timers/promises', 'url', 'util', 'zlib'].map((name) =>
    process.getBuiltinModule(name),
  ),
)

// --- internal ---

/** Returns the engine's functions that are properties of an object. */
function membersOf(prefix: string, object: unknown): [unknown, string][] {
  if (!/^(?:object|function)$/.test(typeof object) || object === null || object === globalThis) return []
  return Object.entries(Object.getOwnPropertyDescriptors(object as object)).flatMap(([key, { value }]) =>
    isNative(value, key) ? [[value, prefix + key]] : [],
  )
}
