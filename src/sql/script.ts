/**
 * Reads a migration's SQL once: its statements, its fingerprint, its directives, and whether it runs in a transaction
 * of ours. Nothing here throws; `problem` describes an error in the text.
 */
import { hash } from 'node:crypto'
import type { Canonical } from './canonical.ts'
import type { Dialect } from './dialect.ts'
import { changesRowsOnly } from './rows.ts'
import { type Cut, cutStatements, type Problem, type Statement } from './statements.ts'
import { type Syntax, type Token, tokenize } from './tokens.ts'

export interface Script {
  /** How it was read. */
  readonly rules: ScriptRules
  /** The text as written, without a byte order mark. */
  readonly source: string
  /**
   * The text to send to the server: psql commands and the file's own BEGIN and COMMIT are replaced by spaces. Has the
   * same length as `source`.
   */
  readonly text: string
  readonly statements: readonly Statement[]
  /**
   * Returns the text for the database's own command-line client: the sent text plus the file's DELIMITER lines. At its
   * end the delimiter is `;` again.
   */
  readonly clientText: () => string
  /**
   * 32 hex digits: a hash of the SQL tokens. Comments, white space and letter case (where the database folds it) do not
   * count.
   */
  readonly fingerprint: string
  /** `wrap`: runs in one transaction of ours. `none`: each statement on its own. */
  readonly transaction: 'wrap' | 'none'
  /** Modes that the file's own BEGIN requests, such as `ISOLATION LEVEL SERIALIZABLE`; usually empty. */
  readonly transactionMode: string
  /** The reason why the migration cannot be undone, from `-- migrate: irreversible REASON` in its down. */
  readonly irreversible: string | undefined
  /** Names from `-- migrate: depends-on NAME, …`; empty for `depends-on nothing`. */
  readonly dependsOn: readonly string[] | undefined
  /** Names from `-- migrate: replaces NAME, …`. */
  readonly replaces: readonly string[] | undefined
  readonly problem: Problem | undefined
}

/** The rules by which a script is read and run; the defaults are those that golang-migrate's files need. */
export interface ScriptRules {
  /** `false`: comments like `-- migrate: no-transaction` mean nothing. Default `true`. */
  readonly directives?: boolean
  /**
   * The treatment of a BEGIN or COMMIT in the middle, or a statement that the server refuses in a transaction. `refuse`
   * (default): the script cannot run. `units`: the script runs outside a transaction of ours, in units: each
   * transaction of its own is one, each other statement is one.
   */
  readonly control?: 'refuse' | 'units'
  /** `none`: each statement runs on its own. Default `wrap`: all of them in one transaction, where that is possible. */
  readonly transaction?: 'wrap' | 'none'
  /**
   * `true`: if the script adds a value to an enum and has other statements, it runs in units, since they cannot use the
   * value in the same transaction.
   */
  readonly commitsEnumValues?: boolean
}

/** Reads a script. Never throws. @param syntax how the server reads literals, if it has been asked */
export function readScript(source: string, dialect: Dialect, syntax: Syntax = {}, rules: ScriptRules = {}): Script {
  const text = source.startsWith('\uFEFF') ? source.slice(1) : source
  const cut = cutStatements(text, dialect, syntax)
  const directives: Directives = rules.directives === false ? { names: [] } : readDirectives(text, cut)
  const counted = directives.names.filter((name) => !NOT_RUN.includes(name)).map((name) => `-- migrate: ${name}`)
  const fingerprint = fingerprintOf(counted, cut.canonical)
  const noTransaction = directives.names.includes('no-transaction') || rules.transaction === 'none'
  const decided: Decision =
    cut.problem || directives.problem
      ? { statements: cut.statements, blanked: [], transaction: 'wrap', mode: '', problem: undefined }
      : decideTransaction(text, cut.statements, dialect, noTransaction, rules)
  const sent = blank(text, [...cut.skipped, ...decided.blanked])
  return {
    rules,
    source: text,
    text: sent,
    clientText: clientTextOf(text, sent, cut, dialect),
    statements: decided.statements,
    fingerprint,
    transaction: decided.transaction,
    transactionMode: decided.mode,
    irreversible: directives.irreversible,
    dependsOn: directives.dependsOn,
    replaces: directives.replaces,
    problem: nulProblem(text) ?? cut.problem ?? directives.problem ?? decided.problem,
  }
}

