/** Puts the steps of operations into migrations. Pure. */
import type { Statement } from '../statement.ts'
import { type Operation, STAGE_KINDS, type StageKind } from './operation.ts'

/** One migration. */
export interface Stage {
  readonly kind: StageKind
  readonly statements: readonly PlacedStatement[]
}

interface PlacedStatement {
  readonly statement: Statement
  /** Place of its operation in the list. */
  readonly operation: number
}

export interface Placing {
  /** The first stage for an operation, by its place, where it cannot come earlier. */
  readonly earliest: ReadonlyMap<number, number>
  /** `true`: no operation begins before the one ahead of it is over. */
  readonly inTurn: boolean
}

/** More than these are not tried. */
export const MOST_STAGES = STAGE_KINDS.length * 4

/** Returns the migrations in which something happens, in their order, with the number of the stage that each one is. */
export function stagesOf(
  operations: readonly Operation[],
  { earliest, inTurn }: Placing,
): readonly (Stage & { readonly number: number })[] {
  const stages: PlacedStatement[][] = Array.from({ length: MOST_STAGES }, () => [])
  const over = new Map<string, number>()
  let all = 0
  for (const [place, { steps, about }] of operations.entries()) {
    let at = Math.max(earliest.get(place) ?? 0, inTurn ? all : 0, ...about.flatMap((part) => over.get(part) ?? []))
    for (const [i, { kind, statements }] of steps.entries()) {
      at = next(kind, i === 0 ? at : at + 1)
      stages[at]?.push(...statements.map((statement) => ({ statement, operation: place })))
    }
    for (const part of about) over.set(part, at)
    all = Math.max(all, at)
  }
  return stages.flatMap((statements, number) =>
    statements.length === 0 ? [] : [{ number, kind: STAGE_KINDS[number % STAGE_KINDS.length] ?? 'change', statements }],
  )
}

// --- internal ---

/** Returns the first stage of a kind, from a stage on; the last one if there are no more. */
function next(kind: StageKind, from: number): number {
  for (let at = from; at < MOST_STAGES; at++) if (STAGE_KINDS[at % STAGE_KINDS.length] === kind) return at
  return MOST_STAGES - 1
}
