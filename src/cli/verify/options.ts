/** The options of a verification, from the command line and the configuration. */
import { GROUPS, type RuleGroup } from '../../verify/rules.ts'
import type { VerifyOptions } from '../../verify/verify.ts'
import { fromConfig } from '../config.ts'
import type { Context } from '../context.ts'
import { OptionError } from '../options.ts'
import { readSizesFile } from './sizesFile.ts'

/** @param groups default: all */
export async function verifyOptions(
  context: Context,
  groups: readonly RuleGroup[] = GROUPS,
): Promise<VerifyOptions<unknown>> {
  const { irreversible, base: configured, outOfOrder, rules, allow } = context.config
  const base = context.options.base ?? configured
  const sizes = context.options.sizes ?? (context.config.sizes && fromConfig(context.found, context.config.sizes))
  return {
    server: await context.testServer(),
    migrations: context.migrations,
    groups,
    ...(irreversible && { irreversible }),
    ...(base !== undefined && { base }),
    ...(outOfOrder && { outOfOrder }),
    ...(context.options.since !== undefined && { since: context.options.since }),
    ...(sizes !== undefined && { sizes: readSizesFile(sizes) }),
    ...(context.options.measure !== undefined && { measure: rowsOf(context.options.measure) }),
    ...(rules && { rules }),
    ...(allow && { allow }),
  }
}

// --- internal ---

function rowsOf(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text)
  throw new OptionError(`--measure takes a number of rows, not "${text}".`)
}
