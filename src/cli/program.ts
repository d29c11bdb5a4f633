/** What every command but `--version` needs, as one module: loading each of them separately takes a millisecond. */
export { COMMANDS, findCommand, helpOf, overview } from './commands.ts'
export { Context } from './context.ts'
export { parseOptions, refuseForeign, refuseSurplus } from './options.ts'
