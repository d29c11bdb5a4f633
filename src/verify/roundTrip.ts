/** What the schemas of a round trip say: whether the down restores the one below, and the second up the one above. Pure. */
import type { Migration } from '../migrate/source.ts'
import { labelOf, versionOf } from '../migrate/version.ts'
import type { SchemaDiff } from '../schema/diff.ts'
import { VerificationError } from './verificationError.ts'

/**
 * Returns an error if the schema below is another than before.
 * @param shownBelow the version below, for people
 * @param undone what is different after the down
 */
export function differsBelow(
  migration: Migration,
  shownBelow: string,
  undone: SchemaDiff,
): VerificationError | undefined {
  if (undone.changes.length === 0) return undefined
  const file = migration.down ?? migration.up
  const details = {
    version: versionOf(migration),
    half: 'down' as const,
    file,
    diff: undone,
    legend: `- at ${shownBelow}, + after up and down`,
  }
  if (migration.down === undefined) {
    return new VerificationError(`${labelOf(migration)} has no down, so its changes remain:`, {
      rule: 'down-missing',
      ...details,
      hint: 'Write a down, or a down file that states why there is none: -- migrate: irreversible REASON',
    })
  }
  return new VerificationError(`${file}: does not restore the schema of version ${shownBelow}:`, {
    rule: 'down-differs',
    ...details,
  })
}

/** Returns an error if the second up gives another schema than the first. @param diff what is different */
export function differsAbove(migration: Migration, diff: SchemaDiff): VerificationError | undefined {
  if (diff.changes.length === 0) return undefined
  const file = migration.up ?? migration.down
  return new VerificationError(`${file}: the second up gives a different schema than the first:`, {
    rule: 'up-differs',
    version: versionOf(migration),
    half: 'up',
    file: migration.up,
    diff,
    legend: '- first up, + second up',
  })
}
