/** The report as the page shows it. */
import type { FindingsDocument, VerifiedCheck } from '../../ui/protocol.ts'
import { SEVERITIES } from '../../verify/rules.ts'
import { byMigration, failed, type Report } from './report.ts'
import { plain, verdict } from './text.ts'

export function pageReport(report: Report): FindingsDocument {
  const keys = new Map(report.migrations.map(({ version, label }) => [version, label]))
  const keyOf = (version: Report['checks'][number]['version']) =>
    version === undefined ? undefined : keys.get(version)
  return {
    verdict: plain(verdict(report)),
    ok: !failed(report),
    checks: report.checks.map(({ id, name, version, ok, ms, remark, error, notRun, findings }): VerifiedCheck => {
      const counted = findings.filter(({ allowed }) => !allowed)
      return {
        id,
        name,
        key: keyOf(version),
        ok,
        ms,
        text: ok ? remark : (error?.message ?? counted.map(({ message }) => message).join('\n')),
        notRun,
        rules: [...new Set(findings.map(({ rule }) => rule))],
        worst: SEVERITIES.find((severity) => counted.some((finding) => finding.severity === severity)),
      }
    }),
    findings: byMigration(report)
      .flatMap(({ findings }) => findings)
      .map((finding) => ({ ...finding, key: keyOf(finding.version) })),
    effects: report.effects.flatMap((effect) => {
      const key = keyOf(effect.version)
      return key === undefined ? [] : [{ ...effect, key }]
    }),
  }
}
