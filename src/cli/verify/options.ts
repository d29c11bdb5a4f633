/** The options of a verification, from the command line and the configuration. */
import { GROUPS, ON_DEMAND, type RuleGroup } from '../../verify/rules.ts'
import type { VerifyOptions } from '../../verify/verify.ts'
import { fromConfig } from '../config.ts'
import { type Context, parseSeconds } from '../context.ts'
import { OptionError } from '../options.ts'
import { readSizesFile } from './sizesFile.ts'

/** Returns the groups that take no long time, and old code if a release is named. */
export function usualGroups(hasRelease: boolean): readonly RuleGroup[] {
  return GROUPS.filter((group) => !ON_DEMAND.includes(group) || (group === 'compat' && hasRelease))
}

/** @param groups default: the usual ones */
export async function verifyOptions(
  context: Context,
  groups: readonly RuleGroup[] = usualGroups(false),
): Promise<VerifyOptions<unknown>> {
  const { irreversible, base: configured, outOfOrder, rules, allow, also, skip } = context.config
  const base = context.options.base ?? configured
  const sizes = context.options.sizes ?? (context.config.sizes && fromConfig(context.found, context.config.sizes))
  const { app, timeout = '600', pairs } = context.options
  return {
    server: await context.testServer(),
    migrations: context.migrations,
    groups,
    ...(irreversible && { irreversible }),
    ...(base !== undefined && { base }),
    ...(outOfOrder && { outOfOrder }),
    ...(context.options.since !== undefined && { since: context.options.since }),
    ...(context.options.from !== undefined && { release: context.options.from }),
    ...(app !== undefined && { app: { command: app, timeoutMs: parseSeconds('--timeout', timeout) } }),
    ...(also && { also }),
    ...(pairs !== undefined && { pairs: pairsOf(pairs) }),
    ...(skip && { skip }),
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

function pairsOf(text: string): number | 'all' {
  if (text === 'all') return text
  const count = Number(text)
  if (Number.isSafeInteger(count) && count >= 0) return count
  throw new OptionError(`--pairs ${text}: neither a number of moves nor "all".`)
}
