/** Changes of a table's keys, as clauses of ALTER TABLE. */
import type { Key, Table } from './tableModel.ts'
import { namesIn, quoted, shown } from './text.ts'

export interface KeyChanges {
  readonly drops: readonly string[]
  readonly adds: readonly string[]
  /** Clauses that each need a statement of their own. */
  readonly apart: readonly string[]
  /** Clauses for after the columns have their values. */
  readonly late: readonly string[]
}

export interface KeyWays {
  /** New name of each index by its old one. */
  readonly renames: ReadonlyMap<string, string>
  /** Columns whose keys would be lost, so that they are made again. */
  readonly rebuilt: ReadonlySet<string>
  /** Columns that get their values later, so that their new keys come later, too. */
  readonly waiting: ReadonlySet<string>
  /** Keys that are made again although they could stay, by the names that the hints use. */
  readonly hinted: ReadonlySet<string>
}

export function keyChanges(from: Table, to: Table, { renames, rebuilt, waiting, hinted }: KeyWays): KeyChanges {
  const had = new Map(from.keys.map((key) => [renames.get(key.name) ?? key.name, key]))
  const has = new Map(to.keys.map((key) => [key.name, key]))
  const isRebuilt = (key: Key) =>
    key.touched || namesIn(key.after).some((name) => rebuilt.has(name)) || hinted.has(keyHint(to.name, key.name))
  const drops: string[] = []
  const adds: string[] = []
  const apart: string[] = []
  const late: string[] = []
  for (const [name, key] of had) {
    const now = has.get(name)
    const same = now !== undefined && !isRebuilt(key) && withoutVisibility(key) === withoutVisibility(now)
    if (!same) drops.push(key.name === 'PRIMARY' ? 'DROP PRIMARY KEY' : `DROP KEY ${quoted(key.name)}`)
  }
  for (const [name, key] of has) {
    const was = had.get(name)
    if (!was || isRebuilt(was) || withoutVisibility(was) !== withoutVisibility(key)) {
      // InnoDB builds one full-text index at a time.
      const waits = namesIn(key.after).some((column) => waiting.has(column))
      const built = key.before === 'FULLTEXT KEY' && adds.some((add) => add.startsWith('ADD FULLTEXT')) ? apart : adds
      const list = waits ? late : built
      list.push(`ADD ${key.name === 'PRIMARY' ? 'PRIMARY KEY' : `${key.before} ${quoted(name)}`} ${key.after}`)
      continue
    }
    if (was.name !== name) adds.push(`RENAME KEY ${quoted(was.name)} TO ${quoted(name)}`)
    if (was.after !== key.after) adds.push(`ALTER INDEX ${quoted(name)} ${visibility(was, key)}`)
  }
  return { drops, adds, apart, late }
}

/** Returns the key of an index in the hints. */
export function keyHint(table: string, name: string): string {
  return `table ${shown(table)}/key ${shown(name)}`
}

// --- internal ---

const HIDDEN = / (?:\/\*!\d+ INVISIBLE \*\/|IGNORED)$/

function withoutVisibility({ before, after }: Key): string {
  return `${before} ${after.replace(HIDDEN, '')}`
}

/** MySQL says INVISIBLE, MariaDB says IGNORED; the side that hides the index shows which of them this is. */
function visibility(was: Key, now: Key): string {
  const hidden = HIDDEN.exec(now.after)?.[0]
  if (hidden !== undefined) return hidden.includes('IGNORED') ? 'IGNORED' : 'INVISIBLE'
  return was.after.endsWith('IGNORED') ? 'NOT IGNORED' : 'VISIBLE'
}
