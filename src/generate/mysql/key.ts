/** Changes of a table's keys, as clauses of ALTER TABLE. */
import type { Key, Table } from './tableModel.ts'
import { namesIn, quoted } from './text.ts'

export interface KeyChanges {
  readonly drops: readonly string[]
  readonly adds: readonly string[]
}

/**
 * @param renames new name of each index by its old one.
 * @param rebuilt columns whose keys would be lost, so that they are made again
 */
export function keyChanges(
  from: Table,
  to: Table,
  renames: ReadonlyMap<string, string>,
  rebuilt: ReadonlySet<string>,
): KeyChanges {
  const had = new Map(from.keys.map((key) => [renames.get(key.name) ?? key.name, key]))
  const has = new Map(to.keys.map((key) => [key.name, key]))
  const isRebuilt = (key: Key) => namesIn(key.after).some((name) => rebuilt.has(name))
  const drops: string[] = []
  const adds: string[] = []
  for (const [name, key] of had) {
    const now = has.get(name)
    const same = now !== undefined && !isRebuilt(key) && withoutVisibility(key) === withoutVisibility(now)
    if (!same) drops.push(key.name === 'PRIMARY' ? 'DROP PRIMARY KEY' : `DROP KEY ${quoted(key.name)}`)
  }
  for (const [name, key] of has) {
    const was = had.get(name)
    if (!was || isRebuilt(was) || withoutVisibility(was) !== withoutVisibility(key)) {
      adds.push(`ADD ${key.name === 'PRIMARY' ? 'PRIMARY KEY' : `${key.before} ${quoted(name)}`} ${key.after}`)
      continue
    }
    if (was.name !== name) adds.push(`RENAME KEY ${quoted(was.name)} TO ${quoted(name)}`)
    if (was.after !== key.after) adds.push(`ALTER INDEX ${quoted(name)} ${visibility(was, key)}`)
  }
  return { drops, adds }
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
