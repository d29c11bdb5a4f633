/**
 * Runs several migrations in one message, each with the records that it would have by itself: before each statement the one
 * that says that it begins. So nobody waits between them, neither the server for us nor we for the network.
 *
 * That is possible where the effect of each statement can be told from what it makes (`foreseen.ts`), and with migrations
 * that only insert, update and delete rows. The message ends at the first failure.
 */
import type { MigrationStep, SomeApplied } from '../../../migrate/driver.ts'
import { ConnectionError } from '../../../migrate/errors.ts'
import { NEVER } from '../../../migrate/never.ts'
import { now } from '../../../migrate/realTime.ts'
import { leavesSession } from '../../../sql/rows.ts'
import type { Script } from '../../../sql/script.ts'
import { asStatementError } from '../failure.ts'
import { type Row, ScriptFailure } from '../session.ts'
import * as tables from '../tables.ts'
import { fitting } from './fitting.ts'
import type { Known } from './foreseen.ts'
import { rollBack } from './journal.ts'
import { makingOf } from './makings.ts'
import { type DriverParts, noticeOf, rowsStaySql } from './parts.ts'
import { refuseOtherCharset } from './refusals.ts'
import { isPlain } from './runRecord.ts'
import { type StatementJournal, wasApplied } from './statementJournal.ts'
import { withWarnings } from './statementMessage.ts'

const NONE: SomeApplied = { applied: 0 }

/** @returns how many of the first steps have run; none if not even two can run together */
export async function applySeveral(
  parts: DriverParts,
  steps: readonly MigrationStep[],
  signal: AbortSignal,
): Promise<SomeApplied> {
  const { session, journal, foreseen, looks } = parts
  const end = steps.findIndex((step) => !isFitting(parts, step))
  const fit = steps.slice(0, end === -1 ? undefined : end)
  if (fit.length < 2 || parts.changed.isUnsettled) return NONE
  const known = await foreseen.known(() => ask(parts))
  const back = journal.record.remember()
  const unforeseen = foreseen.remember()
  const sent = composed(parts, fit, known)
  if (sent.length < 2) {
    back()
    unforeseen()
    return NONE
  }
  const pieces = sent.flatMap((one) => one.pieces)
  const begun = now()
  const measured = (count: number) => {
    const versions = new Set(sent.slice(0, count).map(({ step }) => step.version))
    journal.record.measured(versions, (now() - begun) / Math.max(count, 1))
  }
  looks.begin(undefined)
  looks.forget()
  const sql = pieces.map((piece) => piece.sql)
  try {
    await session.script(sql, signal, (row, at) => pieces[at]?.onRow?.(row))
    measured(sent.length)
    return { applied: sent.length }
  } catch (error) {
    await rollBack(session)
    foreseen.ranOther()
    if (!(error instanceof ScriptFailure)) {
      if (!signal.aborted || error instanceof ConnectionError) throw asStatementError(error)
      // The run was cancelled before the message was sent.
      back()
      return NONE
    }
    const piece = pieces[error.index] as Piece
    const state = await stateOf(parts, sent[piece.of] as SentStep, piece, error.error.errno)
    measured(piece.of)
    return { applied: piece.of, ...state }
  }
}

// --- internal ---

interface Piece {
  readonly sql: string
  /** The index of the step that it belongs to. */
  readonly of: number
  /** Index of the statement that it is, or that our own write precedes. */
  readonly index: number
  /** `after`: the query for the statement's warnings, which it gets if somebody listens. */
  readonly kind: 'statement' | 'ours' | 'after'
  readonly onRow?: (row: Row) => void
}

interface SentStep {
  readonly step: MigrationStep
  readonly pieces: readonly Piece[]
  /** The journal's entry about each statement; empty for a migration that runs in one transaction. */
  readonly progress: readonly StatementJournal[]
  /** Takes our records back to what they were before the step, or when its first statement had begun. */
  readonly toBefore: () => void
  readonly toBegun: () => void
}

function scriptOf({ work }: MigrationStep): Script | undefined {
  return work.kind === 'sql' ? work.script : undefined
}

function textsOf({ text, statements }: Script): string[] {
  return statements.map(({ start, end }) => text.slice(start, end))
}

function changesRows({ statements }: Script): boolean {
  return statements.every(({ words: [first = ''] }) => ['insert', 'update', 'delete', 'replace'].includes(first))
}

/** Returns whether the step may share a message, as far as its text tells. */
function isFitting({ names, packet }: DriverParts, step: MigrationStep): boolean {
  const script = scriptOf(step)
  if (!script || !isPlain(step) || !step.history.put || script.source.length > MOST_LENGTH) return false
  if (MOST_LENGTH > packet / 8 || script.transactionMode !== '') return false
  const isSimple = script.statements.every(
    (statement) => !statement.parts && !statement.changesSyntax && !leavesSession(statement),
  )
  if (!isSimple || script.statements.length > MOST_STATEMENTS) return false
  refuseOtherCharset(step, names())
  if (changesRows(script)) return script.transaction === 'wrap'
  const { database } = names()
  return script.transaction === 'none' && textsOf(script).every((sql) => makingOf(sql, database) !== undefined)
}

