/** What a statement does that takes longer the more rows there are. Pure. */
import type { Effects, WrittenRows } from '../../database/effects.ts'

export interface Work {
  /** The old tables it reads from end to end or changes in large part. */
  readonly tables: readonly string[]
  /** A sentence that says so; empty if there is none. */
  readonly sentence: string
  /** The tables of which it changes more than half of the rows. */
  readonly many: readonly WrittenRows[]
}

export function workOf({ scanned, built, rewritten, written, constraints, columns }: Effects): Work {
  const many = written.filter(isMany)
  const scans = scanned.map(({ name }) => name).filter((name) => !rewritten.some((one) => one.name === name))
  const tables = [...new Set([...scans, ...built.map(({ table }) => table), ...many.map(({ name }) => name)])]
  const reasons = [
    ...constraints
      .filter(({ change, isValid, kind }) => change !== 'dropped' && isValid && kind !== 'not null')
      .map(({ name }) => `constraint ${name}`),
    ...columns.flatMap(({ before, after }) =>
      before && after && !before.isNotNull && after.isNotNull ? [`NOT NULL of ${after.name}`] : [],
    ),
  ]
  const why = reasons.length > 0 ? ` for ${[...new Set(reasons)].join(', ')}` : ''
  const sentences = [
    ...rewritten.map(({ name }) => `${name} is written anew.`),
    ...scans.map((name) => `${name} is read from end to end${why}.`),
    ...many.map(({ name, updated, deleted, of }) => `${updated + deleted} of ${of} rows of ${name} are changed.`),
  ]
  return { tables, sentence: sentences.join(' '), many }
}

// --- internal ---

/** Below this many rows, more than half may be one. */
const FEW = 3

function isMany({ isOld, updated, deleted, of, isCommitted }: WrittenRows): boolean {
  return isOld && !isCommitted && of !== undefined && of >= FEW && (updated + deleted) * 2 > of
}