/** Returns 32 hex digits: a hash of the parts in order, followed by the tokens. */
export function fingerprintOf(parts: readonly string[], tokens?: Canonical): string {
  if (tokens && parts.length === 0) return tokens.digest().slice(0, 32)
  const all = tokens ? [...parts, tokens.digest()] : parts
  return hash('sha256', all.join('\0')).slice(0, 32)
}

/** Returns the name as a directive expects it, quoted if necessary. */
export function inDirective(name: string): string {
  return /[\s,"]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name
}

/**
 * Returns whether the script may leave settings or a role in effect for later statements of the same transaction or
 * session.
 */
export function leavesSettings({ text, statements }: Pick<Script, 'text' | 'statements'>): boolean {
  if (/\bset_config\b/i.test(text)) return true
  return statements.some(({ words: [first = '', second = ''], start, end }) => {
    if (first === 'set') return !['constraints', 'transaction'].includes(second)
    return first === 'reset' || (first === 'do' && /\bset\b/i.test(text.slice(start, end)))
  })
}

/** Returns the text with its last statement terminated, so that another statement can follow. */
export function withEnd(text: string, dialect: Dialect): string {
  const trimmed = text.trimEnd()
  let last: Token | undefined
  let open = false
  for (const token of tokenize(trimmed, dialect)) {
    open = token.kind === 'comment' && !trimmed.startsWith('/*', token.start)
    if (token.kind !== 'comment') last = token
  }
  if (last === undefined || trimmed.slice(last.start, last.end) === ';') return trimmed
  return open ? `${trimmed}\n;` : `${trimmed};`
}

/** Returns the objects that a script creates, such as "table users", to list what a missing down would leave behind. */
export function createdObjects(script: Script): string[] {
  const made: string[] = []
  for (const { words } of script.statements) {
    if (words[0] !== 'create') continue
    const rest = words.slice(1).filter((w) => !FILLER.has(w))
    const kind = rest[0] === 'materialized' ? 'materialized view' : rest[0]
    const named = rest.slice(rest[0] === 'materialized' ? 2 : 1)
    if (!kind || !named[0]) continue
    const name = named[1] === '.' && named[2] ? `${named[0]}.${named[2]}` : named[0]
    made.push(`${kind} ${name}`)
  }
  return made
}

// --- internal ---

/** Returns a function, because the text is rarely needed. It captures the few values it uses, not the tokens. */
function clientTextOf(
  source: string,
  sent: string,
  { skipped, delimiter, isEnded }: Cut,
  dialect: Dialect,
): () => string {
  if (dialect !== 'mysql' || skipped.length === 0) return () => sent
  return () => forClient(source, sent, { skipped, delimiter, isEnded }, dialect)
}

type Ending = Pick<Cut, 'skipped' | 'delimiter' | 'isEnded'>

function forClient(source: string, sent: string, { skipped, delimiter, isEnded }: Ending, dialect: Dialect): string {
  const pieces: string[] = []
  let at = 0
  for (const { start, end } of skipped) {
    pieces.push(sent.slice(at, start), source.slice(start, end))
    at = end
  }
  const whole = [...pieces, sent.slice(at)].join('').trimEnd()
  if (delimiter === ';') return isEnded ? whole : withEnd(whole, dialect)
  return `${whole}${isEnded ? '' : `\n${delimiter}`}\nDELIMITER ;`
}

const FILLER = new Set(['or', 'replace', 'if', 'not', 'exists', 'unique', 'concurrently', 'unlogged', 'recursive'])
/** The words after `allow`. */
const ALLOW = /^\S+\s+because\s+\S/
const DIRECTIVE = /^--[ \t]*migrate:[ \t]*(.*?)[ \t]*$/
/** Directives that do not change how the script runs: about the order of migrations, for `verify`, and what is lost. */
const NOT_RUN = ['depends-on', 'replaces', 'allow', 'destroys', 'overwrites', 'does-not-restore']
const DIRECTIVES = ['no-transaction', 'irreversible', ...NOT_RUN]
const WITH_WORDS: Readonly<Record<string, string>> = {
  irreversible: 'the reason is missing|Add it: -- migrate: irreversible the old names are gone',
  'depends-on':
    '"depends-on" names no migration|Name migrations, as in -- migrate: depends-on 0004_users, 0006_roles; or write "nothing".',
  replaces: '"replaces" names no migration|"migratest squash" writes this line.',
  destroys: '"destroys" names nothing|Name what goes, as in -- migrate: destroys column users.name',
  overwrites: '"overwrites" names nothing|Name what gets other values, as in -- migrate: overwrites column users.name',
  'does-not-restore':
    '"does-not-restore" names nothing|Name what is gone for good, as in -- migrate: does-not-restore column users.name',
  allow: '"allow" names no rule|Write: -- migrate: allow RULE because REASON',
}

interface Directives {
  readonly names: string[]
  irreversible?: string
  dependsOn?: string[]
  replaces?: string[]
  problem?: Problem
}

function readDirectives(text: string, cut: Cut): Directives {
  const found: Directives = { names: [] }
  for (const comment of cut.comments) {
    const written = DIRECTIVE.exec(text.slice(comment.start, comment.end))?.[1]
    if (written === undefined) continue
    const [, name = '', words = ''] = /^(\S*)\s*(.*)$/.exec(written) ?? []
    const wrong = (message: string, hint: string): Directives => ({
      ...found,
      problem: { kind: 'directive', start: comment.start, end: comment.end, message, hint },
    })
    const [missing = '', how = ''] = WITH_WORDS[name]?.split('|') ?? []
    if (!DIRECTIVES.includes(name) || (words && !missing)) {
      const known = DIRECTIVES.map((d) => `-- migrate: ${d}`).join(', ')
      return wrong(`"${written}" is not a directive`, `Known directives: ${known}.`)
    }
    if (missing && !words) return wrong(missing, how)
    if (name === 'allow' && !ALLOW.test(words)) return wrong(`"allow ${words}" gives no reason`, how)
    if (name === 'irreversible') found.irreversible = words
    if (name === 'depends-on') found.dependsOn = [...(found.dependsOn ?? []), ...listed(words)]
    if (name === 'replaces') found.replaces = [...(found.replaces ?? []), ...listed(words)]
    found.names.push(name)
  }
  return found
}

function listed(words: string): string[] {
  if (words === 'nothing') return []
  return [...words.matchAll(/"((?:[^"]|"")*)"|[^\s,"]+/g)].map(([all, quoted]) => quoted?.replaceAll('""', '"') ?? all)
}

