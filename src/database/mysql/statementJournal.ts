/**
 * Records the objects a statement is about to change, before and after it, so that we can tell whether it took effect
 * even if the server's answer was lost.
 */
import { hash } from 'node:crypto'
import { type Token, tokenize } from '../../sql/tokens.ts'
import type { MysqlError, Row, Session } from './session.ts'
import { identifier, literal } from './tables.ts'

interface Target {
  readonly kind: 'TABLE' | 'TRIGGER' | 'PROCEDURE' | 'FUNCTION' | 'EVENT' | 'DATABASE'
  /** Name, as SHOW CREATE takes it. */
  readonly name: string
}

/** The targets of a statement and the prior state of each: a hash, or null if it did not exist. */
export interface StatementJournal {
  /** `make`, `change`: all targets exist afterwards; `remove`: none exists; `rename`: all are different. */
  readonly verb: 'make' | 'change' | 'remove' | 'rename'
  readonly targets: readonly Target[]
  readonly before: readonly (string | null)[]
  /** Modes under which the definitions were read. */
  readonly modes: Modes
}

/** Settings that decide how the server writes names: `sql_mode` and `sql_quote_show_create`. */
export interface Modes {
  readonly mode: string
  readonly quotes: number
}

interface Reading {
  /** The current database. */
  readonly database: string
  /** Modes of the session when it was opened. */
  readonly modes: Modes
  /** `true` if the session's modes may have changed since. */
  readonly changed: boolean
}

/**
 * Reads the state of the objects that the statement is about to change; undefined if its text does not tell which these
 * are.
 */
export async function readJournal(
  session: Session,
  sql: string,
  { database, modes, changed }: Reading,
): Promise<StatementJournal | undefined> {
  const aim = ddlTargetsOf(sql, database)
  if (aim === undefined) return undefined
  const before = await readTargets(session, aim.targets, changed ? modes : undefined)
  return before && { ...aim, before, modes }
}

/** A look at the object that a statement is about to change, sent as the last statement of a message. */
export interface Look {
  readonly sql: string
  /** @param row what the look returned @param errno the error it failed with */
  read(row: Row | undefined, errno: number | undefined): Looked | undefined
}

/** What was seen of the object that a statement is about to change. */
export interface Looked {
  /** The statement. */
  readonly sql: string
  readonly progress: StatementJournal
}

/** Returns the look at the object of a statement; undefined if it names none or several. */
export function lookAt(statement: string, { database, modes }: Omit<Reading, 'changed'>): Look | undefined {
  const aim = ddlTargetsOf(statement, database)
  const [target, second] = aim?.targets ?? []
  if (!aim || !target || second) return undefined
  return {
    sql: showOf(target),
    read(row, errno) {
      const hash = errno === undefined ? row && hashOf(row) : NOT_THERE.has(errno) ? null : undefined
      return hash === undefined ? undefined : { sql: statement, progress: { ...aim, before: [hash], modes } }
    },
  }
}

/** Returns whether the statement took effect; undefined if the objects cannot be read or it took effect in part. */
export async function wasApplied(session: Session, progress: StatementJournal): Promise<boolean | undefined> {
  const { targets, before, verb, modes } = progress
  const now = await readTargets(session, targets, modes)
  if (!now) return undefined
  const changed = now.filter((hash, i) => hash !== before[i]).length
  if (changed === 0) return false
  if (verb === 'rename') return changed === now.length ? true : undefined
  if (verb === 'remove') return now.every((hash) => hash === null) ? true : undefined
  return now.every((hash) => hash !== null) ? true : undefined
}

/** Returns whether any of the objects has changed; undefined if they cannot be read. */
export async function hasChanged(
  session: Session,
  { targets, before, modes }: StatementJournal,
): Promise<boolean | undefined> {
  const now = await readTargets(session, targets, modes)
  return now?.some((hash, i) => hash !== before[i])
}

