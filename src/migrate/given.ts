/** A migration that the caller passes as a value, instead of one from the source. */
import type { Move } from './plan/moves.ts'
import type { Migration, Source } from './source.ts'

export interface GivenMigration {
  readonly version: number
  /** Value of the version row afterwards; default `version`. If it is below `version`, the migration is a down. */
  readonly targetVersion?: number
  readonly name?: string
  /** The SQL to run; null or missing only moves the version. */
  readonly body?: string | null
}

/** Returns a source that has only this migration, and the move that runs it. @param from the version of the database */
export function asSource(given: GivenMigration, from: number): { migration: Migration; source: Source; move: Move } {
  const { version, targetVersion: to = version, name = 'given', body = null } = given
  const direction = to >= version ? 'up' : 'down'
  const migration: Migration = { version, name, up: `migration ${version}` }
  const source: Source = {
    name: 'the migrations given to run()',
    list: async () => [migration],
    read: async (_, half) => (body === null || half !== direction ? null : { kind: 'sql', text: body }),
  }
  return { migration, source, move: { version, direction, from, to } }
}