interface Decision {
  statements: readonly Statement[]
  blanked: readonly { start: number; end: number }[]
  transaction: 'wrap' | 'none'
  mode: string
  problem: Problem | undefined
}

function decideTransaction(
  text: string,
  all: readonly Statement[],
  dialect: Dialect,
  directive: boolean,
  { control: own = 'refuse', commitsEnumValues = false }: ScriptRules,
): Decision {
  const plain: Decision = { statements: all, blanked: [], transaction: 'wrap', mode: '', problem: undefined }
  if (directive) return groupUnits(text, plain, dialect)
  if (dialect === 'mysql') return decideMysql(text, plain)
  if (all.length === 1 && refusesTransaction((all[0] as Statement).words, dialect)) {
    return { ...plain, transaction: 'none' }
  }
  const wrapper = wrapperOf(all)
  const inner = wrapper ? all.slice(1, -1) : all
  const control = inner.find(({ words }) => controlsTransaction(words))
  const alone = inner.find(({ words }) => refusesTransaction(words, dialect))
  const isSplit = control ?? alone ?? (commitsEnumValues && inner.length > 1 && inner.find(addsEnumValue))
  if (own === 'units' && isSplit) return groupUnits(text, plain, dialect, true)
  if (control) return { ...plain, problem: controlProblem(text, control) }
  if (alone) return { ...plain, problem: aloneProblem(text, alone, inner.length) }
  if (!wrapper) return plain
  const mode = text
    .slice(wrapper[0].start, wrapper[0].end)
    .replace(/^\s*(begin|start)\b\s*(transaction|work)?/i, '')
    .trim()
  return { ...plain, statements: inner, blanked: wrapper.map((statement) => withSemicolon(text, statement)), mode }
}

/**
 * Decides for MySQL and MariaDB: a script that only changes rows runs in one transaction. Schema changes commit
 * implicitly, so a script with any of them runs statement by statement.
 */
