/** What a watch is told when it begins. */
import type { OpenOptions } from '../database/open.ts'
import type { MigratorOptions } from '../migrate/migrator.ts'
import type { Source } from '../migrate/source.ts'
import type { Schema } from '../schema/schema.ts'
import type { OnWatchEvent, Question } from './events.ts'

export interface WatchOptions {
  readonly url: string
  /** The server, as "PostgreSQL 18.4 (embedded)"; empty where the URL was named. */
  readonly server: string
  /** Why it comes from there; empty where the URL was named. */
  readonly reason: string
  /** Starts the server again, if it is the watch's own and has stopped. @throws ServerUnavailableError, UsageError */
  readonly restart: (() => Promise<void>) | undefined
  readonly source: Source
  /** What is watched. */
  readonly folder: string
  /** Looks at the files again and again instead of waiting for events. */
  readonly poll: boolean
  readonly open: OpenOptions
  readonly migrator: Omit<Partial<MigratorOptions>, 'source' | 'database' | 'onEvent'>
  /** Rows that are carried unasked. */
  readonly carryRows: number
  /** Where there is no way back: ask, apply everything from nothing with all rows carried, or leave the database as it is. */
  readonly onIrreversible: 'ask' | 'rebuild' | 'stop'
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
