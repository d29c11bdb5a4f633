/** The interface of a connection that the driver needs. */
export type Row = Record<string, unknown>

export interface Session {
  /** Readable name of the database; never contains a password. */
  readonly label: string
  /** Object that is the same for all sessions on one connection. */
  readonly identity: object
  /** The client that code migrations receive. */
  readonly client: unknown
  /** `true` if the session is the caller's: its settings are restored after each migration. */
  readonly borrowed: boolean
  /** Opens another session on the same server, which the caller closes. */
  readonly another: () => Promise<Session>
  /** Runs SQL and returns the rows of the last statement that has any. */
  query(sql: string, params?: readonly unknown[], signal?: AbortSignal): Promise<Row[]>
  /**
   * Runs statements and returns the rows of each, in one round trip if the client takes several at once. All rows are
   * kept in memory: only for small results.
   */
  queries(statements: readonly string[]): Promise<Row[][]>
  /**
   * Runs statements one after another, in one round trip if the client takes several at once.
   * @param onRow receives each row and the index of its statement.
   * @throws ScriptFailure
   */
  script(
    statements: readonly string[],
    signal: AbortSignal,
    onRow?: (row: Row, statement: number) => void,
  ): Promise<void>
  /** Called once, when the connection is lost or closed. */
  onEnd(listener: () => void): void
  close(): Promise<void>
}

/** The failure of one of several statements, with its index from 0. Those before it have run. */
export class ScriptFailure extends Error {
  readonly index: number
  readonly error: MysqlError
  constructor(index: number, error: MysqlError) {
    super(error.message, { cause: error })
    this.index = index
    this.error = error
  }
}

/** An error of mysql2: with the server's `errno`, or with a `code` of Node.js if the connection failed. */
export interface MysqlError extends Error {
  /** Such as `ER_PARSE_ERROR`, `ECONNREFUSED`. */
  readonly code?: string
  /**
   * The server's error number, such as 1064 (MySQL manual, "Server Error Message Reference"); negative for errors of
   * Node.js.
   */
  readonly errno?: number
  readonly sqlState?: string
  readonly sqlMessage?: string
  readonly fatal?: boolean
}