/** Returns the objects that a statement creates, changes or removes; undefined if its text does not tell. */
export function ddlTargetsOf(sql: string, database: string): Pick<StatementJournal, 'verb' | 'targets'> | undefined {
  const words = new Words(sql, database)
  const verb = words.take('create', 'alter', 'drop', 'rename')
  if (verb === undefined) return undefined
  if (verb === 'rename') {
    if (!words.take('table', 'tables')) return undefined
    words.skip(BEFORE_NAME)
    const targets = words.names('TABLE', ['to', ','])
    // Names that are swapped look the same before and after.
    return targets && new Set(targets.map(({ name }) => name)).size === targets.length
      ? { verb: 'rename', targets }
      : undefined
  }
  words.skip(BEFORE_KIND)
  const kind = words.take(...Object.keys(KINDS))
  if (kind === undefined) return undefined
  const shown = KINDS[kind] ?? 'TABLE'
  words.skip(BEFORE_NAME)
  if (kind === 'index') {
    words.name()
    words.skipTo('on')
    return aim('change', words.names('TABLE', []))
  }
  if (kind === 'database' || kind === 'schema') {
    const name = words.plainName()
    return aim(VERBS[verb], [{ kind: 'DATABASE', name: identifier(name ?? database) }])
  }
  const targets = words.names(shown, verb === 'drop' ? [','] : [])
  if (verb !== 'alter' || shown !== 'TABLE') return aim(VERBS[verb], targets)
  // The effect of such a statement on rows and files does not show in the table's definition.
  if (words.has(UNSEEN)) return undefined
  const renamed = words.renamed()
  return renamed ? aim('rename', targets && [...targets, renamed]) : aim('change', targets)
}

// --- internal ---

const KINDS: Readonly<Record<string, Target['kind']>> = {
  table: 'TABLE',
  view: 'TABLE',
  sequence: 'TABLE',
  index: 'TABLE',
  trigger: 'TRIGGER',
  procedure: 'PROCEDURE',
  function: 'FUNCTION',
  event: 'EVENT',
  database: 'DATABASE',
  schema: 'DATABASE',
}

const VERBS: Readonly<Record<string, 'make' | 'change' | 'remove'>> = {
  create: 'make',
  alter: 'change',
  drop: 'remove',
}

const UNSEEN = ['exchange', 'truncate', 'import', 'discard']

function aim(verb: StatementJournal['verb'] | undefined, targets: readonly Target[] | undefined) {
  return targets && verb && { verb, targets }
}

const BEFORE_KIND =
  'or replace temporary unique fulltext spatial vector online offline ignore aggregate algorithm = undefined merge temptable definer current_user role sql security invoker'.split(
    ' ',
  )
const BEFORE_NAME = ['if', 'not', 'exists', 'wait', 'nowait']

/** The tokens of a statement, one after another. Most statements name their object in the first few: no more are read. */
class Words {
  readonly #sql: string
  readonly #database: string
  readonly #unread: Iterator<Token>
  readonly #tokens: Token[] = []
  #at = 0

  constructor(sql: string, database: string) {
    this.#sql = sql
    this.#database = database
    this.#unread = tokenize(sql, 'mysql')
  }

  /** Consumes and returns the next word if it is one of these. */
  take(...words: readonly string[]): string | undefined {
    const word = this.#text().toLowerCase()
    if (!words.includes(word)) return undefined
    this.#at++
    return word
  }

  skip(words: readonly string[]): void {
    for (let token = this.#token(this.#at); token; token = this.#token(++this.#at)) {
      const word = this.#text().toLowerCase()
      if (words.includes(word)) continue
      // A definer: 'name'@'host', `name`@`host`, name@host.
      const before = this.#previous()
      if (words === BEFORE_KIND && (before === '=' || before === '@' || word === '@' || word.startsWith('@'))) continue
      if (words === BEFORE_KIND && token.kind !== 'word') continue
      return
    }
  }

