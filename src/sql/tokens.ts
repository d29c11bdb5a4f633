/**
 * Splits SQL into tokens, as PostgreSQL's and MySQL's own scanners do, without parsing it. Rules: PostgreSQL manual 4.1
 * and `src/backend/parser/scan.l`; MySQL manual, "Language Structure".
 */
import type { Dialect } from './dialect.ts'

type TokenKind =
  | 'word' // keyword or plain identifier
  | 'quoted' // "identifier" or `identifier`
  | 'string' // any quoted literal, also E'', U&'', $tag$…$tag$
  | 'number'
  | 'symbol' // operators and punctuation; a run of operator characters is one token
  | 'hint' // comments with an effect: /*! … */ and /*+ … */
  | 'comment'
  | 'command' // a line for the client program: \restrict for psql, DELIMITER for mysql

export interface Token {
  readonly kind: TokenKind
  readonly start: number
  readonly end: number
  /** Set if the text ends before the token does. */
  readonly unterminated?: string
}

/**
 * How a session reads literals and names. Only the server knows for certain: the settings may come from the server, the
 * database or the user.
 */
export interface Syntax {
  /** MySQL only: `"` quotes identifiers (sql_mode ANSI_QUOTES). */
  ansiQuotes?: boolean
  /** MySQL only: a backslash is an ordinary character (sql_mode NO_BACKSLASH_ESCAPES). */
  noBackslashEscapes?: boolean
  /** MariaDB only: bodies use Oracle's syntax (sql_mode ORACLE). */
  oracle?: boolean
  /** PostgreSQL only: a backslash also escapes in plain literals (standard_conforming_strings off). */
  backslashEscapes?: boolean
}

export interface TokenOptions extends Syntax {
  /** MySQL only: the string that ends a statement, changed by DELIMITER. It becomes a symbol token of its own. */
  delimiter?: string
}

/** White space. Only these characters count: a no-break space is a letter to both scanners. */
const SPACE = /[ \t\n\r\f\v]+/y
const PG_WORD = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y
const MYSQL_WORD = /@{0,2}[A-Za-z0-9_$\u0080-\uffff]+/y
const NUMBER = /\d[0-9A-Za-z_]*(?:\.(?!\.)[0-9A-Za-z_]*)?|\.\d[0-9A-Za-z_]*/y
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y
const PG_PARAMETER = /\$\d+/y
const PG_OPERATOR = /[+\-*/<>=~!@#%^&|`?]+/y
const LINE = /[^\r\n]*/y

function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : -1
}

/** Yields every token from offset `from` on, including comments but not white space. Never throws. */
export function* tokenize(text: string, dialect: Dialect, options: TokenOptions = {}, from = 0): Generator<Token> {
  const next = dialect === 'postgres' ? postgresToken : mysqlToken
  let at = from
  while (at < text.length) {
    const afterSpace = match(SPACE, text, at)
    if (afterSpace !== -1) {
      at = afterSpace
      continue
    }
    const token = next(text, at, options)
    yield token
    at = token.end
  }
}

