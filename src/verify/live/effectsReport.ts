/** What each statement did, as data for reports. Pure. */
import type { Blocks } from '../../database/effects.ts'
import type { Direction } from '../../migrate/source.ts'
import type { Version } from '../../migrate/version.ts'
import { placeOf } from '../statementAt.ts'
import type { LiveMigration } from './decide.ts'

export interface StatementReport {
  readonly version: Version
  readonly half: Direction
  readonly file: string
  readonly line: number
  readonly statement: string
  /** `false` if it ran outside a transaction. */
  readonly transaction: boolean
  /** Locks on tables and indexes that were there before the migration: mode by name. */
  readonly locks: Readonly<Record<string, string>>
  /** The strongest thing that any of these locks keeps others from. */
  readonly blocks: Blocks
  readonly rewritten: readonly string[]
  readonly scanned: readonly string[]
  /** Rows written, by table. */
  readonly rows: Readonly<Record<string, number>>
  readonly waited: readonly string[]
  /** MySQL and MariaDB. */
  readonly algorithm?: string
  readonly possible?: string
  /** With the few rows of the copy. */
  readonly ms: number
}

export function statementReports(migrations: readonly LiveMigration[]): StatementReport[] {
  return migrations.flatMap(({ half, effects }) =>
    effects.map((one): StatementReport => {
      const { line, statement } = one.range
        ? placeOf(half.text, one.range)
        : { line: 1, statement: one.within ?? '(code)' }
      const { algorithm } = one
      return {
        version: half.version,
        half: half.half,
        file: half.file,
        line,
        statement,
        transaction: one.inTransaction,
        locks: Object.fromEntries(one.locks.map(({ name, mode }) => [name, mode])),
        blocks: strongest([...one.locks.map(({ blocks }) => blocks), algorithm?.blocks ?? 'nothing']),
        rewritten: one.rewritten.map(({ name }) => name),
        scanned: one.scanned.map(({ name }) => name),
        rows: Object.fromEntries(
          one.written.map(({ name, inserted, updated, deleted }) => [name, inserted + updated + deleted]),
        ),
        waited: one.waited,
        ...(algorithm && { algorithm: algorithm.used, possible: algorithm.possible }),
        ms: Math.round(one.ms * 10) / 10,
      }
    }),
  )
}

// --- internal ---

function strongest(blocks: readonly Blocks[]): Blocks {
  return blocks.includes('reads') ? 'reads' : blocks.includes('writes') ? 'writes' : 'nothing'
}
