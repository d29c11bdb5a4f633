/** Says that a migration fails over rows and not without, with the smallest INSERT that shows it. */
import type { MigrationFailedError } from '../../migrate/errors.ts'
import type { Migration } from '../../migrate/source.ts'
import { versionOf } from '../../migrate/version.ts'
import type { Observation } from '../finding.ts'
import type { Halves } from '../halves.ts'
import { observationsOf } from '../observed.ts'
import type { Verified } from '../verified.ts'
import { says, wordsOf } from '../words.ts'
import { smallestRows } from './smallest.ts'
import type { Snapshot } from './snapshot.ts'
import type { Walk } from './walks.ts'

export interface FailureOverRows<Client> {
  readonly verified: Verified<Client>
  readonly halves: Halves
  readonly migration: Migration
  readonly set: Walk['set']
  /** The move that failed. */
  readonly from: number
  readonly to: number
  /** The rows that were there. */
  readonly rows: Snapshot
  readonly error: MigrationFailedError
}

export async function observeFailure<Client>(failure: FailureOverRows<Client>): Promise<Observation[]> {
  const { verified, halves, migration, set, from, to, rows, error } = failure
  const halfOf = (one: Observation) => halves.of(versionOf(migration), one.half ?? 'up')
  const observed = (await observationsOf(error, (version, half) => halves.of(version, half))) ?? []
  return Promise.all(
    observed.map(async (one): Promise<Observation> => {
      const statement = one.statement ?? halfOf(one)?.text ?? ''
      const half = halfOf(one)
      const smallest = await smallestRows({ verified, from, to, rows, error, statement, half })
      const isMissing = /contains null values|use of null|doesn't have a default|'0000-00-00'/i.test(one.message)
      // Rows need not be equal, so it is not any rows that make it fail, unless the file gives them all one value.
      const isRepeated = /duplicate|unique/i.test(one.message)
      const isGiven =
        isRepeated && (smallest?.rows ?? 0) > 1 && !namesColumnOf(smallest?.columns ?? [], half?.text ?? statement)
      const rule = set === 'plain' && (!isRepeated || isGiven) ? 'fails-with-rows' : 'fails-with-some-rows'
      // Whether values fit depends on them, and those of a real table may.
      const isLess = rule === 'fails-with-rows' && !isMissing && !isGiven
      return {
        ...one,
        rule,
        objects: [smallest?.table ?? tableIn(one.message)].flatMap((table) => table ?? []),
        message: `It fails over ${rule === 'fails-with-rows' ? 'rows' : 'some rows'} and not without: ${one.message}`,
        fix: { text: isMissing ? INSTEAD_OF_NOT_NULL : isGiven ? INSTEAD_OF_ONE_VALUE : INSTEAD_OF_FAILING },
        ...(isLess && { severity: 'warning' as const }),
        ...(smallest && { evidence: { insert: smallest.insert } }),
      }
    }),
  )
}

/** Returns whether two failures are the same but for the values. */
export function isSameFailure(one: MigrationFailedError, other: MigrationFailedError): boolean {
  return (
    one.line === other.line &&
    one.words.replaceAll(/'[^']*'|"[^"]*"|\d+/g, '') === other.words.replaceAll(/'[^']*'|"[^"]*"|\d+/g, '')
  )
}

// --- internal ---

const INSTEAD_OF_NOT_NULL =
  'Add the column without NOT NULL, give its rows a value, and then set NOT NULL: or give the column a default.'
const INSTEAD_OF_ONE_VALUE = 'Add the column without the key, give each row a value of its own, and then add the key.'
const INSTEAD_OF_FAILING =
  'Mend or move the rows that do not fit, before the statement that refuses them. A query with the condition counts them beforehand.'

/** Returns whether a text names a column that rows have values in. What it makes of those depends on them. */
function namesColumnOf(columns: readonly string[], text: string): boolean {
  const words = wordsOf(text)
  return columns.some((name) => says(words, name))
}

/** Returns the table of which the server's message speaks. */
function tableIn(message: string): string | undefined {
  return /\b(?:table|relation) "([^"]+)"/.exec(message)?.[1]
}
