/**
 * Tells from a statement's text alone which one thing it makes: a table, or a column, key or constraint of one. For such a
 * statement it can be known beforehand that the thing is not there, and afterwards its presence says that it took effect.
 */
import { tokenize } from '../../../sql/tokens.ts'
import { Words } from './words.ts'

/** A part of a table, by which SHOW CREATE TABLE has a line of its own. */
export interface TablePart {
  readonly kind: 'column' | 'key' | 'constraint'
  /** Its name, without quotes. */
  readonly name: string
}

export interface Making {
  /** Name of the table, quoted and qualified. */
  readonly table: string
  /** Undefined if the statement makes the table itself. */
  readonly part: TablePart | undefined
}

/** Returns what a statement makes; undefined if that is nothing, more than one thing, or cannot be told. */
export function makingOf(sql: string, database: string): Making | undefined {
  // Conditional comments have an effect on some servers only.
  if (/\/\*/.test(sql)) return undefined
  const words = new Words(sql, database)
  const verb = words.take('create', 'alter')
  if (verb === 'alter') return addedBy(sql, words)
  if (verb === undefined) return undefined
  if (words.take('table')) {
    words.skip(EXISTENCE)
    const table = words.name()
    const isPlain = words.take('(') && !COPIES.test(sql) && (!/\bengine\b/i.test(sql) || INNODB.test(sql))
    return table !== undefined && isPlain ? { table, part: undefined } : undefined
  }
  words.take('unique', 'fulltext', 'spatial')
  if (!words.take('index')) return undefined
  words.skip(EXISTENCE)
  const name = words.plainName()
  words.skipTo('on')
  return partOf(words.name(), 'key', name)
}

/** Returns the line of a part in the text of SHOW CREATE TABLE, which must quote names; undefined if it has none. */
export function lineOf({ kind, name }: TablePart, definition: string): string | undefined {
  const quoted = `\`${name.toLowerCase()}\` `
  return definition.split('\n').find((line) => {
    const start = LINES[kind].exec(line)?.[0].length
    return start !== undefined && line.slice(start).toLowerCase().startsWith(quoted)
  })
}

// --- internal ---

const LINES = { column: /^ {2}/, key: /^ {2}(?:[A-Z]+ )?KEY /, constraint: /^ {2}CONSTRAINT / }

const EXISTENCE = ['if', 'not', 'exists']

/** Words with which a table gets columns that the statement does not name. */
const COPIES = /\b(?:like|select|values|table\b[\s\S]*\btable|union)\b/i

const INNODB = /\bengine\s*=?\s*innodb\b/i

/** Returns the part that an ALTER TABLE adds; undefined if it does anything else. */
function addedBy(sql: string, words: Words): Making | undefined {
  if (!words.take('table')) return undefined
  const table = words.name()
  if (!words.take('add') || !isOneClause(sql)) return undefined
  if (words.take('constraint')) {
    const name = words.plainName()
    if (words.take('unique')) return partOf(table, 'key', name)
    return words.take('foreign', 'check') ? partOf(table, 'constraint', name) : undefined
  }
  const special = words.take('unique', 'fulltext', 'spatial')
  if (words.take('index', 'key') || special) {
    words.skip(EXISTENCE)
    return partOf(table, 'key', words.plainName())
  }
  if (words.take('primary', 'foreign', 'check', 'partition', 'period', 'system', 'vector', '(')) return undefined
  words.take('column')
  words.skip(EXISTENCE)
  return partOf(table, 'column', words.plainName())
}

function partOf(table: string | undefined, kind: TablePart['kind'], name: string | undefined): Making | undefined {
  const isPlain = name !== undefined && /^[A-Za-z_][\w$]*$/.test(name) && !MADE_UP.test(name)
  return table !== undefined && isPlain ? { table, part: { kind, name } } : undefined
}

/** Names that the server gives to parts that a statement does not name. */
const MADE_UP = /_(?:ibfk|chk)_\d+$|^constraint_\d+$|^(?:primary|fts_doc_id|my_row_id|row_start|row_end|using|type)$/i

/** Returns whether an ALTER TABLE has a single clause. */
function isOneClause(sql: string): boolean {
  let depth = 0
  for (const { kind, start, end } of tokenize(sql, 'mysql')) {
    const text = sql.slice(start, end)
    if (kind === 'symbol') {
      if (text === '(') depth++
      else if (text === ')') depth--
      else if (text === ',' && depth === 0) return false
    } else if (kind === 'word' && OTHER_CLAUSES.has(text.toLowerCase())) return false
  }
  return true
}

const OTHER_CLAUSES = new Set(['partition', 'rename', 'exchange', 'import', 'discard', 'truncate', 'convert'])
