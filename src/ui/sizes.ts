/** How large the files of migrations are. */
import { statSync } from 'node:fs'
import type { Migration } from '../migrate/source.ts'
import { labelOf } from '../migrate/version.ts'

/** Returns the bytes of both halves of each migration, by its label. One that has no files is left out. */
export function sizesOf(migrations: readonly Migration[]): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>()
  for (const migration of migrations) {
    const { up, down } = migration
    const files = [...new Set([up, down])].flatMap((file) =>
      file === undefined ? [] : (statSync(file, { throwIfNoEntry: false })?.size ?? []),
    )
    if (files.length > 0) sizes.set(labelOf(migration), sum(files))
  }
  return sizes
}

// --- internal ---

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}
