/** What a check found wrong with a migration. */
import { MigratestError } from '../migrate/errors.ts'
import { diffText, type SchemaDiff } from '../schema/diff.ts'

export class VerificationError extends MigratestError {
  readonly code = 'MIGRATEST_VERIFICATION'
  /** The migration it is about; undefined where it is about all of them. */
  readonly version: number | undefined
  readonly file: string | undefined

  constructor(what: string, { version, file, diff, legend, hint }: FindingDetails) {
    const lines = diff && diffText(diff).replace(/^/gm, '  ')
    super([what, lines, lines && legend && `  (${legend})`].filter(Boolean).join('\n\n'), { hint })
    this.version = version
    this.file = file
  }
}

interface FindingDetails {
  readonly version?: number | undefined
  readonly file?: string | undefined
  readonly diff?: SchemaDiff
  /** What - and + stand for. */
  readonly legend?: string
  readonly hint?: string
}
