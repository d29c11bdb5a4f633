/** Keeps what we record about a migration within one message to the server. */
import type { MigrationStep } from '../../../migrate/driver.ts'
import * as tables from '../tables.ts'

/**
 * Returns the step without texts too large for one message of the server: then only fingerprints are recorded, and
 * the step warns about that.
 */
export function fitting(step: MigrationStep, packet: number): MigrationStep {
  const { put } = step.history
  if (!put) return step
  const size = [put.up, put.down].reduce((sum, text) => sum + (tables.stored(text)?.length ?? 0), 0)
  // A byte takes two hex digits, and a character up to three bytes in UTF-8; only short texts are written that way.
  if (size < packet / 2) return step
  const megabytes = (packet / 2 ** 20).toFixed(0)
  if (step.work.kind === 'sql') {
    step.work.warn?.(
      `${nameOf(step)}: its text does not fit into a message of this server (max_allowed_packet is ${megabytes} MB), so only its fingerprint is recorded: it cannot be undone once its file is edited or gone. Raise max_allowed_packet to keep texts.`,
    )
  }
  return { ...step, history: { ...step.history, put: { ...put, up: null, down: null } } }
}

// --- internal ---

/** Returns a migration's name. In a folder of another tool, the name is whole. */
function nameOf({ version, name, bookkeeping }: MigrationStep): string {
  return bookkeeping ? name : `${version}_${name}`
}
