/** Continues a migration that stopped half-way, after the last statement known to have taken effect. */
import type { Dialect } from '../../sql/dialect.ts'
import { readies } from '../../sql/rows.ts'
import { readScript, type Script } from '../../sql/script.ts'
import { cutStatements, type Statement } from '../../sql/statements.ts'
import type { Driver, HistoryEntry, Journal } from '../driver.ts'
import { EditedMigrationError, UsageError } from '../errors.ts'
import type { OnEvent } from '../events.ts'
import { loadStep } from '../load.ts'
import { reconcile } from '../plan/history.ts'
import type { Move, PlanStep } from '../plan/moves.ts'
import { loadInput, type PlanInput } from '../plan/plan.ts'
import { now } from '../realTime.ts'
import type { Direction } from '../source.ts'
import { labelOf } from '../version.ts'
import { hearing } from './ahead.ts'
import { continueJournaled } from './journaled.ts'

export interface ResumeInput extends PlanInput {
  readonly signal: AbortSignal
  readonly onEvent: OnEvent<number>
}

export interface ResumeOptions {
  /** Number of statements that took effect, needed if neither the journal nor the schema shows it. */
  readonly applied?: number | undefined
  /** Number, from 1, of the statement that did not take effect: the same as `applied: notApplied - 1`. */
  readonly notApplied?: number | undefined
}

/**
 * Continues the migration that stopped half-way.
 * @throws UsageError if there is none, if `options` contradict the journal, if nobody knows whether the last statement
 * took effect, or if something made in the session before the stop is lost and cannot be made again; EditedMigrationError if finished statements were
 * edited
 */
export async function resume(
  input: ResumeInput,
  options: ResumeOptions,
): Promise<{ from: number; to: number; steps: PlanStep<number>[] }> {
  const { database, source, signal, onEvent } = input
  const state = await database.state()
  const entry = state.history.find((e) => e.running)
  if (!state.dirty || !entry?.running) {
    throw new UsageError('There is nothing to resume: the journal has no unfinished migration.', {
      hint: state.dirty
        ? 'Another tool set the dirty flag: repair the schema, then run "migratest force VERSION".'
        : undefined,
    })
  }
  const { direction, started, done, total } = entry.running
  const said = saidBehind(options)
  if (said !== undefined && said !== done && said !== started) {
    throw new UsageError(
      `resume({ applied: ${said} }): the journal says that ${done} of ${total} statements are done, and that ${started} have begun.`,
    )
  }
  const behind = said ?? (await foundBehind(database, entry, entry.running))
  const migrations = await source.list()
  const history = state.history.filter((e) => !e.running)
  const applied = reconcile({ ...state, dirty: false, history }, migrations)
  const from = state.version
  const move: Move = { version: entry.version, direction, from, to: state.version }
  // To choose the down that matches the applied up, loadStep needs the history entry of the running migration.
  const entries = new Map(direction === 'down' && entry.fingerprint !== null ? [[entry.version, entry]] : [])
  const loaded = await loadStep(loadInput(input, migrations, { ...applied, entries }), move)
  const step = loaded.step(hearing(onEvent, loaded.plan))
  const script = step.work.kind === 'sql' ? step.work.script : undefined
  await refuseEdited(database, entry, direction, { script, written: loaded.written }, behind)
  if (script) await setAgain(database, script, behind)
  const begun = now()
  onEvent({ type: 'started', step: loaded.plan })
  await continueJournaled(database, step, loaded, behind, signal)
  onEvent({ type: 'finished', step: loaded.plan, ms: now() - begun })
  return { from, to: state.version, steps: [loaded.plan] }
}

// --- internal ---

function saidBehind({ applied, notApplied }: ResumeOptions): number | undefined {
  if (applied !== undefined && notApplied !== undefined && applied !== notApplied - 1) {
    throw new UsageError(`resume: applied: ${applied} and notApplied: ${notApplied} contradict each other.`)
  }
  return applied ?? (notApplied === undefined ? undefined : notApplied - 1)
}

/**
 * Returns how many statements took effect. If the journal leaves the last one open, the driver checks the objects that
 * the statement changes.
 * @throws UsageError if the driver cannot find out
 */
async function foundBehind(driver: Driver, entry: HistoryEntry, running: Journal): Promise<number> {
  const { started, done } = running
  if (started === done) return done
  const effect = await driver.wasApplied?.(entry.version)
  if (effect === undefined) throw unknownProgress(entry, running)
  return effect ? started : done
}

function unknownProgress(entry: HistoryEntry, { started, total }: Journal): UsageError {
  const how = (applied: number) => `"migratest resume --applied ${applied}" or resume({ applied: ${applied} })`
  const what = labelOf(entry)
  return new UsageError(
    total === 1
      ? `It is not known how much of ${what} took effect: it began but did not finish.`
      : `It is not known whether statement ${started} of ${total} of ${what} took effect: the connection ended while it ran.`,
    {
      hint: `Check the schema. If it took effect: ${how(started)}. If not: "migratest resume --not-applied ${started}" or resume({ notApplied: ${started} }).`,
    },
  )
}

