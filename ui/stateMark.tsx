/** The mark of a migration's state: each has a shape of its own, so that colour is never needed to tell them apart. */
import type { Station } from '../src/ui/protocol.ts'

export const STATE_WORDS: Readonly<Record<NonNullable<Station['state']>, string>> = {
  applied: 'applied',
  unrecorded: 'applied by another tool',
  pending: 'pending',
  late: 'late: below the current version, not applied',
  edited: 'edited after it was applied',
  missing: 'applied, but its file is gone',
}

/** Draws the mark around a point of an SVG. */
export function StateMark({ state, x, y }: { state: Station['state']; x: number; y: number }) {
  const at = `translate(${x} ${y})`
  switch (state) {
    case 'applied':
    case undefined:
      return <circle class="mark applied" transform={at} r="5" />
    case 'unrecorded':
      return (
        <g class="mark unrecorded" transform={at}>
          <circle class="hollow" r="4.5" />
          <circle class="dot" r="2" />
        </g>
      )
    case 'pending':
      return <circle class="mark pending hollow" transform={at} r="4.5" />
    case 'late':
      return <path class="mark late hollow" transform={at} d="M-5 -3.5H5L0 5Z" />
    case 'edited':
      return <path class="mark edited" transform={at} d="M0 -6.5L6.5 0L0 6.5L-6.5 0Z" />
    case 'missing':
      return <path class="mark missing" transform={at} d="M-4.5 -4.5L4.5 4.5M4.5 -4.5L-4.5 4.5" />
  }
}

/** The mark beside a text. */
export function StateIcon({ state }: { state: Station['state'] }) {
  return (
    <svg class="state-icon" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
      <StateMark state={state} x={8} y={8} />
    </svg>
  )
}
