/** Runs the checks one after another and collects what they say. */
import { type Check, type VerifyOptions, verification } from '../../verify/verify.ts'
import { type CheckReport, collected, type Report } from './report.ts'

export interface RunHooks {
  /** Called before each check. */
  onCheck(check: Pick<Check, 'name'>, done: number, all: number): void
  onChecked?(report: CheckReport): void
  /** Asked before each check: `true` ends the run, and the report says how far it came. */
  isStopped(): boolean
}

/** @throws what `verification()` throws, and ServerUnavailableError */
export async function runChecks(
  options: VerifyOptions<unknown>,
  hooks: RunHooks,
): Promise<Omit<Report, 'failOn' | 'hasSizes'>> {
  const begun = performance.now()
  // Wait for the server here, so that its start does not count as part of the first check.
  await (await options.server.create()).drop()
  const { migrations, checks, conclude, effects, matrix, dispose } = await verification(options)
  const ran: Check[] = []
  const reports: CheckReport[] = []
  try {
    for (const check of checks) {
      if (hooks.isStopped()) break
      const since = performance.now()
      hooks.onCheck(check, ran.length, checks.length)
      const result = await check.examine()
      ran.push(check)
      const { id, group, name, version } = check
      const report = { id, group, name, version, ...result, ms: Math.round(performance.now() - since) }
      reports.push(report)
      hooks.onChecked?.(report)
    }
  } finally {
    // An interrupted check leaves a database behind. The next process that uses the server removes it.
    await dispose()
  }
  return {
    migrations,
    checks: reports,
    planned: checks.length,
    findings: collected(reports, conclude(ran)),
    effects: effects(),
    matrix: matrix(),
    ms: performance.now() - begun,
  }
}
