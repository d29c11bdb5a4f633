/** Says what a step did to the content of a database, from its states before and after. */
import type { Dialect } from '../../sql/dialect.ts'
import type { Observation } from '../finding.ts'
import type { Half } from '../halves.ts'
import { changesOf, changesOnTheWayBack } from './changes.ts'
import { observeMadeUp } from './madeUp.ts'
import {
  type CounterChange,
  observeBroken,
  observeChanges,
  observeCounters,
  observeHistory,
  observeUses,
} from './observations.ts'
import type { State } from './rowMemory.ts'
import type { Counter, RowReader } from './rowReader.ts'
import { saidBy } from './said.ts'

/** @param half the up */
export async function compareUp(
  half: Half,
  dialect: Dialect,
  reader: RowReader,
  { before, up }: { readonly before: State; readonly up: State },
): Promise<Observation[]> {
  const said = saidBy([half])
  const changes = await changesOf(reader, before.rows, up.rows, said)
  const broken = up.broken.filter(
    ({ name, table }) => !before.broken.some((one) => one.name === name && one.table === table),
  )
  return [
    ...observeChanges(changes, half, said, false),
    ...(dialect === 'mysql' ? observeMadeUp(before.rows, up.rows, half, said) : []),
    ...observeHistory(before.rows, up.rows, half, said),
    ...observeBroken(broken, half),
    ...observeCounters(goneBack(before.counters, up.counters), half, said),
    ...observeUses(before.uses, up.uses, half),
  ]
}

/** @param half the down */
export async function compareBack(
  upHalf: Half | undefined,
  half: Half,
  reader: RowReader,
  { before, up, down }: { readonly before: State; readonly up: State; readonly down: State },
): Promise<Observation[]> {
  const said = { up: saidBy([upHalf]), down: saidBy([half]) }
  const states = { before: before.rows, up: up.rows, down: down.rows }
  const changes = await changesOnTheWayBack(reader, states, said)
  const already = goneBack(before.counters, up.counters).map(({ after }) => `${after.table}.${after.column}`)
  const counters = goneBack(before.counters, down.counters).filter(
    ({ after }) => !already.includes(`${after.table}.${after.column}`),
  )
  return [
    ...observeChanges(changes, half, said.down, true),
    ...observeCounters(counters, half, said.down),
    ...observeUses(before.uses, down.uses, half),
  ]
}

// --- internal ---

/** Counters that would give out numbers that rows have, and that did not before. */
function goneBack(before: readonly Counter[], after: readonly Counter[]): CounterChange[] {
  const reaches = ({ next, most }: Counter) => most !== undefined && next <= most
  return after.flatMap((now) => {
    const then = before.find(({ table, column }) => table === now.table && column === now.column)
    return reaches(now) && !(then && reaches(then)) ? [{ before: then, after: now }] : []
  })
}
