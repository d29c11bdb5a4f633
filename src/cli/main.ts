#!/usr/bin/env node
/** The command `migratest`, also `migrate`. Loads only what the command that is asked for needs. */
import { MigratestError } from '../migrate/errors.ts'
import { COMMANDS, findCommand, helpOf, overview } from './commands.ts'
import { Context } from './context.ts'
import { OptionError, parseOptions } from './options.ts'

/** 0 done or nothing to do, 1 failure or findings, 2 usage; 130 and 143 stopped by SIGINT and SIGTERM. */
async function main(argv: readonly string[]): Promise<number> {
  const { options, positionals } = parseOptions(argv)
  const [name, ...args] = positionals
  if (options.version) {
    console.log(await ownVersion())
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
  const context = new Context(options)
  try {
    const { run } = await COMMANDS[command].load()
    const code = await run(context, args)
    return context.stoppedBy ?? code
  } catch (error) {
    if (context.stoppedBy && error instanceof MigratestError && error.code === 'MIGRATEST_CANCELLED') {
      context.tell(error.message)
      return context.stoppedBy
    }
    throw error
  } finally {
    await context.close()
  }
}

/** From the package's manifest, which is one folder further up once this is built. */
async function ownVersion(): Promise<string> {
  const { existsSync, readFileSync } = await import('node:fs')
  const found = ['../..', '../../..']
    .map((up) => new URL(`${up}/package.json`, import.meta.url))
    .find((url) => existsSync(url))
  return found ? (JSON.parse(readFileSync(found, 'utf8')) as { version: string }).version : 'unknown'
}

function report(error: unknown): number {
  if (process.argv.includes('--json') && error instanceof MigratestError) {
    console.log(JSON.stringify({ error: { code: error.code, message: error.message } }))
  } else if (error instanceof MigratestError) console.error(error.message)
  else console.error(error)
  return error instanceof OptionError || (error as MigratestError)?.code === 'MIGRATEST_USAGE' ? 2 : 1
}

process.exitCode = await main(process.argv.slice(2)).catch(report)
