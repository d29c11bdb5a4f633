import { MigratestError } from '../../migrate/errors.ts'

/** The server has no room left, on its disk or in the memory that holds its data. */
export class NoSpaceError extends MigratestError {
  readonly code = 'MIGRATEST_NO_SPACE'
}
