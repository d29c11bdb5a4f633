/** The entries of the command table. Help and completion are generated from them. */
import type { OwnOption } from './options.ts'

/** Texts and options that describe a command. */
export interface Description {
  readonly usage: string
  readonly summary: string
  readonly takes: readonly OwnOption[]
  /** Maximum number of arguments; default 0. */
  readonly args?: number
  /** Words that shell completion offers after the command. */
  readonly words?: readonly string[]
  /** `true` for commands that run without the configuration, even if it is broken. */
  readonly alone?: true
  /** `true` for commands that work on a project's files or start servers. A bundle does not contain them. */
  readonly project?: true
}

export type CommandTable = Readonly<Record<string, Description>>
