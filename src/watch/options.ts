/** The options of a watch. */
import type { OpenOptions } from '../database/open.ts'
import type { MigratorOptions } from '../migrate/migrator.ts'
import type { Source } from '../migrate/source.ts'
import type { Schema } from '../schema/schema.ts'
import type { AskedOfGenerate, OnWatchEvent, Question } from './events.ts'
import type { ProposerOptions } from './proposer.ts'

export interface WatchOptions {
  readonly url: string
  /** The server, such as "PostgreSQL 18.4 embedded"; empty if the URL was given. */
  readonly server: string
  /** The reason for choosing this server; empty if the URL was given. */
  readonly reason: string
  /** Restarts the server if it belongs to the watch and has stopped. @throws ServerUnavailableError, UsageError */
  readonly restart: (() => Promise<void>) | undefined
  readonly source: Source
  /** The folder to watch. */
  readonly folder: string
  /** `true`: poll the files instead of waiting for events. */
  readonly poll: boolean
  readonly open: OpenOptions
  readonly migrator: Omit<Partial<MigratorOptions>, 'source' | 'database' | 'onEvent'>
  /** Number of rows to carry without asking. */
  readonly carryRows: number
  /**
   * Reaction to a migration that cannot be undone: ask, rebuild (empty the database and apply everything, carrying all
   * rows), or stop and leave the database unchanged.
   */
  readonly onIrreversible: 'ask' | 'rebuild' | 'stop'
  /** SQL texts to run in a new or reset database before its first migration. */
  readonly before: readonly string[]
  /** SQL files to run in a new or reset database. */
  readonly seeds: readonly string[]
  /** Shell command to run after each schema change. */
  readonly command: string | undefined
  /** Called with the schema after each change. */
  readonly onSchema: ((schema: Schema) => void) | undefined
  /**
   * Asks the user for yes or no; undefined if there is no user to ask. The signal is aborted when the answer no longer
   * matters.
   */
  readonly ask: ((question: Question, signal: AbortSignal) => Promise<boolean>) | undefined
  /** Proposes migrations for a wanted schema; omitted: there is none. */
  readonly proposals?: ProposerOptions | undefined
  /**
   * Asks a question of `generate`, and resolves with the answer; `undefined`: the user leaves, and nothing is written.
   * The signal is aborted when the answer no longer matters. Omitted if there is no user to ask.
   */
  readonly answer?: ((question: AskedOfGenerate, signal: AbortSignal) => Promise<string | undefined>) | undefined
  readonly onEvent: OnWatchEvent
  /** Called with the name of each step that begins to run, and with `undefined` when it has ended. */
  readonly onStep?: ((step: string | undefined) => void) | undefined
}