function postgresToken(text: string, at: number, { backslashEscapes = false }: TokenOptions): Token {
  const c = text[at] as string
  const c2 = text[at + 1]
  if (c === '-' && c2 === '-') return { kind: 'comment', start: at, end: match(LINE, text, at) }
  if (c === '/' && c2 === '*') return blockComment(text, at, true)
  if (c === "'") return pgString(text, at, at, backslashEscapes ? 'escapes' : 'plain')
  if (c === '"') return quoted(text, at, at, '"', 'quoted')
  if (c === '\\') return { kind: 'command', start: at, end: match(LINE, text, at) }
  if (c === '$') {
    const open = match(DOLLAR_QUOTE, text, at)
    if (open !== -1) return dollarQuoted(text, at, open)
    const parameter = match(PG_PARAMETER, text, at)
    if (parameter !== -1) return { kind: 'number', start: at, end: parameter }
    return { kind: 'symbol', start: at, end: at + 1 }
  }
  if (c2 === "'" && /e/i.test(c)) return pgString(text, at, at + 1, 'escapes')
  if (c2 === "'" && /[bx]/i.test(c)) return pgString(text, at, at + 1, 'bits')
  if ((c === 'u' || c === 'U') && c2 === '&') {
    if (text[at + 2] === "'") return pgString(text, at, at + 2, 'plain')
    if (text[at + 2] === '"') return quoted(text, at, at + 2, '"', 'quoted')
  }
  const word = match(PG_WORD, text, at)
  if (word !== -1) return { kind: 'word', start: at, end: word }
  const number = match(NUMBER, text, at)
  if (number !== -1) return { kind: 'number', start: at, end: number }
  const operator = match(PG_OPERATOR, text, at)
  if (operator !== -1) return { kind: 'symbol', start: at, end: cutAtComment(text, at, operator) }
  return { kind: 'symbol', start: at, end: at + 1 }
}

/** Returns the end of an operator, which ends early if a comment begins inside it, as in `1 +--one`. */
function cutAtComment(text: string, start: number, end: number): number {
  for (let i = start + 1; i < end - 1; i++) {
    const pair = text.slice(i, i + 2)
    if (pair === '--' || pair === '/*') return i
  }
  return end
}

/** Reads a quoted literal. In b'' and x'' a doubled quote is not an escape: one literal ends and another begins. */
function pgString(text: string, start: number, open: number, kind: 'plain' | 'escapes' | 'bits'): Token {
  let at = open + 1
  for (;;) {
    const c = text[at]
    if (c === undefined) return { kind: 'string', start, end: text.length, unterminated: 'string literal' }
    if (c === '\\' && kind === 'escapes') at += 2
    else if (c !== "'") at++
    else if (text[at + 1] === "'" && kind !== 'bits') at += 2
    else {
      const continued = continuation(text, at + 1)
      if (continued === -1) return { kind: 'string', start, end: at + 1 }
      at = continued
    }
  }
}

const BLANK = /[ \t\f\v]*/y
const LINE_ENDS = /[\r\n]\s*/y

/**
 * Returns the offset of the second part of a literal, after its opening quote, or -1 if there is none. White space with
 * a line end in it, and line comments, may separate the two parts.
 */
function continuation(text: string, from: number): number {
  let at = match(BLANK, text, from)
  let hasLineEnd = false
  for (;;) {
    if (text[at] === "'" && hasLineEnd) return at + 1
    if (text.startsWith('--', at)) at = match(LINE, text, at)
    const next = match(LINE_ENDS, text, at)
    if (next === -1) return -1
    hasLineEnd = true
    at = next
  }
}

function dollarQuoted(text: string, start: number, open: number): Token {
  const tag = text.slice(start, open)
  const close = text.indexOf(tag, open)
  if (close === -1) return { kind: 'string', start, end: text.length, unterminated: `${tag} quoted string` }
  return { kind: 'string', start, end: close + tag.length }
}

function quoted(text: string, start: number, open: number, quote: string, kind: TokenKind): Token {
  let at = open + 1
  for (;;) {
    const close = text.indexOf(quote, at)
    if (close === -1) return { kind, start, end: text.length, unterminated: 'quoted identifier' }
    if (text[close + 1] !== quote) return { kind, start, end: close + 1 }
    at = close + 2
  }
}

function blockComment(text: string, start: number, nested: boolean): Token {
  const kind: TokenKind = text[start + 2] === '+' ? 'hint' : 'comment'
  let depth = 1
  let at = start + 2
  while (depth > 0) {
    const close = text.indexOf('*/', at)
    if (close === -1) return { kind, start, end: text.length, unterminated: '/* comment' }
    const open = nested ? text.indexOf('/*', at) : -1
    if (open !== -1 && open < close) {
      depth++
      at = open + 2
    } else {
      depth--
      at = close + 2
    }
  }
  return { kind, start, end: at }
}

