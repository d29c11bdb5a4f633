/** A table of what each statement did, for `--verbose`. */
import type { StatementReport } from '../../verify/live/effectsReport.ts'
import { columns, time } from '../render.ts'

/** Returns undefined if no statement did anything to what was there before. */
export function effectsTable(effects: readonly StatementReport[]): string | undefined {
  const shown = effects.filter((one) => isWorthSaying(one))
  if (shown.length === 0) return undefined
  const head = ['statement', 'locks', 'scanned', 'rewritten', 'rows', 'time']
  return columns([head, ...shown.map(rowOf)])
}

/** Returns the locks that only a change of a definition takes. Those of rows are told by the rows. */
export function heldIn(locks: StatementReport['locks']): [name: string, mode: string][] {
  return Object.entries(locks).filter(([, mode]) => mode !== 'ROW SHARE' && mode !== 'ROW EXCLUSIVE')
}

// --- internal ---

const LONGEST = 48

function isWorthSaying({ locks, scanned, rewritten, rows, algorithm }: StatementReport): boolean {
  return (
    heldIn(locks).length > 0 ||
    scanned.length > 0 ||
    rewritten.length > 0 ||
    Object.keys(rows).length > 0 ||
    algorithm !== undefined
  )
}

function rowOf({
  file,
  line,
  statement,
  locks,
  scanned,
  rewritten,
  rows,
  ms,
  algorithm,
  possible,
}: StatementReport): string[] {
  const text = statement.replace(/\s+/g, ' ')
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text
  const held = heldIn(locks).map(([name, mode]) => `${name}: ${mode}`)
  const how =
    algorithm === undefined ? [] : [algorithm === possible ? algorithm : `${algorithm} (possible: ${possible})`]
  const written = Object.entries(rows).map(([name, count]) => `${name}: ${count}`)
  const name = file.split('/').at(-1)
  return [
    `${name}:${line} ${shown}`,
    [...held, ...how].join(', '),
    scanned.join(', '),
    rewritten.join(', '),
    written.join(', '),
    time(ms),
  ]
}
