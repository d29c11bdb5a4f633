/**
 * Turns a move into a step: reads the body, chooses the down that matches the up that was applied, and refuses what
 * cannot be run.
 */
import { createdObjects, fingerprintOf, readScript, type Script } from '../sql/script.ts'
import { attempt } from './attempt.ts'
import { runCode } from './codeContext.ts'
import {
  type Driver,
  describeAt,
  type HistoryChange,
  type HistoryRecord,
  type MigrationStep,
  type OnNotice,
  type StepWork,
} from './driver.ts'
import { IrreversibleError, MigratestError, MissingMigrationError, NoWayDownError, ScriptError } from './errors.ts'
import type { AppliedMigrations } from './plan/history.ts'
import type { Move, PlanStep } from './plan/moves.ts'
import type { Bookkeeping, CodeBody, Direction, Log, Migration, MigrationBody, Source } from './source.ts'
import { TextMemory } from './textMemory.ts'
import { labelOf, NIL_VERSION, type Version, versionOf } from './version.ts'

/** A migration body, parsed for the engine. `nil`: the migration has no such half, or the half is empty. */
export type Loaded =
  | { readonly kind: 'nil'; readonly text: string | null }
  | { readonly kind: 'sql'; readonly text: string; readonly script: Script; readonly fingerprint: string }
  | { readonly kind: 'code'; readonly text: string; readonly code: CodeBody; readonly fingerprint: string }

export interface LoadInput {
  readonly source: Source
  readonly driver: Driver
  readonly migrations: ReadonlyMap<number, Migration>
  readonly applied: AppliedMigrations
  readonly recordTexts: boolean
  readonly runRecordedCode: boolean
  /** `true` uses the file's down even if the file was edited, when the history has no recorded down. */
  readonly trustEdited: boolean
  /** `true` prefers the file's down to the recorded one, even if the up was edited after it was applied. */
  readonly preferFileDowns?: boolean
}

/** Listeners for the messages of a running step. */
export interface Hears {
  readonly log: Log
  readonly notice?: OnNotice
  readonly warn?: Log
}

/** The objects that an empty down leaves in the database. */
interface Leftovers {
  /** Reason why nothing is undone: a sentence without its full stop. */
  readonly reason: string
  /** Names of the objects, as text for messages. */
  readonly objects: string
}

export interface LoadedStep {
  readonly plan: PlanStep<number>
  readonly step: (hears: Hears) => MigrationStep
  /** The text as the history keeps it. */
  readonly written: string | null
  /** Source text, for code frames in error messages. */
  readonly text: string | null
  /** Finds the place in the migration's own files where an error was thrown, if the body is code. */
  readonly locate: CodeBody['locate']
  readonly warning: string | undefined
  /** Set for an empty down whose up created something. */
  readonly leftovers: Leftovers | undefined
  /** `true` if other steps may run in the same transaction. */
  readonly shares: boolean
}

/**
 * Reads the body of a move and makes the step that runs it.
 * @throws ScriptError for text that cannot be run, NoWayDownError or MissingMigrationError if there is no body to run,
 * and any error of the source if it cannot read the body
 */
export async function loadStep(input: LoadInput, move: Move): Promise<LoadedStep> {
  try {
    return await (move.direction === 'up' ? loadUp(input, move) : loadDown(input, move))
  } catch (error) {
    if (error instanceof ScriptError) {
      error.version ??= versionOf(input.migrations.get(move.version) ?? { version: move.version, name: '' })
    }
    throw error
  }
}

/** Dialect and syntax for parsing SQL: those of a database, or the defaults of a dialect if there is no database. */
export type Language = Pick<Driver, 'dialect' | 'syntax'>

/** Reads one half of a migration from its source. */
export async function loadHalf(
  source: Source,
  migration: Migration,
  half: Direction,
  language: Language,
): Promise<Loaded> {
  return parse(await source.read(migration, half), language)
}

/** Parses a body for the engine. */
function parse(body: MigrationBody | null, language: Language): Loaded {
  if (!body) return loaded(body, language)
  // We do not parse a text a second time. A run reads each file twice: for its plan, and before it sends it.
  const text = plainText(body)
  const known = read.get(body) ?? (text === undefined ? undefined : parsed.get(text))
  if (known && isSame(known, language)) return known.half
  const fresh = { dialect: language.dialect, syntax: language.syntax, half: loaded(body, language) }
  read.set(body, fresh)
  if (text !== undefined) parsed.set(text, fresh)
  return fresh.half
}

