/** What migrations change in their session, and how that is put back after each of them. */
import { leavesSession } from '../../sql/rows.ts'
import type { Script } from '../../sql/script.ts'
import type { Session } from './session.ts'
import { readSessionSettings, restoreSessionSettings, type SessionSettings } from './sessionSettings.ts'

export class ChangedSession {
  readonly #session: Session
  /** Session settings, read before the first migration that may change them. */
  #settings: SessionSettings | undefined
  #isUnsettled = false
  #database: string | undefined

  constructor(session: Session) {
    this.#session = session
  }

  /** `true` if a migration may have changed session settings that are not restored yet. */
  get isUnsettled(): boolean {
    return this.#isUnsettled
  }

  /** The database that unqualified names refer to, if a migration has changed it with USE. */
  get database(): string | undefined {
    return this.#database
  }

  /** Reads the session settings before the first migration that may leave changed settings behind. */
  async remember(script: Script | undefined, always = false): Promise<void> {
    if (!always && !script?.statements.some(leavesSession)) return
    this.#settings ??= await readSessionSettings(this.#session)
    this.#isUnsettled = true
  }

  async putBack(script: Script | undefined, always = false): Promise<void> {
    if (!this.#settings || !(always || script?.statements.some(leavesSession))) return
    await restoreSessionSettings(this.#session, this.#settings).catch(() => undefined)
    this.#isUnsettled = false
    this.#database = undefined
  }

  /** Reads which database unqualified names now refer to. */
  async findDatabase(): Promise<void> {
    const [row] = await this.#session.query('SELECT DATABASE() AS name').catch(() => [])
    this.#database = row?.name == null ? undefined : String(row.name)
  }
}
