/** What a migration that was interrupted says: it cannot be continued, or ends elsewhere. Pure, but for reading an error. */
import { ConnectionError, MigratestError } from '../../migrate/errors.ts'
import type { Migration } from '../../migrate/source.ts'
import { labelOf, versionOf } from '../../migrate/version.ts'
import type { Observation } from '../finding.ts'
import type { Half, Halves } from '../halves.ts'
import { observationsOf } from '../observed.ts'
import { placeOf } from '../statementAt.ts'
import type { Kind } from './interrupter.ts'

/** @throws the error, if it says nothing about the migrations */
export async function stuck(
  migration: Migration,
  halves: Halves,
  range: Half['statements'][number] | undefined,
  kind: Kind,
  error: unknown,
): Promise<Observation> {
  if (!isOfAMigration(error)) throw error
  const half = halves.of(versionOf(migration), 'up')
  const [observed] = (await observationsOf(error, (version, direction) => halves.of(version, direction))) ?? []
  const how = kind === 'kill' ? 'its process is killed' : 'a statement fails'
  return {
    ...observed,
    rule: 'not-repeatable',
    version: versionOf(migration),
    half: 'up',
    file: half?.file ?? migration.up,
    ...(half && range && placeOf(half.text, range)),
    objects: [labelOf(migration)],
    message: `If ${how} here, the migration cannot be continued: ${observed?.message ?? error.message.split('\n')[0]}`,
    fix: { text: FIX },
  }
}

export function endsElsewhere(
  migration: Migration,
  halves: Halves,
  kind: Kind,
  difference: { readonly text: string; readonly objects: readonly string[] },
): Observation {
  const half = halves.of(versionOf(migration), 'up')
  const how = kind === 'kill' ? 'Killed' : 'Stopped by errors'
  return {
    rule: 'not-repeatable',
    version: versionOf(migration),
    half: 'up',
    file: half?.file ?? migration.up,
    objects: difference.objects,
    message: `${how} at each statement and continued, it ends elsewhere (- without interruption, + with).`,
    fix: { text: FIX },
    evidence: { diff: difference.text },
  }
}

/** A server that takes no more connections says nothing about the migrations. */
export function isOfAMigration(error: unknown): error is MigratestError {
  return error instanceof MigratestError && !(error instanceof ConnectionError)
}

// --- internal ---

const FIX =
  'Give each statement that must not be repeated a migration of its own, and let no statement depend on what an earlier one left in the session (variables, temporary tables, settings).'
