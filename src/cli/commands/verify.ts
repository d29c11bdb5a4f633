import { appendFileSync } from 'node:fs'
import { GROUPS, isRule, meantRule, type RuleGroup, SEVERITIES, type Severity } from '../../verify/rules.ts'
import type { Context } from '../context.ts'
import { OptionError } from '../options.ts'
import { checkLine } from '../render.ts'
import { annotations, jobSummary } from '../verify/github.ts'
import { reportDocument } from '../verify/json.ts'
import { junit } from '../verify/junit.ts'
import { usualGroups, verifyOptions } from '../verify/options.ts'
import { failed, type Report } from '../verify/report.ts'
import { runChecks } from '../verify/run.ts'
import { sarif } from '../verify/sarif.ts'
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
  const groups = groupsOf(options.only, options.from !== undefined)
  const format = oneOf('--format', options.format ?? (options.json ? 'json' : 'text'), FORMATS)
  return { groups, format, failOn: oneOf('--fail-on', options['fail-on'] ?? 'error', SEVERITIES) }
}

/** Returns the groups that were named; without any, all that take no long time, and old code if a release is named. */
function groupsOf(only: string | undefined, hasRelease: boolean): readonly RuleGroup[] {
  if (only === 'all') return GROUPS
  if (only !== undefined) return only.split(',').map((name) => oneOf('--only', name.trim(), GROUPS))
  return usualGroups(hasRelease)
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

function explain(context: Context, rule: string | undefined): number {
  if (rule === undefined) context.printRaw(rulesText())
  else if (isRule(rule)) context.printRaw(ruleText(rule))
  else throw new OptionError(`There is no rule "${rule}".`, { hint: meantRule(rule) })
  return 0
}

async function verify(context: Context, { groups, failOn, format }: Wanted): Promise<Report> {
  context.busy('waiting for a test server')
  const begun = performance.now()
  let stop = false
  const stopSoon = () => {
    stop = true
  }
  context.endOnSignal('after the running check', stopSoon, (code) => process.exit(code))
  const options = await verifyOptions(context, groups)
  const ran = await runChecks(options, {
    isStopped: () => stop,
    onCheck: ({ name }, done, all) => context.busy(`${done + 1} of ${all}  ${name}${leftText(begun, done, all)}`),
    onChecked({ name, ok, remark, ms }) {
      if (context.options.verbose && format === 'text') context.printLine(checkLine(name, ok, remark, ms))
    },
  })
  return { ...ran, hasSizes: options.sizes !== undefined, failOn }
}

/** Returns about how long the rest takes, once enough checks have run to tell. */
function leftText(begun: number, done: number, all: number): string {
  if (done < 5) return ''
  const seconds = Math.round(((performance.now() - begun) / done / 1000) * (all - done))
  return seconds >= 2 ? `, about ${seconds} s left` : ''
}
