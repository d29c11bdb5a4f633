/** The ways in which a table can be changed, gentlest first, and how a statement asks for one. Pure. */
import type { Blocks } from '../../effects.ts'

export interface Way {
  readonly algorithm: string
  /** Undefined for INSTANT, which takes none. */
  readonly lock?: keyof typeof LOCKS
  readonly blocks: Blocks
}

/** The table that a statement changes in place or by a copy, and how a clause is added to the statement. */
export interface Target {
  readonly table: string
  withClause(clause: string): string
  /** The ALGORITHM and LOCK that the statement itself names. */
  readonly asked: { readonly algorithm?: string | undefined; readonly lock?: string | undefined }
}

/** Returns the clause that asks for an algorithm and a lock: `ALGORITHM=INPLACE, LOCK=NONE`. */
export function clauseOf(algorithm: string | undefined, lock: string | undefined): string {
  return [algorithm && `ALGORITHM=${algorithm}`, lock && `LOCK=${lock}`].filter(Boolean).join(', ')
}

/** MySQL tries INSTANT, then INPLACE, then COPY. MariaDB has NOCOPY, too, and copies while others write. */
export function waysOf(isMaria: boolean): readonly Way[] {
  const locks = (algorithm: string, names: readonly (keyof typeof LOCKS)[]): Way[] =>
    names.map((lock) => ({ algorithm, lock, blocks: LOCKS[lock] }))
  const instant: Way = { algorithm: 'INSTANT', blocks: 'nothing' }
  const inPlace = (algorithm: string) => locks(algorithm, ['NONE', 'SHARED', 'EXCLUSIVE'])
  if (!isMaria) return [instant, ...inPlace('INPLACE'), ...locks('COPY', ['SHARED', 'EXCLUSIVE'])]
  const all = ['NOCOPY', 'INPLACE'].flatMap(inPlace)
  return [instant, ...all, ...locks('COPY', ['NONE', 'SHARED', 'EXCLUSIVE'])]
}

/**
 * Returns what a statement changes; undefined if it is none that takes such a clause.
 * @param sql one statement without its terminator
 */
export function targetOf(sql: string): Target | undefined {
  const text = sql.trimEnd()
  const found = changeOf(text)
  return found && { ...found, asked: { algorithm: asks('algorithm', text), lock: asks('lock', text) } }
}

/** Returns the names of tables that a statement changes, makes or drops, and of those that it refers to. */
export function tablesIn(sql: string): { readonly changed: readonly string[]; readonly referenced: readonly string[] } {
  const list = new RegExp(
    `^(?:alter\\s+(?:online\\s+|ignore\\s+)*|drop\\s+|create\\s+(?:or\\s+replace\\s+)?|rename\\s+|truncate\\s+)table\\s+(?:if\\s+(?:not\\s+)?exists\\s+)?(${NAME}(?:\\s*,\\s*${NAME})*)`,
    'i',
  ).exec(sql)?.[1]
  const references = sql.matchAll(new RegExp(`\\breferences\\s+(${NAME})`, 'gi'))
  return {
    changed: (list?.split(',') ?? []).map((name) => bare(name.trim())),
    referenced: [...references].map(([, name = '']) => bare(name)),
  }
}

/** Returns the table whose rows a statement changes, and how. */
export function rowsIn(sql: string): { readonly table: string; readonly is: 'updated' | 'deleted' } | undefined {
  const updated = new RegExp(`^update\\s+(?:low_priority\\s+)?(?:ignore\\s+)?(${NAME})`, 'i').exec(sql)?.[1]
  if (updated) return { table: bare(updated), is: 'updated' }
  const deleted = new RegExp(`^delete\\s+(?:low_priority\\s+|quick\\s+|ignore\\s+)*from\\s+(${NAME})`, 'i').exec(
    sql,
  )?.[1]
  return deleted ? { table: bare(deleted), is: 'deleted' } : undefined
}

// --- internal ---

function changeOf(text: string): Omit<Target, 'asked'> | undefined {
  const altered = new RegExp(
    `^alter\\s+(?:online\\s+)?(?:ignore\\s+)?table\\s+(?:if\\s+exists\\s+)?(${NAME})\\s`,
    'i',
  ).exec(text)
  if (altered) {
    const table = bare(altered[1] ?? '')
    const rest = text.slice(altered[0].length)
    // These take no such clause.
    if (/\btablespace\b|\brename\s+(?:to|as)\b/i.test(text)) return undefined
    const head = altered[0].trimEnd()
    if (/^(?:partition\s+by|remove\s+partitioning)\b/i.test(rest))
      return { table, withClause: (clause) => `${head} ${clause} ${rest}` }
    if (/^(?:add|drop|reorganize|coalesce|rebuild)\s+partition\b/i.test(rest))
      return { table, withClause: (clause) => `${head} ${clause}, ${rest}` }
    if (/\bpartition\b/i.test(rest)) return undefined
    return { table, withClause: (clause) => `${text}, ${clause}` }
  }
  const indexed =
    new RegExp(
      `^create\\s+(?:or\\s+replace\\s+)?(?:unique\\s+|fulltext\\s+|spatial\\s+)?index\\s[\\s\\S]*?\\son\\s+(${NAME})\\s*\\(`,
      'i',
    ).exec(text) ?? new RegExp(`^drop\\s+index\\s[\\s\\S]*?\\son\\s+(${NAME})(?:\\s|$)`, 'i').exec(text)
  if (!indexed) return undefined
  return { table: bare(indexed[1] ?? ''), withClause: (clause) => `${text} ${clause.replace(',', '')}` }
}

/** Returns the value that a clause of the statement asks for; undefined if it leaves it to the server. */
function asks(what: 'algorithm' | 'lock', text: string): string | undefined {
  const values = what === 'lock' ? 'none|shared|exclusive' : 'instant|nocopy|inplace|copy'
  return new RegExp(`\\b${what}\\s*=?\\s*(${values})\\b`, 'i').exec(text)?.[1]?.toUpperCase()
}

const LOCKS = { NONE: 'nothing', SHARED: 'writes', EXCLUSIVE: 'reads' } as const
const NAME = '(?:`[^`]+`|[\\w$]+)(?:\\.(?:`[^`]+`|[\\w$]+))?'

function bare(name: string): string {
  return (name.match(/`[^`]+`|[\w$]+/g)?.at(-1) ?? name).replaceAll('`', '')
}
