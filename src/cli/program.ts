/** Every command but `--version` needs these. They are one module, since loading each of them separately takes a millisecond. */
export { COMMANDS, findCommand, helpOf, overview } from './commands.ts'
export { Context } from './context.ts'
export { parseOptions, refuseForeign, refuseSurplus } from './options.ts'
