/**
 * Many migrations are checked in two stretches, the upper one beside the lower one, each on databases of its own. Those of the
 * upper stretch come up to its first version before they begin.
 */
import type { Halves } from './halves.ts'
import type { Verified } from './verified.ts'

type Verifying = Pick<Verified<never>, 'migrations'> & {
  readonly options: { readonly server: { readonly url?: unknown } }
}

export class Stretches {
  readonly count: number
  /** How many migrations are below the upper stretch. */
  readonly below: number

  /** @param lower the part of the migrations that is in the lower stretch: the more, the longer it takes to come up */
  constructor({ options, migrations }: Verifying, halves: Halves, lower = 0.5) {
    // PGlite runs in this process: there is nobody to do two things at once.
    const areBeside = halves.areApart && options.server.url !== undefined
    this.count = areBeside && migrations.length >= MANY ? 2 : 1
    this.below = this.count === 2 ? Math.ceil(migrations.length * lower) : 0
  }

  /** Makes something for each stretch. */
  map<T>(make: () => T): T[] {
    return Array.from({ length: this.count }, make)
  }

  /** Returns the stretch of a migration. @param place its place among all */
  of(place: number): number {
    return this.count === 2 && place >= this.below ? 1 : 0
  }
}

// --- internal ---

/** Fewer migrations are checked before other databases would be there. */
const MANY = 20
