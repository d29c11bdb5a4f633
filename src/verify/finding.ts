/** The error of a failed check of `verify`. */
import { MigratestError } from '../migrate/errors.ts'
import type { Version } from '../migrate/version.ts'
import { diffText, type SchemaDiff } from '../schema/diff.ts'

export class VerificationError extends MigratestError {
  readonly code = 'MIGRATEST_VERIFICATION'
  /** Version of the migration; undefined if the finding concerns all migrations. */
  readonly version: Version | undefined
  readonly file: string | undefined

  constructor(what: string, { version, file, diff, legend, hint }: FindingDetails) {
    const lines = diff && diffText(diff).replace(/^/gm, '  ')
    super([what, lines, lines && legend && `  (${legend})`].filter(Boolean).join('\n\n'), { hint })
    this.version = version
    this.file = file
  }
}

interface FindingDetails {
  readonly version?: Version | undefined
  readonly file?: string | undefined
  readonly diff?: SchemaDiff
  /** The meaning of - and + in the diff. */
  readonly legend?: string
  readonly hint?: string
}
