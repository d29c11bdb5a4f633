#!/usr/bin/env node
/** The command `migratest`, also `migrate`. Loads only what the command that is asked for needs. */
import { existsSync, readFileSync } from 'node:fs'
import module from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MigratestError } from '../migrate/errors.ts'
import type { Description } from './commands.ts'
import type { Context } from './context.ts'

// Compiled code is kept between runs, where the system has a place for it.
module.enableCompileCache?.()

/** 0 done or nothing to do, 1 failure or findings, 2 usage; 130 and 143 stopped by SIGINT and SIGTERM. */
async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v')) {
    console.log(ownVersion())
    return 0
  }
  const [{ parseOptions, refuseForeign, refuseSurplus }, { COMMANDS, findCommand, helpOf, overview }] =
    await Promise.all([import('./options.ts'), import('./commands.ts')])
  const { options, positionals } = parseOptions(argv)
  if (options['no-color']) {
    process.env.NO_COLOR = '1'
    delete process.env.FORCE_COLOR
  }
  const [name, ...args] = positionals
  if (options.version) {
    console.log(ownVersion())
    return 0
  }
  if (name === undefined || name === 'help') {
    const asked = args[0] === undefined ? undefined : findCommand(args[0])
    if (name === undefined && !options.help) {
      console.error(overview())
      return 2
    }
    console.log(asked ? helpOf(asked) : overview())
    return 0
  }
  const command = findCommand(name)
  if (options.help) {
    console.log(helpOf(command))
    return 0
  }
  const { takes, load, ...more }: Description & { load: (typeof COMMANDS)[typeof command]['load'] } = COMMANDS[command]
  refuseForeign(command, takes, options)
  refuseSurplus(command, args, more.args ?? 0)
  const [{ Context }, { loadConfig, NO_CONFIG }, { run }] = await Promise.all([
    import('./context.ts'),
    import('./config.ts'),
    load(),
  ])
  const context = new Context(options, more.alone ? NO_CONFIG : await loadConfig(options.config))
  try {
    const code = await run(context, args, COMMANDS)
    return context.stoppedBy ?? code
  } catch (error) {
    return stopped(context, error as MigratestError)
  } finally {
    await context.close()
  }
}

/** A run that was cancelled because it was asked to. */
function stopped(context: Context, error: MigratestError): number {
  if (context.stoppedBy === undefined || error.code !== 'MIGRATEST_CANCELLED') throw error
  if (context.options.json) context.print('', errorDocument(error))
  else context.tell(error.message)
  return context.stoppedBy
}

/** The package's folder, which is one further up once this is built. */
function packageFolder(): string {
  const candidates = ['../../', '../../../'].map((up) => fileURLToPath(new URL(up, import.meta.url)))
  return candidates.find((folder) => existsSync(join(folder, 'package.json'))) ?? '.'
}

function ownVersion(): string {
  return (JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as { version: string }).version
}

/** Everything but what a stack trace of somebody else's error would tell: those may hold a URL with its password. */
function errorDocument(error: Partial<MigratestError>): object {
  const { code = 'UNKNOWN', message, version, file, line, column } = error as unknown as Record<string, unknown>
  return { error: { code, message, version, file, line, column } }
}

function report(thrown: unknown): number {
  const error = (thrown instanceof Error ? thrown : new Error(String(thrown))) as Partial<MigratestError> & Error
  const { code = '' } = error
  const known = code.startsWith('MIGRATEST_')
  // Of the system: ENOENT, EACCES.
  const system = /^E[A-Z]+$/.test(code)
  if (process.argv.includes('--json')) console.log(JSON.stringify(errorDocument(error)))
  else if (known) console.error(`${error.message}${reference(code)}`)
  else console.error(system ? error.message : error.stack)
  if (known && process.argv.includes('--verbose')) console.error(error.stack)
  return code === 'MIGRATEST_OPTION' || code === 'MIGRATEST_USAGE' ? 2 : 1
}

/** A reader who has seen enough is no failure; a full disk is one. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  process.stderr.write(`The output cannot be written: ${error.message}\n`)
  process.exit(1)
})

/** Where the error is explained: in the package itself, so for this very version. */
function reference(code: string): string {
  if (code === 'MIGRATEST_OPTION' || code === 'MIGRATEST_USAGE') return ''
  const file = relative(process.cwd(), join(packageFolder(), 'docs', 'errors.md'))
  return `\n\nSee ${file}#${code.toLowerCase()}`
}

process.exitCode = await main(process.argv.slice(2)).catch(report)
