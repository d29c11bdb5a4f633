import { MigratestError } from '../migrate/errors.ts'

/** Thrown if no server could be started. The message lists what was tried and why each way failed. */
export class ServerUnavailableError extends MigratestError {
  readonly code = 'MIGRATEST_SERVER_UNAVAILABLE'
}

/** Thrown if the test's time limit is reached while the server is still starting. The start continues. */
export class ServerStartingError extends MigratestError {
  readonly code = 'MIGRATEST_SERVER_STARTING'
}
