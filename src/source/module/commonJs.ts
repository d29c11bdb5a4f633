/** What CommonJS code exports, as an ES module sees it. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

type Exports = Record<string, unknown>

/** Copies what was set as `module.exports`: its names, and itself as the default. */
export function fillFrom(exports: Exports, moduleExports: unknown): void {
  const made = moduleExports as { __esModule?: boolean; default?: unknown } | null
  if ((typeof made === 'object' && made !== null) || typeof made === 'function') Object.assign(exports, made)
  // Code compiled from an ES module has the mark `__esModule`.
  exports.default = made?.__esModule ? made.default : made
}

/**
 * Returns what code imports from a CommonJS package if tools compile that code to CommonJS, too: the `default` of a package
 * that was compiled from an ES module, where Node gives all of `module.exports`, and every name, where Node gives those
 * that it finds in the text. A package of ES modules without a `default` is its own, as what TypeScript compiles reads it.
 * Returns the namespace itself if that is the same.
 */
export function asCompiled(namespace: object): object {
  const made = (namespace as Exports)['module.exports'] as Exports | null | undefined
  if (made === undefined && (namespace as Exports).default === undefined) {
    const known = withOwnDefault.get(namespace)
    if (known) return known
    const own = Object.assign(Object.create(null), namespace, { default: namespace })
    withOwnDefault.set(namespace, own)
    return own
  }
  if (made === null || !/^(?:object|function)$/.test(typeof made)) return namespace
  const exported = made as Exports
  const missing = Object.keys(exported).filter((name) => !(name in namespace))
  const hasDefault = exported.__esModule && 'default' in exported
  if (missing.length === 0 && !hasDefault) return namespace
  const all = Object.assign(Object.create(null), namespace, hasDefault && { default: exported.default })
  // A getter may load something.
  for (const name of missing) Object.defineProperty(all, name, { enumerable: true, get: () => exported[name] })
  return all
}

/** Copies of namespaces: many migrations import the same package, and some have hundreds of names. */
const withOwnDefault = new WeakMap<object, object>()

/** Returns what Node imports from a module of CommonJS. @param names those that Node finds in its text */
export function asNamespace(exported: unknown, names: readonly string[]): object {
  const found = Object(exported) as Exports
  const named = names.filter((name) => name in found).map((name) => [name, found[name]])
  return Object.assign(Object.create(null), Object.fromEntries(named), {
    default: exported,
    'module.exports': exported,
  })
}

/** Returns whether tools compile an ES module of this name to CommonJS: its package is none of ES modules. */
export function isCompiledToCommonJs(path: string): boolean {
  if (/\.m[jt]s$/.test(path)) return false
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json')
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { type?: string }).type !== 'module'
  }
  return false
}

/**
 * Returns what an import of some names gets from a package. Node finds the names of a CommonJS package by reading its
 * text, and misses those that are assigned when it runs; what TypeScript compiles takes them from `module.exports`.
 */
export function withNames(namespace: object, names: readonly string[]): object {
  const missing = names.filter((name) => !(name in namespace))
  if (missing.length === 0 || !('module.exports' in namespace)) return namespace
  const made = namespace['module.exports'] as Exports | null
  const found = missing.filter((name) => made !== null && made !== undefined && name in Object(made))
  return Object.assign(Object.create(null), namespace, Object.fromEntries(found.map((name) => [name, made?.[name]])))
}
