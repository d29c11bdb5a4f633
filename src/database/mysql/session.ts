/** The few things the driver needs of a connection. */
export type Row = Record<string, unknown>

export interface Session {
  /** The database as a person would say it; never a password. */
  readonly label: string
  /** The same for all that share its connection. */
  readonly identity: object
  /** What code migrations are handed. */
  readonly client: unknown
  /** Whether the caller's settings are on it, to be put back after each migration. */
  readonly borrowed: boolean
  /** Another session on the same server, which the caller closes. */
  readonly another: () => Promise<Session>
  /** The rows of the last statement that has any. */
  query(sql: string, params?: readonly unknown[], signal?: AbortSignal): Promise<Row[]>
  /** The rows of each statement; in one round trip where the client takes several at once. Rows are kept: for what is small. */
  queries(statements: readonly string[]): Promise<Row[][]>
  /**
   * Runs statements one after another, in one round trip where the client takes several at once.
   * @param onRow hears each row, and which statement gave it. @throws ScriptFailure
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

/** Statements of which one failed: which, from 0. Those before it have run. */
export class ScriptFailure extends Error {
  readonly index: number
  readonly error: MysqlError
  constructor(index: number, error: MysqlError) {
    super(error.message, { cause: error })
    this.index = index
    this.error = error
  }
}

/** What mysql2 throws: with `errno` of the server, or with a `code` of Node's where the connection failed. */
export interface MysqlError extends Error {
  /** As `ER_PARSE_ERROR`, `ECONNREFUSED`. */
  readonly code?: string
  /** The server's number, as 1064 (MySQL manual, "Server Error Message Reference"); of Node's errors negative. */
  readonly errno?: number
  readonly sqlState?: string
  readonly sqlMessage?: string
  readonly fatal?: boolean
}
