#!/usr/bin/env node
/** The command `migratest`, also `migrate`. Loads only what the command that is asked for needs. */
import { existsSync, readFileSync } from 'node:fs'
import module from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MigratestError } from '../migrate/errors.ts'
import type { Context } from './context.ts'

// Compiled code is kept between runs, where the system has a place for it.
module.enableCompileCache?.()

/** 0 done or nothing to do, 1 failure or findings, 2 usage; 130 and 143 stopped by SIGINT and SIGTERM. */
async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v')) {
    console.log(ownVersion())
    return 0
  }
  const [{ parseOptions, refuseForeign }, { COMMANDS, findCommand, helpOf, overview }] = await Promise.all([
    import('./options.ts'),
    import('./commands.ts'),
  ])
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
    console.log(asked ? helpOf(asked) : overview())
    return name === undefined && !options.help ? 2 : 0
  }
  const command = findCommand(name)
  if (options.help) {
    console.log(helpOf(command))
    return 0
  }
  const { takes, load } = COMMANDS[command]
  refuseForeign(command, takes, options)
  const [{ Context }, { loadConfig }, { run }] = await Promise.all([
    import('./context.ts'),
    import('./config.ts'),
    load(),
  ])
  const context = new Context(options, await loadConfig(options.config))
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
  context.tell(error.message)
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

function report(error: Partial<MigratestError> & { code?: string }): number {
  const known = error.code?.startsWith('MIGRATEST_')
  if (process.argv.includes('--json') && known) {
    const { code, message, version, file, line, column } = error as unknown as Record<string, unknown>
    console.log(JSON.stringify({ error: { code, message, version, file, line, column } }))
  } else if (known) console.error(`${error.message}${reference(error.code ?? '')}`)
  else console.error(error)
  if (known && process.argv.includes('--verbose')) console.error(error)
  return error.code === 'MIGRATEST_OPTION' || error.code === 'MIGRATEST_USAGE' ? 2 : 1
}

/** Where the error is explained: in the package itself, so for this very version. */
function reference(code: string): string {
  if (code === 'MIGRATEST_OPTION' || code === 'MIGRATEST_USAGE') return ''
  const file = relative(process.cwd(), join(packageFolder(), 'docs', 'errors.md'))
  return `\n\nSee ${file}#${code.toLowerCase()}`
}

process.exitCode = await main(process.argv.slice(2)).catch(report)
