/** Formats what commands print. Pure, except that colors depend on the terminal. */

import { styleText } from 'node:util'
import type { MigrationRun } from '../migrate/migrator.ts'
import type { MigrationPlan, PlanStep } from '../migrate/plan/moves.ts'
import type { MigrationStatus, StatusRow } from '../migrate/plan/status.ts'
import { describeVersion, labelOf } from '../migrate/version.ts'
import { DIALECTS, type Dialect } from '../sql/dialect.ts'
import { leavesSettings, readScript, withEnd } from '../sql/script.ts'

export function stepLine(step: PlanStep, ms: number): string {
  return `  ${step.direction.padEnd(4)}  ${labelOf(step)}  ${dim(time(ms))}`
}

export function runLine({ to, steps }: Pick<MigrationRun, 'to' | 'steps'>, database: string, ms: number): string {
  if (steps.length === 0) return `Nothing to do: ${database} is at version ${describeVersion(to)}.`
  return `${database} is at version ${describeVersion(to)}: ${plural(steps.length, 'migration')} in ${time(ms)}.`
}

/** Formats a plan, one line per step: direction, migration, number of statements, and notes. */
export function planText({ from, to, steps, warnings, short }: MigrationPlan, database: string): string {
  if (steps.length === 0) return `Nothing to do: ${database} is at version ${describeVersion(from)}.`
  const width = Math.max(...steps.map((step) => labelOf(step).length))
  const lines = steps.map((step) => {
    const notes = [
      step.fingerprint === null ? 'nothing to run' : step.code ? 'code' : plural(step.statements, 'statement'),
      step.origin === 'record' && 'as recorded when it was applied',
      !step.atomic && 'without a transaction',
    ]
    return `  ${step.direction.padEnd(4)}  ${labelOf(step).padEnd(width)}  ${dim(notes.filter(Boolean).join(', '))}`
  })
  const told = [
    ...(short > 0 ? [`${short} fewer than asked for`] : []),
    ...warnings.map((warning) => `warning: ${warning}`),
  ]
  const head = `${describeVersion(from)} → ${describeVersion(to)}: ${plural(steps.length, 'migration')} on ${database}`
  return [head, ...lines, ...told].join('\n')
}

/** Formats a plan as SQL that can be run, with comments. */
export function sqlText({ from, to, steps, warnings, short }: MigrationPlan, dialect: Dialect): string {
  if (steps.length === 0) return `-- Nothing to do at version ${describeVersion(from)}.`
  const blocks = steps.map((step) => {
    const notes = [
      step.fingerprint === null && 'nothing to run',
      step.origin === 'record' && 'as recorded when it was applied',
      !step.atomic && `${plural(step.statements, 'statement')} without a transaction`,
    ]
    const note = notes.filter(Boolean).join(', ')
    const head = dim(`-- ${step.direction} ${step.file}${note && ` (${note})`}`)
    const said = (step.notes ?? []).map((text) => `\n${dim(commented(text))}`).join('')
    return step.text
      ? `${head}${said}\n${withEnd(step.text, dialect).trimStart()}${putBack(step.text, dialect)}`
      : `${head}${said}`
  })
  const told = [
    ...(short > 0 ? [`${short} fewer than asked for`] : []),
    ...warnings.map((warning) => `warning: ${warning}`),
  ]
  const title = `-- ${describeVersion(from)} → ${describeVersion(to)}: ${plural(steps.length, 'migration')}`
  return [[title, ...told.map(commented)].join('\n'), ...blocks].join('\n\n')
}

export function statusText(status: MigrationStatus): string {
  const waiting = status.migrations.filter((row) => row.state === 'pending').length
  const odd = status.migrations.filter((row) => isOdd(row)).length
  const head = [
    `Version ${describeVersion(status.version)}, ${status.dirty ? red('DIRTY') : 'clean'}`,
    `${waiting} pending`,
    ...(odd > 0 ? [red(`${odd} with problems`)] : []),
  ].join(', ')
  const width = Math.max(0, ...status.migrations.map((row) => labelOf(row).length))
  const rows = status.migrations.map((row) => {
    const when = row.appliedAt ? row.appliedAt.toISOString().slice(0, 16).replace('T', ' ') : ''
    const took = row.durationMs === null ? '' : time(row.durationMs)
    const state = painted(row, row.state.padEnd(10))
    const line = `  ${state}  ${labelOf(row).padEnd(width)}  ${dim(`${when}  ${took}`)}`.trimEnd()
    return row.problem === null ? line : `${line}\n${red(row.problem.split('\n\n')[0] ?? '').replace(/^/gm, '      ')}`
  })
  const { running } = status
  const half = running
    ? [
        `  ${running.direction} of ${running.version} stopped after ${running.done} of ${running.total} statements: run "migratest resume"`,
      ]
    : []
  const told = [...(status.disagreement ? [status.disagreement] : []), ...status.problems.map((text) => red(text))]
  return [head, ...half, ...told.map((text) => text.replace(/^/gm, '  ')), ...rows].join('\n')
}

/** Returns `true` if every migration is applied and unedited. */
export function isSettled({ dirty, migrations, problems }: MigrationStatus): boolean {
  return (
    !dirty && problems.length === 0 && migrations.every((row) => row.state === 'applied' || row.state === 'unrecorded')
  )
}

/** Formats the outcome of one check of `verify` while others follow. */
export function checkLine(name: string, ok: boolean, remark: string | undefined, ms: number): string {
  return `${ok ? styleText('green', '✓') : red('✗')} ${name}  ${dim([time(ms), remark].filter(Boolean).join(', '))}`
}

/** Returns a number with its noun. @param many the plural, if it is not `one` plus "s" */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`
}

export function time(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`
}

export function bytes(n: number): string {
  return n < 2 ** 20 ? `${(n / 2 ** 10).toFixed(0)} KiB` : `${(n / 2 ** 20).toFixed(1)} MiB`
}

/** Aligns rows in columns, each as wide as its widest cell. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Colors the lines of a diff. */
export function paintedDiff(text: string): string {
  return text
    .split('\n')
    .map((line) => (/^ *\+ /.test(line) ? styleText('green', line) : /^ *- /.test(line) ? red(line) : line))
    .join('\n')
}

// --- internal ---

function commented(text: string): string {
  return text.replace(/^/gm, '-- ')
}

/**
 * Returns the statement that resets the settings a migration changes for the session; empty if it changes none. The
 * engine also resets them after each migration.
 */
function putBack(sql: string, dialect: Dialect): string {
  const { resetSession } = DIALECTS[dialect]
  return resetSession !== '' && leavesSettings(readScript(sql, dialect)) ? `\n${resetSession}` : ''
}

function isOdd({ state, problem }: StatusRow): boolean {
  return problem !== null || state === 'edited' || state === 'missing' || state === 'late'
}

function painted(row: StatusRow, text: string): string {
  if (isOdd(row)) return red(text)
  return row.state === 'pending' ? styleText('yellow', text) : text
}

function dim(text: string): string {
  return text.trim() === '' ? text : styleText('dim', text)
}

function red(text: string): string {
  return styleText('red', text)
}
