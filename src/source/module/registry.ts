/** `register()`: a migration that says itself what it is, in the manner of Go's `init()`. Each load has a registry of its own. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { UsageError } from '../../migrate/errors.ts'
import type { ModuleMigration } from '../files.ts'

export interface Registry {
  /** The file that is loading, as a person would say it. */
  readonly shown: string
  migration: ModuleMigration | undefined
}

const loading = new AsyncLocalStorage<Registry>()

export function withRegistry<T>(registry: Registry, load: () => Promise<T>): Promise<T> {
  return loading.run(registry, load)
}

/**
 * Says what the migration in this file does, as its default export would: `register({ up, down })`.
 * @throws UsageError where no migration is loading, or it was said before
 */
export function register(migration: ModuleMigration): void {
  const registry = loading.getStore()
  if (!registry) {
    throw new UsageError('register() is called by a migration while it is loaded; none is.', {
      hint: 'Call it at the top level of a file like 0007_backfill.ts in the folder of migrations.',
    })
  }
  if (registry.migration) throw new UsageError(`${registry.shown} registers two migrations; a file is one.`)
  registry.migration = migration
}
