/** What the text of a migration says that it does to rows. It only lowers what was observed. Pure. */
import type { Half } from '../halves.ts'
import { says, type Words, wordsOf } from '../words.ts'

export interface Said {
  /**
   * Returns whether a statement deletes from the table, empties it or replaces its rows.
   * @param all `true` if all rows are gone, which a statement that drops the table says, too
   */
  deletes(table: string, all?: boolean): boolean
  /** Returns whether a statement adds rows to the table. */
  inserts(table: string): boolean
  /** Returns whether a statement drops, renames or replaces the column of the table. */
  drops(table: string, column: string): boolean
  /**
   * Says how a statement writes the column: not at all, all rows of the table, or some. `type`: it only changes the
   * column's type, which does not say that a value becomes another.
   */
  writes(table: string, column: string): 'no' | 'all' | 'some' | 'type'
  /** Returns whether a statement that writes the column says that a value may become NULL. */
  nulls(table: string, column: string): boolean
  /** Returns whether a statement gives rows of the table values of the column. */
  fills(table: string, column: string): boolean
  /** Returns whether a statement uses the values of the column, to write others from them. */
  reads(table: string, column: string): boolean
  /** Returns whether a statement renames a label of the enum. */
  relabels(type: string): boolean
  /** Returns the new name of a table that a statement renames, in lower case. */
  renamedTable(name: string): string | undefined
  /** Returns the name that a table had before a statement gave it this one, in lower case. */
  formerTable(name: string): string | undefined
  /** Returns the new name of a column that a statement renames, which names the table by one of these names. */
  renamedColumn(tables: readonly string[], name: string): string | undefined
}

export function saidBy(halves: readonly (Half | undefined)[]): Said {
  const statements = halves.flatMap((half) => (half ? statementsOf(half) : []))
  const isCode = halves.some((half) => half?.kind === 'code')
  const about = (table: string, verbs: RegExp) =>
    statements.filter((one) => verbs.test(one.text) && isNamed(one, table))
  const writing = (table: string, column: string) =>
    about(table, isCode ? WRITES_IN_CODE : WRITES).filter((one) => says(one, column) && !isOnlyCopied(one.text, column))
  return {
    deletes: (table, all = false) => about(table, isCode ? DELETES_IN_CODE : all ? DELETES_ALL : DELETES).length > 0,
    inserts: (table) => about(table, /\b(?:bulk)?insert|\bcopy\b|\bmerge\b|\breplace\s+into\b/).length > 0,
    drops: (table, column) => {
      const some = about(table, isCode ? DROPS_IN_CODE : /\b(?:drop|rename|change|alter)\b/)
      return some.some((one) => says(one, column))
    },
    writes: (table, column) => {
      const those = writing(table, column)
      if (those.length === 0) return 'no'
      if (!isCode && those.every(({ text }) => ONLY_TYPE.test(text))) return 'type'
      // A condition says which rows are meant, CASE and COALESCE what becomes of the others.
      const isAll = ({ text }: Words) =>
        /\bupdate\b[\s\S]*\bset\b/.test(text) && !/\bwhere\b|\bcase\b|\bcoalesce\b/.test(text)
      return those.some(isAll) ? 'all' : 'some'
    },
    fills: (table, column) =>
      writing(table, column).some(({ text }) => isCode || /^\s*(?:update|insert|replace|load|call)\b/.test(text)),
    nulls: (table, column) => writing(table, column).some(({ text }) => isCode || NULLS.test(text)),
    reads: (table, column) => {
      const some = about(table, isCode ? READS_IN_CODE : /\b(?:update|insert|select|using|merge|call|perform)\b/)
      return some.some((one) => says(one, column))
    },
    relabels: (type) => about(type.replaceAll('"', ''), /\brename\s+value\b/).length > 0,
    renamedTable: (name) =>
      (isCode ? renamedInCode(statements, name) : undefined) ??
      firstMatch(
        statements,
        `\\b(?:rename\\s+table\\s+|table\\s+|,\\s*)${quoted(name)}\\s+(?:rename\\s+)?(?:to|as)\\s+`,
      ) ??
      renamedShort(statements).find(({ from }) => from === name.toLowerCase())?.to,
    formerTable: (name) => {
      const former = new RegExp(`[\`"]?(\\w+)[\`"]?\\s+(?:rename\\s+)?(?:to|as)\\s+${quoted(name)}(?![\\w$])`)
      const renaming = statements.filter(({ text }) => /\brename\b/.test(text))
      const found = renaming.flatMap(({ text }) => former.exec(text)?.[1] ?? [])[0]
      return found ?? renamedShort(statements).find(({ to }) => to === name.toLowerCase())?.from
    },
    renamedColumn: (tables, name) => {
      const some = statements.filter((one) => tables.some((table) => isNamed(one, table)))
      const inCode = isCode ? renamedInCode(some, name) : undefined
      if (inCode !== undefined) return inCode
      return firstMatch(
        some,
        `\\b(?:rename\\s+(?:column\\s+)?|change\\s+(?:column\\s+)?)${quoted(name)}\\s+(?:to\\s+)?`,
      )
    },
  }
}

