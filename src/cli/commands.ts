/** All commands: what they are called and do, and where they are. Help is made of this table. */
import type { Context } from './context.ts'
import { nearest } from './nearest.ts'
import { OptionError, optionLines } from './options.ts'

interface Command {
  /** Gives the exit code. */
  run(context: Context, args: readonly string[]): Promise<number>
}

interface Entry {
  readonly usage: string
  readonly summary: string
  readonly load: () => Promise<Command>
}

export const COMMANDS = {
  up: {
    usage: 'up [N]',
    summary: 'apply all pending migrations, or the next N',
    load: () => import('./commands/up.ts'),
  },
  down: {
    usage: 'down N | --all',
    summary: 'undo the last N migrations, or all',
    load: () => import('./commands/down.ts'),
  },
  goto: {
    usage: 'goto VERSION',
    summary: 'move up or down to a version, "latest" or "nil"',
    load: () => import('./commands/goto.ts'),
  },
  status: {
    usage: 'status',
    summary: 'show every migration and what became of it',
    load: () => import('./commands/status.ts'),
  },
  plan: {
    usage: 'plan [VERSION]',
    summary: 'show what a move would do; default: to the latest',
    load: () => import('./commands/plan.ts'),
  },
  version: { usage: 'version', summary: "show the database's version", load: () => import('./commands/version.ts') },
  resume: {
    usage: 'resume',
    summary: 'continue a migration that stopped half-way',
    load: () => import('./commands/resume.ts'),
  },
  force: {
    usage: 'force VERSION',
    summary: 'set the version without running anything',
    load: () => import('./commands/force.ts'),
  },
  drop: {
    usage: 'drop',
    summary: 'empty the database of all that migrations could have made',
    load: () => import('./commands/drop.ts'),
  },
  new: {
    usage: 'new NAME',
    summary: 'write an empty pair of migration files',
    load: () => import('./commands/new.ts'),
  },
} as const satisfies Record<string, Entry>

export type CommandName = keyof typeof COMMANDS

/** @throws OptionError with what was probably meant */
export function findCommand(name: string): CommandName {
  if (name in COMMANDS) return name as CommandName
  const meant = nearest(name, Object.keys(COMMANDS))
  throw new OptionError(`There is no command "${name}".`, {
    hint: meant ? `Did you mean ${meant}?` : 'See: migratest --help',
  })
}

export function overview(): string {
  const commands = Object.values(COMMANDS).map(({ usage, summary }) => `  ${usage.padEnd(28)} ${summary}`)
  return [
    'migratest: database migrations, applied and tested',
    '',
    'Usage: migratest COMMAND [OPTIONS]',
    '',
    ...commands,
    '',
    'Options, before or after the command:',
    ...optionLines(),
  ].join('\n')
}

export function helpOf(name: CommandName): string {
  const { usage, summary } = COMMANDS[name]
  return [`migratest ${usage}: ${summary}`, '', 'Options:', ...optionLines()].join('\n')
}
