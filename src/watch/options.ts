/** What a watch is told when it begins. */
import type { OpenOptions } from '../database/open.ts'
import type { MigratorOptions } from '../migrate/migrator.ts'
import type { Source } from '../migrate/source.ts'
import type { Schema } from '../schema/schema.ts'
import type { OnWatchEvent, Question } from './events.ts'

export interface WatchOptions {
  readonly url: string
  /** Where the server comes from, as a person would say it; empty where it was named. */
  readonly server: string
  readonly source: Source
  /** What is watched. */
  readonly folder: string
  readonly open: OpenOptions
  readonly migrator: Omit<Partial<MigratorOptions>, 'source' | 'database' | 'onEvent'>
  /** Rows that are carried unasked. */
  readonly carryRows: number
  /** Where there is no way back: ask, apply everything from nothing with all rows carried, or leave the database as it is. */
  readonly onIrreversible: 'ask' | 'snapshot' | 'stop'
  /** Files of SQL for a database that was empty. */
  readonly seeds: readonly string[]
  /** Run after each change of the schema. */
  readonly command: string | undefined
  /** Called with the schema after each change. */
  readonly onSchema: ((schema: Schema) => void) | undefined
  /** Undefined where nobody can be asked. Aborted when the answer does not matter any more. */
  readonly ask: ((question: Question, signal: AbortSignal) => Promise<boolean>) | undefined
  readonly onEvent: OnWatchEvent
}