function decideMysql(text: string, plain: Decision): Decision {
  const { statements } = plain
  const local = statements.find(({ words }) => words[0] === 'load' && words.slice(0, 4).includes('local'))
  if (local) return { ...plain, problem: localProblem(local) }
  const wrapper = wrapperOf(statements)
  const inner = wrapper ? statements.slice(1, -1) : statements
  if (inner.some(({ words }) => controlsTransaction(words))) return groupUnits(text, plain, 'mysql')
  const blanked = wrapper?.map((statement) => withSemicolon(text, statement)) ?? []
  const blankedOut = { ...plain, statements: inner, blanked }
  return inner.every(({ words, start, end }) => changesRowsOnly(words, text.slice(start, end)))
    ? blankedOut
    : groupUnits(text, blankedOut, 'mysql')
}

/** Returns the BEGIN and the COMMIT if they enclose the whole file. */
function wrapperOf(all: readonly Statement[]): readonly [Statement, Statement] | undefined {
  const first = all[0]
  const last = all.at(-1)
  return all.length >= 2 && first && last && opens(first.words) && commits(last.words) ? [first, last] : undefined
}

/**
 * Groups statements of a script that does not run in a transaction of ours: each of its own transactions, from BEGIN to
 * its end, is one unit. The same applies to LOCK TABLES … UNLOCK TABLES.
 * @param isBegun `true` if the file's own tool has begun a transaction before it runs the file
 */
function groupUnits(text: string, plain: Decision, dialect: Dialect, isBegun = false): Decision {
  const units: Statement[] = []
  const implied = isBegun ? impliedBegin(plain.statements) : undefined
  let begun: Statement | undefined
  let parts: Statement[] = []
  const isBeginning = ({ words }: Statement) =>
    opens(words) || (dialect === 'mysql' && words[0] === 'lock' && /^tables?$/.test(words[1] ?? ''))
  const isEnd = ({ words }: Statement) => ends(words) || (words[0] === 'unlock' && begun?.words[0] === 'lock')
  for (const statement of plain.statements) {
    if (!begun && (isBeginning(statement) || statement === implied)) {
      begun = statement
      parts = []
    }
    if (begun) parts.push(statement)
    else units.push(statement)
    if (begun && isEnd(statement)) {
      units.push({ ...begun, end: statement.end, parts })
      begun = undefined
    }
  }
  // A BEGIN without an end gives the tool its transaction back. What follows it is one unit, without the BEGIN.
  const [, second] = parts
  const returned = isBegun && begun !== undefined && begun !== implied && opens(begun.words)
  if (returned && second) units.push({ ...second, end: parts.at(-1)?.end ?? second.end, parts: parts.slice(1) })
  return {
    ...plain,
    statements: units,
    transaction: 'none',
    problem: returned ? undefined : begun && unendedProblem(text, begun),
  }
}

/**
 * Returns the first statement if a COMMIT without a BEGIN follows it: that COMMIT ends the tool's transaction. The
 * statements up to it are one unit. Sent in one message, they share a transaction that the server begins by itself.
 */
function impliedBegin(statements: readonly Statement[]): Statement | undefined {
  const control = statements.find(({ words }) => opens(words) || ends(words))
  return control && ends(control.words) && control !== statements[0] ? statements[0] : undefined
}

function addsEnumValue({ words }: Statement): boolean {
  return (
    words[0] === 'alter' && words[1] === 'type' && words.some((word, i) => word === 'add' && words[i + 1] === 'value')
  )
}

function ends(words: readonly string[]): boolean {
  if (words[0] === 'prepare') return words[1] === 'transaction'
  return controlsTransaction(words) && !opens(words)
}

function unendedProblem(text: string, { start }: Statement): Problem {
  const end = start + (/^\w+/.exec(text.slice(start))?.[0].length ?? 1)
  const locked = text.slice(start, end).toLowerCase() === 'lock'
  const message = locked ? 'the file does not unlock these tables' : 'the file does not end this transaction'
  return { kind: 'transaction', start, end, message, hint: locked ? 'Add UNLOCK TABLES.' : 'Add its COMMIT.' }
}

/**
 * Returns the range of the statement and the `;` after it. Both are blanked; the `;` alone would be an empty statement.
 */
function withSemicolon(text: string, statement: Statement): { start: number; end: number } {
  const next = /^\s*;/.exec(text.slice(statement.end))
  return { start: statement.start, end: statement.end + (next?.[0].length ?? 0) }
}