/** Returns the up of a migration, and the record the history keeps once it is applied. */
export async function loadRecord(
  input: LoadInput,
  migration: Migration,
): Promise<{ up: Loaded; record: HistoryRecord }> {
  const { driver, source, recordTexts } = input
  // Both at once, since a file in code has both.
  const [up, body] = await Promise.all([loadHalf(source, migration, 'up', driver), source.read(migration, 'down')])
  const record: HistoryRecord = {
    version: migration.version,
    name: migration.name,
    fingerprint: fingerprintOfHalf(up),
    // SQL is parsed when the record is written, while the server runs other migrations, and not for the plan.
    get downFingerprint() {
      const down = parse(body, driver)
      return down.kind === 'nil' ? null : down.fingerprint
    },
    up: recordTexts ? up.text : null,
    down:
      body?.kind !== 'sql' ? recordOf(input, parse(body, driver)) : recordTexts ? (body.written ?? body.text) : null,
  }
  return { up, record }
}

/** Returns the fingerprint of a half, 32 hex digits. A nil half has the fingerprint of an empty script. */
export function fingerprintOfHalf(half: Loaded): string {
  return half.kind === 'nil' ? fingerprintOf([]) : half.fingerprint
}

/** Loads the step whose write also repairs the history, after another tool moved the version row. */
export async function loadRepairing(input: LoadInput, move: Move): Promise<LoadedStep> {
  const loaded = await loadStep(input, move)
  const { repair } = input.applied
  if (!repair) return loaded
  return {
    ...loaded,
    step: (hears) => {
      const { history, ...step } = loaded.step(hears)
      const { baseline } = history
      const above = Math.min(baseline?.above ?? repair.above, repair.above)
      return { ...step, history: { ...history, baseline: { ...(baseline ?? repair), above } } }
    },
  }
}

// --- internal ---

const read = new WeakMap<MigrationBody, Known>()

/** The texts that were parsed last. */
const parsed = new TextMemory<Known>(2 ** 18)

/** Returns the text of a body of which nothing else matters. */
function plainText(body: MigrationBody): string | undefined {
  return body.kind === 'sql' && body.rules === undefined && body.written === undefined ? body.text : undefined
}

/** Each connection has an object of its own for the same syntax. */
function isSame(one: Known, other: Language): boolean {
  if (one.dialect !== other.dialect) return false
  return one.syntax === other.syntax || JSON.stringify(one.syntax) === JSON.stringify(other.syntax)
}

interface Known {
  readonly dialect: Language['dialect']
  readonly syntax: Language['syntax']
  readonly half: Loaded
}

async function loadUp(input: LoadInput, move: Move): Promise<LoadedStep> {
  const migration = input.migrations.get(move.version)
  if (!migration)
    throw new MissingMigrationError(`Version ${describeAt(input.driver, move.version)} is not in ${input.source.name}.`)
  const { up, record } = await loadRecord(input, migration)
  const file = migration.up ?? migration.down ?? migration.name
  refuse(up, file)
  if (up.kind === 'sql' && up.script.irreversible !== undefined) refuseIrreversibleUp(up.script, file)
  const bookkeeping = await books(input)?.record(migration)
  return makeStep(input, move, migration.name, file, 'file', up, { put: record }, undefined, bookkeeping)
}

