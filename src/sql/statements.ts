/** Splits a script into statements: the start and end of each, and its first words. */
import { Canonical } from './canonical.ts'
import type { Dialect } from './dialect.ts'
import { type Syntax, type Token, type TokenOptions, tokenize } from './tokens.ts'

export interface Statement {
  /** Offset of the first token, after any leading comments. */
  readonly start: number
  /** Offset after the last token; the terminator is not part of the statement. */
  readonly end: number
  /** The first words and symbols, words in lower case: enough to recognize the kind of statement. */
  readonly words: readonly string[]
  /** The statements of a unit, such as one from BEGIN to COMMIT; unset for a single statement. */
  readonly parts?: readonly Statement[]
  /**
   * Set if the statement changes how the server reads literals, so later statements must not be in the same message.
   */
  readonly changesSyntax?: true
}

/** A reason why a script cannot be run. Offsets refer to the text that was passed in. */
export interface Problem {
  readonly kind: 'unterminated' | 'nul' | 'client-command' | 'copy' | 'transaction' | 'directive'
  readonly start: number
  readonly end: number
  readonly message: string
  readonly hint: string
}

interface Comment {
  readonly start: number
  readonly end: number
}

export interface Cut {
  readonly statements: Statement[]
  readonly comments: Comment[]
  /**
   * Client commands that can be omitted (`\restrict`, `DELIMITER`), and COPY without rows. They are blanked before the
   * script is sent.
   */
  readonly skipped: Comment[]
  /** The tokens in canonical spelling, without comments: the input of the fingerprint. */
  readonly canonical: Canonical
  readonly problem: Problem | undefined
  /** MySQL only: the delimiter in force at the end of the text. `isEnded`: whether it terminates the last statement. */
  readonly delimiter: string
  readonly isEnded: boolean
}

const WORDS_KEPT = 12

/**
 * Splits a text into statements. Never throws; `problem` describes an error.
 * @param syntax how the server reads literals at the start of the text
 */