  skipTo(word: string): void {
    while (this.#token(this.#at) && this.#text().toLowerCase() !== word) this.#at++
    this.#at++
  }

  /** Reads names separated by one of `between`; undefined if there is none. */
  names(kind: Target['kind'], between: readonly string[]): Target[] | undefined {
    const all: Target[] = []
    do {
      const name = this.name()
      if (name === undefined) return undefined
      all.push({ kind, name })
    } while (this.take(...between))
    return all
  }

  name(): string | undefined {
    const first = this.plainName()
    if (first === undefined) return undefined
    if (this.#text() !== '.') return `${identifier(this.#database)}.${identifier(first)}`
    this.#at++
    const second = this.plainName()
    return second === undefined ? undefined : `${identifier(first)}.${identifier(second)}`
  }

  plainName(): string | undefined {
    const token = this.#token(this.#at)
    if (!token) return undefined
    const text = this.#text()
    this.#at++
    if (token.kind === 'word') return text
    if (token.kind !== 'quoted' && !text.startsWith('"')) return undefined
    const quote = text[0] as string
    return text.slice(1, -1).replaceAll(quote + quote, quote)
  }

  /** Returns whether one of these words occurs in the rest. */
  has(words: readonly string[]): boolean {
    for (let at = this.#at, token = this.#token(at); token; token = this.#token(++at)) {
      if (token.kind === 'word' && words.includes(this.#sql.slice(token.start, token.end).toLowerCase())) return true
    }
    return false
  }

  /** Returns the new name in ALTER TABLE … RENAME [TO | AS] name, if the table is renamed and not a column or key. */
  renamed(): Target | undefined {
    for (; this.#token(this.#at); this.#at++) {
      if (this.#text().toLowerCase() !== 'rename') continue
      this.#at++
      if (['column', 'index', 'key'].includes(this.#text().toLowerCase())) continue
      this.take('to', 'as')
      const name = this.name()
      return name === undefined ? undefined : { kind: 'TABLE', name }
    }
    return undefined
  }

  #text(at = this.#at): string {
    const token = this.#token(at)
    return token ? this.#sql.slice(token.start, token.end) : ''
  }

  #previous(): string {
    return this.#text(this.#at - 1)
  }

  #token(at: number): Token | undefined {
    while (this.#tokens.length <= at) {
      const { value, done } = this.#unread.next()
      if (done) return undefined
      if (value.kind !== 'comment') this.#tokens.push(value)
    }
    return this.#tokens[at]
  }
}

/**
 * Reads the hashes of the targets' definitions; undefined if one may exist but cannot be read.
 * @param modes to read under; undefined: the session's current ones
 */
async function readTargets(
  session: Session,
  targets: readonly Target[],
  modes: Modes | undefined,
): Promise<(string | null)[] | undefined> {
  const hashes: (string | null)[] = []
  for (const target of targets) {
    try {
      const hash = hashOf(await show(session, showOf(target), modes))
      if (hash === undefined) return undefined
      hashes.push(hash)
    } catch (error) {
      if (!NOT_THERE.has((error as MysqlError).errno ?? 0)) return undefined
      hashes.push(null)
    }
  }
  return hashes
}

function showOf({ kind, name }: Target): string {
  return `SHOW CREATE ${kind} ${name}`
}

/** Returns the hash of a definition; undefined if this user may not see it. */
function hashOf(row: Row): string | undefined {
  const definition = definitionOf(row)
  return definition === undefined ? undefined : hash('sha256', definition).slice(0, 32)
}

/** Runs a SHOW statement under the given modes, whatever the file has set: how names are quoted depends on them. */
async function show(session: Session, sql: string, modes: Modes | undefined): Promise<Row> {
  if (!modes) return (await session.query(sql))[0] ?? {}
  const set = `SET @migratest_mode = @@sql_mode, @migratest_quotes = @@sql_quote_show_create, SESSION sql_mode = ${literal(modes.mode)}, SESSION sql_quote_show_create = ${modes.quotes}`
  const back = 'SET SESSION sql_mode = @migratest_mode, SESSION sql_quote_show_create = @migratest_quotes'
  try {
    const [, rows = []] = await session.queries([set, sql, back])
    return rows[0] ?? {}
  } catch (error) {
    await session.query(back)
    throw error
  }
}

/**
 * Returns the CREATE statement without its AUTO_INCREMENT value, which any new row changes; undefined if this user may
 * not see it.
 */
function definitionOf(row: Row): string | undefined {
  const [, text] = Object.entries(row).find(([name]) => /^create |^sql original statement$/i.test(name)) ?? []
  return typeof text === 'string' ? text.replace(/ AUTO_INCREMENT=\d+/, '') : undefined
}

/** Error numbers for a missing database, table, trigger, routine or event. */
const NOT_THERE = new Set([1049, 1146, 1360, 1305, 1539, 1517])
