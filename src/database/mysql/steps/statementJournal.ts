/**
 * Records the objects a statement is about to change, before and after it, so that we can tell whether it took effect
 * even if the server's answer was lost.
 */
import { hash } from 'node:crypto'
import { ConnectionError } from '../../../migrate/errors.ts'
import type { MysqlError, Row, Session } from '../session.ts'
import { identifier, literal } from '../tables.ts'
import { lineOf, type TablePart } from './makings.ts'
import { Words } from './words.ts'

interface Target {
  readonly kind: 'TABLE' | 'TRIGGER' | 'PROCEDURE' | 'FUNCTION' | 'EVENT' | 'DATABASE'
  /** Name, as SHOW CREATE takes it. */
  readonly name: string
  /** The part of the table that the statement makes, if only that counts. */
  readonly part?: TablePart
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

/** The state of the object that a statement is about to change, as the look before it found it. */
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
      const seen = errno === undefined ? row && hashOf(row) : NOT_THERE.has(errno) ? null : undefined
      return seen === undefined ? undefined : { sql: statement, progress: { ...aim, before: [seen], modes } }
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
    const names = words.names(['to', ','])
    // Names that are swapped look the same before and after.
    return names && new Set(names).size === names.length ? { verb: 'rename', targets: all('TABLE', names) } : undefined
  }
  words.skipOptions()
  const kind = words.take(...Object.keys(KINDS))
  if (kind === undefined) return undefined
  const shown = KINDS[kind] ?? 'TABLE'
  words.skip(BEFORE_NAME)
  if (kind === 'index') {
    words.name()
    words.skipTo('on')
    return aim('change', all('TABLE', words.names([])))
  }
  if (kind === 'database' || kind === 'schema') {
    const name = words.plainName()
    return aim(VERBS[verb], [{ kind: 'DATABASE', name: identifier(name ?? database) }])
  }
  const targets = all(shown, words.names(verb === 'drop' ? [','] : []))
  if (verb !== 'alter' || shown !== 'TABLE') return aim(VERBS[verb], targets)
  // The effect of such a statement on rows and files does not show in the table's definition.
  if (words.has(UNSEEN)) return undefined
  const renamed = words.renamed()
  return renamed === undefined
    ? aim('change', targets)
    : aim('rename', targets && [...targets, { kind: 'TABLE', name: renamed }])
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

function all(kind: Target['kind'], names: readonly string[]): Target[]
function all(kind: Target['kind'], names: readonly string[] | undefined): Target[] | undefined
function all(kind: Target['kind'], names: readonly string[] | undefined): Target[] | undefined {
  return names?.map((name) => ({ kind, name }))
}

const BEFORE_NAME = ['if', 'not', 'exists', 'wait', 'nowait']

/**
 * Reads the hashes of the targets' definitions; undefined if one may exist but cannot be read.
 * @param modes to read under; undefined: the session's current ones
 * @throws ConnectionError, since whoever asks on another connection may find out
 */
async function readTargets(
  session: Session,
  targets: readonly Target[],
  modes: Modes | undefined,
): Promise<(string | null)[] | undefined> {
  const hashes: (string | null)[] = []
  for (const target of targets) {
    try {
      const hash = hashOf(await show(session, showOf(target), modes), target.part)
      if (hash === undefined) return undefined
      hashes.push(hash)
    } catch (error) {
      if (error instanceof ConnectionError) throw error
      if (!NOT_THERE.has((error as MysqlError).errno ?? 0)) return undefined
      hashes.push(null)
    }
  }
  return hashes
}

function showOf({ kind, name }: Target): string {
  return `SHOW CREATE ${kind} ${name}`
}

/** Returns the hash of a definition, or of a part, null if it is not there; undefined if this user may not see it. */
function hashOf(row: Row, part?: TablePart): string | null | undefined {
  const definition = definitionOf(row)
  const text = part && definition !== undefined ? lineOf(part, definition) : definition
  if (text !== undefined) return hash('sha256', text).slice(0, 32)
  return definition === undefined ? undefined : null
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