function opens(words: readonly string[]): boolean {
  return (words[0] === 'begin' && words[1] !== 'not') || (words[0] === 'start' && words[1] === 'transaction')
}

function commits(words: readonly string[]): boolean {
  const chained = words.includes('chain') && !words.includes('no')
  return (words[0] === 'commit' && words[1] !== 'prepared' && !chained) || (words[0] === 'end' && !chained)
}

/**
 * Returns whether the statement begins or ends a transaction. Savepoints do not count: they stay inside our
 * transaction. COMMIT PREPARED does not count either: it ends a different transaction.
 */
function controlsTransaction(words: readonly string[]): boolean {
  const [first, second] = words
  if (second === 'prepared' && (first === 'commit' || first === 'rollback')) return false
  if (first === 'rollback') return second !== 'to' && words[2] !== 'to'
  if (first === 'prepare') return second === 'transaction'
  return opens(words) || ['commit', 'end', 'abort'].includes(first ?? '')
}

/**
 * Returns whether PostgreSQL refuses the statement inside a transaction block (as its manual states on the page of each
 * such statement).
 */
export function refusesTransaction(words: readonly string[], dialect: Dialect): boolean {
  if (dialect !== 'postgres') return false
  const [first, second, third] = words
  const concurrently = words.includes('concurrently')
  switch (first) {
    case 'vacuum':
      return true
    case 'create':
      if (second === 'index' || (second === 'unique' && third === 'index')) return concurrently
      return second === 'database' || second === 'tablespace' || second === 'subscription'
    case 'drop':
      if (second === 'index') return concurrently
      return second === 'database' || second === 'tablespace' || second === 'subscription'
    case 'reindex':
      return concurrently || words.includes('database') || words.includes('system') || words.includes('schema')
    case 'alter':
      if (second === 'system') return true
      if (second === 'database') return words.includes('tablespace')
      return second === 'table' && words.includes('detach') && concurrently
    case 'cluster':
      return words.length === 1 || second === 'verbose'
    case 'discard':
      return second === 'all'
    case 'commit':
    case 'rollback':
      return second === 'prepared'
    default:
      return false
  }
}

/** Reports a NUL in the text. Both protocols end a text at a NUL, so the rest would silently not run. */
function nulProblem(text: string): Problem | undefined {
  const start = text.indexOf('\0')
  if (start === -1) return undefined
  const message = 'a NUL character, which no database accepts in SQL'
  return {
    kind: 'nul',
    start,
    end: start + 1,
    message,
    hint: 'Remove it. The file may be incomplete, or not a text file.',
  }
}

function localProblem({ start, end }: Statement): Problem {
  return {
    kind: 'copy',
    start,
    end,
    message: 'LOAD DATA LOCAL needs a client with access to files: a migration has none',
    hint: 'Write the rows as INSERT statements, or load them from a code migration.',
  }
}

function controlProblem(text: string, { start, end }: Statement): Problem {
  return {
    kind: 'transaction',
    start,
    end,
    message: `${text.slice(start, end).toUpperCase()} would end or open a transaction in the middle of the migration`,
    hint: 'Remove it (the whole file already runs in one transaction), or begin the file with "-- migrate: no-transaction".',
  }
}

function aloneProblem(text: string, { start, end, words }: Statement, count: number): Problem {
  const what = words.includes('concurrently')
    ? `${words.slice(0, 2).join(' ')} concurrently`
    : words.slice(0, 2).join(' ')
  return {
    kind: 'transaction',
    start,
    end: Math.min(end, start + (text.slice(start, end).split('\n')[0]?.length ?? 1)),
    message: `${what.toUpperCase()} cannot run in a transaction, and this file has ${count} statements that would share one`,
    hint: 'Move it to its own migration, or begin the file with "-- migrate: no-transaction".',
  }
}

/** Replaces the given ranges by spaces and keeps line ends, so that the text has the same length and the same lines. */
function blank(text: string, parts: readonly { start: number; end: number }[]): string {
  if (parts.length === 0) return text
  const pieces: string[] = []
  let at = 0
  for (const { start, end } of [...parts].sort((a, b) => a.start - b.start)) {
    pieces.push(text.slice(at, start), text.slice(start, end).replace(/[^\r\n]/g, ' '))
    at = end
  }
  return [...pieces, text.slice(at)].join('')
}
