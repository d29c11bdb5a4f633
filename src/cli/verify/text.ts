/** The report for the terminal: the verdict, then each migration with its findings. */
import { stripVTControlCharacters, styleText } from 'node:util'
import { maskSecrets } from '../../sql/codeFrame.ts'
import type { Finding } from '../../verify/finding.ts'
import { docsOf, RULES } from '../../verify/rules.ts'
import { pathInPackage } from '../packageFiles.ts'
import { paintedDiff, plural, time } from '../render.ts'
import { effectsTable } from './effectsTable.ts'
import { byMigration, type CheckReport, type Report, summaryOf } from './report.ts'

/** @param verbose `true` to add what each statement did */
export function reportText(report: Report, verbose: boolean): string {
  const groups = byMigration(report)
  const found = groups.filter(({ findings }) => findings.length > 0)
  const explained = new Set<string>()
  const table = verbose ? effectsTable(report.effects) : undefined
  const quiet = groups.slice(1).filter(({ findings }) => findings.length === 0)
  const blocks = found.map(({ label, findings }) =>
    [bold(label), ...findings.map((finding) => findingText(finding, explained))].join('\n\n'),
  )
  const notRun = report.checks.filter((check) => check.notRun !== undefined)
  return [
    verdict(report),
    ...blocks,
    ...(notRun.length > 0 ? [notRunText(notRun)] : []),
    ...(quiet.length > 0 ? [quietText(quiet.map(({ label }) => label))] : []),
    ...remarks(report.checks),
    ...sizesHint(report),
    ...(table ? [`${bold('What each statement did')}\n${indented(table)}`] : []),
  ].join('\n\n')
}

/** Returns the first line: `14 migrations: 1 error, 2 warnings; 61 checks, 2 could not run, in 3.1 s.` */
export function verdict(report: Report): string {
  const { errors, warnings, notices, allowed, checks, notRun } = summaryOf(report)
  const found = [
    errors > 0 && red(plural(errors, 'error')),
    warnings > 0 && yellow(plural(warnings, 'warning')),
    notices > 0 && plural(notices, 'notice'),
    allowed > 0 && `${allowed} allowed`,
  ].filter(Boolean)
  const ran = checks < report.planned ? `stopped after ${checks} of ${report.planned} checks` : plural(checks, 'check')
  const missed = notRun > 0 ? `, ${red(`${notRun} could not run`)}` : ''
  const what = found.length > 0 ? found.join(', ') : 'nothing found'
  return `${plural(report.migrations.length, 'migration')}: ${what}; ${ran}${missed}, in ${time(report.ms)}.`
}

/** Returns a text without colors. */
export function plain(text: string): string {
  return stripVTControlCharacters(text)
}

// --- internal ---

const WIDTH = 100

/** @param explained the rules that were explained above */
function findingText(finding: Finding, explained: Set<string>): string {
  const { rule, message, why, fix, evidence, allowed } = finding
  const head = [placeText(finding), severityText(finding), bold(rule)].filter(Boolean).join('  ')
  if (allowed) return indented(`${head}\n${wrapped(message)}\n${dim(`allowed at ${allowed.at}: ${allowed.reason}`)}`)
  const parts = [
    `${head}\n${wrapped(message)}`,
    frame(finding),
    evidence?.diff && indented(paintedDiff(evidence.diff)),
    evidence?.insert && `Rows that show it:\n\n${indented(evidence.insert)}`,
    evidence?.queries && `Queries that fail:\n\n${indented(evidence.queries)}`,
    evidence?.output && `It printed:\n\n${indented(evidence.output)}`,
    !explained.has(rule) && dim(wrapped(why)),
    fix && `${styleText('cyan', 'Instead:')} ${wrapped(fix.text, 9)}`,
    fix?.sql && indented(fix.sql.trimEnd()),
    !explained.has(rule) && dim(pathInPackage(docsOf(rule))),
  ]
  explained.add(rule)
  return indented(parts.filter(Boolean).join('\n\n'))
}

function placeText({ file, line, column }: Finding): string {
  if (file === undefined) return ''
  return line === undefined ? file : `${file}:${line}${column === undefined ? '' : `:${column}`}`
}

function severityText({ severity, allowed }: Finding): string {
  if (allowed) return dim('allowed')
  return severity === 'error' ? red('error') : severity === 'warning' ? yellow('warning') : 'notice'
}

const FRAME_LINES = 6

