/** Any two schemas reach each other. A pair that does not is shrunk; put it into postgres.test.ts. */
import fc from 'fast-check'
import { test } from 'vitest'
import { reachEachOther } from '../support/generating.ts'
import { schemas } from '../support/schemas.ts'

/** More on a free machine: RUNS=500. SHRINK=1 makes a counterexample small, SEED=… repeats a run. */
const { RUNS = '12', SHRINK, SEED } = process.env

test('any two schemas reach each other, both ways', async () => {
  await fc.assert(fc.asyncProperty(schemas, schemas, reachEachOther), {
    numRuns: Number(RUNS),
    endOnFailure: SHRINK === undefined,
    ...(SEED && { seed: Number(SEED) }),
  })
}, 900_000)
