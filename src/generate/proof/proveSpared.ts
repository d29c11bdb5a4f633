/** Proves a migration that sets things aside or leaves them: all that is wanted is there, and the down brings back what was. */
import type { Schema } from '../../schema/schema.ts'
import type { Dialect } from '../../sql/dialect.ts'
import type { Attempts } from '../attempts.ts'
import { decideAll } from '../conversion/convert.ts'
import { type DestroyWay, spare } from '../destroying.ts'
import { sparingOf } from '../generators.ts'
import type { Rename } from '../hints.ts'
import { neutralAnswers } from '../questions/neutral.ts'
import { type BothAnswers, type Proof, prove } from './prove.ts'

export interface SparedProof extends Proof {
  readonly aside: readonly Rename[]
  /** The answers with the new names. */
  readonly answers: BothAnswers
}

/**
 * @param open makes databases in the state before, with rows
 * @throws CannotGenerateError, GenerateProofError
 */
export async function proveSpared(
  open: () => Promise<Attempts>,
  input: {
    readonly to: Schema
    readonly answers: BothAnswers
    readonly ways: ReadonlyMap<string, DestroyWay>
    readonly dialect: Dialect
    /** `true`: neighbouring actions on a table share a statement. */
    readonly isJoined: boolean
  },
): Promise<SparedProof> {
  const { to, answers, ways, dialect, isJoined } = input
  const { generator, write, joined } = sparingOf(dialect)
  const plain = await open()
  let decided: Awaited<ReturnType<typeof decideAll>>
  let from: Schema
  try {
    from = await plain.attempt(async (db) => ({ keep: true, value: await db.schema() }))
    decided = await decideAll(plain, generator, { from, to }, answers.up)
  } finally {
    await plain.dispose()
  }
  const oldTable = (name: string) =>
    answers.up.renames.find((rename) => rename.kind === 'table' && rename.new === name)?.old ?? name
  const attempts = await open()
  try {
    const { statements, aside, reached } = await spare(attempts, write, decided.statements, {
      from,
      ways,
      oldTable,
      plain: decided.reached,
    })
    const back = [...aside.map(({ kind, old, new: now }) => ({ kind, old: now, new: old })), ...answers.down.renames]
    const both = {
      up: { ...answers.up, renames: [...answers.up.renames, ...aside] },
      down: neutralAnswers(reached, from, { ...answers.down, renames: back, fill: new Map() }),
    }
    const again = await open()
    try {
      const proof = await prove(again, generator, reached, both, { up: isJoined ? joined(statements) : statements })
      return { ...proof, aside, answers: both }
    } finally {
      await again.dispose()
    }
  } finally {
    await attempts.dispose()
  }
}
