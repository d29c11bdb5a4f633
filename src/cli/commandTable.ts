/** The entries of the command table. Help and completion are generated from them. */
import type { OwnOption } from './options.ts'

/** The texts and options by which a command describes itself. */
export interface Description {
  readonly usage: string
  readonly summary: string
  readonly takes: readonly OwnOption[]
  /** Maximum number of arguments; default 0. */
  readonly args?: number
  /** Words to complete after the command. */
  readonly words?: readonly string[]
  /** Set for commands that run without the configuration, even if it is broken. */
  readonly alone?: true
  /** Set for commands that work on a project's files or start servers. A bundle does not contain them. */
  readonly project?: true
}

export type CommandTable = Readonly<Record<string, Description>>
