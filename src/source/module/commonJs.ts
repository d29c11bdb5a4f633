/** What CommonJS code exports, as an ES module sees it. */

type Exports = Record<string, unknown>

/** Copies what was set as `module.exports`: its names, and itself as the default. */
export function fillFrom(exports: Exports, moduleExports: unknown): void {
  const made = moduleExports as { __esModule?: boolean; default?: unknown } | null
  if ((typeof made === 'object' && made !== null) || typeof made === 'function') Object.assign(exports, made)
  // Code compiled from an ES module has the mark `__esModule`.
  exports.default = made?.__esModule ? made.default : made
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
