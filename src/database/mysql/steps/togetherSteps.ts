/** Migrations of a database that is dropped after any failure. */
import type { MigrationStep } from '../../../migrate/driver.ts'
import { leavesSession } from '../../../sql/rows.ts'
import * as tables from '../tables.ts'
import { fitting } from './fitting.ts'
import type { DriverParts } from './parts.ts'
import { refuseLosingTables, refuseOtherCharset, refuseTooLong } from './refusals.ts'

/**
 * Runs migrations without a journal, as many in one message as possible, and records them at its end. A migration that
 * may change the session ends a message, since its settings are put back before the next one.
 */
export async function applyTogether(
  parts: DriverParts,
  steps: readonly MigrationStep[],
  signal: AbortSignal,
): Promise<void> {
  const { session, packet, names, changed, journal, books } = parts
  await journal.settle()
  for (let at = 0; at < steps.length; ) {
    const leaves = ({ work }: MigrationStep) => work.kind === 'sql' && work.script.statements.some(leavesSession)
    const last = steps.findIndex((step, i) => i >= at && leaves(step))
    const end = last === -1 ? steps.length : last + 1
    const message = steps.slice(at, end)
    const script = message.at(-1)?.work
    if (last !== -1 && script?.kind === 'sql') await changed.remember(script.script)
    for (const step of message) {
      refuseLosingTables(step, names())
      refuseOtherCharset(step, names())
    }
    const [from = 0, to = 0] = [message[0]?.from, message.at(-1)?.to]
    await session.script(
      [
        ...message.flatMap((step) => bodyOf(step, packet)),
        tables.BEGIN_MEASURING,
        'START TRANSACTION',
        ...message.flatMap((step) => tables.changeHistory(names(), fitting(step, packet).history)),
        ...tables.moveRow(names(), { version: from, dirty: false }, { version: to, dirty: false }),
        ...message.flatMap((step) => books(step)),
        'COMMIT',
      ],
      signal,
    )
    if (last !== -1 && script?.kind === 'sql') await changed.putBack(script.script)
    at = end
  }
}

// --- internal ---

/** Returns the statements of a migration, those of its units one by one. */
function bodyOf({ work }: MigrationStep, packet: number): string[] {
  if (work.kind !== 'sql') return []
  const { text, statements } = work.script
  const pieces = statements.flatMap((statement, i) =>
    (statement.parts ?? [statement]).map(({ start, end }) => ({ sql: text.slice(start, end), start, i })),
  )
  for (const { sql, start, i } of pieces) refuseTooLong(sql, i, start, packet)
  return pieces.map(({ sql }) => sql)
}
