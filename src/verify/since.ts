/** Which migrations a branch adds or changes. */
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { UsageError } from '../migrate/errors.ts'
import type { Migration } from '../migrate/source.ts'
import { changedSince } from '../source/gitChanges.ts'

/** Returns the versions. @throws UsageError if the folder or the revision is unknown to git */
export function changedVersions(
  revision: string,
  folder: string | undefined,
  migrations: readonly Migration[],
): ReadonlySet<number> {
  if (folder === undefined)
    throw new UsageError('since: the migrations are not in a folder, so git does not know them.')
  const changed = changedSince(revision, folder)
  const isChanged = (file: string | undefined) => file !== undefined && changed.has(real(resolve(file)))
  return new Set(migrations.filter(({ up, down }) => isChanged(up) || isChanged(down)).map(({ version }) => version))
}

// --- internal ---

function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
