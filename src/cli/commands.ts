/** The table of all commands: usage, summary, options and module. Help and completion are generated from it. */

import { nearest } from '../migrate/nearest.ts'
import type { CommandTable, Description } from './commandTable.ts'
import type { Context } from './context.ts'
import { OptionError, optionLines } from './options.ts'

interface Command {
  /** Returns the exit code. */
  run(context: Context, args: readonly string[], commands: CommandTable): Promise<number> | number
}

interface Entry extends Description {
  readonly load: () => Promise<Command>
}

const DATABASE = ['database', 'path'] as const
const MOVE = [...DATABASE, 'lock-timeout', 'run-recorded-code'] as const
const GUARD = ['yes', 'confirm'] as const
const WANTED = ['schema', 'from-database', 'from-command', 'from-revision'] as const

const TABLE = {
  init: {
    project: true,
    usage: 'init',
    summary:
      'create a configuration file and a folder for migrations, with the first one from a database if one is named',
    alone: true,
    takes: ['path', 'from-database', 'record', 'server'],
    load: () => import('./commands/init.ts'),
  },
  new: {
    project: true,
    usage: 'new NAME',
    summary: 'create an empty migration: a pair of SQL files, or one TypeScript file',
    args: 99,
    takes: ['path', 'ts', 'timestamp', 'base'],
    load: () => import('./commands/new.ts'),
  },
  up: {
    usage: 'up [N]',
    summary: 'apply all pending migrations, or the next N',
    args: 1,
    takes: [...MOVE, 'rehearse'],
    load: () => import('./commands/up.ts'),
  },
  down: {
    usage: 'down N | --all',
    summary: 'undo the last N migrations, or all of them',
    args: 1,
    takes: [...MOVE, 'rehearse', 'all', ...GUARD],
    load: () => import('./commands/down.ts'),
  },
  goto: {
    usage: 'goto VERSION',
    summary: 'migrate up or down to a version, "latest" or "nil"',
    args: 1,
    takes: [...MOVE, 'rehearse', ...GUARD],
    words: ['latest', 'nil'],
    load: () => import('./commands/goto.ts'),
  },
  redo: {
    usage: 'redo [N]',
    summary: 'undo the last migration, or the last N, and apply them again',
    args: 1,
    takes: MOVE,
    load: () => import('./commands/redo.ts'),
  },
  watch: {
    project: true,
    usage: 'watch',
    summary: 'apply migrations on every save, keeping rows; starts a server if no database is given',
    takes: [
      ...DATABASE,
      'dialect',
      'schema',
      'from-command',
      'on-irreversible',
      'carry-rows',
      'seeds',
      'exec',
      'poll',
      'confirm',
      'ui',
      'port',
      'no-open',
    ],
    load: () => import('./commands/watch.ts'),
  },
  ui: {
    project: true,
    usage: 'ui',
    summary: 'show migrations, schemas and the development database in the browser, and follow every save',
    takes: [
      ...DATABASE,
      'dialect',
      'schema',
      'from-command',
      'read-only',
      'kept',
      'export',
      'port',
      'no-open',
      'server',
      'poll',
      'confirm',
    ],
    load: () => import('./commands/ui.ts'),
  },
  mark: {
    project: true,
    usage: 'mark ENVIRONMENT',
    summary: 'record what a database is for: development, or an environment that must not be watched',
    args: 1,
    takes: ['database', 'confirm'],
    words: ['development', 'production'],
    load: () => import('./commands/mark.ts'),
  },
  status: {
    usage: 'status',
    summary: 'list migrations and their status',
    takes: [...DATABASE, 'exit-code'],
    load: () => import('./commands/status.ts'),
  },
  plan: {
    usage: 'plan [VERSION]',
    summary: 'show the steps to a version without running them (default: latest)',
    args: 1,
    takes: [...DATABASE, 'from'],
    words: ['latest', 'nil'],
    load: () => import('./commands/plan.ts'),
  },
  showsql: {
    usage: 'showsql [FROM..TO]',
    summary: 'print the SQL of pending migrations, or of a range of versions without a database',
    args: 1,
    takes: [...DATABASE, 'dialect'],
    load: () => import('./commands/showsql.ts'),
  },
  dag: {
    usage: 'dag',
    summary: 'draw the graph of migrations: which one follows which',
    takes: [...DATABASE, 'format'],
    load: () => import('./commands/dag.ts'),
  },
  merge: {
    project: true,
    usage: 'merge [NAME]',
    summary: 'create a migration that joins all heads',
    args: 99,
    takes: ['path', 'timestamp', 'base'],
    load: () => import('./commands/merge.ts'),
  },
  squash: {
    project: true,
    usage: 'squash FIRST..LAST [NAME]',
    summary: 'replace migrations by one with the same resulting schema, proved on a test server',
    args: 99,
    takes: ['path', 'server', 'dialect', 'yes'],
    load: () => import('./commands/squash.ts'),
  },
  version: {
    usage: 'version',
    summary: "print the database's version",
    takes: DATABASE,
    load: () => import('./commands/version.ts'),
  },
  verify: {
    project: true,
    usage: 'verify | verify rules [RULE]',
    summary: 'check every migration on a test server: up, down and up again, and what it does to a live system',
    args: 2,
    words: ['rules'],
    takes: [
      'path',
      'server',
      'dialect',
      'base',
      'only',
      'since',
      'from',
      'app',
      'pairs',
      'timeout',
      'sizes',
      'measure',
      'fail-on',
      'format',
      'report',
    ],
    load: () => import('./commands/verify.ts'),
  },
  bisect: {
    project: true,
    usage: 'bisect SQL | bisect -- COMMAND',
    summary: 'find the first version at which a query or a command fails, by halves, each on a copy',
    args: 99,
    takes: ['path', 'server', 'dialect'],
    load: () => import('./commands/bisect.ts'),
  },
  sizes: {
    project: true,
    usage: 'sizes',
    summary: "print the numbers of rows and bytes of a database's tables, for verify --sizes",
    takes: ['database'],
    load: () => import('./commands/sizes.ts'),
  },
  schema: {
    usage: 'schema [FILE]',
    summary: "print the database's schema as DDL, or write it to a file for git",
    args: 1,
    takes: [...DATABASE, 'check', 'fresh', 'server', 'dialect'],
    load: () => import('./commands/schema.ts'),
  },
  generate: {
    project: true,
    usage: 'generate [NAME]',
    summary: 'write the migration that leads to a wanted schema, proven up, down and up on a test server',
    args: 99,
    takes: [
      ...DATABASE,
      ...WANTED,
      'rename',
      'no-renames',
      'destroy',
      'online',
      'amend',
      'done',
      'yes',
      'leave',
      'only',
      'fill',
      'map',
      'using',
      'split',
      'merge',
      'answers',
      'check',
      'dry-run',
      'server',
      'dialect',
      'timestamp',
      'base',
    ],
    load: () => import('./commands/generate.ts'),
  },
  diff: {
    project: true,
    usage: 'diff [SIDE]',
    summary:
      'compare a database with what the migrations build, or any two of database, schema, version, revision, folder',
    args: 1,
    takes: [...DATABASE, 'from', 'to', ...WANTED, 'sql', 'reverse', 'server', 'dialect'],
    load: () => import('./commands/diff.ts'),
  },
  resume: {
    usage: 'resume',
    summary: 'continue a migration that stopped halfway',
    takes: [...MOVE, 'applied', 'not-applied'],
    load: () => import('./commands/resume.ts'),
  },
  force: {
    usage: 'force VERSION',
    summary: 'set the version and clear the dirty flag without running anything',
    args: 1,
    takes: MOVE,
    words: ['nil'],
    load: () => import('./commands/force.ts'),
  },
  fake: {
    usage: 'fake VERSION',
    summary: 'record one migration as applied without running it',
    args: 1,
    takes: MOVE,
    load: () => import('./commands/fake.ts'),
  },
  unfake: {
    usage: 'unfake VERSION',
    summary: 'record one migration as not applied without running its down',
    args: 1,
    takes: MOVE,
    load: () => import('./commands/unfake.ts'),
  },
  drop: {
    usage: 'drop',
    summary: 'remove everything from the database that migrations could have created',
    takes: [...MOVE, ...GUARD],
    load: () => import('./commands/drop.ts'),
  },
  bundle: {
    project: true,
    usage: 'bundle',
    summary: 'build one file with the command and all migrations, for images without the folder',
    takes: ['path', 'output', 'dialect'],
    load: () => import('./commands/bundle.ts'),
  },
  wait: {
    usage: 'wait',
    summary: 'wait until the database answers',
    takes: ['database', 'timeout'],
    load: () => import('./commands/wait.ts'),
  },
  databases: {
    project: true,
    usage: 'databases list | open NAME | gc',
    summary: 'list kept test databases, open one, or remove those that are not in use',
    args: 2,
    takes: ['server'],
    words: ['list', 'open', 'gc'],
    load: () => import('./commands/databases.ts'),
  },
  servers: {
    project: true,
    usage: 'servers list | stop [KEY]',
    summary: 'list the servers started on demand, or stop the unused ones or a given one',
    alone: true,
    args: 2,
    takes: ['all'],
    words: ['list', 'stop'],
    load: () => import('./commands/servers.ts'),
  },
  completion: {
    usage: 'completion bash | zsh | fish',
    summary: 'print a completion script for the shell',
    alone: true,
    args: 1,
    takes: [],
    words: ['bash', 'zsh', 'fish'],
    load: () => import('./commands/completion.ts'),
  },
} satisfies Record<string, Entry>

