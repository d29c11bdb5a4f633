/** The version row and the history of MySQL tell where a run has died between two migrations. */
import { expect, test } from 'vitest'
import { impliedBy } from '../../src/database/mysql/state.ts'

test.each<[what: string, row: string, history: string, version: number | string, ended: string]>([
  ['nothing has run', '', '', -1, ''],
  ['all have ended', '3', '1 2 3', 3, ''],
  ['one runs', '3 dirty', '1 2 3*', 3, ''],
  ['one runs, and the ends of those before it are not written', '4 dirty', '1 2* 3* 4*', 4, '2 3'],
  ['the row stayed behind the one that runs', '2 dirty', '1 2* 3* 4*', 4, '2 3'],
  ['rows alone were applied behind them', '4', '1 2* 3* 4', 4, '2 3'],
  ['rows alone were applied between', '5 dirty', '2* 3* 4 5*', 5, '2 3'],
  ['the row stayed behind rows that were applied', '2 dirty', '1 2* 3* 4', '4 clean', '2 3'],
  ['the row stayed behind rows, and one behind them runs', '2 dirty', '1 2* 3 4*', 4, '2'],
  ['one that was merged late runs: the row names a later one', '9 dirty', '2* 8 9', 9, ''],
  ['a down runs', '1 dirty', '1 2-', 1, ''],
  ['another tool says that the one which stopped is applied', '3', '1 2 3*', 3, ''],
  ['another tool says that it is not', '2', '1 2 3*', 2, ''],
  ['another tool has gone further down, and failed there', '1 dirty', '1 2 3*', 1, ''],
])('%s', (_what, row, history, version, ended) => {
  const [of, dirty] = row.split(' ')
  const entries = (history === '' ? [] : history.split(' ')).map((entry) => ({
    version: String(Number.parseInt(entry, 10)),
    running: entry.endsWith('*') ? 'up' : entry.endsWith('-') ? 'down' : null,
  }))
  const implied = impliedBy(row === '' ? undefined : { version: of, dirty: dirty ? 1 : 0 }, entries)
  const isDirty = dirty !== undefined && typeof version === 'number'
  expect([implied.version, implied.dirty]).toEqual([Number.parseInt(String(version), 10), isDirty])
  expect(implied.ended.join(' ')).toBe(ended)
})
