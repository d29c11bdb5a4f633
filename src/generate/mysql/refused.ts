/** Reads a refusal of the server: which foreign keys stand in the way, or that a table needs another way. */

import type { Refusal } from '../generator.ts'
import { type Hints, withHint, withRung } from '../hints.ts'
import { LAST_RUNG } from './alterTable.ts'
import { checkHint } from './check.ts'
import { hintKey } from './foreignKey.ts'
import { DATABASE, USUAL_CHARACTER_SETS } from './programs.ts'
import { renamed, renamesBetween } from './renames.ts'
import { readModel } from './schemaModel.ts'
import type { ForeignKey } from './tableModel.ts'
import { plainName } from './text.ts'

export function refusedHints({ from, to, statement, error }: Refusal, hints: Hints): Hints | undefined {
  const number = (error as { errno?: number }).errno ?? 0
  if (ROWS.has(number)) return undefined
  const { object } = statement
  if (object.startsWith('view ')) {
    const views = readModel(to).views.map(({ name }) => `view ${name}`)
    return withHint(hints, 'rebuild', ...views)
  }
  if (object.startsWith('sequence ')) return withRung(hints, object, 1)
  if (object === DATABASE) return withRung(hints, object, USUAL_CHARACTER_SETS.length - 1)
  if (!object.startsWith('table ')) return undefined
  if (number === DUPLICATE_CHECK) {
    const name = /'((?:[^']|'')*)'/.exec(error.message)?.[1]
    const later = name === undefined ? undefined : withHint(hints, 'late', checkHint(name))
    if (later) return later
  }
  if (FOREIGN_KEYS.has(number)) {
    const keys = keysInTheWay({ from, to, statement, error }, hints)
    const more = keys.length > 0 ? withHint(hints, 'rebuild', ...keys.map(hintKey)) : undefined
    if (more) return more
  }
  return withRung(hints, object, LAST_RUNG)
}

// --- internal ---

/** Errors that rows cause, so that no other order of statements helps. */
const ROWS = new Set([
  1048, 1062, 1138, 1264, 1265, 1292, 1366, 1367, 1406, 1416, 1452, 1526, 1690, 3140, 3819, 4025, 1411, 1525, 1690,
])

const DUPLICATE_CHECK = 3822

/** Errors that say that a foreign key needs what the statement takes away or changes. */
const FOREIGN_KEYS = new Set([1005, 1025, 1217, 1451, 1553, 1828, 1829, 1830, 1832, 1833, 1834, 1846, 3730, 3780, 6125])

/** The key that the message names, else all keys of the table. */
function keysInTheWay({ from, to, statement, error }: Refusal, hints: Hints): ForeignKey[] {
  const old = readModel(from)
  const now = readModel(to)
  const was = renamed(old, renamesBetween(old, now, hints.answers.renames))
  const table = plainName(statement.object.slice('table '.length))
  const near = was.foreignKeys.filter((key) => key.table === table || key.refTable === table)
  const named = near.filter(({ name }) => error.message.includes(`'${name}'`) || error.message.includes(`\`${name}\``))
  return named.length > 0 ? named : near
}
