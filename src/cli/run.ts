/** Runs a command line: finds the command, loads what it needs, and converts the outcome to an exit code. */

import type { MigratestError } from '../migrate/errors.ts'
import type { FoundConfig } from './config.ts'
import type { Context } from './context.ts'
import { keepStdoutForData, printOut } from './output.ts'

/** Version, texts and configuration that a program (the command or a bundle) passes in about itself. */
export interface Own {
  readonly version: () => string
  /** Returns the last paragraph of an error message, which names the place that explains the error. */
  readonly reference: (code: string) => string
  /** The configuration that is built into a bundle; undefined in the command. */
  readonly config?: FoundConfig
}

/**
 * Runs the command line and returns the exit code: 0 done or nothing to do, 1 failure or findings, 2 usage error, 130
 * stopped by SIGINT, 143 stopped by SIGTERM.
 */
export async function run(argv: readonly string[], own: Own): Promise<number> {
  const code = await main(argv, own).catch((error) => report(error, argv, own))
  return failedLate ? 1 : code
}

// --- internal ---

/** `true` if an error that no code caught came after the command had printed its result. */
let failedLate = false

async function main(argv: readonly string[], own: Own): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v')) {
    printOut(own.version())
    return 0
  }
  const [program, { loadConfig, NO_CONFIG }] = await Promise.all([import('./program.ts'), import('./config.ts')])
  const { COMMANDS, Context, findCommand, helpOf, overview, parseOptions, refuseForeign, refuseSurplus } = program
  const { options, positionals } = parseOptions(argv)
  if (options.json) keepStdoutForData()
  const bundled = own.config !== undefined
  if (options['no-color']) {
    process.env.NO_COLOR = '1'
    delete process.env.FORCE_COLOR
  }
  const [name, ...args] = positionals
  if (options.version) {
    printOut(own.version())
    return 0
  }
  if (name === undefined || name === 'help') {
    const asked = args[0] === undefined ? undefined : findCommand(args[0], bundled)
    if (name === undefined && !options.help) {
      console.error(overview(bundled))
      return 2
    }
    printOut(asked ? helpOf(asked) : overview(bundled))
    return 0
  }
  const command = findCommand(name, bundled)
  if (options.help) {
    printOut(helpOf(command))
    return 0
  }
  const { takes, load, ...more } = COMMANDS[command]
  refuseForeign(command, takes, options)
  refuseSurplus(command, args, more.args ?? 0)
  const { run } = await load()
  const context = new Context(
    command,
    options,
    own.config ?? (more.alone ? NO_CONFIG : await loadConfig(options.config)),
    own.version,
  )
  // An error that a code migration threw in a promise or callback that nothing awaits. We cancel the run, so that the
  // migration is rolled back before the program ends.
  let stray: { readonly error: unknown } | undefined
  let isOver = false
  const onStray = async (error: unknown) => {
    if (isOver) {
      // The command has already printed its result, so report the error on stderr and with the exit code.
      failedLate = true
      process.exitCode = 1
      console.error((await strayError(error)).message)
      return
    }
    stray ??= { error }
    context.cancel()
  }
  process.on('unhandledRejection', onStray)
  process.on('uncaughtException', onStray)
  try {
    const code = await run(context, args, COMMANDS)
    if (!stray) return context.stoppedBy ?? code
    console.error((await strayError(stray.error)).message)
    return 1
  } catch (error) {
    context.failed()
    if (stray && (error as MigratestError).code === 'MIGRATEST_CANCELLED')
      throw await strayError(stray.error, error as Error)
    return stopped(context, error as MigratestError)
  } finally {
    isOver = true
    await context.close()
  }
}

/** Returns an UnhandledRejectionError for an error that no code caught, because something was not awaited. */
async function strayError(error: unknown, cancelled?: Error): Promise<Error> {
  const { UnhandledRejectionError } = await import('../migrate/errors.ts')
  return new UnhandledRejectionError(error, cancelled)
}

/** Returns the exit code of a run that a signal cancelled. Throws the error again if it has another cause. */
function stopped(context: Context, error: MigratestError): number {
  if (context.stoppedBy === undefined || error.code !== 'MIGRATEST_CANCELLED') throw error
  if (context.options.json) context.print('', errorDocument(error))
  else context.tell(error.message)
  return context.stoppedBy
}

/**
 * Returns an error as a JSON document, without the stack: stack traces of other packages' errors may contain a URL with
 * its password.
 */
function errorDocument(error: Partial<MigratestError>): object {
  const { code = 'UNKNOWN', message, version, file, line, column } = error as unknown as Record<string, unknown>
  return { error: { code, message, version, file, line, column } }
}

function report(thrown: unknown, argv: readonly string[], own: Own): number {
  const error = (thrown instanceof Error ? thrown : new Error(String(thrown))) as Partial<MigratestError> & Error
  const { code = '' } = error
  const known = code.startsWith('MIGRATEST_')
  // System errors such as ENOENT and EACCES.
  const system = /^E[A-Z]+$/.test(code)
  if (argv.includes('--json')) printOut(JSON.stringify(errorDocument(error)))
  else if (known)
    console.error(
      `${error.message}${code === 'MIGRATEST_OPTION' || code === 'MIGRATEST_USAGE' ? '' : own.reference(code)}`,
    )
  else console.error(system ? error.message : error.stack)
  if (known && argv.includes('--verbose')) console.error(error.stack)
  return code === 'MIGRATEST_OPTION' || code === 'MIGRATEST_USAGE' ? 2 : 1
}
