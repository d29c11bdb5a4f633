import { MigratestError } from '../migrate/errors.ts'

/** No server could be had; the message says what was tried and why each way failed. */
export class ServerUnavailableError extends MigratestError {
  readonly code = 'MIGRATEST_SERVER_UNAVAILABLE'
}

/** The test's time ran out while the server was still starting; the start goes on. */
export class ServerStartingError extends MigratestError {
  readonly code = 'MIGRATEST_SERVER_STARTING'
}
