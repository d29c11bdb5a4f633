/** Command-line options; they may come before or after the command. One table drives parsing, help and completion. */
import { parseArgs } from 'node:util'
import { MigratestError } from '../migrate/errors.ts'
import { nearest } from '../migrate/nearest.ts'

/** Thrown if the command line is invalid. */
export class OptionError extends MigratestError {
  readonly code = 'MIGRATEST_OPTION'
}

interface Entry {
  readonly type: 'string' | 'boolean'
  /** `true` if it may be given several times. */
  readonly multiple?: boolean
  readonly short?: string
  readonly value?: string
  readonly help: string
}

/** Options that every command takes. */
const SHARED = {
  config: {
    type: 'string',
    short: 'c',
    value: 'FILE',
    help: 'configuration file (default: migratest.config.ts, if it exists)',
  },
  json: { type: 'boolean', help: 'print the result as JSON' },
  quiet: { type: 'boolean', short: 'q', help: 'print errors only' },
  verbose: { type: 'boolean', help: "also print plans, steps that start, the server's notices and stack traces" },
  'no-color': { type: 'boolean', help: 'disable colors, like NO_COLOR=1' },
  help: { type: 'boolean', short: 'h', help: 'show help' },
  version: { type: 'boolean', short: 'v', help: 'print the version of migratest' },
} as const satisfies Record<string, Entry>

