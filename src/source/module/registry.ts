/** `register()`: lets a migration declare itself, like Go's `init()`. Each load has its own registry. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { UsageError } from '../../migrate/errors.ts'
import type { ModuleMigration } from '../files.ts'

export interface Registry {
  /** The name for messages of the file that is loading. */
  readonly shown: string
  migration: ModuleMigration | undefined
}

const loading = new AsyncLocalStorage<Registry>()

export function withRegistry<T>(registry: Registry, load: () => Promise<T>): Promise<T> {
  return loading.run(registry, load)
}

/**
 * Declares the up and down of the migration in this file, like a default export: `register({ up, down })`.
 * @throws UsageError if no migration is loading, or if it has already been declared
 */
export function register(migration: ModuleMigration): void {
  const registry = loading.getStore()
  if (!registry) {
    throw new UsageError('register() can only be called while a migration is being loaded.', {
      hint: 'Call it at the top level of a file like 0007_backfill.ts in the folder of migrations.',
    })
  }
  if (registry.migration)
    throw new UsageError(`${registry.shown} registers two migrations; a file can only contain one.`)
  registry.migration = migration
}
