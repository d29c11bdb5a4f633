/** Sends scripts over a `pg` client. A script may be sent before the earlier ones have been answered. */
import type { Client, PoolClient, Query } from 'pg'
import { type Notice, type PostgresError, type Row, ScriptFailure, type WantedRows } from './session.ts'

export class Scripts {
  readonly #client: Client | PoolClient
  readonly #Query: typeof Query
  /** Scripts that were sent and not yet answered, the running one first. */
  readonly #sent: SentScript[] = []
  readonly #waiting: (() => void)[] = []

  constructor(client: Client | PoolClient, query: typeof Query) {
    this.#client = client
    this.#Query = query
  }

  /** Number of scripts that have been sent and not yet answered. */
  get unanswered(): number {
    return this.#sent.length
  }

  /** Resolves when all scripts have been answered: only then may anything else be sent on the client. */
  async answered(): Promise<void> {
    while (this.#sent.length > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Runs any number of statements in one message. @throws ScriptFailure */
  run(sql: string, onNotice?: (notice: Notice) => void, wanted?: WantedRows): Promise<void> {
    return new Promise((resolve, reject) => {
      const script = scriptClass(this.#Query)
      const sent: SentScript = new script(sql, { onNotice, column: wanted?.column }, (error) => {
        this.#sent.shift()
        // The client knows one query at a time, and gets the next one before it reads the answer to it.
        const next = this.#sent[0]
        if (next) this.#client.query(next)
        else {
          this.#client.off('notice', this.#hear)
          for (const resume of this.#waiting.splice(0)) resume()
        }
        if (error) reject(new ScriptFailure(sent.completed, error))
        else {
          wanted?.receive(sent.received)
          resolve()
        }
      })
      const before = this.#sent.at(-1)
      this.#sent.push(sent)
      if (before) {
        if (before.isSent) sent.send(connectionOf(this.#client))
        return
      }
      this.#client.on('notice', this.#hear)
      this.#client.query(sent)
    })
  }

  // --- internal ---

  readonly #hear = ({ severity = 'NOTICE', message = '' }: Partial<Notice>) =>
    this.#sent[0]?.onNotice?.({ severity, message })
}

interface Connection {
  query(text: string): void
}

interface SentScript extends Query {
  /** How many of its statements have completed. */
  readonly completed: number
  readonly onNotice: ((notice: Notice) => void) | undefined
  /** The rows that are wanted: see `WantedRows`. */
  readonly received: Row[]
  /** `false` while the client still runs something else. */
  readonly isSent: boolean
  send(connection: Connection): void
}

interface Heard {
  readonly onNotice: ((notice: Notice) => void) | undefined
  /** Name of the first column of the rows to keep. */
  readonly column: string | undefined
}

/** The methods of `pg`'s results that we call, and that its types leave out. */
interface Result {
  addFields(fields: readonly object[]): void
  parseRow(values: readonly unknown[]): Row
}

type ScriptClass = new (sql: string, heard: Heard, answered: (error?: PostgresError) => void) => SentScript

const classes = new WeakMap<object, ScriptClass>()

/** Returns the class of scripts for the `pg` that is loaded. */
function scriptClass(Base: typeof Query): ScriptClass {
  const known = classes.get(Base)
  if (known) return known
  const made = class Script extends Base implements SentScript {
    completed = 0
    // Not `rows`: with that, the base class asks the server once more after an empty text.
    received: Row[] = []
    readonly onNotice: ((notice: Notice) => void) | undefined
    readonly #column: string | undefined
    #keeps = false
    readonly #sql: string
    readonly #answered: (error?: PostgresError) => void
    isSent = false
    #isAnswered = false
    /** Set by the client if the user has configured a time limit for queries. */
    declare callback?: (error?: Error | null) => void

    constructor(sql: string, { onNotice, column }: Heard, answered: (error?: PostgresError) => void) {
      super(sql)
      this.#sql = sql
      this.onNotice = onNotice
      this.#column = column
      this.#answered = answered
    }

    send(connection: Connection): void {
      if (!this.isSent) connection.query(this.#sql)
      this.isSent = true
    }

    override submit = (connection: Connection): null => {
      this.send(connection)
      return null
    }

    handleRowDescription({ fields }: { readonly fields: readonly { readonly name: string }[] }): void {
      this.#keeps = this.#column !== undefined && fields[0]?.name === this.#column
      if (!this.#keeps) return
      this.received = []
      this.#result.addFields(fields)
    }

    /** Drops each row that nobody wants: a SELECT in a migration must not fill memory. */
    handleDataRow({ fields }: { readonly fields: readonly unknown[] }): void {
      if (this.#keeps) this.received.push(this.#result.parseRow(fields))
    }

    get #result(): Result {
      return (this as unknown as { readonly _result: Result })._result
    }

    handleCommandComplete(): void {
      this.completed++
    }

    handleError(error: PostgresError): void {
      this.#answer(error)
    }

    handleReadyForQuery(): void {
      this.#answer()
    }

    #answer(error?: PostgresError): void {
      if (this.#isAnswered) return
      this.#isAnswered = true
      this.callback?.(error ?? null)
      this.#answered(error)
    }
  }
  classes.set(Base, made as unknown as ScriptClass)
  return made as unknown as ScriptClass
}

/** Returns the connection of a client, which its types leave out. */
function connectionOf(client: Client | PoolClient): Connection {
  return (client as unknown as { readonly connection: Connection }).connection
}
