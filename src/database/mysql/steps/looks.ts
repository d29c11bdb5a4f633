/** Looks at the objects that statements are about to change: before each, or ahead, at the end of the message before. */
import type { StepWork } from '../../../migrate/driver.ts'
import type { Script } from '../../../sql/script.ts'
import type { Row, Session } from '../session.ts'
import type { ChangedSession } from './changedSession.ts'
import { type Look, type Looked, lookAt, type Modes, readJournal } from './statementJournal.ts'
import { kindOf, SESSION_ONLY, type StatementKind } from './statementMessage.ts'

export interface LooksOptions {
  readonly session: Session
  readonly changed: ChangedSession
  readonly modes: Modes
  /** Returns the database of our tables. */
  readonly database: () => string
  /** Returns whether somebody looks at the database around each statement. */
  readonly isObserved: () => boolean
}

export class Looks {
  readonly #options: LooksOptions
  /** The work of the step that begins as soon as the running one has finished. */
  #next: StepWork | undefined
  /** The objects of the next statement, read at the end of the message before it. */
  #looked: Looked | undefined

  constructor(options: LooksOptions) {
    this.#options = options
  }

  /** Call when a step begins. @param next what the step behind it does */
  begin(next: StepWork | undefined): void {
    this.#next = next
  }

  forget(): void {
    this.#looked = undefined
  }

  /** Keeps what a look has seen. @param errno the error it failed with */
  keep(look: Look | undefined, row: Row | undefined, errno: number | undefined): void {
    this.#looked = look?.read(row, errno)
  }

  /** Returns what the journal stores about a statement that is about to run: the state of the objects it changes. */
  async progressOf(kind: StatementKind, sql: string): Promise<string | null> {
    if (kind === 'session') return SESSION_ONLY
    if (kind !== 'schema') return null
    if (this.#looked?.sql === sql) return JSON.stringify(this.#looked.progress)
    const { session, changed } = this.#options
    const progress = await readJournal(session, sql, { ...this.#where, changed: changed.isUnsettled })
    return progress ? JSON.stringify(progress) : null
  }

  /**
   * Returns the look at the object of the next statement, if that may be sent behind this one: neither may have changed
   * the session, which decides what names mean and how definitions are written.
   */
  after(kind: StatementKind, script: Script | undefined, index: number): Look | undefined {
    if (kind === 'opaque' || this.#options.changed.isUnsettled || this.#options.isObserved()) return undefined
    const own = script?.statements[index + 1]
    const following = own ? script : this.#next?.kind === 'sql' ? this.#next.script : undefined
    const statement = own ?? following?.statements[0]
    if (!following || !statement || statement.parts) return undefined
    const sql = following.text.slice(statement.start, statement.end)
    if (kindOf(sql, statement.words, false) !== 'schema') return undefined
    return lookAt(sql, this.#where)
  }

  // --- internal ---

  get #where(): { readonly database: string; readonly modes: Modes } {
    const { changed, database, modes } = this.#options
    return { database: changed.database ?? database(), modes }
  }
}
