/** All checks whether other ways lead to the same, and what is known of each pair of versions. */
import type { Migration } from '../../migrate/source.ts'
import { type Version, versionOf } from '../../migrate/version.ts'
import { type Check, keyOf, type MakeCheck } from '../check.ts'
import type { SchemaChecks, Shared } from '../schemaChecks.ts'
import type { Verified } from '../verified.ts'
import { InterruptChecks } from './interruptChecks.ts'
import { type Matrix, matrixOf } from './matrix.ts'
import { roleCheck } from './roleCheck.ts'
import { sampleCheck } from './sampleCheck.ts'
import { SessionChecks } from './sessionChecks.ts'
import { StepChecks } from './stepChecks.ts'

/** Remembers which checks found nothing. */
export class Passed {
  readonly #results = new Map<string, boolean>()

  /** Returns the function that makes checks, and from now on remembers what they find. */
  remembering(make: MakeCheck): MakeCheck {
    return (about, work) =>
      make(about, async () => {
        const key = keyOf(about.id, about.version)
        this.#results.set(key, false)
        const result = await work()
        const observations = typeof result === 'object' ? result.observations : undefined
        this.#results.set(key, !observations || observations.length === 0)
        return result
      })
  }

  /** Returns whether a check passed; undefined if it has not run. */
  of(id: string, version?: Version): boolean | undefined {
    return this.#results.get(keyOf(id, version))
  }
}

export interface Ways {
  readonly checks: readonly Check[]
  matrix(): Matrix
  dispose(): Promise<void>
}

export function wayChecks<Client>(
  verified: Verified<Client>,
  schema: SchemaChecks<Client>,
  passed: Passed,
  shared: Shared,
): Ways {
  const { halves, make } = shared
  const { migrations, irreversible, source } = verified
  const isReversible = (migration: Migration) =>
    !irreversible.has(migration.version) && (migration.down !== undefined || !source.format)
  const isSound = () => !migrations.some((migration) => passed.of('round-trip', versionOf(migration)) === false)
  const interrupt = new InterruptChecks(verified, halves, make)
  const sample = sampleCheck(verified, schema, isReversible, isSound, shared)
  return {
    checks: [
      ...sample.checks,
      ...new StepChecks(verified, schema, shared).checks(),
      ...interrupt.checks(),
      ...new SessionChecks(verified, halves, make).checks(),
      ...roleCheck(verified, halves, make),
    ],
    matrix: () =>
      matrixOf({ migrations, isReversible, passed: (id, version) => passed.of(id, version), moves: sample.moves }),
    dispose: () => interrupt.dispose(),
  }
}