/** Shows the statement with its line numbers, at most six lines of it around the finding. */
function frame({ statement, line, endLine }: Finding): string | undefined {
  if (statement === undefined || line === undefined) return undefined
  const lines = maskSecrets(statement).split(/\r?\n/)
  const first = (endLine ?? line) - lines.length + 1
  const at = Math.max(0, line - first)
  const from = Math.max(0, Math.min(at - 2, lines.length - FRAME_LINES))
  const shown = lines.slice(from, from + FRAME_LINES)
  const gutter = String(first + from + shown.length - 1).length
  const text = shown.map((one, i) => {
    const number = first + from + i
    const mark = number === line ? '>' : ' '
    return `${mark} ${String(number).padStart(gutter)} | ${one.slice(0, 140)}${one.length > 140 ? ' …' : ''}`.trimEnd()
  })
  const left = lines.length - from - shown.length
  return indented(
    [...text, ...(left > 0 ? [`  ${' '.repeat(gutter)} | … ${plural(left, 'line')} more`] : [])].join('\n'),
  )
}

function notRunText(checks: readonly CheckReport[]): string {
  const lines = checks.map(({ name, notRun }) => `  ${red('?')} ${name}: ${(notRun ?? '').replace(/\n/g, '\n    ')}`)
  return [bold('Could not run'), lines.join('\n')].join('\n')
}

function quietText(labels: readonly string[]): string {
  const shown = labels.length <= 8 ? labels : [...labels.slice(0, 3), `… ${labels.length - 4} more …`, labels.at(-1)]
  return `${styleText('green', '✓')} nothing found in ${shown.join(', ')}`
}

/** Remarks of checks that passed, such as what was not compared. */
function remarks(checks: readonly CheckReport[]): string[] {
  const lines = checks.flatMap(({ ok, name, remark }) => (ok && remark ? [dim(`  ${name}: ${remark}`)] : []))
  return lines.length > 0 ? [lines.join('\n')] : []
}

/** Said once, where it would help. */
function sizesHint({ findings, hasSizes }: Report): string[] {
  const isSized = findings.some(({ worked, severity, allowed }) => worked && severity === 'warning' && !allowed)
  if (hasSizes || !isSized) return []
  return [dim('  With the sizes of your tables ("migratest sizes"), findings about small ones are notices.')]
}

/** Explains a rule. */
export function ruleText(id: keyof typeof RULES): string {
  const { group, severity, summary, why, instead } = RULES[id]
  const text = [`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`, `Why: ${why}`, `Instead: ${instead}`]
  const allow = `Allow it in a file: -- migrate: allow ${id} because REASON`
  const level = `Set it for all:     rules: { '${id}': 'off' | 'notice' | 'warning' | 'error' }`
  return [
    `${bold(id)}  ${dim(`${group}, ${severity}`)}`,
    ...text.map((one) => wrapped(one)),
    `${allow}\n${level}`,
    dim(pathInPackage(docsOf(id))),
  ].join('\n\n')
}

/** Lists all rules, by group. */
export function rulesText(): string {
  const ids = Object.keys(RULES) as (keyof typeof RULES)[]
  const width = Math.max(...ids.map((id) => id.length))
  const groups = [...new Set(ids.map((id) => RULES[id].group))]
  return groups
    .map((group) => {
      const own = ids.filter((id) => RULES[id].group === group)
      return [
        bold(group),
        ...own.map((id) => `  ${id.padEnd(width)}  ${RULES[id].severity.padEnd(7)}  ${RULES[id].summary}`),
      ].join('\n')
    })
    .join('\n\n')
}

/** Breaks lines between words. Lines that begin with white space stay as they are. */
function wrapped(text: string, used = 0): string {
  return text
    .split('\n')
    .map((line) => (/^\s/.test(line) ? line : wrapLine(line, used)))
    .join('\n')
}

function wrapLine(line: string, used: number): string {
  const out: string[] = []
  let current = ''
  let room = WIDTH - used
  for (const word of line.split(' ')) {
    if (current !== '' && current.length + word.length + 1 > room) {
      out.push(current)
      current = word
      room = WIDTH
    } else current = current === '' ? word : `${current} ${word}`
  }
  return [...out, current].join('\n')
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ')
}

function bold(text: string): string {
  return styleText('bold', text)
}

function dim(text: string): string {
  return styleText('dim', text)
}

function red(text: string): string {
  return styleText('red', text)
}

function yellow(text: string): string {
  return styleText('yellow', text)
}
