/** The interface of a connection that the driver needs. `pg` and PGlite each provide one. */
export type Row = Record<string, unknown>

export interface Session {
  /** Readable name of the database; never contains a password. */
  readonly label: string
  /** The client that code migrations receive. */
  readonly client: unknown
  /** `true` if the session is the caller's: its settings are restored after each migration. */
  readonly borrowed: boolean
  /** Opens another session on the same server, which the caller closes. Undefined if there can be only one. */
  readonly another: (() => Promise<Session>) | undefined
  /** Runs SQL. Without parameters it may have several statements: the rows are those of the last one that has columns. */
  query(sql: string, params?: readonly unknown[], signal?: AbortSignal): Promise<Row[]>
  /**
   * Runs any number of statements in one round trip. `onNotice` gets the server's notices meanwhile, if the client
   * passes them on. `wanted`: rows to hand over, if the session can; all others are dropped. @throws ScriptFailure
   */
  script(sql: string, signal: AbortSignal, onNotice?: (notice: Notice) => void, wanted?: WantedRows): Promise<void>
  /** `true` if `script` may be called again before its earlier calls are answered. They are answered in order. */
  readonly sendsAhead?: boolean
  /** `true` if a transaction is open; undefined if the client cannot tell. */
  readonly inTransaction?: boolean | undefined
  /**
   * Notes what the server completes, as its command tags say (`CREATE TABLE`, `INSERT`), and `ERROR` for what failed, until
   * the returned function is called, which returns it. Missing if the client does not tell.
   */
  readonly commands?: (() => () => ReadonlySet<string>) | undefined
  /**
   * Sends a query of code behind statements of ours, in one message: see `sendBehind`. Missing if the client cannot do it.
   */
  readonly behind?:
    | ((
        before: readonly string[],
        asked: unknown,
        values: unknown,
        failed: (error: PostgresError) => void,
      ) => Promise<unknown> | undefined)
    | undefined
  /** The least time in milliseconds in which the server has answered so far. */
  readonly roundTripMs?: number
  /** Listens to the server's notices until the returned function is called. */
  onNotice?(listener: (notice: Notice) => void): () => void
  close(): Promise<void>
}

/** Returns the rows of the last statement that has columns. */
export function rowsIn(
  results: readonly { readonly fields: readonly unknown[]; readonly rows: readonly unknown[] }[],
): Row[] {
  return (results.findLast(({ fields }) => fields.length > 0)?.rows ?? []) as Row[]
}

/** The rows of the last statement of a script whose first column has a name. */
export interface WantedRows {
  readonly column: string
  /** Called when the script has ended well. */
  receive(rows: Row[]): void
}

/** A notice or a warning of the server. */
export interface Notice {
  /** Severity in the server's own language: NOTICE, WARNING, INFO. */
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
  /** Position in the text that was sent, counted in characters from 1. */
  readonly position?: string
  /** Position in `internalQuery`, SQL inside a function, counted likewise. */
  readonly internalPosition?: string
  readonly internalQuery?: string
  readonly detail?: string
  readonly hint?: string
  readonly where?: string
}