/** Returns the names that a file uses for a table: its own, and the one that the file gives it. */
export function namesIn(said: Said, table: string): string[] {
  const renamed = said.renamedTable(table.split('.').at(-1) ?? table)
  return renamed === undefined ? [table] : [table, renamed]
}

// --- internal ---

/** Matches ON DELETE of a foreign key, which is not a statement that deletes rows. */
const DELETES =
  /(?<!\bon\s+)\bdelete\b|\b(?:truncate|replace\s+into|replace\b.*\bselect|detach|exchange|merge|(?:coalesce|drop)\s+partition)\b/s
const DELETES_ALL = new RegExp(`${DELETES.source}|\\bdrop\\b`, 's')
/** A change of a table that gives its rows no values. */
const ONLY_TYPE = /^\s*alter\b(?!.*\b(?:using|rename\s+value)\b)/s
/** The columns that an INSERT names, if it does, and what its query selects. */
const COPYING =
  /^\s*(?:insert|replace)\s+(?:ignore\s+)?(?:into\s+)?[^\s(]+\s*(?:\(([^()]*)\)\s*)?select\b([\s\S]*?)\bfrom\b/
/** NULL as a value, not in a condition. */
const NULLS = /(?:=|\bthen|\belse|\bset|[(,])\s*null\b|\bnullif\b|\bdefault\b/
const WRITES = /\b(?:set|insert|using|rename\s+value|replace|merge|change|modify|type)\b/
/** In code, a method's name may begin with the verb: `del`, `deleteFrom`, `dropTable`, or have it behind `bulk`. */
const DELETES_IN_CODE = /\b(?:bulk)?(?:del|truncate|destroy|drop|replace)/
const WRITES_IN_CODE =
  /\b(?:bulk)?(?:set|insert|update|upsert|using|rename|replace|merge|change|modify|type|alter|increment|decrement|save)/
const DROPS_IN_CODE = /\b(?:drop|remove|rename|change|alter)/
const READS_IN_CODE = /\b(?:bulk)?(?:update|insert|select|from|find|using|merge|call|perform)/

/** Statements without their comments. */
function statementsOf({ kind, text, statements }: Half): Words[] {
  const texts = kind === 'code' ? [text] : statements.map(({ start, end }) => text.slice(start, end))
  return texts.map((one) => wordsOf(one.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ')))
}

/**
 * Returns whether an INSERT of a query's rows leaves the column out, or takes its values as they are: then it does not say
 * that they become others.
 */
function isOnlyCopied(text: string, column: string): boolean {
  const [, list, items] = COPYING.exec(text) ?? []
  if (items === undefined || /\bon\s+(?:conflict|duplicate)\b/.test(text)) return false
  const own = quoted(column)
  if (list !== undefined && !new RegExp(`(?<![\\w$])${own}(?![\\w$])`).test(list)) return true
  return items.split(',').some((item) => new RegExp(`^\\s*${own}(?:\\s+as\\s+\\S+)?\\s*$`).test(item))
}

/** Returns the name that follows the pattern in a statement that renames something. */
function firstMatch(statements: readonly Words[], pattern: string): string | undefined {
  const all = statements.filter(({ text }) => /\brename\b|\bchange\b/.test(text))
  return all.flatMap(
    ({ text }) => new RegExp(`${pattern}(?:[\`"]?\\w+[\`"]?\\.)?[\`"]?(\\w+)`).exec(text)?.[1] ?? [],
  )[0]
}

/** MySQL and MariaDB: returns the tables of `ALTER TABLE a RENAME b`, which needs no TO. */
function renamedShort(statements: readonly Words[]): { readonly from: string; readonly to: string }[] {
  return statements.flatMap(({ text }) => {
    const [, from, to] = RENAMED_SHORT.exec(text) ?? []
    return from !== undefined && to !== undefined ? [{ from, to }] : []
  })
}

const RENAMED_SHORT =
  /\balter\s+table\s+(?:[`"]?\w+[`"]?\.)?[`"]?(\w+)[`"]?\s+(?:[^;]*,\s*)?rename\s+(?:=\s*)?(?:[`"]?\w+[`"]?\.)?[`"]?(\w+)[`"]?\s*;?\s*$/

/** Returns the new name that a method gives: `renameColumn('old', 'new')`, `alterTable('old').renameTo('new')`. */
function renamedInCode(statements: readonly Words[], name: string): string | undefined {
  const text = `['"\`]${name.toLowerCase().replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}['"\`]`
  const pattern = new RegExp(
    `\\brename\\w*\\([^()]*?${text}\\s*,\\s*['"\`](\\w+)|${text}\\s*\\)\\s*\\.renameto\\(\\s*['"\`](\\w+)`,
  )
  return statements.flatMap((one) => {
    const [, first, second] = pattern.exec(one.text) ?? []
    return first ?? second ?? []
  })[0]
}

/** A table is named by its own name, or by that of its schema if the statement drops it. */
function isNamed(statement: Words, table: string): boolean {
  const [schema, name = ''] = table.includes('.') ? table.split('.') : [undefined, table]
  if (says(statement, name)) return true
  return schema !== undefined && statement.words.has('schema') && says(statement, schema)
}

function quoted(name: string): string {
  const plain = name.toLowerCase().replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return `(?:[\`"]?\\w+[\`"]?\\.)?[\`"]?${plain}[\`"]?`
}
