/** The part of this package that a migration may import inside a bundle, which does not contain the rest. */
export * from '../migrate/errors.ts'
export { justBefore, MAX_VERSION, NIL_VERSION } from '../migrate/version.ts'
export { type ConvertRowsOptions, convertRows, fillIn } from './convertRows.ts'
export { defineMigration } from './files.ts'
export { register } from './module/registry.ts'
