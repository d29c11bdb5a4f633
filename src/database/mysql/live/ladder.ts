/** The ways in which a table can be changed, gentlest first, and how a statement asks for one. Pure. */
import type { Blocks } from '../../effects.ts'

export interface Way {
  /** `ALGORITHM=INPLACE, LOCK=NONE` */
  readonly clause: string
  readonly algorithm: string
  readonly blocks: Blocks
}

/** The table that a statement changes in place or by a copy, and how a clause is added to the statement. */
export interface Target {
  readonly table: string
  withClause(clause: string): string
}

/** MySQL tries INSTANT, then INPLACE, then COPY. MariaDB has NOCOPY, too, and copies while others write. */
export function waysOf(isMaria: boolean): readonly Way[] {
  const locks = (algorithm: string, names: readonly (keyof typeof LOCKS)[]): Way[] =>
    names.map((lock) => ({ clause: `ALGORITHM=${algorithm}, LOCK=${lock}`, algorithm, blocks: LOCKS[lock] }))
  const instant: Way = { clause: 'ALGORITHM=INSTANT', algorithm: 'INSTANT', blocks: 'nothing' }
  if (!isMaria) return [instant, ...locks('INPLACE', ['NONE', 'SHARED']), ...locks('COPY', ['SHARED', 'EXCLUSIVE'])]
  const all = ['NOCOPY', 'INPLACE'].flatMap((algorithm) => locks(algorithm, ['NONE', 'SHARED']))
  return [instant, ...all, ...locks('COPY', ['NONE', 'SHARED', 'EXCLUSIVE'])]
}

/**
 * Returns what a statement changes; undefined if it is none that takes such a clause, or if it has one itself.
 * @param sql one statement without its terminator
 */
export function targetOf(sql: string): Target | undefined {
  const text = sql.trimEnd()
  if (/\b(?:algorithm|lock)\s*=?\s*(?:default|instant|nocopy|inplace|copy|none|shared|exclusive)\b/i.test(text))
    return undefined
  const altered = new RegExp(
    `^alter\\s+(?:online\\s+)?(?:ignore\\s+)?table\\s+(?:if\\s+exists\\s+)?(${NAME})\\s`,
    'i',
  ).exec(text)
  if (altered) {
    // These take no such clause, or take it elsewhere.
    if (/\b(?:partition|tablespace|rename\s+(?:to|as))\b/i.test(text)) return undefined
    return { table: bare(altered[1] ?? ''), withClause: (clause) => `${text}, ${clause}` }
  }
  const indexed =
    new RegExp(
      `^create\\s+(?:or\\s+replace\\s+)?(?:unique\\s+|fulltext\\s+|spatial\\s+)?index\\s[\\s\\S]*?\\son\\s+(${NAME})\\s*\\(`,
      'i',
    ).exec(text) ?? new RegExp(`^drop\\s+index\\s[\\s\\S]*?\\son\\s+(${NAME})\\s*$`, 'i').exec(text)
  if (!indexed) return undefined
  return { table: bare(indexed[1] ?? ''), withClause: (clause) => `${text} ${clause.replace(',', '')}` }
}

// --- internal ---

const LOCKS = { NONE: 'nothing', SHARED: 'writes', EXCLUSIVE: 'reads' } as const
const NAME = '(?:`[^`]+`|[\\w$]+)(?:\\.(?:`[^`]+`|[\\w$]+))?'

function bare(name: string): string {
  return (name.match(/`[^`]+`|[\w$]+/g)?.at(-1) ?? name).replaceAll('`', '')
}
