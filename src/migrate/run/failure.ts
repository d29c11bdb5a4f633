/** Turns what a driver reports into errors that say where it happened and what state the database is in. */
import { inspect } from 'node:util'
import { type Driver, describeAt } from '../driver.ts'
import { CancelledError, MigratestError, MigrationFailedError, StatementError } from '../errors.ts'
import type { LoadedStep } from '../load.ts'
import { versionOf } from '../version.ts'

/**
 * @param index the statement that failed, if the error does not say
 * @param databaseState where the database stands now, unless the error says
 */
export function failure(
  error: unknown,
  driver: Driver,
  loaded: LoadedStep,
  index: number | undefined,
  signal: AbortSignal,
  databaseState: string,
): unknown {
  if (signal.aborted) {
    return new CancelledError(
      `Cancelled while ${loaded.plan.file} was running on ${driver.database}.\n\n${databaseState}`,
      {
        cause: error,
      },
    )
  }
  if (error instanceof MigratestError && !(error instanceof StatementError)) return error
  const info = error instanceof StatementError ? error.info : { message: wordsOf(error) }
  const place = loaded.locate
    ? loaded.locate(error instanceof StatementError ? error.cause : error)
    : { text: loaded.text ?? undefined, ...placeOf(loaded, info.offset, info.statement ?? index) }
  return new MigrationFailedError({
    version: versionOf(loaded.plan),
    file: loaded.plan.file,
    text: undefined,
    ...place,
    info:
      place && 'file' in place && place.file !== loaded.plan.file ? { ...info, context: inside(loaded, info) } : info,
    databaseState: info.databaseState ?? databaseState,
    cause: error instanceof StatementError ? error.cause : error,
  })
}

/** The error of a run that was cancelled between two migrations. */
export function cancelled(driver: Driver, version: number, signal: AbortSignal): CancelledError {
  return new CancelledError(`Cancelled: ${driver.database} is at version ${describeAt(driver, version)}, clean.`, {
    cause: signal.reason,
  })
}

// --- internal ---

/** Returns the message of an error, with its name unless that is just `Error`, and with its cause. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) {
    const { message } = (error ?? {}) as { message?: unknown }
    return typeof message === 'string'
      ? message
      : typeof error === 'string'
        ? error
        : inspect(error, { breakLength: 100 })
  }
  const said = error.name === 'Error' ? error.message : `${error.name}: ${error.message}`
  return error.cause instanceof Error ? `${said}\nCaused by: ${wordsOf(error.cause)}` : said
}

/** Returns the migration that was running when a file it imports threw, for the context of the error. */
function inside({ plan }: LoadedStep, { context }: { readonly context?: string | undefined }): string {
  return [`${plan.direction} of ${plan.file}`, context].filter(Boolean).join('\n')
}

function placeOf(loaded: LoadedStep, offset: number | undefined, index: number | undefined) {
  if (offset !== undefined) return { start: offset, end: wordEnd(loaded.text ?? '', offset) }
  const { work } = loaded.step({ log: () => undefined })
  if (index === undefined || work.kind !== 'sql') return {}
  const statement = work.script.statements[index]
  return statement ? { start: statement.start, end: statement.end } : {}
}

function wordEnd(text: string, from: number): number {
  return from + (/^(?:[\w$\u0080-\uffff]+|"[^"\n]*"|'[^'\n]*')/.exec(text.slice(from, from + 200))?.[0].length ?? 1)
}