async function loadDown(input: LoadInput, move: Move): Promise<LoadedStep> {
  const migration = input.migrations.get(move.version)
  const entry = input.applied.entries.get(move.version)
  const { driver } = input
  const name = migration?.name ?? entry?.name ?? ''
  // Undoing a migration at or below the baseline moves the baseline down to the version below it.
  const baseline =
    move.version <= input.applied.baseline && move.to !== NIL_VERSION
      ? { version: move.to, above: move.version }
      : undefined
  const history: HistoryChange = { remove: move.version, baseline }
  const { format } = input.source
  const forgotten = format && books(input)?.forget(format.identify(name))
  if (format && migration?.down === undefined) {
    const why = format.downs ? 'it has no down' : `${format.tool} has no downs`
    throw new NoWayDownError(`${name} cannot be undone: ${why}.`, {
      hint: migration?.up?.endsWith('/migration.sql')
        ? 'A down.sql beside its migration.sql would be used.'
        : 'Restore a backup, or write a new migration that makes the change you need.',
    })
  }
  // An unreadable file is not an error if the down is recorded in the history.
  const read = migration && (await attempt(() => loadHalf(input.source, migration, 'up', driver)))
  if (read instanceof MigratestError && !entry?.recorded) throw read
  const up = read instanceof MigratestError ? undefined : read
  const unchanged = up && (entry === undefined || entry.fingerprint === fingerprintOfHalf(up))
  if (migration && up && (unchanged || input.preferFileDowns || (input.trustEdited && !entry?.recorded))) {
    const down = await loadHalf(input.source, migration, 'down', driver)
    const file = migration.down ?? migration.up ?? name
    refuse(down, file)
    refuseIrreversible(down, versionOf({ version: move.version, name }), file)
    return makeStep(input, move, name, file, 'file', down, history, leftoversOf(up, down, migration), forgotten)
  }
  // The up was edited, but the down is code that has not changed since it was recorded: run it from the file.
  if (migration && entry && up && entry.downFingerprint !== null) {
    const same = await attempt(() => loadHalf(input.source, migration, 'down', driver))
    if (!(same instanceof MigratestError) && same.kind === 'code' && same.fingerprint === entry.downFingerprint) {
      const file = migration.down ?? migration.up ?? name
      return makeStep(input, move, name, file, 'file', same, history, undefined, forgotten)
    }
  }
  const what = migration
    ? `${migration.up ?? migration.name} ${up ? 'was edited after it was applied' : 'cannot be read'}`
    : `The file of version ${move.version} is gone`
  if (!entry?.recorded) {
    throw new NoWayDownError(`${what}, and the history holds no text to undo it with.`, {
      hint: migration
        ? "Restore the file as it was, or pass edited: 'ignore' to undo it with the file's down."
        : 'Restore the file (its branch or your version control has it).',
    })
  }
  const text = await input.driver.recorded(move.version, 'down')
  if (text === null && entry.downFingerprint !== null) {
    throw new NoWayDownError(`${what}, and its down was code that could not be recorded.`, {
      hint: 'Restore the file (its branch or your version control has it).',
    })
  }
  const body = text === null ? null : isCode(text) ? await revived(input, text, what) : ({ kind: 'sql', text } as const)
  const down = loaded(body, driver)
  const file = `${labelOf({ version: move.version, name })} (down recorded in the database)`
  refuse(down, file)
  refuseIrreversible(down, versionOf({ version: move.version, name }), file)
  const leftovers =
    down.kind === 'nil' && entry.fingerprint !== fingerprintOf([])
      ? { reason: `${what}, and it had no down when it was applied`, objects: 'its changes' }
      : undefined
  return makeStep(input, move, name, file, 'record', down, history, leftovers, forgotten)
}

/**
 * Returns the text of a down that the history keeps. For code this is the record of all its files, or null if the
 * source cannot make one.
 */
export function recordOf({ recordTexts }: Pick<LoadInput, 'recordTexts'>, down: Loaded): string | null {
  if (!recordTexts) return null
  return down.kind === 'code' ? (down.code.record ?? null) : down.text
}

/** Returns `true` if a recorded down is code. No SQL begins with this prefix. */
function isCode(record: string): boolean {
  return record.startsWith('{"migratest":"code"')
}

/**
 * Turns recorded code back into a body.
 * @throws NoWayDownError if the source cannot, or if `recordedCode` is not 'run': code from the database only runs if
 * the user allowed it
 */
async function revived(
  { source, runRecordedCode }: LoadInput,
  record: string,
  what: string,
): Promise<MigrationBody | null> {
  if (!runRecordedCode) {
    throw new NoWayDownError(
      `${what}. Its down is recorded in the database as code, which does not run without your permission.`,
      {
        hint: "Restore the file; or, if you trust everyone who can write to this database, pass --run-recorded-code (recordedCode: 'run').",
      },
    )
  }
  if (!source.revive) throw new NoWayDownError(`${what}, and ${source.name} cannot run recorded code.`)
  return source.revive(record, 'down')
}

