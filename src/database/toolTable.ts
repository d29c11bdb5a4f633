/** The table of the tool whose migrations run, and that tool's own locks, while a driver holds ours. */
import type { LockOptions } from '../migrate/driver.ts'
import type { Bookkeeping, LockRow } from '../migrate/source.ts'
import { poll } from './locking.ts'

/** The calls that the table makes to its database. */
export interface ToolDatabase {
  /** The database as messages name it. */
  readonly label: string
  /** The keys of the tool's locks that belong to a session; none where a pooler may hand the session to somebody else. */
  keys(bookkeeping: Bookkeeping): readonly string[]
  tryLock(key: string): Promise<boolean>
  unlock(key: string): Promise<unknown>
  /** Says who holds a lock, for the error. */
  holder(key: string): Promise<string | undefined>
  /** Returns the rows of a query, or null if its table does not exist. */
  rows(query: string): Promise<readonly object[] | null>
  /** Runs the statements that create the table. */
  create(statements: readonly string[]): Promise<void>
}

export class ToolTable {
  readonly #database: ToolDatabase
  readonly #locked: string[] = []
  #bookkeeping: Bookkeeping | undefined

  constructor(database: ToolDatabase) {
    this.#database = database
  }

  /** Returns the statements that create the table; none if no tool's migrations run. */
  get creation(): readonly string[] {
    return this.#bookkeeping?.create ?? []
  }

  /** Takes the tool's locks, and creates its table if it is missing. @throws LockedError */
  async hold(bookkeeping: Bookkeeping, options: LockOptions): Promise<void> {
    const { label, keys, tryLock, holder, rows, create } = this.#database
    for (const key of keys(bookkeeping)) {
      await poll(
        label,
        options,
        () => tryLock(key),
        () => holder(key),
      )
      this.#locked.push(key)
    }
    this.#bookkeeping = bookkeeping
    const { select, lockRow } = bookkeeping
    if (select !== undefined && (await rows(select)) === null) await create(bookkeeping.create)
    if (lockRow) await this.#takeRow(lockRow, options)
  }

  /** Releases the tool's locks. Never rejects. */
  async release(): Promise<void> {
    for (const key of this.#locked.splice(0)) await this.#database.unlock(key).catch(() => undefined)
    const { lockRow } = this.#bookkeeping ?? {}
    this.#bookkeeping = undefined
    if (lockRow) await this.#database.rows(lockRow.free).catch(() => undefined)
  }

  // --- internal ---

  /** Marks the row by which the tool locks. */
  async #takeRow({ take, look, holder }: LockRow, options: LockOptions): Promise<void> {
    const attempt = async () => {
      await this.#database.rows(take)
      return !(await this.#database.rows(look))?.length
    }
    await poll(this.#database.label, options, attempt, async () => holder)
  }
}
