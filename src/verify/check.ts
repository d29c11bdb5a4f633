/** A check: named work that observes, and what it says once its observations are judged. */
import type { Version } from '../migrate/version.ts'
import type { Finding, Observation } from './finding.ts'
import { counts, type Judge } from './judge.ts'
import type { RuleGroup } from './rules.ts'
import { VerificationError } from './verificationError.ts'

export interface Check {
  /** What is checked, the same for every version: `round-trip`. */
  readonly id: string
  readonly group: RuleGroup
  /** Name of the check, such as `7_split_names: up, down, up`. */
  readonly name: string
  /** Version of the migration; undefined for checks of all migrations together. */
  readonly version: Version | undefined
  /** The reason why the project does not run it. It is reported as not run then, and fails nothing. */
  readonly skipped?: string
  /** Runs the check and returns what it says. Checks must run in order, one after another. */
  examine(): Promise<CheckResult>
  /**
   * Runs the check. Resolves with a remark, if there is one, and with what was found that fails nothing.
   * @throws VerificationError or the error of a migration, if there is an error among the findings that nothing allows
   */
  run(): Promise<string | undefined>
}

export interface CheckResult {
  /** `false` if there is an error among the findings that nothing allows, or if the check could not run. */
  readonly ok: boolean
  readonly findings: readonly Finding[]
  readonly remark: string | undefined
  /** Why the check could not run, wholly or in part. A check that could not run is never passed. */
  readonly notRun: string | undefined
  /** What the check threw, as today's text of a failed check. */
  readonly error: Error | undefined
}

/** What the work of a check returns. It may also throw: see {@link makeCheck}. */
export interface Observed {
  readonly remark?: string | undefined
  readonly observations?: readonly Observation[]
}

/** Returns what tells a check from all others. */
export function keyOf(id: string, version: Version | undefined): string {
  return version === undefined ? id : `${id} ${version}`
}

/** Makes a check of a run of verification. */
export type MakeCheck = (about: Description, work: Work) => Check

type Description = Pick<Check, 'id' | 'group' | 'name' | 'version'>
type Work = () => Promise<Observed | string | undefined>

/**
 * Makes a check.
 * @param work returns observations, or only a remark; what it throws is an observation, too
 * @param observe turns an error that the work throws into observations; undefined if the error is none of the
 * migrations', so that the check could not run
 */
export function makeCheck(
  about: Description,
  judge: Judge,
  work: Work,
  observe: (error: unknown) => Promise<readonly Observation[] | undefined>,
): Check {
  const examine = async (): Promise<CheckResult> => {
    try {
      const result = await work()
      const { remark, observations = [] } = typeof result === 'object' ? result : { remark: result }
      const findings = judge.findings(observations)
      return { ok: !findings.some((finding) => counts(finding)), findings, remark, notRun: undefined, error: undefined }
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      const observations = await observe(error)
      if (!observations) return { ok: false, findings: [], remark: undefined, notRun: error.message, error }
      const findings = judge.findings(observations)
      const failed = findings.some((finding) => counts(finding))
      return { ok: !failed, findings, remark: failed ? undefined : allowedBy(findings), notRun: undefined, error }
    }
  }
  return {
    ...about,
    examine,
    async run() {
      const { ok, findings, remark, error } = await examine()
      if (ok) return [remark, ...findings.flatMap(told)].filter(Boolean).join('; ') || undefined
      if (error) throw error
      throw failedBy(findings.filter((finding) => counts(finding)))
    },
  }
}

/** Returns the check as one that is not run. @param reason as the project gives it */
export function skippedCheck({ id, group, name, version }: Check, reason: string): Check {
  const notRun = `skipped: ${reason}`
  return {
    ...{ id, group, name, version },
    skipped: reason,
    examine: async () => ({ ok: true, findings: [], remark: undefined, notRun, error: undefined }),
    run: async () => notRun,
  }
}

// --- internal ---

/** Returns the remark of a check that failed only by what is allowed or off. */
function allowedBy(findings: readonly Finding[]): string {
  const reasons = findings.flatMap(({ rule, allowed, severity }) =>
    allowed ? `${rule} is allowed: ${allowed.reason}` : `${rule} is a ${severity}`,
  )
  return reasons.join('; ') || 'what it found is off in the configuration'
}

/** Returns a warning or a notice as a part of a remark. */
function told({ rule, file, line, message, allowed, severity }: Finding): string[] {
  if (allowed || severity === 'error') return []
  return [`${[file, line].filter(Boolean).join(':')}: ${rule}: ${message}`]
}

function failedBy(findings: readonly Finding[]): VerificationError {
  const [first] = findings
  const texts = findings.map(({ rule, file, line, message, fix }) => {
    const where = file ? `${file}${line === undefined ? '' : `:${line}`}: ` : ''
    return [`${where}${rule}: ${message}`, fix?.text, fix?.sql?.replace(/^/gm, '    ')].filter(Boolean).join('\n\n')
  })
  return new VerificationError(texts.join('\n\n'), { version: first?.version, file: first?.file, findings })
}
