/**
 * Many migrations are checked in two stretches, the upper one beside the lower one, each on a database of its own. That of the
 * upper stretch comes up to its first version before it begins.
 */
import type { Halves } from './halves.ts'
import type { Verified } from './verified.ts'

type Verifying = Pick<Verified<never>, 'migrations'> & {
  readonly options: { readonly server: { readonly url?: unknown } }
}

export class Stretches {
  readonly count: number
  readonly #total: number

  constructor({ options, migrations }: Verifying, halves: Halves) {
    // PGlite runs in this process: there is nobody to do two things at once.
    const areBeside = halves.areApart && options.server.url !== undefined
    this.count = areBeside && migrations.length >= MANY ? 2 : 1
    this.#total = migrations.length
  }

  /** Makes something for each stretch. */
  map<T>(make: () => T): T[] {
    return Array.from({ length: this.count }, make)
  }

  /** Returns the stretch of a migration. @param place its place among all */
  of(place: number): number {
    return Math.floor((place * this.count) / this.#total)
  }
}

// --- internal ---

/** Fewer migrations are checked before other databases would be there. */
const MANY = 20
