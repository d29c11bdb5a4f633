/** Refuses to run anything in a database in which a migration was left unfinished. */
import type { DatabaseState } from './driver.ts'
import { DirtyError, UnfinishedError } from './errors.ts'
import type { Shown } from './shown.ts'
import { labelOf, type Version } from './version.ts'

/** @throws DirtyError if we left a migration unfinished, UnfinishedError if the tool did that the folder belongs to */
export function refuseDirty(state: DatabaseState, shown: Shown): void {
  if (state.dirty) throw dirty(state, shown.version(state.version))
  if (state.blocked !== undefined) throw new UnfinishedError(state.blocked)
}

// --- internal ---

function dirty(state: DatabaseState, version: Version): DirtyError {
  const entry = state.history.find((e) => e.running)
  if (!entry?.running) return new DirtyError(version, 'the flag was set by another tool or by hand.')
  const { direction, done, started, total } = entry.running
  const unknown = started > done ? `, and it is not known whether statement ${started} took effect` : ''
  return new DirtyError(
    version,
    `${direction} of ${labelOf(entry)} stopped with ${done} of ${total} statements done${unknown}.`,
  )
}
