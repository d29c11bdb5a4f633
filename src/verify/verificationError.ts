/** The error of a failed check of `verify`. */
import { MigratestError } from '../migrate/errors.ts'
import type { Direction } from '../migrate/source.ts'
import type { Version } from '../migrate/version.ts'
import { diffText, type SchemaDiff } from '../schema/diff.ts'
import type { Finding } from './finding.ts'
import type { RuleId } from './rules.ts'

export class VerificationError extends MigratestError {
  readonly code = 'MIGRATEST_VERIFICATION'
  /** Version of the migration; undefined if the finding concerns all migrations. */
  readonly version: Version | undefined
  readonly file: string | undefined
  /** The findings that failed the check. Empty if it could not run because an earlier migration fails. */
  readonly findings: readonly Finding[]
  /** What the error itself says as a finding, before the configuration and the files are asked. */
  readonly observed: Observed | undefined

  constructor(what: string, details: VerificationDetails = {}) {
    const { version, file, diff, legend, hint, findings = [], rule, half, objects = [] } = details
    const text = diff && diffText(diff)
    const lines = text?.replace(/^/gm, '  ')
    super([what, lines, lines && legend && `  (${legend})`].filter(Boolean).join('\n\n'), { hint })
    this.version = version
    this.file = file
    this.findings = findings
    this.observed = rule && {
      rule,
      half,
      what,
      hint,
      diff: text,
      legend,
      objects: diff?.changes.map(({ object }) => object) ?? objects,
    }
  }
}

interface Observed {
  readonly rule: RuleId
  readonly half: Direction | undefined
  readonly what: string
  readonly hint: string | undefined
  readonly diff: string | undefined
  readonly legend: string | undefined
  readonly objects: readonly string[]
}

interface VerificationDetails {
  readonly version?: Version | undefined
  readonly file?: string | undefined
  readonly diff?: SchemaDiff
  /** The meaning of - and + in the diff. */
  readonly legend?: string
  readonly hint?: string
  /** The rule that the error is a finding of; without one, the check could not run. */
  readonly rule?: RuleId
  readonly half?: Direction
  /** The objects that it is about, where there is no diff. */
  readonly objects?: readonly string[]
  readonly findings?: readonly Finding[]
}
