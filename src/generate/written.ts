/** The migrations as they are written: the texts of their halves, or one file in TypeScript. */
import type { Dialect } from '../sql/dialect.ts'
import type { Scratch } from './attempts.ts'
import { codeText, isCode } from './conversion/codeText.ts'
import type { GeneratedMigration } from './generated.ts'
import { type OnlineInput, onlineMigrations } from './online/online.ts'
import type { Statement } from './statement.ts'
import { halfText, notRestored, onlineText, overwrittenBy } from './text.ts'

export function writtenAtOnce(
  up: readonly Statement[],
  down: readonly Statement[],
  dialect: Dialect,
  changed: readonly string[],
): GeneratedMigration {
  return {
    suffix: '',
    ...(isCode(up) && { code: codeText(up, down, dialect, changed) }),
    up: up.map(withoutStandIn),
    down: down.map(withoutStandIn),
    upText: `${overwrittenBy(up, changed)}${halfText(up.map(withoutStandIn), dialect)}`,
    downText: `${notRestored(up, changed)}${halfText(down.map(withoutStandIn), dialect)}`,
  }
}

/** Returns the statement without the SQL that stood for the person's function in the proof: the file must not run that. */
function withoutStandIn(statement: Statement): Statement {
  const { converts } = statement
  if (!converts) return statement
  const names = (columns: typeof converts.from) => columns.map(({ name }) => name).join(', ')
  const text = `${converts.table}: ${names(converts.from)} to ${names(converts.to)}, row by row, in TypeScript`
  return { ...statement, sql: `-- ${text.replaceAll(/\s+/g, ' ')}` }
}

export async function writtenOnline(
  input: Omit<OnlineInput, 'scratch'>,
  scratch: () => Promise<Scratch>,
  dialect: Dialect,
  changed: readonly string[],
): Promise<GeneratedMigration[]> {
  const migrations = await onlineMigrations({ ...input, scratch })
  const { waitsAtMost } = input.writer
  return migrations.map(({ suffix, up, down }) => ({
    suffix,
    up: up.statements,
    down: down.statements,
    upText: `${overwrittenBy(up.statements, changed)}${onlineText(up, dialect, waitsAtMost)}`,
    downText: `${notRestored(up.statements, changed)}${onlineText(down, dialect, waitsAtMost)}`,
    alone: up.alone || down.alone,
  }))
}
