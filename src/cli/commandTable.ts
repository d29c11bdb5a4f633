/** The entry of each command in the table, from which help and completion are made. */
import type { OwnOption } from './options.ts'

/** The texts and options by which a command describes itself. */
export interface Description {
  readonly usage: string
  readonly summary: string
  readonly takes: readonly OwnOption[]
  /** How many arguments there may be; default none. */
  readonly args?: number
  /** Words that may follow. */
  readonly words?: readonly string[]
  /** Runs without the configuration, also where that is broken. */
  readonly alone?: true
  /** Works on a project's files or starts servers, so that it is not in a bundle. */
  readonly project?: true
}

export type CommandTable = Readonly<Record<string, Description>>