function mysqlToken(text: string, at: number, options: TokenOptions): Token {
  const { delimiter, ansiQuotes, noBackslashEscapes: plain } = options
  if (delimiter && text.startsWith(delimiter, at)) return { kind: 'symbol', start: at, end: at + delimiter.length }
  const c = text[at] as string
  const c2 = text[at + 1]
  if (c === '#') return { kind: 'comment', start: at, end: match(LINE, text, at) }
  // "--" opens a comment only if white space or the end of the text follows: 5--3 is 8.
  if (c === '-' && c2 === '-' && !/[^\s\0]/.test(text[at + 2] ?? '')) {
    return { kind: 'comment', start: at, end: match(LINE, text, at) }
  }
  if (c === '/' && c2 === '*') {
    const conditional = text[at + 2] === '!' || text.startsWith('M!', at + 2)
    return conditional ? conditionalComment(text, at) : blockComment(text, at, false)
  }
  if (c === "'" || (c === '"' && !ansiQuotes)) return mysqlString(text, at, at, c, plain)
  if (c === '`' || c === '"') return quoted(text, at, at, c, 'quoted')
  if (c2 === "'" && /[nxb]/i.test(c)) return mysqlString(text, at, at + 1, "'", plain)
  if (c === '$') {
    const open = match(DOLLAR_QUOTE, text, at)
    if (open !== -1 && text.indexOf(text.slice(at, open), open) !== -1) return dollarQuoted(text, at, open)
  }
  const number = match(NUMBER, text, at)
  const word = match(MYSQL_WORD, text, at)
  // 1a is an identifier in MySQL, 1.5 a number; digits alone are a number.
  if (word > number || (word !== -1 && number === -1)) {
    const end = delimiter ? cutAtDelimiter(text, at, word, delimiter) : word
    return { kind: 'word', start: at, end }
  }
  if (number !== -1) return { kind: 'number', start: at, end: number }
  return { kind: 'symbol', start: at, end: at + 1 }
}

/**
 * Returns where a word ends before the delimiter. With DELIMITER $$, `END$$` is a word and a delimiter, although `$` is
 * allowed in identifiers.
 */
function cutAtDelimiter(text: string, start: number, end: number, delimiter: string): number {
  const found = text.slice(start, end).indexOf(delimiter)
  return found > 0 ? start + found : end
}

function mysqlString(text: string, start: number, open: number, quote: string, plain = false): Token {
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === '\\' && !plain) at++
    else if (text[at] === quote) {
      if (text[at + 1] !== quote) return { kind: 'string', start, end: at + 1 }
      at++
    }
  }
  return { kind: 'string', start, end: text.length, unterminated: 'string literal' }
}

// The server runs the content, so an end mark inside a literal there does not end the comment.
function conditionalComment(text: string, start: number): Token {
  let at = start + 3
  while (at < text.length) {
    if (text.startsWith('*/', at)) return { kind: 'hint', start, end: at + 2 }
    const c = text[at] as string
    if (c === "'" || c === '"') at = mysqlString(text, at, at, c).end
    else if (c === '`') at = quoted(text, at, at, c, 'quoted').end
    else if (c === '/' && text[at + 1] === '*') at = blockComment(text, at, false).end
    else if (c === '#' || /^--\s/.test(text.slice(at, at + 3))) at = commentEnd(text, at)
    else at++
  }
  return { kind: 'hint', start, end: text.length, unterminated: '/*! comment' }
}

/** Returns the end of a line comment inside a conditional comment. The end of the conditional comment ends it, too. */
function commentEnd(text: string, at: number): number {
  const line = match(LINE, text, at)
  const close = text.indexOf('*/', at)
  return close !== -1 && close < line ? close : line
}