export function cutStatements(text: string, dialect: Dialect, syntax: Syntax = {}): Cut {
  const cut: Cut & { problem: Problem | undefined; delimiter: string; isEnded: boolean } = {
    statements: [],
    comments: [],
    skipped: [],
    canonical: new Canonical(),
    problem: undefined,
    delimiter: ';',
    isEnded: true,
  }
  const state: TokenOptions = { ...syntax, delimiter: dialect === 'mysql' ? ';' : '' }
  let open: OpenStatement | undefined
  let at = 0
  const close = () => {
    if (!open) return
    const { start, end, words } = open
    const isChange =
      dialect === 'mysql'
        ? /^(?:set$|\/\*)/.test(words[0] ?? '') && readModes(text.slice(start, end), state, syntax)
        : SETTERS.has(words[0] ?? '') && readConforming(text.slice(start, end), state, syntax)
    cut.statements.push({ start, end, words, ...(isChange && { changesSyntax: true as const }) })
    cut.canonical.push(';')
    if (dialect === 'postgres' && open.copiesFromStdin) cut.problem = copyProblem(open)
    open = undefined
  }

  scan: for (;;) {
    // A DELIMITER line changes how the rest is read, so scanning restarts after it.
    for (const token of tokenize(text, dialect, state, at)) {
      at = token.end
      if (token.unterminated) {
        cut.problem = unterminated(token)
        return cut
      }
      if (token.kind === 'comment') {
        cut.comments.push(token)
        continue
      }
      const source = text.slice(token.start, token.end)
      if (dialect === 'mysql' && !open && isDelimiterLine(text, token, source)) {
        const end = lineEnd(text, token.start)
        const delimiter = text
          .slice(token.end, end)
          .trim()
          .split(/\s+/)[0]
          ?.replace(/^(['"`])(.+)\1$/, '$2')
        if (!delimiter) {
          cut.problem = clientCommand(token.start, end, 'DELIMITER')
          return cut
        }
        state.delimiter = delimiter
        cut.skipped.push({ start: token.start, end })
        at = end
        continue scan
      }
      if (token.kind === 'command') {
        const name = /^\\\S*/.exec(source)?.[0] ?? source
        if (name === '\\restrict' || name === '\\unrestrict') {
          cut.skipped.push(token)
          continue
        }
        cut.problem = clientCommand(token.start, token.end, name)
        return cut
      }
      if (endsStatement(source, dialect, state, open)) {
        // pg_dump writes COPY for a table without rows, too. There is nothing to load, so skip it.
        const end = open?.copiesFromStdin ? emptyCopyEnd(text, token.end) : -1
        if (open && end !== -1) {
          cut.skipped.push({ start: open.start, end })
          open = undefined
          at = end
          continue scan
        }
        close()
        if (cut.problem) return cut
        continue
      }
      if (token.kind === 'word' && source.includes('\uFEFF')) {
        cut.problem = byteOrderMark(token.start + source.indexOf('\uFEFF'))
        return cut
      }
      // An optimizer hint before a statement is part of the fingerprint, but is not a statement of its own.
      if (!open && source.startsWith('/*+')) {
        cut.canonical.push(source)
        continue
      }
      open ??= new OpenStatement(token.start, dialect, state.oracle === true)
      open.add(token, source)
      cut.canonical.push(canonical(token, source, dialect))
    }
    break
  }
  cut.delimiter = state.delimiter ?? ';'
  cut.isEnded = open === undefined
  close()
  return cut
}

// --- internal ---

function endsStatement(source: string, dialect: Dialect, state: TokenOptions, open?: OpenStatement): boolean {
  if (dialect === 'postgres') return source === ';' && (open?.depth ?? 0) === 0
  if (source !== state.delimiter) return false
  // A file that sets its own delimiter marks the end of its routines itself.
  return state.delimiter !== ';' || (open?.depth ?? 0) === 0
}

/** The statement being read, with its nesting depth in parentheses and compound statements. */
class OpenStatement {
  readonly start: number
  end: number
  readonly words: string[] = []
  #dialect: Dialect
  copiesFromStdin = false
  #parens = 0
  /** The open blocks: bodies, compound statements, and CASE expressions. */
  readonly #blocks: ('block' | 'case' | 'declarations')[] = []
  readonly #isOracle: boolean
  /** `true` after PROCEDURE, FUNCTION, PACKAGE or TRIGGER, where AS or IS begins the body. */
  #inHeader = false
  #previous = ''
  #beforePrevious = ''
  #closing = false
  /** `true` after DECLARE … HANDLER FOR: the handler's statement follows without a keyword in between. */
  #handling = false
  /** `true` in the condition of UNTIL, which is followed by an END. */
  #until = false

  constructor(start: number, dialect: Dialect, isOracle: boolean) {
    this.#isOracle = isOracle
    this.start = start
    this.end = start
    this.#dialect = dialect
  }

  get depth(): number {
    return this.#parens + this.#blocks.length
  }

  add(token: Token, source: string): void {
    this.end = token.end
    const word = token.kind === 'word' || token.kind === 'symbol' ? lower(source) : source
    if (this.words.length < WORDS_KEPT)
      this.words.push(word.length > LONGEST_WORD ? flat(word.slice(0, LONGEST_WORD)) : word)
    if (word === 'stdin' && this.#previous === 'from' && this.words[0] === 'copy') this.copiesFromStdin = true
    if (word === ';') this.#handling = this.#until = false
    else if (word === 'until' && token.kind === 'word') this.#until = true
    else if (word === 'handler' && HANDLERS.has(this.#previous)) this.#handling = true
    if (token.kind === 'symbol') {
      if (word === '(') this.#parens++
      else if (word === ')') this.#parens = Math.max(0, this.#parens - 1)
    }
    if (this.#isOracle && word === ';') this.#inHeader = false
    if (token.kind === 'word') {
      if (this.#dialect === 'postgres') this.#postgresBlock(word)
      else if (!(this.#isOracle && this.#oracleBlock(word))) this.#mysqlBlock(word)
    }
    this.#beforePrevious = this.#previous
    // DO as a statement of its own, not the DO of a loop.
    const alone = word === 'do' && this.#dialect === 'mysql' && STATEMENT_STARTS.has(this.#previous)
    this.#previous = token.kind === 'quoted' || token.kind === 'string' || alone ? '' : word
  }

  /** Tracks SQL-standard routine bodies: BEGIN ATOMIC … END, in which only CASE … END nests. */
  #postgresBlock(word: string): void {
    if (this.#blocks.length === 0) {
      if (word === 'atomic' && this.#previous === 'begin' && this.words[0] === 'create') this.#blocks.push('block')
    } else if (this.#previous === '.' || this.#previous === 'as')
      return // a column with that name
    else if (word === 'case') this.#blocks.push('case')
    else if (word === 'end') this.#blocks.pop()
  }

  /** Tracks the bodies of routines, triggers and events, and MariaDB's BEGIN NOT ATOMIC. */
  #mysqlBlock(word: string): void {
    if (!this.#isCompound() || this.#previous === '.') return
    if (this.words[0] === 'begin' && this.#blocks.length === 0) {
      if (word === 'atomic') this.#blocks.push('block')
      return
    }
    if (this.#closing) {
      // In END IF, END CASE, END LOOP and the like, the second word belongs to the END before it.
      this.#closing = false
      if (['if', 'case', 'loop', 'while', 'repeat', 'for'].includes(word) && this.#previous === 'end') return
    }
    // END closes a block only where a statement could begin; elsewhere it is a name.
    const ends =
      this.#blocks.at(-1) === 'case' || (this.#parens === 0 && (this.#until || STATEMENT_STARTS.has(this.#previous)))
    if (word === 'end' && this.#blocks.length > 0 && ends) {
      if (this.#blocks.pop() === 'block') this.#until = false
      this.#closing = true
    } else if (word === 'case') this.#blocks.push(this.#beginsStatement() ? 'block' : 'case')
    else if (['begin', 'loop', 'if', 'while', 'repeat', 'for'].includes(word) && this.#beginsStatement(word)) {
      this.#blocks.push('block')
    }
  }

  /**
   * Tracks Oracle-style bodies: AS or IS, declarations, BEGIN … END; packages contain routines.
   * @returns whether the word is part of that structure
   */
  #oracleBlock(word: string): boolean {
    if (this.words[0] !== 'create' || this.#previous === '.' || this.#parens > 0) return false
    if (['procedure', 'function', 'package', 'trigger'].includes(word) && this.#beginsRoutine()) {
      this.#inHeader = true
      return true
    }
    if ((word === 'as' || word === 'is') && this.#inHeader) {
      this.#inHeader = false
      this.#blocks.push('declarations')
      return true
    }
    if (word === 'declare' && this.#inHeader) {
      this.#inHeader = false
      this.#blocks.push('declarations')
      return true
    }
    // The declarations have been read; this BEGIN starts the statements of the same body.
    if (word === 'begin' && this.#blocks.at(-1) === 'declarations') {
      this.#blocks[this.#blocks.length - 1] = 'block'
      return true
    }
    if (word === 'end' && this.#blocks.at(-1) === 'declarations' && STATEMENT_STARTS.has(this.#previous)) {
      this.#blocks.pop()
      return true
    }
    return false
  }

  /** Returns whether PROCEDURE or a similar word begins a routine: the one being created, or one inside a package. */
  #beginsRoutine(): boolean {
    return this.#blocks.length === 0 || (this.#blocks.at(-1) === 'declarations' && ORACLE_STARTS.has(this.#previous))
  }

  #isCompound(): boolean {
    const [first, second, third] = this.words
    if (first === 'begin') return second === 'not' && third === 'atomic'
    if (TOP_LEVEL.has(first ?? '') || (first === 'alter' && this.words.includes('event'))) return true
    // In DEFINER=user@host, the word after `=` is not the kind of the created object.
    const kind = this.words.find((word, i) => CREATED.has(word) && this.words[i - 1] !== '=')
    return first === 'create' && kind !== undefined && COMPOUND.has(kind)
  }

  /**
   * Returns whether the word begins a statement. IF, REPEAT and others are also functions or parts of clauses; they
   * open a block only at the start of a statement.
   */
  #beginsStatement(word = ''): boolean {
    if (this.#parens > 0 || this.#blocks.at(-1) === 'case') return false
    if (this.#handling && word !== 'for') return true
    if (this.#blocks.length > 0) return STATEMENT_STARTS.has(this.#previous)
    if (this.words.length === 1) return TOP_LEVEL.has(word)
    if (word === 'for') return false
    if (['follows', 'precedes', 'comment', 'returns'].includes(this.#beforePrevious)) return true
    return word === 'begin' || word === 'loop' || BODY_STARTS.has(this.#previous)
  }
}

/**
 * Maximum length of a recorded word. Only the beginning of a long literal is kept, since literals do not help to
 * recognize a statement.
 */
const LONGEST_WORD = 64

const words = new Map<string, string>()

/**
 * Returns the word in lower case, and the same string object for equal words, because the statements of a large file
 * repeat the same ones.
 */
function lower(word: string): string {
  const known = words.get(word)
  if (known !== undefined) return known
  const small = flat(word.toLowerCase())
  if (words.size < MOST_WORDS) words.set(flat(word), small)
  return small
}

const MOST_WORDS = 5000

/** Returns a copy. A substring would keep the whole original string in memory. */
function flat(text: string): string {
  return Buffer.from(text).toString()
}

/** Kinds of objects that CREATE makes. The first of these words in the statement is the kind. */
const CREATED = new Set([
  'table',
  'view',
  'index',
  'trigger',
  'procedure',
  'function',
  'event',
  'database',
  'schema',
  'package',
  'user',
  'role',
])
/** Compound statements that MariaDB allows outside of routines. */
const TOP_LEVEL = new Set(['if', 'case', 'loop', 'while', 'repeat', 'for'])
const HANDLERS = new Set(['exit', 'continue', 'undo'])
const COMPOUND = new Set(['trigger', 'procedure', 'function', 'event', 'package'])
const STATEMENT_STARTS = new Set([';', 'begin', 'then', 'else', 'do', 'loop', 'repeat', 'atomic', ':'])
const BODY_STARTS = new Set([')', 'row', 'do', 'deterministic', 'sql', 'data', 'definer', 'invoker', ':'])

const ORACLE_STARTS = new Set([';', 'as', 'is'])
const SETTERS = new Set(['set', 'reset', 'select', 'discard'])

/**
 * Returns the settings for literals, names and bodies that an sql_mode implies.
 * @param modes as `@@sql_mode` returns it, or its numeric value
 */
export function syntaxOfModes(modes: string): Syntax {
  const number = /^\s*\d+\s*$/.test(modes) ? Number(modes) : 0
  const has = (name: string) => new RegExp(`\\b(?:${name})\\b`, 'i').test(modes)
  return {
    // MariaDB's combination modes include ANSI_QUOTES, too.
    ansiQuotes: has('ansi|ansi_quotes|oracle|mssql|db2|maxdb|postgresql') || (number & 4) !== 0,
    noBackslashEscapes: has('no_backslash_escapes') || (number & (1 << 20)) !== 0,
    oracle: has('oracle') || (number & 512) !== 0,
  }
}

/**
 * Applies a SET sql_mode in the file to `state`, for reading the rest of the text.
 * @returns whether the statement was one
 */
function readModes(statement: string, state: TokenOptions, opening: Syntax): boolean {
  const found = /\bsql_mode\b\s*:?=\s*/i.exec(statement)
  if (!found || /\b(?:global|persist|persist_only)\b/i.test(statement.slice(0, found.index))) return false
  const value = statement.slice(found.index + found[0].length)
  const literal = /^(?:'[^']*'|"[^"]*"|[\w$]+)(?=\s*(?:,|\*\/|$))/.exec(value)?.[0]
  // The value extends or reduces an earlier mode: CONCAT(@@sql_mode, ',ANSI_QUOTES'). A user variable is assumed to
  // hold the mode from the start of the text.
  const isKept = /@/.test(value)
  if (literal === undefined && !isKept) Object.assign(state, syntaxOfModes(value))
  else if (literal !== undefined) {
    const plain = literal.replace(/^['"]|['"]$/g, '')
    Object.assign(state, /^default$/i.test(plain) ? settled(opening) : syntaxOfModes(plain))
  } else {
    const added = /^replace\s*\(/i.test(value) ? {} : syntaxOfModes(value.replace(/@+[\w.$]+/g, ''))
    const base = /@@/.test(value) ? settled(state) : settled(opening)
    const removed = /^replace\s*\(/i.test(value) ? syntaxOfModes(value.replace(/@+[\w.$]+/g, '')) : {}
    for (const key of ['ansiQuotes', 'noBackslashEscapes', 'oracle'] as const)
      state[key] = (base[key] || added[key] === true) && removed[key] !== true
  }
  return true
}

function settled({ ansiQuotes = false, noBackslashEscapes = false, oracle = false }: Syntax) {
  return { ansiQuotes, noBackslashEscapes, oracle }
}

/**
 * Applies a change of PostgreSQL's standard_conforming_strings in the file to `state`.
 * @returns whether the statement changes it
 */
function readConforming(statement: string, state: TokenOptions, { backslashEscapes = false }: Syntax): boolean {
  if (/^(?:reset|discard)\s+all\b/i.test(statement)) {
    const isChange = state.backslashEscapes !== backslashEscapes
    state.backslashEscapes = backslashEscapes
    return isChange
  }
  const found = /\bstandard_conforming_strings\b["']?\s*(?:(?:=|to\b|,)\s*["']?(\w+))?/i.exec(statement)
  if (!found) return false
  const [, value = 'default'] = found
  state.backslashEscapes = /^default$/i.test(value)
    ? backslashEscapes
    : /^(?:off|of|false|fals|fal|fa|f|0|no|n)$/i.test(value)
  return true
}

function isDelimiterLine(text: string, token: Token, source: string): boolean {
  if (token.kind !== 'word' || source.toLowerCase() !== 'delimiter') return false
  return /(^|[\r\n])[ \t]*$/.test(text.slice(Math.max(0, token.start - 200), token.start))
}

function lineEnd(text: string, from: number): number {
  const found = text.slice(from).search(/[\r\n]/)
  return found === -1 ? text.length : from + found
}

function canonical(token: Token, written: string, dialect: Dialect): string {
  // git may change the line ends inside a literal or a body on checkout. The meaning is the same.
  const source = written.includes('\r\n') ? written.replaceAll('\r\n', '\n') : written
  if (dialect !== 'postgres') return source
  if (token.kind === 'word') return asciiLower(source)
  // Fold the prefix of a literal only, not its content: e'a' equals E'a'.
  if (token.kind === 'string') return source.replace(/^(?:u&|[ebx])(?=')/i, asciiLower)
  return source
}

/** Lower-cases ASCII letters only: PostgreSQL folds those of unquoted words and, in UTF-8, no others. */
function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/**
 * Returns the offset after the end mark `\.` if it is on the line after a COPY, that is, if the COPY has no rows; else
 * -1.
 */
function emptyCopyEnd(text: string, from: number): number {
  const found = /^[ \t]*\r?\n\\\.[ \t]*(?=\r?\n|$)/.exec(text.slice(from, from + 200))
  return found ? from + found[0].length : -1
}

function byteOrderMark(start: number): Problem {
  return {
    kind: 'nul',
    start,
    end: start + 1,
    message: 'an invisible byte order mark (U+FEFF) in the middle of the text',
    hint: 'Joining files may leave one there. Remove it.',
  }
}

function copyProblem(open: OpenStatement): Problem {
  return {
    kind: 'copy',
    start: open.start,
    end: open.end,
    message: 'COPY … FROM stdin needs psql: a migration has no standard input',
    hint: 'Write the rows as INSERT statements (pg_dump --inserts does it), or load them from a code migration.',
  }
}

function clientCommand(start: number, end: number, name: string): Problem {
  const mysql = name === 'DELIMITER'
  return {
    kind: 'client-command',
    start,
    end,
    message: mysql ? 'DELIMITER without a delimiter' : `${name} is a command of psql, not SQL`,
    hint: mysql
      ? 'Write it as the mysql client expects it: DELIMITER //'
      : 'Remove the line, or write in SQL what it does. Only \\restrict and \\unrestrict (from pg_dump) are ignored.',
  }
}

function unterminated(token: Token): Problem {
  return {
    kind: 'unterminated',
    start: token.start,
    end: token.end,
    message: `unterminated ${token.unterminated}: it begins here and the file ends before it does`,
    hint: 'Close it; if the file was being saved just now, try again.',
  }
}