export type CommandName = keyof typeof TABLE
export const COMMANDS: Readonly<Record<CommandName, Entry>> = TABLE

/** Returns the name of the command. @throws OptionError for an unknown name, with the nearest known name as its hint */
export function findCommand(name: string, bundled: boolean): CommandName {
  const known = Object.keys(COMMANDS).filter((command) => isThere(command as CommandName, bundled))
  if (known.includes(name)) return name as CommandName
  if (Object.hasOwn(COMMANDS, name)) throw new OptionError(`"${name}" is not available in a bundle.`)
  const meant = nearest(name, known)
  throw new OptionError(`There is no command "${name}".`, {
    hint: meant ? `Did you mean ${meant}?` : 'See: migratest --help',
  })
}

export function overview(bundled: boolean): string {
  const there = Object.keys(COMMANDS).filter((name) => isThere(name as CommandName, bundled))
  const commands = there
    .map((name) => COMMANDS[name as CommandName])
    .map(({ usage, summary }) => `  ${usage.padEnd(34)} ${summary}`)
  return [
    'migratest: database migrations, applied and tested',
    '',
    'Usage: migratest COMMAND [OPTIONS]',
    '',
    ...commands,
    '',
    'Common options ("migratest COMMAND --help" lists all options of a command):',
    ...optionLines(),
  ].join('\n')
}

export function helpOf(name: CommandName): string {
  const { usage, summary, takes } = COMMANDS[name]
  return [`migratest ${usage}: ${summary}`, '', 'Options:', ...optionLines(takes)].join('\n')
}

// --- internal ---

function isThere(name: CommandName, bundled: boolean): boolean {
  return !bundled || !COMMANDS[name].project
}
