/** Finds the statement that breaks queries of old code. */
import type { ObservedStatement, StatementObserver } from '../../migrate/driver.ts'
import { type Broken, isBroken } from './broken.ts'

/** Notes after which statement each query fails first. */
export class CauseObserver implements StatementObserver {
  isActive = false
  readonly causes = new Map<Broken, { start: number; end: number }>()
  readonly #broken: readonly Broken[]

  constructor(broken: readonly Broken[]) {
    this.#broken = broken
  }

  async observe({ query, statement, inTransaction }: ObservedStatement, run: () => Promise<void>): Promise<void> {
    await run()
    if (!statement) return
    for (const broken of this.#broken) {
      if (this.causes.has(broken)) continue
      if (await isBroken(query, broken, inTransaction)) this.causes.set(broken, statement)
    }
  }
}
