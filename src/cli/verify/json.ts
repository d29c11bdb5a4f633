/** The report as JSON. `format` grows when a key changes its meaning. */
import { type Report, summaryOf } from './report.ts'

export function reportDocument(report: Report): object {
  const { migrations, checks, findings, effects, matrix, ms } = report
  return {
    format: 1,
    migrations: migrations.length,
    summary: { ...summaryOf(report), ms: Math.round(ms) },
    checks: checks.map(({ id, group, name, version, ok, ms: took, remark, notRun, error, findings: found }) => ({
      id,
      group,
      name,
      version,
      ok,
      ms: took,
      text: ok ? remark : (error?.message ?? found.map(({ message }) => message).join('\n')),
      notRun,
    })),
    findings,
    effects,
    matrix,
  }
}
