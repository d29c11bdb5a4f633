/** Writes migrations for MySQL and MariaDB. The order: what depends on tables, foreign keys, tables, and back again. */

import type { Schema } from '../../schema/schema.ts'
import { CannotGenerateError } from '../errors.ts'
import type { Generator } from '../generator.ts'
import { type Hints, ON_THE_WAY } from '../hints.ts'
import type { Statement } from '../statement.ts'
import { differs } from './differs.ts'
import { digest } from './digest.ts'
import { planDatabase, planEvents, planRoutines, planSequences, planViews } from './programs.ts'
import { questionsAbout } from './questions.ts'
import { refusedHints } from './refused.ts'
import { renamed, renamesBetween } from './renames.ts'
import { withSameTexts } from './same.ts'
import { readModel } from './schemaModel.ts'
import { planTables } from './table.ts'
import { planTriggers } from './trigger.ts'
import { unreachedHints } from './unreached.ts'

export const mysqlGenerator: Generator = {
  statements,
  refused: refusedHints,
  unreached: unreachedHints,
  digest,
  differs,
  questions: questionsAbout,
}

// --- internal ---

function statements(from: Schema, to: Schema, hints: Hints): readonly Statement[] {
  const old = readModel(from)
  const now = readModel(withSameTexts(from, to, hints))
  const renames = renamesBetween(old, now, hints.answers.renames)
  // The index has that name because a foreign key made it; it is to be made before, not renamed behind it.
  if (hints.rungs.has(ON_THE_WAY) && [...renames.indexes.values()].some(({ size }) => size > 0))
    throw new CannotGenerateError('An index has another name than the wanted one.')
  const was = renamed(old, renames)
  const tables = planTables({ old, was, now }, renames, hints)
  const views = planViews(was, now, hints)
  const routines = planRoutines(was, now)
  const events = planEvents(was, now)
  const sequences = planSequences(was, now, renames, hints)
  const triggers = planTriggers(was, now, renames, tables.withoutTriggers)
  return [
    ...planDatabase(was, now, hints),
    ...events.first,
    ...triggers.first,
    ...views.first,
    ...routines.first,
    ...sequences.first,
    ...tables.statements,
    ...sequences.last,
    ...routines.last,
    ...views.last,
    ...triggers.last,
    ...events.last,
  ]
}
