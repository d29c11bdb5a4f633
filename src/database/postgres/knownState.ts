/** The state that a driver knows while it keeps the lock, so that at the end of a run only what the run has recorded is read. */
import type { DatabaseState, HistoryChange } from '../../migrate/driver.ts'
import type { Row } from './session.ts'
import { stateQuery, toState } from './state.ts'
import type { Tables } from './tables.ts'

export class KnownState {
  /** The state at the beginning of the run; undefined if it is not known what has been recorded since. */
  #before: DatabaseState | undefined
  readonly #changed = new Set<number>()

  begin(state: DatabaseState): void {
    this.#before = state
    this.#changed.clear()
  }

  /** Takes note of what is recorded. */
  note({ put, remove, baseline }: HistoryChange): void {
    if (baseline) this.forget()
    if (put) this.#changed.add(put.version)
    for (const version of [remove ?? []].flat()) this.#changed.add(version)
  }

  /** Says that it is not known what is recorded. */
  forget(): void {
    this.#before = undefined
  }

  /** Returns the query for {@link state}. @param one a SELECT of one row, whose columns each row of the result has, too */
  query(tables: Tables, one: string): string {
    return stateQuery(tables, one, this.#before && [...this.#changed])
  }

  /** Makes the state of the rows; undefined if others are there than were known, so that all must be read. */
  state(rows: readonly Row[]): DatabaseState | undefined {
    const before = this.#before
    const read = toState(rows)
    if (!before) return read
    const kept = before.history.filter(({ version }) => !this.#changed.has(version))
    const history = [...kept, ...read.history].sort((one, other) => one.version - other.version)
    return Number(rows[0]?.records) === history.length ? { ...read, history } : undefined
  }
}
