/** The few things the driver needs of a connection. `pg` and PGlite each provide one. */
export type Row = Record<string, unknown>

export interface Session {
  /** The database as a person would say it; never a password. */
  readonly label: string
  /** What code migrations are handed. */
  readonly client: unknown
  /** Whether the caller's settings are on it, to be put back after each migration. */
  readonly borrowed: boolean
  /** Another session on the same server, which the caller closes. Undefined where there can be only one. */
  readonly another: (() => Promise<Session>) | undefined
  query(sql: string, params?: readonly unknown[], signal?: AbortSignal): Promise<Row[]>
  /** Runs any number of statements in one round trip. @throws ScriptFailure */
  script(sql: string, signal: AbortSignal): Promise<void>
  /** Hears what the server says beside results, until the function that is given back is called. */
  onNotice?(listener: (notice: Notice) => void): () => void
  close(): Promise<void>
}

/** A notice or a warning of the server. */
export interface Notice {
  /** As the server writes it: NOTICE, WARNING, INFO; in its own language. */
  readonly severity: string
  readonly message: string
}

/** A script that failed, and how many of its statements had completed: many errors carry no position. */
export class ScriptFailure extends Error {
  readonly completed: number
  readonly error: PostgresError
  constructor(completed: number, error: PostgresError) {
    super(error.message, { cause: error })
    this.completed = completed
    this.error = error
  }
}

/** The fields of an ErrorResponse (PostgreSQL manual, "Error and Notice Message Fields"). */
export interface PostgresError extends Error {
  readonly code?: string
  readonly severity?: string
  /** Counted in characters from 1, in the text that was sent. */
  readonly position?: string
  /** Counted likewise, in `internalQuery`: SQL inside a function. */
  readonly internalPosition?: string
  readonly internalQuery?: string
  readonly detail?: string
  readonly hint?: string
  readonly where?: string
}
