/** What every command but `--version` needs, as one module: loading each of them separately takes a millisecond. */
export { loadPackagesWith } from '../migrate/loadPackage.ts'
export { COMMANDS, findCommand, helpOf, overview } from './commands.ts'
export { loadConfig, NO_CONFIG } from './config.ts'
export { Context } from './context.ts'
export { parseOptions, refuseForeign, refuseSurplus } from './options.ts'
