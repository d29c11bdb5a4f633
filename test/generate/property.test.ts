/** Any two schemas reach each other. A pair that does not is shrunk; put it into postgres.test.ts. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { neutralAnswers } from '../../src/generate/neutral.ts'
import { generated } from '../support/generating.ts'
import { schemas } from '../support/schemas.ts'

/** More on a free machine: RUNS=500. */
const RUNS = Number(process.env.RUNS ?? 12)

test('any two schemas reach each other, both ways', async () => {
  await fc.assert(
    fc.asyncProperty(schemas, schemas, async (from, to) => {
      const first = await generated({ from, to })
      if (first.questions.length === 0) return
      // What is asked gets any answer: here, values that mean nothing.
      const none = { renames: [], fill: new Map(), map: new Map(), using: new Map() }
      const { fill } = neutralAnswers(first.from, first.to, none)
      const byId = Object.fromEntries(
        first.questions.map(({ id, kind, candidates }) => [
          id,
          kind === 'fill' ? (fill.get(id.slice('fill '.length)) ?? "'1'") : (candidates?.[0] ?? 'drop'),
        ]),
      )
      const { questions, up } = await generated({ from, to, answers: { byId } })
      expect(questions).toEqual([])
      expect(up.length).toBeGreaterThan(0)
    }),
    {
      numRuns: RUNS,
      endOnFailure: process.env.SHRINK === undefined,
      ...(process.env.SEED && { seed: Number(process.env.SEED) }),
    },
  )
}, 600_000)