/** Checks that the statements that already ran are unchanged in the file. @throws EditedMigrationError if not */
async function refuseEdited(
  driver: Driver,
  entry: HistoryEntry,
  direction: Direction,
  { script, written }: { readonly script: Script | undefined; readonly written: string | null },
  done: number,
): Promise<void> {
  const recorded = await driver.recorded(entry.version, direction)
  if (recorded === null || script === undefined || written === null || done === 0) return
  const { dialect, syntax } = driver
  const [before, now] = [recorded, written]
    .map((text) => readScript(text, dialect, syntax, script.rules))
    .map((one) => headOf(one, done, driver))
  if (before === now) return
  throw new EditedMigrationError(
    `The first ${done} statements of ${labelOf(entry)} have run, but the file no longer contains them as they were.`,
    {
      hint: 'Restore those statements and fix only what follows them, or repair the schema by hand and run "migratest force VERSION".',
    },
  )
}

/** Returns the first `count` statements, normalized so that irrelevant differences (such as comments) do not count. */
function headOf({ text, statements }: Script, count: number, { dialect, syntax }: Driver): string {
  const parts = statements.slice(0, count).flatMap(({ start, end }) => {
    const sql = text.slice(start, end)
    const { canonical, problem } = cutStatements(sql, dialect, syntax)
    return problem ? sql : canonical.digest()
  })
  return parts.join('\0')
}

/**
 * Makes again what finished statements made in the session, which ended: settings, variables, prepared statements. The
 * remaining statements would run without it.
 * @throws UsageError if something is needed and cannot be made again, since it may be another now. Allowed if the next
 * statement makes something of the kind itself.
 */
async function setAgain(driver: Driver, { statements, text }: Script, done: number): Promise<void> {
  const textOf = ({ start, end }: Statement) => text.slice(start, end)
  const isMade = (statement: Statement | undefined) => statement && leavesSetting(statement, text, driver.dialect)
  const finished = statements.slice(0, done)
  // Settings at the end of the finished statements get the same values again, since no statement has changed rows after them.
  const same = finished.findLastIndex((statement) => !isMade(statement)) + 1
  const made = finished.flatMap((statement, index) => (isMade(statement) ? [{ sql: textOf(statement), index }] : []))
  const rest = statements.slice(done).map(textOf).join(';')
  const isAgain = ({ sql, index }: Made) => isConstant(sql) || (index >= same && !OF_THE_SESSION.test(sql))
  const lost = made.find((one) => !driver.rows || !(isAgain(one) || !isNamedIn(rest, one.sql)))
  if (lost && !isMade(statements[done])) {
    throw new UsageError(`"${lost.sql}" ran before the migration stopped, and its effect ended with that session.`, {
      hint: 'Repeat it in the file as the first of the remaining statements, and resume again.',
    })
  }
  for (const one of made) {
    const name = PREPARED.exec(one.sql)?.[1]
    if (isAgain(one)) await driver.rows?.(one.sql)
    // All that is left to do with it is DEALLOCATE.
    else if (name) await driver.rows?.(`PREPARE ${name} FROM 'DO 0'`)
  }
}

interface Made {
  readonly sql: string
  readonly index: number
}

const PREPARED = /^prepare\s+(`[^`]+`|[\w$]+)/i
/** Functions whose result belongs to the session that ended. */
const OF_THE_SESSION = /\b(?:last_insert_id|row_count|found_rows|connection_id|temporary)\b/i

/** Returns whether the remaining statements use the variables or the prepared statement that a statement makes. */
function isNamedIn(rest: string, sql: string): boolean {
  const prepared = PREPARED.exec(sql)?.[1]
  const names = prepared ? [prepared] : (sql.match(/(?<!@)@[\w$.]+(?=\s*:?=)/g) ?? [])
  // A setting of the session works without being named.
  if (names.length === 0) return true
  const used = rest.replaceAll(/\b(?:deallocate|drop)\s+prepare\s+(?:`[^`]+`|[\w$]+)/gi, '').toLowerCase()
  return names.some((name) => used.includes(name.toLowerCase()))
}

/** Returns whether a statement makes something that only the session has. */
function leavesSetting(statement: Statement, text: string, dialect: Dialect): boolean {
  if (dialect === 'mysql') return readies(statement, text)
  const { words } = statement
  const [first, second = ''] = words
  if (first === 'set') return !['local', 'constraints', 'transaction'].includes(second)
  return first === 'reset' || (first === 'select' && words.includes('set_config'))
}

/** Returns whether a setting has the same value whenever it is made: neither a query nor a function says it. */
function isConstant(statement: string): boolean {
  // A dump has its settings in conditional comments.
  const sql = statement.replace(/^\/\*M?!\d*\s*([\s\S]*?)\s*\*\/$/, '$1')
  if (SET_CONFIG.test(sql)) return true
  return /^(?:set|reset|use)\b/i.test(sql) && !OF_THE_MOMENT.test(sql.replaceAll(/'(?:[^'\\]|''|\\.)*'/g, ''))
}

const SET_CONFIG = /^select\s+(?:pg_catalog\.)?set_config\(\s*'[^']*'\s*,\s*'[^']*'\s*,\s*(?:false|'f')\s*\)$/i
/** Functions and queries have parentheses, but for these. */
const OF_THE_MOMENT =
  /\(|\b(?:current_\w+|local(?:time|timestamp)|utc_\w+|identity|last_insert_id|\w+_count|timestamp|rand_seed\d)\b/i
