/** Options, before or after the command. One table drives parsing, help and completion. */
import { parseArgs } from 'node:util'
import { MigratestError } from '../migrate/errors.ts'
import { nearest } from '../migrate/nearest.ts'

/** The command line cannot be understood. */
export class OptionError extends MigratestError {
  readonly code = 'MIGRATEST_OPTION'
}

interface Entry {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly value?: string
  readonly help: string
}

/** What every command takes. */
const SHARED = {
  config: {
    type: 'string',
    short: 'c',
    value: 'FILE',
    help: 'the configuration; default: migratest.config.ts, where there is one',
  },
  json: { type: 'boolean', help: 'print one JSON document' },
  quiet: { type: 'boolean', short: 'q', help: 'print errors only' },
  verbose: { type: 'boolean', help: 'also print what is done meanwhile' },
  'no-color': { type: 'boolean', help: 'no colours, as with NO_COLOR' },
  help: { type: 'boolean', short: 'h', help: 'show help' },
  version: { type: 'boolean', short: 'v', help: 'show the version of this program' },
} as const satisfies Record<string, Entry>

/** What some commands take; each says which. */
const OWN = {
  database: { type: 'string', short: 'd', value: 'URL', help: 'the database; default: $DATABASE_URL' },
  path: { type: 'string', short: 'p', value: 'FOLDER', help: 'the migrations; default: migrations' },
  'lock-timeout': { type: 'string', value: 'SECONDS', help: 'how long to wait for another migration; default: 15' },
  all: { type: 'boolean', help: 'every one' },
  from: { type: 'string', value: 'VERSION', help: 'as if the database were at that version' },
  'run-recorded-code': { type: 'boolean', help: 'also downs in TypeScript that only the history still has' },
  dialect: { type: 'string', value: 'NAME', help: 'postgres, mysql or mariadb, where no URL tells' },
  rehearse: {
    type: 'boolean',
    help: 'first on an empty copy of the schema (MySQL, MariaDB), so that an error is found before anything stands',
  },
  applied: { type: 'string', value: 'K', help: 'that many statements are done' },
  'not-applied': { type: 'string', value: 'K', help: 'statement K is not done' },
  'exit-code': { type: 'boolean', help: 'end with 1 unless everything is applied as it is in the files' },
  check: { type: 'boolean', help: 'write nothing; end with 1 where the file differs' },
  fresh: { type: 'boolean', help: 'of the migrations alone, on a test server, instead of a database' },
  server: {
    type: 'string',
    value: 'URL',
    help: 'the server for test databases; default: $MIGRATEST_SERVER_URL, else one on demand',
  },
  base: { type: 'string', value: 'BRANCH', help: 'the branch to be merged into; default: as git and the CI say' },
  ts: { type: 'boolean', help: 'one file in TypeScript' },
  output: { type: 'string', short: 'o', value: 'FILE', help: 'the file to write; default: migrate.mjs' },
  format: { type: 'string', value: 'FORMAT', help: 'text (default), json, mermaid or svg' },
  timestamp: { type: 'boolean', help: 'number by time instead of in sequence' },
  timeout: { type: 'string', value: 'SECONDS', help: 'how long to wait; default: 60' },
  'on-irreversible': {
    type: 'string',
    value: 'WHAT',
    help: 'what to do where a migration cannot be undone: ask (default), rebuild (everything from nothing, keeping rows) or stop',
  },
  'carry-rows': { type: 'string', value: 'N', help: 'rows that are carried without asking; default: 100000' },
  seeds: { type: 'string', value: 'FILE', help: 'SQL for a database that is new or was reset' },
  poll: { type: 'boolean', help: 'look at the files ten times a second, where the file system gives no events' },
  exec: { type: 'string', value: 'COMMAND', help: 'run after each change, with the URL in $DATABASE_URL' },
  yes: { type: 'boolean', short: 'y', help: 'do not ask before destroying data' },
  confirm: { type: 'string', value: 'NAME', help: "the database's name, where --yes is not enough" },
} as const satisfies Record<string, Entry>

export type OwnOption = keyof typeof OWN
const ALL = { ...OWN, ...SHARED }
type Table = typeof ALL
export type Options = { readonly [K in keyof Table]?: Table[K]['type'] extends 'string' ? string : boolean }

/** @throws OptionError */
export function parseOptions(argv: readonly string[]): { options: Options; positionals: string[] } {
  // "force -1" is the nil version, not an option.
  const takesVersion = argv.some((arg) => arg === 'force' || arg === 'goto' || arg === 'plan')
  const args = takesVersion ? argv.map((arg) => (arg === '-1' ? 'nil' : arg)) : argv
  try {
    const { values, positionals } = parseArgs({ args, options: ALL, allowPositionals: true })
    return { options: values as Options, positionals }
  } catch (cause) {
    const unknown = /'(-[^'\s]+)/.exec((cause as Error).message)?.[1]
    const meant = unknown && nearest(unknown, optionNames(Object.keys(OWN) as OwnOption[]))
    const message = /Unknown option/.test((cause as Error).message)
      ? `There is no option ${unknown}.`
      : (cause as Error).message
    throw new OptionError(message, { hint: meant ? `Did you mean ${meant}?` : 'See: migratest --help', cause })
  }
}

/** @throws OptionError: one that another command takes */
export function refuseForeign(command: string, taken: readonly OwnOption[], options: Options): void {
  const foreign = (Object.keys(OWN) as OwnOption[]).find((name) => options[name] !== undefined && !taken.includes(name))
  if (foreign === undefined) return
  throw new OptionError(`${command} takes no --${foreign}.`, { hint: `See: migratest ${command} --help` })
}

/** @throws OptionError: more than a command takes, which may be a slip of the hand before something is destroyed */
export function refuseSurplus(command: string, args: readonly string[], most: number): void {
  const surplus = args[most]
  if (surplus === undefined) return
  const shown = surplus.replace(/:\/\/.*/s, '://…')
  throw new OptionError(`${command} takes ${most === 0 ? 'no arguments' : `at most ${most}`}; what is "${shown}"?`, {
    hint: /:\/\//.test(surplus) ? 'A database is named with --database URL.' : `See: migratest ${command} --help`,
  })
}

/** As they are typed: those that a command takes, and those that all take. */
export function optionNames(taken: readonly OwnOption[]): string[] {
  return [...taken, ...Object.keys(SHARED)].map((name) => `--${name}`)
}

/** Aligned lines of help. @param taken what the command takes; left out: the shared ones only */
export function optionLines(taken: readonly OwnOption[] = []): string[] {
  const entries: [string, Entry][] = [
    ...taken.map((name): [string, Entry] => [name, OWN[name]]),
    ...Object.entries(SHARED),
  ]
  return entries.map(([name, { short, value, help }]) => {
    const left = `${short ? `-${short}, ` : '    '}--${name}${value ? ` ${value}` : ''}`
    return `  ${left.padEnd(28)} ${help}`
  })
}
