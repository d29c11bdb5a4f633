/** The interface of the page's data, and the error of a request. */
import type { Messages } from '../src/ui/protocol.ts'
import type { Failure } from '../src/watch/events.ts'

export interface Api {
  /** Reads a document: a path with its query, such as `schema?key=7_add_users`. @throws ApiError */
  get<T>(path: string): Promise<T>
  /** Asks for a change. @throws ApiError */
  post(path: string, body: object): Promise<void>
  /** Listens to the server until the page is left; calls `onLost` whenever the connection is gone. */
  listen(
    on: { [Name in keyof Messages]: (data: Messages[Name]) => void },
    onLost: (why: 'gone' | 'refused') => void,
  ): void
}

export class ApiError extends Error {
  readonly failure: Failure
  constructor(failure: Failure) {
    super(failure.message)
    this.failure = failure
  }
}
