/** The lanes of the timeline: which migration follows which, as curves between the stations. */

import { lanesOf, type Row } from '../src/migrate/plan/lanes.ts'
import type { Station } from '../src/ui/protocol.ts'
import { StateMark } from './stateMark.tsx'

export const LANE_WIDTH = 16

export interface StationLanes {
  /** A row for each station, in their order. */
  readonly rows: readonly Row[]
  /** The row of each parent of a row. */
  readonly parents: readonly (readonly number[])[]
  /** Number of lanes. */
  readonly width: number
}

/** @param stations newest first; parents that are not among them are left out */
export function lanesOfStations(stations: readonly Station[]): StationLanes {
  const oldest = stations.toReversed()
  const at = new Map(oldest.map(({ key }, i) => [key, i]))
  const nodes = oldest.map(({ key, parents }, i) => ({
    version: i,
    name: key,
    // A migration whose file is gone has no parents of its own; it stays in line.
    parents:
      parents.length === 0 && i > 0 && stations.length > 1 && isMissing(oldest[i]) ? [i - 1] : known(parents, at),
    explicit: false,
    replaces: [],
  }))
  const rows = lanesOf({ nodes, roots: [], heads: [], problems: [] })
  const last = stations.length - 1
  return {
    rows,
    parents: rows.map(({ node }) => node.parents.toReversed().map((parent) => last - parent)),
    width: Math.max(0, ...rows.map(({ lane, passing, leaving }) => Math.max(lane, ...passing, ...leaving))) + 1,
  }
}

interface LanesProps {
  readonly lanes: StationLanes
  readonly stations: readonly Station[]
  /** The rows that are drawn: from `first` up to but not including `last`. */
  readonly first: number
  readonly last: number
  /** Height of a row in pixels. */
  readonly row: number
  readonly width: number
  readonly at: string | undefined
}

export function Lanes({ lanes, stations, first, last, row, width, at }: LanesProps) {
  const top = first * row
  const y = (index: number) => index * row + row / 2 - top
  const edges = lanes.rows.flatMap((from, index) =>
    (lanes.parents[index] ?? []).flatMap((to, nth) => {
      // Only what crosses the rows that are drawn.
      if (to < first || index >= last) return []
      const over = nth === 0 ? from.lane : (from.leaving[nth - 1] ?? from.lane)
      return [{ index, to, over, from: from.lane, end: lanes.rows[to]?.lane ?? over }]
    }),
  )
  return (
    <svg
      class="lanes"
      width={width}
      height={(last - first) * row}
      style={{ transform: `translateY(${top}px)` }}
      aria-hidden="true"
    >
      {edges.map(({ index, to, over, from, end }) => (
        <path
          key={`${index} ${to}`}
          class={`lane lane-${over % 4}`}
          d={curve(x(from), x(over), x(end), y(index), y(to), row)}
        />
      ))}
      {stations.slice(first, last).map((station, i) => {
        const lane = lanes.rows[first + i]?.lane ?? 0
        const [cx, cy] = [x(lane), y(first + i)]
        return (
          <g key={station.key}>
            {station.key === at && <circle class="halo" cx={cx} cy={cy} r={Math.min(10, row / 2)} />}
            {row < 20 && station.state === 'applied' ? (
              <circle class="mark applied" cx={cx} cy={cy} r="3" />
            ) : (
              <StateMark state={station.state} x={cx} y={cy} />
            )}
          </g>
        )
      })}
    </svg>
  )
}

// --- internal ---

function x(lane: number): number {
  return 16 + lane * LANE_WIDTH
}

function isMissing(station: Station | undefined): boolean {
  return station?.state === 'missing'
}

function known(parents: readonly string[], at: ReadonlyMap<string, number>): number[] {
  return parents.flatMap((parent) => at.get(parent) ?? []).sort((a, b) => a - b)
}

/** From a station into its lane within a row, straight down, and to the parent within the last row. */
function curve(from: number, over: number, end: number, top: number, bottom: number, row: number): string {
  if (bottom - top <= row) return `M${from} ${top}${bend(from, end, top, bottom)}`
  return `M${from} ${top}${bend(from, over, top, top + row)}V${bottom - row}${bend(over, end, bottom - row, bottom)}`
}

function bend(from: number, to: number, top: number, bottom: number): string {
  if (from === to) return `V${bottom}`
  const middle = (top + bottom) / 2
  return `C${from} ${middle} ${to} ${middle} ${to} ${bottom}`
}
