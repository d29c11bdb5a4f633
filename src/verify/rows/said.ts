/** What the text of a migration says that it does to rows. It only lowers what was observed. Pure. */
import type { Half } from '../halves.ts'

export interface Said {
  /** Returns whether a statement deletes from the table, empties it, drops it or replaces its rows. */
  deletes(table: string): boolean
  /** Returns whether a statement drops, renames or replaces the column of the table. */
  drops(table: string, column: string): boolean
  /** Says how a statement writes the column: not at all, all rows of the table, or some. */
  writes(table: string, column: string): 'no' | 'all' | 'some'
  /** Returns whether a statement sets the table's counter. */
  counts(table: string): boolean
  /** Returns the new name of a table or a column that a statement renames. */
  renamed(name: string): string | undefined
}

export function saidBy(halves: readonly (Half | undefined)[]): Said {
  const statements = halves.flatMap((half) => (half ? statementsOf(half) : []))
  const about = (table: string, verbs: RegExp) =>
    statements.filter(({ words, text }) => verbs.test(text) && isNamed(words, table))
  return {
    deletes: (table) =>
      about(table, /\b(?:delete|truncate|drop|replace|detach|exchange|merge|coalesce\s+partition)\b/).length > 0,
    drops: (table, column) => {
      const some = about(table, /\b(?:drop|rename|change|alter)\b/)
      return some.some(({ words }) => words.has(column.toLowerCase()))
    },
    writes: (table, column) => {
      const some = about(table, /\b(?:set|insert|using|rename\s+value|replace|merge|change|modify|type)\b/)
      const those = some.filter(({ words }) => words.has(column.toLowerCase()))
      if (those.length === 0) return 'no'
      // A condition says which rows are meant, CASE and COALESCE what becomes of the others.
      return those.some(({ text }) => !/\bwhere\b|\bcase\b|\bcoalesce\b/.test(text)) ? 'all' : 'some'
    },
    counts: (table) => about(table, /\b(?:restart|setval|truncate|auto_increment)\b/).length > 0,
    renamed: (name) => {
      for (const { text } of statements) {
        const found = new RegExp(
          `\\b(?:rename\\s+(?:column\\s+|table\\s+)?|change\\s+(?:column\\s+)?|table\\s+)${quoted(name)}\\s+(?:rename\\s+)?(?:to\\s+|as\\s+)?[\`"]?(\\w+)`,
        ).exec(text)?.[1]
        if (found && /\brename\b|\bchange\b/.test(text)) return found
      }
      return undefined
    },
  }
}

// --- internal ---

interface StatementText {
  /** In lower case and without comments. */
  readonly text: string
  readonly words: ReadonlySet<string>
}

function statementsOf({ kind, text, statements }: Half): StatementText[] {
  const texts = kind === 'code' ? [text] : statements.map(({ start, end }) => text.slice(start, end))
  return texts.map((one) => {
    const plain = one.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ').toLowerCase()
    return { text: plain, words: new Set(plain.match(/[\p{L}_][\p{L}\p{N}_$]*/gu) ?? []) }
  })
}

/** A table is named by its own name, or by that of its schema if the statement drops it. */
function isNamed(words: ReadonlySet<string>, table: string): boolean {
  const [schema, name] = table.includes('.') ? table.toLowerCase().split('.') : [undefined, table.toLowerCase()]
  if (words.has(name ?? '')) return true
  return schema !== undefined && words.has('schema') && words.has(schema)
}

function quoted(name: string): string {
  const plain = name.toLowerCase().replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return `(?:[\`"]?\\w+[\`"]?\\.)?[\`"]?${plain}[\`"]?`
}
