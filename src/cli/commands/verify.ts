import { appendFileSync } from 'node:fs'
import { GROUPS, isRule, meantRule, type RuleGroup, SEVERITIES, type Severity } from '../../verify/rules.ts'
import { type Check, verification } from '../../verify/verify.ts'
import { fromConfig } from '../config.ts'
import type { Context } from '../context.ts'
import { OptionError } from '../options.ts'
import { checkLine } from '../render.ts'
import { annotations, jobSummary } from '../verify/github.ts'
import { reportDocument } from '../verify/json.ts'
import { junit } from '../verify/junit.ts'
import { type CheckReport, collected, failed, type Report } from '../verify/report.ts'
import { sarif } from '../verify/sarif.ts'
import { readSizesFile } from '../verify/sizesFile.ts'
import { plain, reportText, rulesText, ruleText, verdict } from '../verify/text.ts'

/** Runs all checks and returns 1 if any of them found what counts, or explains the rules. */
export async function run(context: Context, [what, rule]: readonly string[]): Promise<number> {
  if (what === 'rules') return explain(context, rule)
  if (what !== undefined) {
    throw new OptionError(`Unexpected argument "${what}".`, { hint: 'See: migratest verify --help' })
  }
  const wanted = optionsOf(context)
  const report = await verify(context, wanted)
  print(context, report, wanted.format)
  if (context.options.report !== undefined) {
    const [{ writePage }, { pageReport }] = await Promise.all([
      import('../exportPage.ts'),
      import('../verify/pageReport.ts'),
    ])
    const { file } = await writePage(context, context.options.report, { findings: pageReport(report) })
    context.tell(`Wrote ${file}.`)
  }
  return failed(report) ? 1 : 0
}

// --- internal ---

const FORMATS = ['text', 'json', 'github', 'sarif', 'junit'] as const

interface Wanted {
  readonly format: (typeof FORMATS)[number]
  readonly groups: readonly RuleGroup[]
  readonly failOn: Severity
}

function optionsOf({ options }: Context): Wanted {
  const groups = options.only?.split(',').map((name) => oneOf('--only', name.trim(), GROUPS)) ?? GROUPS
  const format = oneOf('--format', options.format ?? (options.json ? 'json' : 'text'), FORMATS)
  return { groups, format, failOn: oneOf('--fail-on', options['fail-on'] ?? 'error', SEVERITIES) }
}

/** Prints the report. In a job of GitHub Actions, the text comes with annotations and a summary. */
function print(context: Context, report: Report, format: Wanted['format']): void {
  const { GITHUB_ACTIONS, GITHUB_STEP_SUMMARY } = process.env
  const isJob = GITHUB_ACTIONS === 'true' && !process.stdout.isTTY
  if (format === 'text') {
    context.printLine(reportText(report, context.options.verbose ?? false))
    if (isJob) for (const line of annotations(report)) context.printLine(line)
  }
  if (format === 'json') context.printRaw(JSON.stringify(reportDocument(report)))
  if (format === 'sarif') context.printRaw(JSON.stringify(sarif(report, context.version), undefined, 2))
  if (format === 'junit') context.printRaw(junit(report))
  if (format === 'github') context.printRaw([...annotations(report), plain(verdict(report))].join('\n'))
  if (GITHUB_STEP_SUMMARY && (isJob || format === 'github'))
    appendFileSync(GITHUB_STEP_SUMMARY, `${jobSummary(report)}\n`)
}

function oneOf<T extends string>(option: string, given: string, known: readonly T[]): T {
  const found = known.find((one) => one === given)
  if (found === undefined) throw new OptionError(`Unknown ${option} ${given}: use one of ${known.join(', ')}.`)
  return found
}

function rowsOf(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text)
  throw new OptionError(`--measure takes a number of rows, not "${text}".`)
}

function explain(context: Context, rule: string | undefined): number {
  if (rule === undefined) context.printRaw(rulesText())
  else if (isRule(rule)) context.printRaw(ruleText(rule))
  else throw new OptionError(`There is no rule "${rule}".`, { hint: meantRule(rule) })
  return 0
}

async function verify(context: Context, { groups, failOn, format }: Wanted): Promise<Report> {
  const { irreversible, base: configured, outOfOrder, rules, allow } = context.config
  const base = context.options.base ?? configured
  const sizes = context.options.sizes ?? (context.config.sizes && fromConfig(context.found, context.config.sizes))
  const begun = performance.now()
  const server = await context.testServer()
  context.busy('waiting for a test server')
  // Wait for the server here, so that its start does not count as part of the first check.
  await (await server.create()).drop()
  const { migrations, checks, conclude, effects, dispose } = await verification({
    server,
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
  })
  const ran: Check[] = []
  const reports: CheckReport[] = []
  let stop = false
  const stopSoon = () => {
    stop = true
  }
  // An interrupted check leaves a database behind. The next process that uses the server removes it.
  context.endOnSignal('after the running check', stopSoon, (code) => process.exit(code))
  try {
    for (const check of checks) {
      if (stop) break
      const since = performance.now()
      context.busy(`${ran.length + 1} of ${checks.length}  ${check.name}${leftText(begun, ran.length, checks.length)}`)
      const result = await check.examine()
      ran.push(check)
      const { id, group, name, version } = check
      const ms = Math.round(performance.now() - since)
      reports.push({ id, group, name, version, ...result, ms })
      if (context.options.verbose && format === 'text') context.printLine(checkLine(name, result.ok, result.remark, ms))
    }
  } finally {
    await dispose()
  }
  return {
    migrations,
    checks: reports,
    planned: checks.length,
    findings: collected(reports, conclude(ran)),
    effects: effects(),
    hasSizes: sizes !== undefined,
    failOn,
    ms: performance.now() - begun,
  }
}

/** Returns about how long the rest takes, once enough checks have run to tell. */
function leftText(begun: number, done: number, all: number): string {
  if (done < 5) return ''
  const seconds = Math.round(((performance.now() - begun) / done / 1000) * (all - done))
  return seconds >= 2 ? `, about ${seconds} s left` : ''
}