/** Options that only some commands take; each command lists its own. */
const OWN = {
  database: { type: 'string', short: 'd', value: 'URL', help: 'database URL (default: $DATABASE_URL)' },
  path: { type: 'string', short: 'p', value: 'FOLDER', help: 'folder of migrations (default: migrations)' },
  'lock-timeout': { type: 'string', value: 'SECONDS', help: 'time to wait for another migration run (default: 15)' },
  all: { type: 'boolean', help: 'undo every migration (down); also stop servers in use (servers stop)' },
  from: {
    type: 'string',
    value: 'VERSION',
    help: "plan from VERSION instead of the database's version; diff: the old side, whatever --to can be; verify: the release, as a revision of git, to upgrade from",
  },
  to: {
    type: 'string',
    value: 'SIDE',
    help: 'the new side: a database URL, SQL file or folder, version, git revision, folder of migrations',
  },
  'run-recorded-code': {
    type: 'boolean',
    help: 'run TypeScript downs recorded in the database, if the file is gone or was edited',
  },
  dialect: { type: 'string', value: 'NAME', help: 'postgres, mysql or mariadb, if no URL says which' },
  rehearse: {
    type: 'boolean',
    help: 'dry run on an empty copy of the schema first, to find errors before anything changes (MySQL, MariaDB)',
  },
  applied: { type: 'string', value: 'K', help: 'declare that the first K statements were applied' },
  'not-applied': { type: 'string', value: 'K', help: 'declare that statement K was not applied' },
  'exit-code': { type: 'boolean', help: 'exit with 1 unless every migration is applied and unedited' },
  check: { type: 'boolean', help: 'do not write; exit with 1 if something would be written' },
  fresh: { type: 'boolean', help: 'apply the migrations on a test server and use that schema, instead of a database' },
  server: {
    type: 'string',
    value: 'URL',
    help: 'server for test databases (default: $MIGRATEST_SERVER_URL, else one is started)',
  },
  base: { type: 'string', value: 'BRANCH', help: 'branch to be merged into (default: from git or CI)' },
  only: {
    type: 'string',
    value: 'NAME,…',
    help: 'verify: groups such as rows,live, or "all" (verify rules); generate: the objects to compare, as in --leave',
  },
  since: {
    type: 'string',
    value: 'REF',
    help: 'verify only the migrations that this branch adds or changes since REF',
  },
  pairs: { type: 'string', value: 'N', help: 'moves over several versions to try (default: 3), or "all"' },
  app: {
    type: 'string',
    value: 'COMMAND',
    help: 'with --from: run this command of that revision, such as its tests, on the new schema',
  },
  sizes: { type: 'string', value: 'FILE', help: 'sizes of the tables in production, as "migratest sizes" prints them' },
  measure: {
    type: 'string',
    value: 'ROWS',
    help: 'also measure how long a reader and a writer wait for what is found, over so many rows (20000)',
  },
  'fail-on': { type: 'string', value: 'SEVERITY', help: 'exit with 1 from: error (default), warning or notice' },
  ts: { type: 'boolean', help: 'write one TypeScript file' },
  output: { type: 'string', short: 'o', value: 'FILE', help: 'file to write (default: migrate.mjs)' },
  format: {
    type: 'string',
    value: 'FORMAT',
    help: 'output format: text (default), json; dag: mermaid, svg; verify: github, sarif, junit',
  },
  timestamp: { type: 'boolean', help: 'number by timestamp instead of in sequence' },
  timeout: { type: 'string', value: 'SECONDS', help: 'time to wait (default: 60; verify --app: 600)' },
  'on-irreversible': {
    type: 'string',
    value: 'WHAT',
    help: 'if a migration cannot be undone: ask (default), rebuild (reapply everything, keeping rows) or stop',
  },
  'carry-rows': { type: 'string', value: 'N', help: 'number of rows to carry without asking (default: 100000)' },
  seeds: { type: 'string', value: 'FILE', help: 'SQL file to run in a new or reset database' },
  poll: { type: 'boolean', help: 'check the files ten times a second, for file systems without events' },
  exec: { type: 'string', value: 'COMMAND', help: 'shell command to run after each change; gets $DATABASE_URL' },
  ui: { type: 'boolean', help: 'also show the page in the browser' },
  kept: { type: 'string', value: 'NAME', help: 'look at the kept database of a failed test' },
  'read-only': { type: 'boolean', help: 'only look: change nothing, neither in the database nor on a save' },
  export: {
    type: 'string',
    value: 'FILE',
    help: 'write the page into one HTML file (or into a folder) that needs no server',
  },
  report: { type: 'string', value: 'FILE', help: 'also write the findings and all versions into one HTML file' },
  port: { type: 'string', value: 'PORT', help: 'port of the page on this machine (default: a free one)' },
  'no-open': { type: 'boolean', help: 'print the address of the page, but do not open the browser' },
  yes: {
    type: 'boolean',
    short: 'y',
    help: 'destroy data without asking (squash: also uncommitted files; generate --amend: edits by hand)',
  },
  confirm: { type: 'string', value: 'NAME', help: "the database's name, as confirmation" },
  schema: {
    type: 'string',
    multiple: true,
    value: 'FILE',
    help: 'the wanted schema: an SQL file, a folder of them, or "-" for standard input',
  },
  'from-database': { type: 'string', value: 'URL', help: 'the wanted schema: that of a database' },
  record: {
    type: 'boolean',
    help: 'record in the database that its first migration is applied there, without running it',
  },
  'from-command': { type: 'string', value: 'COMMAND', help: 'the wanted schema: the SQL that a command prints' },
  'from-revision': {
    type: 'string',
    value: 'REVISION',
    help: 'the wanted schema: what the migrations build at a revision in git',
  },
  rename: {
    type: 'string',
    multiple: true,
    value: 'RENAME',
    help: 'what was renamed, such as "column users.name = users.full_name"',
  },
  'no-renames': { type: 'boolean', help: 'nothing was renamed, except what --rename says' },
  leave: {
    type: 'string',
    multiple: true,
    value: 'PATTERN',
    help: "objects to leave as they are: function, 'audit.*', 'users.dropped_*', 'view report_*'; may be repeated",
  },
  online: {
    type: 'boolean',
    help: 'write what would keep others out of a table for long in a gentler way, in several migrations if it takes them',
  },
  amend: { type: 'boolean', help: 'write the newest migration anew, if it is not shared with others yet' },
  done: { type: 'boolean', help: 'say that the draft is done: watch then writes it anew no more' },
  destroy: {
    type: 'string',
    multiple: true,
    value: 'WAY',
    help: 'drop tables and columns that are not wanted (default), set them aside under another name, or leave them: drop, aside, leave; aside=users.old for one',
  },
  fill: {
    type: 'string',
    multiple: true,
    value: 'NAME=SQL',
    help: 'value for the rows of a column that must not be null',
  },
  map: {
    type: 'string',
    multiple: true,
    value: 'NAME=VALUE',
    help: 'what rows get whose enum value goes: mood.lost=new',
  },
  using: { type: 'string', multiple: true, value: 'NAME=SQL', help: 'expression by which a column changes its type' },
  split: {
    type: 'string',
    multiple: true,
    value: 'COLUMNS',
    help: "a column becomes several, by TypeScript that you fill in: 'column users.name = users.first_name, users.last_name'",
  },
  merge: {
    type: 'string',
    multiple: true,
    value: 'COLUMNS',
    help: "several columns become one, in the same way: 'column users.first_name, users.last_name = users.name'",
  },
  answers: { type: 'string', value: 'FILE', help: 'JSON file with the questions and their answers' },
  'dry-run': { type: 'boolean', help: 'print the migration instead of writing it' },
  sql: { type: 'boolean', help: 'print the SQL that would mend the difference' },
  reverse: { type: 'boolean', help: 'with --sql: print the SQL of the other direction' },
} as const satisfies Record<string, Entry>

