/** The databases in which rows are taken through the migrations, and which rows each has. */
import { EDGE_ROWS } from '../../fill/plan.ts'
import type { Wanted } from './rowDatabase.ts'

export interface Walk {
  readonly set: 'plain' | 'some'
  readonly wanted: readonly Wanted[]
  /** A table that has so many rows gets no more. */
  readonly most: number
  /** Rows that are added at the upper version, before the way down. */
  readonly above?: readonly Wanted[]
}

export const WALKS: readonly Walk[] = [
  { set: 'plain', wanted: [{ set: 'plain', rows: 5 }], most: 3 },
  {
    set: 'some',
    wanted: [
      { set: 'edge', rows: EDGE_ROWS + 1 },
      { set: 'sparse', rows: 3 },
      { set: 'mixed', rows: 4 },
    ],
    most: 6,
    above: [
      { set: 'edge', rows: EDGE_ROWS },
      { set: 'sparse', rows: 2 },
    ],
  },
]
