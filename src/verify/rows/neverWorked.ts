/** Remembers objects that fail since they are there, up to the version at which they work. */
import type { Observation } from '../finding.ts'
import type { Half } from '../halves.ts'
import { observeNew } from './observations.ts'
import type { Use } from './rowReader.ts'

/** A trigger that a row sets off has no arguments that could be wrong ones, and a view has none at all. */
const WITHOUT_ARGUMENTS = /^the (?:trigger|materialized view) /

export class NeverWorked {
  readonly #failing = new Map<string, Observation>()

  /** Takes note of what could be used before a migration and can be used after it. */
  note(before: readonly Use[], after: readonly Use[], half: Half): void {
    const known = new Set(before.map(({ what }) => what))
    const there = new Set(after.map(({ what }) => what))
    for (const what of this.#failing.keys()) if (!there.has(what)) this.#failing.delete(what)
    for (const use of after) {
      // A body may name what only a later migration makes.
      if (use.error === undefined) this.#failing.delete(use.what)
      else if ((use.isSure || (use.isUnfit && WITHOUT_ARGUMENTS.test(use.what))) && !known.has(use.what))
        this.#failing.set(use.what, observeNew(use, half))
    }
  }

  /** Returns an observation about each object that has never worked. */
  observations(): Observation[] {
    return [...this.#failing.values()]
  }
}