export type OwnOption = keyof typeof OWN
const ALL = { ...OWN, ...SHARED }
type Table = typeof ALL
export type Options = {
  readonly [K in keyof Table]?: Table[K]['type'] extends 'string'
    ? Table[K] extends { readonly multiple: true }
      ? readonly string[]
      : string
    : boolean
}

/** Options of other tools, and names from our configuration file, with what they are called here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  '--migrations': '--path',
  '--migrations-dir': '--path',
  '--dir': '--path',
  '--folder': '--path',
  '--url': '--database',
  '--db': '--database',
  '--database-url': '--database',
  '--connection': '--database',
}

/** Parses the command line into options and positional arguments. @throws OptionError */
export function parseOptions(argv: readonly string[]): { options: Options; positionals: string[] } {
  // The -1 in "force -1" is the nil version, not an option.
  const takesVersion = argv.some((arg) => arg === 'force' || arg === 'goto' || arg === 'plan')
  const numbered = takesVersion ? argv.map((arg) => (arg === '-1' ? 'nil' : arg)) : argv
  // The way may be left out.
  const args = numbered.map((arg, i) =>
    arg === '--destroy' && !/^(?:drop|aside|leave)(?:=|$)/.test(numbered[i + 1] ?? '') ? '--destroy=drop' : arg,
  )
  try {
    const { values, positionals } = parseArgs({ args, options: ALL, allowPositionals: true })
    return { options: values as Options, positionals }
  } catch (cause) {
    const unknown = /'(-[^'\s]+)/.exec((cause as Error).message)?.[1]
    const meant = unknown && (ELSEWHERE[unknown] ?? nearest(unknown, optionNames(Object.keys(OWN) as OwnOption[])))
    const message = /Unknown option/.test((cause as Error).message)
      ? `There is no option ${unknown}.`
      : (cause as Error).message
    throw new OptionError(message, { hint: meant ? `Did you mean ${meant}?` : 'See: migratest --help', cause })
  }
}

/** Throws an OptionError if the user gave an option that the command does not take. */
export function refuseForeign(command: string, taken: readonly OwnOption[], options: Options): void {
  const foreign = (Object.keys(OWN) as OwnOption[]).find((name) => options[name] !== undefined && !taken.includes(name))
  if (foreign === undefined) return
  const hint =
    foreign === 'dry-run'
      ? '"migratest plan" prints the steps, and "migratest showsql" their SQL.'
      : `See: migratest ${command} --help`
  throw new OptionError(`${command} takes no --${foreign}.`, { hint })
}

/**
 * Throws an OptionError if there are more arguments than the command takes. A surplus argument may be a typing error,
 * and the command may destroy data.
 */
export function refuseSurplus(command: string, args: readonly string[], most: number): void {
  const surplus = args[most]
  if (surplus === undefined) return
  const shown = surplus.replace(/:\/\/.*/s, '://…')
  const takes = `${command} takes ${most === 0 ? 'none' : `at most ${most}`}`
  throw new OptionError(`Unexpected argument "${shown}": ${takes}.`, {
    hint: /:\/\//.test(surplus) ? 'To name a database, use --database URL.' : `See: migratest ${command} --help`,
  })
}

/** Returns the options as the user types them (`--name`): the command's own, then the common ones. */
export function optionNames(taken: readonly OwnOption[]): string[] {
  return [...taken, ...Object.keys(SHARED)].map((name) => `--${name}`)
}

/**
 * Returns aligned help lines.
 * @param taken the command's own options; if omitted, only the common options are listed
 */
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
