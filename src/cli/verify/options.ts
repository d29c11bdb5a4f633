/** The options of a verification, from the command line and the configuration. */
import { GROUPS, type RuleGroup } from '../../verify/rules.ts'
import type { VerifyOptions } from '../../verify/verify.ts'
import { fromConfig } from '../config.ts'
import type { Context } from '../context.ts'
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
    ...(rules && { rules }),
    ...(allow && { allow }),
  }
}
