/** The report as JUnit XML: a test case a check, with its findings as failures. */
import type { Finding } from '../../verify/finding.ts'
import { counts } from '../../verify/judge.ts'
import type { CheckReport, Report } from './report.ts'

export function junit(report: Report): string {
  const { checks, failOn, ms } = report
  const cases = checks.map((check) => testCase(check, report))
  const failures = checks.filter((check) => failuresOf(check, failOn).length > 0).length
  const errors = checks.filter(({ notRun, ok }) => notRun !== undefined && !ok).length
  const attributes = `name="migrations" tests="${checks.length}" failures="${failures}" errors="${errors}" time="${seconds(ms)}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes}>`,
    `  <testsuite ${attributes}>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
  ].join('\n')
}

// --- internal ---

function failuresOf({ findings }: CheckReport, failOn: Report['failOn']): Finding[] {
  return findings.filter((finding) => counts(finding, failOn))
}

function testCase(check: CheckReport, { failOn }: Report): string {
  const { name, group, ms, notRun, findings, ok } = check
  const open = `    <testcase name="${escaped(name)}" classname="migrations.${group}" time="${seconds(ms)}"`
  const failed = failuresOf(check, failOn)
  const others = findings.filter((finding) => !failed.includes(finding))
  const inner = [
    ...(notRun === undefined
      ? []
      : ok
        ? [`      <skipped message="${escaped(notRun.split('\n')[0] ?? '')}"/>`]
        : [`      <error message="${escaped(notRun.split('\n')[0] ?? '')}">${escaped(notRun)}</error>`]),
    ...failed.map(
      (finding) =>
        `      <failure type="${finding.rule}" message="${escaped(finding.message)}">${escaped(textOf(finding))}</failure>`,
    ),
    ...(others.length > 0 ? [`      <system-out>${escaped(others.map(textOf).join('\n\n'))}</system-out>`] : []),
  ]
  return inner.length === 0 ? `${open}/>` : `${open}>\n${inner.join('\n')}\n    </testcase>`
}

function textOf({ file, line, rule, severity, message, fix, evidence, allowed }: Finding): string {
  const place = file === undefined ? '' : `${file}${line === undefined ? '' : `:${line}`}: `
  const said = allowed ? `allowed: ${allowed.reason}` : severity
  return [
    `${place}${rule} (${said})`,
    message,
    evidence?.diff,
    evidence?.queries,
    evidence?.output,
    fix?.text,
    fix?.sql,
  ]
    .filter(Boolean)
    .join('\n')
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3)
}

/** Escapes text for XML, and leaves out characters that XML does not know. */
function escaped(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 has no way to write these
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
  )
}
