import { MigratestError } from '../../migrate/errors.ts'

/** There is no room left on the server's disk, or in the memory where its data is. */
export class NoSpaceError extends MigratestError {
  readonly code = 'MIGRATEST_NO_SPACE'
}
