/**
 * The report for GitHub Actions: annotations at file and line, and a summary of the job.
 * https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
 */
import type { Finding } from '../../verify/finding.ts'
import { heldIn } from './effectsTable.ts'
import { byMigration, type Report } from './report.ts'
import { plain, verdict } from './text.ts'

/** GitHub shows so many annotations of each severity. */
const MOST = 10

/** Returns the workflow commands, one a line. Allowed findings are left out. */
export function annotations({ findings }: Report): string[] {
  const shown = new Map<string, number>()
  return findings.flatMap((finding) => {
    const count = (shown.get(finding.severity) ?? 0) + 1
    shown.set(finding.severity, count)
    return finding.allowed || count > MOST ? [] : [annotation(finding)]
  })
}

/** Returns the summary as Markdown. */
export function jobSummary(report: Report): string {
  const groups = byMigration(report).filter(({ findings }) => findings.length > 0)
  const notRun = report.checks.filter((check) => check.notRun !== undefined)
  const sections = groups.map(({ label, findings }) =>
    [`### ${escaped(label)}`, ...findings.map(summaryOf)].join('\n\n'),
  )
  const missed = notRun.map(
    ({ name, notRun: why }) => `- ${escaped(name)}: ${escaped((why ?? '').split('\n')[0] ?? '')}`,
  )
  return [
    '## Migrations',
    escaped(plain(verdict(report))),
    ...sections,
    ...(missed.length > 0 ? [`### Could not run\n\n${missed.join('\n')}`] : []),
    ...effectsSection(report),
  ].join('\n\n')
}

// --- internal ---

function annotation({ severity, rule, file, line, endLine, column, message, fix }: Finding): string {
  const properties = {
    ...(file !== undefined && { file, line: line ?? 1, endLine: Math.max(endLine ?? 1, line ?? 1) }),
    ...(file !== undefined && column !== undefined && { col: column }),
    title: rule,
  }
  const text = [message, fix?.text, fix?.sql].filter(Boolean).join('\n')
  const list = Object.entries(properties).map(([name, value]) => `${name}=${property(String(value))}`)
  return `::${severity} ${list.join(',')}::${data(text)}`
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}

function summaryOf({ severity, rule, file, line, message, fix, evidence, allowed }: Finding): string {
  const name = file?.replaceAll('`', "'").replace(/\s+/g, ' ')
  const place = name === undefined ? '' : ` \`${name}${line === undefined ? '' : `:${line}`}\``
  const head = `**${rule}** (${allowed ? `allowed: ${escaped(allowed.reason)}` : severity})${place}`
  const parts = [
    `${head}<br>${escaped(message)}`,
    !allowed && evidence?.diff && fenced('diff', evidence.diff),
    !allowed && evidence?.insert && fenced('sql', evidence.insert),
    !allowed && evidence?.queries && fenced('sql', evidence.queries),
    !allowed && evidence?.output && fenced('text', evidence.output),
    !allowed && fix && escaped(fix.text),
    !allowed && fix?.sql && fenced('sql', fix.sql),
  ]
  return parts.filter(Boolean).join('\n\n')
}

function effectsSection({ effects }: Report): string[] {
  const rows = effects
    .filter(({ locks, rewritten, scanned }) => heldIn(locks).length + rewritten.length + scanned.length > 0)
    .map(({ file, line, locks, rewritten, scanned, rows: written }) =>
      [
        `\`${file.split('/').at(-1)}:${line}\``,
        heldIn(locks)
          .map(([name, mode]) => `${name}: ${mode}`)
          .join('<br>'),
        scanned.join(', '),
        rewritten.join(', '),
        Object.entries(written)
          .map(([name, count]) => `${name}: ${count}`)
          .join(', '),
      ]
        .map((cell) => cell.replaceAll('|', '\\|').replace(/<(?!br>)/g, '\\<'))
        .join(' | '),
    )
  if (rows.length === 0) return []
  const table = [
    '| statement | locks | scanned | rewritten | rows |',
    '|---|---|---|---|---|',
    ...rows.map((row) => `| ${row} |`),
  ]
  return [`<details><summary>What each statement did</summary>\n\n${table.join('\n')}\n\n</details>`]
}

/** A fence is longer than any in the text. */
function fenced(language: string, text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map(({ length }) => length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${text}\n${fence}`
}

/** A name such as `order_items` must not become emphasis. */
function escaped(text: string): string {
  return text.replace(/[\\<>*_`[\]]/g, '\\$&').replace(/\r?\n/g, '<br>')
}
