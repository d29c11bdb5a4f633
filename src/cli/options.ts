/** Options, before or after the command. One table drives parsing and help. */
import { parseArgs } from 'node:util'
import { MigratestError } from '../migrate/errors.ts'
import { nearest } from './nearest.ts'

/** The command line cannot be understood. */
export class OptionError extends MigratestError {
  readonly code = 'MIGRATEST_OPTION'
}

const OPTIONS = {
  database: { type: 'string', short: 'd', value: 'URL', help: 'the database; default: $DATABASE_URL' },
  path: { type: 'string', short: 'p', value: 'FOLDER', help: 'the migrations; default: migrations' },
  'lock-timeout': { type: 'string', value: 'SECONDS', help: 'how long to wait for another migration; default: 15' },
  all: { type: 'boolean', help: 'down: every migration' },
  applied: { type: 'string', value: 'K', help: 'resume: that many statements are done' },
  'exit-code': { type: 'boolean', help: 'status: end with 1 unless everything is applied as it is in the files' },
  timestamp: { type: 'boolean', help: 'new: number by time instead of in sequence' },
  yes: { type: 'boolean', short: 'y', help: 'do not ask before destroying data' },
  confirm: { type: 'string', value: 'NAME', help: "the database's name, where --yes is not enough" },
  json: { type: 'boolean', help: 'print one JSON document' },
  quiet: { type: 'boolean', short: 'q', help: 'print errors only' },
  help: { type: 'boolean', short: 'h', help: 'show help' },
  version: { type: 'boolean', short: 'v', help: 'show the version of this program' },
} as const satisfies Record<string, { type: 'string' | 'boolean'; short?: string; value?: string; help: string }>

type Table = typeof OPTIONS
export type Options = { readonly [K in keyof Table]?: Table[K]['type'] extends 'string' ? string : boolean }

/** @throws OptionError */
export function parseOptions(argv: readonly string[]): { options: Options; positionals: string[] } {
  // "force -1" is the nil version, not an option.
  const args = argv.map((arg) => (arg === '-1' ? 'nil' : arg))
  try {
    const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
    return { options: values as Options, positionals }
  } catch (cause) {
    const unknown = /'(-[^'\s]+)/.exec((cause as Error).message)?.[1]
    const names = Object.keys(OPTIONS).map((name) => `--${name}`)
    const meant = unknown && nearest(unknown, names)
    const message = /Unknown option/.test((cause as Error).message)
      ? `There is no option ${unknown}.`
      : (cause as Error).message
    throw new OptionError(message, { hint: meant ? `Did you mean ${meant}?` : 'See: migratest --help', cause })
  }
}

export function optionLines(): string[] {
  return Object.entries(OPTIONS).map(([name, option]) => {
    const short = 'short' in option ? `-${option.short}, ` : '    '
    const value = 'value' in option ? ` ${option.value}` : ''
    return `  ${`${short}--${name}${value}`.padEnd(28)} ${option.help}`
  })
}