async function ask({ session, names }: DriverParts): Promise<Known> {
  const { database } = names()
  const [found = [], [stay] = []] = await session.queries([
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ${tables.literal(database)}`,
    `SELECT ${rowsStaySql(database)} OR @@default_storage_engine <> 'InnoDB' AS some`,
  ])
  return { tables: new Set(found.map(({ name }) => String(name).toLowerCase())), rowsStay: Number(stay?.some) !== 0 }
}

/** Returns the name of a table of this database, without quotes. */
function plainNameOf(table: string, database: string): string | undefined {
  const prefix = `${tables.identifier(database)}.\``
  const name = table.startsWith(prefix) ? table.slice(prefix.length, -1) : ''
  return /^[A-Za-z0-9_$]+$/.test(name) ? name : undefined
}

/** Composes the message, up to the first step that cannot be in it, as if all in it had run. */
function composed(parts: DriverParts, steps: readonly MigrationStep[], known: Known): SentStep[] {
  const { names, foreseen, journal, packet } = parts
  const { database } = names()
  const absent = (table: string) => {
    const name = plainNameOf(table, database)
    return name !== undefined && !known.tables.has(name.toLowerCase())
  }
  const all: SentStep[] = []
  let length = 0
  for (const [of, step] of steps.entries()) {
    const script = scriptOf(step)
    length += script?.source.length ?? 0
    if (!script || length > MOST_LENGTH) break
    const texts = textsOf(script)
    const toBefore = journal.record.remember()
    if (changesRows(script)) {
      if (known.rowsStay) break
      const { before, moved, took } = journal.record.around(step)
      took()
      const heard = heardOf(texts, step, of)
      const writes = tables.changeHistory(names(), fitting(step, packet).history)
      const first = ours(of, [...before, tables.BEGIN_MEASURING, 'START TRANSACTION'])
      const pieces = [...first, ...heard.flat(), ...ours(of, [...writes, ...moved, 'COMMIT'])]
      all.push({ step, pieces, progress: [], toBefore, toBegun: toBefore })
      continue
    }
    const unforeseen = foreseen.remember()
    const progress = texts.map((sql) => foreseen.next(sql, database, absent))
    if (!progress.every((one) => one !== undefined)) {
      unforeseen()
      break
    }
    const stored = progress.map((one) => JSON.stringify(one))
    const begin = journal.record.beginning(step, { started: 1, progress: stored[0] as string })
    journal.record.began()
    const toBegun = journal.record.remember()
    const pieces = heardOf(texts, step, of).flatMap((heard, i) => [
      ...ours(of, i === 0 ? begin : [tables.journal(names(), step.version, { started: i + 1, done: i }, stored[i])], i),
      ...heard,
    ])
    journal.record.finish({ step, isRecorded: true, ms: 0 })
    all.push({ step, pieces, progress, toBefore, toBegun })
  }
  return all
}

function ours(of: number, statements: readonly string[], index = 0): Piece[] {
  return statements.map((sql) => ({ sql, of, index, kind: 'ours' }))
}

/** Returns the pieces of each statement, with the query for its warnings if somebody listens. */
function heardOf(texts: readonly string[], step: MigrationStep, of: number): Piece[][] {
  return texts.map((text, index) => {
    const heard = withWarnings([text], noticeOf(step))
    return heard.statements.map((sql, i) => ({
      sql,
      of,
      index,
      kind: i === 0 ? 'statement' : 'after',
      onRow: heard.onRow,
    }))
  })
}

/**
 * Leaves the step that failed as if its failed statement had not begun.
 * @returns how many of its statements are done, if it has begun
 */
async function stateOf(
  { session, journal, names }: DriverParts,
  { step, progress, toBefore, toBegun }: SentStep,
  { index, kind }: Piece,
  errno: number | undefined,
): Promise<Pick<SomeApplied, 'begun'>> {
  const seen = progress[index]
  if (!seen || (kind === 'ours' && index === 0)) {
    toBefore()
    return {}
  }
  toBegun()
  const effect = kind === 'statement' ? await wasApplied(session, seen).catch(() => undefined) : false
  if (kind === 'statement' && index === 0 && effect === false) {
    await journal.abandon(step)
    return {}
  }
  journal.goesOn(step)
  const isDone = kind === 'after' || (effect === true && errno === INTERRUPTED)
  const done = isDone ? index + 1 : index
  if (done > 0) await session.script([tables.journal(names(), step.version, { started: done, done }), 'COMMIT'], NEVER)
  return { begun: done }
}

const INTERRUPTED = 1317

/** The longest text of a message, in characters. */
const MOST_LENGTH = 2 ** 16
const MOST_STATEMENTS = 20
