/** Reads from TypeORM's data source, or its options, where its migrations are and how it runs them. */
import type { URL } from 'node:url'
import { UsageError } from '../../migrate/errors.ts'
import { isUrl } from '../folder.ts'
import type { TypeormMigrationClass, TypeormOptions } from './typeorm.ts'

/** The part of TypeORM's options that says what its migrations are. */
interface TypeormSettings extends Pick<TypeormOptions, 'migrationsTableName' | 'schema'> {
  /** Classes, or patterns of paths such as `src/migrations/*.ts`, all in one folder. */
  readonly migrations?: readonly unknown[] | Readonly<Record<string, unknown>> | undefined
  readonly migrationsTransactionMode?: 'all' | 'each' | 'none' | undefined
}

/** A `DataSource` of TypeORM, or the options that it is made of. */
export type TypeormDataSource = TypeormSettings | { readonly options: TypeormSettings }

type Given = string | URL | readonly TypeormMigrationClass[] | TypeormDataSource

/**
 * Returns the folder or the classes, and the options with which they run: those given beside them go before those of the
 * data source.
 * @throws UsageError for a data source without migrations, or with files in several folders
 */
export function typeormGiven(
  given: Given,
  options: TypeormOptions,
): { readonly from: string | URL | readonly TypeormMigrationClass[]; readonly settings: TypeormOptions } {
  if (typeof given === 'string' || Array.isArray(given) || isUrl(given)) {
    return { from: given as string | URL | readonly TypeormMigrationClass[], settings: options }
  }
  const source = given as TypeormDataSource
  const own = 'options' in source ? source.options : source
  const { migrationsTableName, schema, migrationsTransactionMode } = own
  const settings = { migrationsTableName, schema, migrationsTransactionMode, dataSource: own, ...options }
  return { from: migrationsOf(Object.values(own.migrations ?? [])), settings }
}

// --- internal ---

function migrationsOf(given: readonly unknown[]): string | readonly TypeormMigrationClass[] {
  const classes = given.filter((one) => typeof one === 'function')
  const folders = [...new Set(given.filter((one) => typeof one === 'string').map(folderOf))]
  const [folder] = folders
  if (folders.length === 0 && classes.length > 0) return classes as unknown as readonly TypeormMigrationClass[]
  if (folder !== undefined && folders.length === 1 && classes.length === 0) return folder
  throw new UsageError(
    given.length === 0
      ? 'The data source of TypeORM has no migrations.'
      : 'The migrations of the data source are classes and files, or files in several folders.',
    { hint: "Give typeorm() the list of classes, or one folder: typeorm('src/migrations', { dataSource })." },
  )
}

/**
 * Returns the folder of a pattern whose wildcards are in the file's name only.
 * @throws UsageError if it matches files in several folders
 */
function folderOf(pattern: string): string {
  const parts = pattern.split(/[\\/]/)
  const last = parts.at(-1) ?? ''
  const folders = /[*?[{(]|\.[cm]?[jt]s$/.test(last) ? parts.slice(0, -1) : parts
  if (folders.some((part) => /[*?[{(]/.test(part))) {
    throw new UsageError(`The migrations of the data source are in several folders: ${pattern}`, {
      hint: "Give typeorm() the list of classes, or one folder: typeorm('src/migrations', { dataSource }).",
    })
  }
  return folders.join('/') || (pattern.startsWith('/') ? '/' : '.')
}
