/** Turns what a check throws into observations. */
import { MigratestError, MigrationFailedError } from '../migrate/errors.ts'
import type { Direction } from '../migrate/source.ts'
import type { Version } from '../migrate/version.ts'
import type { Observation } from './finding.ts'
import type { Half } from './halves.ts'
import { statementAt } from './statementAt.ts'
import { VerificationError } from './verificationError.ts'

/** Runs a move, and remembers of an error in which direction it went. */
export async function inHalf<T>(half: Direction, move: () => Promise<T>): Promise<T> {
  try {
    return await move()
  } catch (error) {
    if (error instanceof Error && !halves.has(error)) halves.set(error, half)
    throw error
  }
}

/**
 * Returns what an error says about the migrations; undefined if it says nothing about them, so that the check could not
 * run.
 * @param read returns a half by the version
 */
export async function observationsOf(
  error: unknown,
  read: (version: Version, half: Direction) => Half | undefined,
): Promise<readonly Observation[] | undefined> {
  if (error instanceof VerificationError) return error.observed && [fromVerification(error, error.observed)]
  if (!(error instanceof MigratestError)) return undefined
  const { version, file, line, column } = error as { version?: Version; file?: string; line?: number; column?: number }
  if (file === undefined) return undefined
  const half = halves.get(error) ?? 'up'
  const written = version === undefined ? undefined : read(version, half)
  const found = written && line !== undefined ? statementAt(written, line, column ?? 1) : undefined
  return [
    {
      rule: half === 'up' ? 'up-fails' : 'down-fails',
      version,
      half,
      file,
      line,
      column,
      endLine: found?.endLine ?? line,
      statement: found?.statement,
      objects: [],
      message:
        error instanceof MigrationFailedError
          ? withoutNamesOfTests(error.words)
          : firstLine(error.message).replace(`${file}:${line}:${column}: `, ''),
      ...(error.hint !== undefined && { fix: { text: error.hint } }),
    },
  ]
}

// --- internal ---

const halves = new WeakMap<Error, Direction>()

function fromVerification(
  { version, file }: VerificationError,
  { rule, half, what, hint, diff, legend, objects }: NonNullable<VerificationError['observed']>,
): Observation {
  const said = what.replace(`${file}: `, '').replace(/:$/, '')
  const message = `${said.charAt(0).toUpperCase()}${said.slice(1)}${legend && diff ? ` (${legend}).` : ''}`
  return {
    rule,
    version,
    half,
    file,
    objects,
    message,
    ...(hint !== undefined && { fix: { text: hint } }),
    ...(diff !== undefined && { evidence: { diff } }),
  }
}

/** Databases of tests, and tables that a server makes while it changes one, have names that say nothing to anybody. */
function withoutNamesOfTests(message: string): string {
  return message.replaceAll(/`[^`]+`\.`#sql[^`]*`, /g, '').replaceAll(/[`']?\bmigratest_t_\w+[`']?\./g, '')
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? message
}
