/** Writes migrations for MySQL and MariaDB. The order: what depends on tables, foreign keys, tables, and back again. */

import type { Schema } from '../../schema/schema.ts'
import type { Generator } from '../generator.ts'
import type { Hints } from '../hints.ts'
import type { Statement } from '../statement.ts'
import { digest } from './digest.ts'
import { planDatabase, planEvents, planRoutines, planSequences, planViews } from './programs.ts'
import { questionsAbout } from './questions.ts'
import { refusedHints } from './refused.ts'
import { renamed, renamesBetween } from './renames.ts'
import { readModel } from './schemaModel.ts'
import { planTables } from './table.ts'
import { planTriggers } from './trigger.ts'
import { unreachedHints } from './unreached.ts'

export const mysqlGenerator: Generator = {
  statements,
  refused: refusedHints,
  unreached: unreachedHints,
  digest,
  questions: questionsAbout,
}

// --- internal ---

function statements(from: Schema, to: Schema, hints: Hints): readonly Statement[] {
  const old = readModel(from)
  const now = readModel(to)
  const renames = renamesBetween(old, now, hints.answers.renames)
  const was = renamed(old, renames)
  const tables = planTables({ old, was, now }, renames, hints)
  const views = planViews(was, now, hints)
  const routines = planRoutines(was, now)
  const events = planEvents(was, now)
  const sequences = planSequences(was, now, renames)
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
