/** What a migration may import of us inside a bundle, where the rest of the package is not. */
export * from '../migrate/errors.ts'
export { justBefore, MAX_VERSION, NIL_VERSION } from '../migrate/version.ts'
export { defineMigration } from './files.ts'
export { register } from './module/registry.ts'
