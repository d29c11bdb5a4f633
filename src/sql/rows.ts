/** Which statements of MySQL and MariaDB a transaction holds, and which commit it (MySQL manual, "Statements That Cause an Implicit Commit"). */

/** Whether rows are all that it changes, so that a rollback takes it back. */
export function changesRowsOnly(words: readonly string[]): boolean {
  const [first = '', second = ''] = plainly(words)
  if (first === 'set') return !words.includes('autocommit') && !['password', 'global', 'persist'].includes(second)
  if (first === 'create' || first === 'drop') return second === 'temporary'
  return ROWS.has(first)
}

/** Whether it only prepares the session for what follows, so that running it again does no harm. */
export function changesSessionOnly(words: readonly string[]): boolean {
  const [first = '', second = ''] = plainly(words)
  return first === 'use' || (first === 'set' && !['password', 'global', 'persist'].includes(second))
}

// --- internal ---

const ROWS = new Set(
  'insert update delete replace select with values table do use savepoint release rollback explain describe desc show load ('.split(
    ' ',
  ),
)

/** What a conditional comment begins with counts as if it stood there without one. */
function plainly(words: readonly string[]): readonly string[] {
  const inside = /^\/\*m?!\d*\s*([\s\S]*)/i.exec(words[0] ?? '')?.[1]
  return inside === undefined ? words : inside.toLowerCase().split(/[^\w@]+/)
}
