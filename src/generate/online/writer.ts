/** Writes changes of tables that are in use. Each dialect has its own. */
import type { Schema } from '../../schema/schema.ts'
import type { Attempts } from '../attempts.ts'
import type { Generator } from '../generator.ts'
import type { Statement } from '../statement.ts'
import type { Operation, Seen } from './operation.ts'

export interface OnlineWriter {
  /** Writes the statements that are looked at one by one. */
  readonly generator: Generator
  /**
   * Runs statements and returns what each did to the tables that were there before. The database is afterwards as it was.
   * @param tables their names, as they are once renames have run
   */
  observe(attempts: Attempts, statements: readonly Statement[], tables: ReadonlySet<string>): Promise<Seen[]>
  operations(seen: readonly Seen[], to: Schema, tables: ReadonlySet<string>): Operation[]
  /** Joins neighbours that run in one migration, where that is shorter. */
  joined(statements: readonly Statement[]): Statement[]
  /** A statement at the beginning of a migration that changes tables: how long it may wait for others. */
  readonly waitsAtMost?: string
}