/** Returns the table of the tool that the folder belongs to. */
function books({ source, driver }: LoadInput): Bookkeeping | undefined {
  return source.format?.bookkeeping(driver.dialect)
}

function remarksOf(half: Loaded): string | undefined {
  return half.kind === 'code' && half.code.remarks?.length ? half.code.remarks.join('\n') : undefined
}

function makeStep(
  input: LoadInput,
  move: Move,
  name: string,
  file: string,
  origin: 'file' | 'record',
  half: Loaded,
  history: HistoryChange,
  leftovers: Leftovers | undefined,
  bookkeeping: readonly string[] | undefined,
): LoadedStep {
  const plan: PlanStep<number> = {
    ...move,
    name,
    file,
    origin,
    fingerprint: half.kind === 'nil' ? null : half.fingerprint,
    statements: half.kind === 'sql' ? half.script.statements.length : half.kind === 'code' ? 1 : 0,
    code: half.kind === 'code',
    atomic: isAtomic(half, input.driver),
  }
  const step = (hears: Hears): MigrationStep => ({
    ...move,
    name,
    work: workOf(half, hears),
    history,
    ...(bookkeeping && { bookkeeping }),
  })
  const text = half.kind === 'sql' ? half.script.text : half.text
  const warning = leftovers
    ? `${leftovers.reason}: the version changes, but the database keeps ${leftovers.objects}.`
    : move.direction === 'up'
      ? remarksOf(half)
      : undefined
  const shares = plan.atomic && (half.kind !== 'sql' || half.script.transactionMode === '')
  return {
    plan,
    step,
    written: half.text,
    text,
    warning,
    leftovers,
    shares,
    locate: half.kind === 'code' ? half.code.locate : undefined,
  }
}

function isAtomic(half: Loaded, driver: Driver): boolean {
  if (half.kind === 'nil') return true
  if (half.kind === 'sql')
    return half.script.transaction === 'wrap' && (driver.transactionalDdl || driver.transactionalRows === true)
  return driver.transactionalDdl && half.code.transaction !== false
}

function workOf(half: Loaded, { log, notice, warn }: Hears): StepWork {
  if (half.kind === 'sql') return { kind: 'sql', script: half.script, notice, warn }
  if (half.kind === 'code') {
    const { run } = half.code
    return { kind: 'code', run: (context) => runCode(run, context), log, notice }
  }
  return { kind: 'nil' }
}

function loaded(body: MigrationBody | null, { dialect, syntax }: Language): Loaded {
  if (body === null) return { kind: 'nil', text: null }
  if (body.kind === 'code')
    return { kind: 'code', text: body.text, code: body, fingerprint: body.fingerprint ?? fingerprintOf([body.text]) }
  const script = readScript(body.text, dialect, syntax, body.rules)
  if (script.statements.length === 0 && !script.problem && script.irreversible === undefined)
    return { kind: 'nil', text: body.text }
  const { written = body.text } = body
  const fingerprint =
    written === body.text ? script.fingerprint : readScript(written, dialect, syntax, body.rules).fingerprint
  return { kind: 'sql', text: written, script, fingerprint }
}

function refuse(half: Loaded, file: string): void {
  if (half.kind !== 'sql' || !half.script.problem) return
  const { message, start, end, hint } = half.script.problem
  throw new ScriptError(message, { file, text: half.script.text, start, end }, hint)
}

function refuseIrreversible(down: Loaded, version: Version, file: string): void {
  if (down.kind !== 'sql' || down.script.irreversible === undefined) return
  throw new IrreversibleError(version, file, down.script.irreversible)
}

function refuseIrreversibleUp({ text }: Script, file: string): void {
  const start = text.search(/--[ \t]*migrate:[ \t]*irreversible/)
  const message = '"irreversible" belongs in the down half'
  throw new ScriptError(message, { file, text, start }, 'Move the line into the .down.sql of this version.')
}

function leftoversOf(up: Loaded, down: Loaded, migration: Migration): Leftovers | undefined {
  if (down.kind !== 'nil' || up.kind === 'nil') return undefined
  const made = up.kind === 'sql' ? createdObjects(up.script) : []
  const objects =
    made.length > 0 ? `${made.slice(0, 5).join(', ')}${made.length > 5 ? ', …' : ''}` : 'the changes of its up'
  return { reason: `${labelOf(migration)} has no down`, objects }
}
