/** The result of a run of `verify`, as data. Each format renders it. */
import type { Version } from '../../migrate/version.ts'
import type { CheckResult } from '../../verify/check.ts'
import type { Finding } from '../../verify/finding.ts'
import { counts, distinct } from '../../verify/judge.ts'
import type { StatementReport } from '../../verify/live/effectsReport.ts'
import type { RuleGroup, Severity } from '../../verify/rules.ts'
import type { Matrix } from '../../verify/ways/matrix.ts'

export interface CheckReport extends CheckResult {
  readonly id: string
  readonly group: RuleGroup
  readonly name: string
  readonly version: Version | undefined
  readonly ms: number
}

export interface Report {
  /** All migrations, in order. `label`: its name for people. */
  readonly migrations: readonly { readonly version: Version; readonly label: string }[]
  readonly checks: readonly CheckReport[]
  /** Number of checks that there are, if the run was stopped before the last. */
  readonly planned: number
  readonly findings: readonly Finding[]
  /** The effects of each statement on a database in use. */
  readonly effects: readonly StatementReport[]
  /** The result for each pair of versions. */
  readonly matrix: Matrix
  /** `true` if the sizes of the tables in production are known. */
  readonly hasSizes: boolean
  readonly failOn: Severity
  readonly ms: number
}

export interface Summary {
  readonly errors: number
  readonly warnings: number
  readonly notices: number
  readonly allowed: number
  readonly checks: number
  readonly notRun: number
}

/** Collects the findings of the checks and of the run as a whole, each once. */
export function collected(checks: readonly CheckReport[], conclusion: readonly Finding[]): Finding[] {
  return distinct([...checks.flatMap(({ findings }) => findings), ...conclusion])
}

export function summaryOf({ findings, checks }: Pick<Report, 'findings' | 'checks'>): Summary {
  const count = (severity: Severity) => findings.filter((one) => !one.allowed && one.severity === severity).length
  return {
    errors: count('error'),
    warnings: count('warning'),
    notices: count('notice'),
    allowed: findings.filter(({ allowed }) => allowed).length,
    checks: checks.length,
    notRun: checks.filter(({ notRun }) => notRun !== undefined).length,
  }
}

/** Returns whether the run failed: by a finding as severe as asked for, or by a check that could not run at all. */
export function failed({ findings, checks, failOn }: Report): boolean {
  return findings.some((finding) => counts(finding, failOn)) || checks.some(({ ok }) => !ok)
}

/** Returns the findings of each migration, in order; first those of all migrations. Errors come first. */
export function byMigration({
  migrations,
  findings,
}: Report): { readonly label: string; readonly findings: Finding[] }[] {
  const sorted = [...findings].sort(
    (a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || (a.line ?? 0) - (b.line ?? 0),
  )
  const own = migrations.map(({ version, label }) => ({
    label,
    findings: sorted.filter((finding) => finding.version === version),
  }))
  const known = new Set(migrations.map(({ version }) => version))
  const rest = sorted.filter(({ version }) => version === undefined || !known.has(version))
  return [{ label: 'all migrations', findings: rest }, ...own]
}

const ORDER: readonly Severity[] = ['error', 'warning', 'notice']
