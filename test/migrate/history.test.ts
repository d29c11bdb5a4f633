import { describe, expect, test } from 'vitest'
import type { HistoryEntry } from '../../src/migrate/driver.ts'
import { reconcile } from '../../src/migrate/plan/history.ts'

/** "5" applied by us, "5b" our baseline, "5B" both, "5r" under way. */
function entry(text: string): HistoryEntry {
  const version = Number.parseInt(text, 10)
  const kind = text.replace(/\d+/, '')
  return {
    version,
    name: `m${version}`,
    fingerprint: kind === 'b' ? null : 'f',
    downFingerprint: null,
    baseline: kind.toLowerCase() === 'b',
    recorded: kind !== 'b',
    running: kind === 'r' ? { direction: 'up', started: 1, done: 1, total: 2 } : null,
    appliedAt: null,
    appliedBy: null,
    durationMs: null,
  }
}

describe('what is applied, from the version row and the history', () => {
  test.each`
    why                                             | source          | row   | history    | applied      | late   | repair
    ${'nothing'}                                    | ${[1, 2]}       | ${-1} | ${''}      | ${[]}        | ${[]}  | ${undefined}
    ${'ours'}                                       | ${[1, 2, 3]}    | ${2}  | ${'1 2'}   | ${[1, 2]}    | ${[]}  | ${undefined}
    ${'merged late'}                                | ${[1, 2, 3]}    | ${3}  | ${'1 3'}   | ${[1, 3]}    | ${[2]} | ${undefined}
    ${'first adoption: all below counts'}           | ${[1, 2, 3]}    | ${2}  | ${''}      | ${[1, 2]}    | ${[]}  | ${{ version: 2, above: -1, adopt: [] }}
    ${'after adoption'}                             | ${[1, 2, 3]}    | ${3}  | ${'2b 3'}  | ${[1, 2, 3]} | ${[]}  | ${undefined}
    ${'a file below a baseline counts, though new'} | ${[1, 2, 3]}    | ${3}  | ${'3B'}    | ${[1, 2, 3]} | ${[]}  | ${undefined}
    ${'another tool went up'}                       | ${[1, 2, 3]}    | ${3}  | ${'1 2'}   | ${[1, 2, 3]} | ${[]}  | ${{ version: -1, above: 2, adopt: [3] }}
    ${'another tool went down to one of ours'}      | ${[1, 2, 3]}    | ${1}  | ${'1 2 3'} | ${[1]}       | ${[]}  | ${{ version: -1, above: 1, adopt: [] }}
    ${'another tool went down to nil'}              | ${[1, 2]}       | ${-1} | ${'1 2'}   | ${[]}        | ${[]}  | ${{ version: -1, above: -1, adopt: [] }}
    ${'another tool went between ours'}             | ${[1, 2, 3]}    | ${2}  | ${'1 3'}   | ${[1, 2]}    | ${[]}  | ${{ version: -1, above: 1, adopt: [2] }}
    ${'another tool went up past one merged late'}  | ${[1, 2, 3, 4]} | ${4}  | ${'1 3'}   | ${[1, 3, 4]} | ${[2]} | ${{ version: -1, above: 3, adopt: [4] }}
    ${'a file that is gone still counts'}           | ${[1, 3]}       | ${3}  | ${'1 2 3'} | ${[1, 2, 3]} | ${[]}  | ${undefined}
    ${'one that is under way does not count'}       | ${[1, 2]}       | ${1}  | ${'1 2r'}  | ${[1]}       | ${[]}  | ${undefined}
  `('$why', ({ source, row, history, applied, late, repair }) => {
    const migrations = (source as number[]).map((version) => ({ version, name: `m${version}` }))
    const entries = (history as string).split(' ').filter(Boolean).map(entry)
    const found = reconcile({ version: row, dirty: false, history: entries }, migrations)
    expect([found.versions, found.late, found.repair]).toEqual([applied, late, repair])
    expect(found.disagreement !== undefined).toBe(/another tool/.test(expect.getState().currentTestName ?? ''))
  })
})
