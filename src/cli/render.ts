/** What commands print. Pure. */

import type { Run } from '../migrate/migrator.ts'
import type { Plan, PlanStep } from '../migrate/plan.ts'
import type { Status, StatusRow } from '../migrate/status.ts'
import { describeVersion } from '../migrate/version.ts'

export function stepLine({ direction, version, name }: PlanStep, ms: number): string {
  return `  ${direction.padEnd(4)}  ${version}_${name}  ${time(ms)}`
}

export function runLine({ to, steps }: Run, database: string, ms: number): string {
  if (steps.length === 0) return `Nothing to do: ${database} is at version ${describeVersion(to)}.`
  return `${database} is at version ${describeVersion(to)}: ${count(steps.length)} in ${time(ms)}.`
}

export function planText({ from, to, steps, warnings, short }: Plan): string {
  if (steps.length === 0) return `Nothing to do at version ${describeVersion(from)}.`
  const lines = steps.map((step) => {
    const notes = [
      step.fingerprint === null && 'nothing to run',
      step.origin === 'record' && 'as recorded when it was applied',
      !step.atomic && `${step.statements} ${step.statements === 1 ? 'statement' : 'statements'} without a transaction`,
    ]
    const note = notes.filter(Boolean).join(', ')
    return `  ${step.direction.padEnd(4)}  ${step.file}${note && `  (${note})`}`
  })
  const missing = short > 0 ? [`  ${short} fewer than asked for`] : []
  const told = warnings.map((warning) => `  warning: ${warning}`)
  return [
    `${describeVersion(from)} → ${describeVersion(to)}: ${count(steps.length)}`,
    ...lines,
    ...missing,
    ...told,
  ].join('\n')
}

export function statusText(status: Status): string {
  const waiting = status.migrations.filter((row) => row.state === 'pending').length
  const odd = status.migrations.filter((row) => isOdd(row)).length
  const head = [
    `Version ${describeVersion(status.version)}, ${status.dirty ? 'DIRTY' : 'clean'}`,
    `${waiting} pending`,
    ...(odd > 0 ? [`${odd} to look at`] : []),
  ].join(', ')
  const width = Math.max(0, ...status.migrations.map((row) => label(row).length))
  const rows = status.migrations.map((row) => {
    const when = row.appliedAt ? row.appliedAt.toISOString().slice(0, 16).replace('T', ' ') : ''
    const took = row.durationMs === null ? '' : time(row.durationMs)
    return `  ${row.state.padEnd(10)}  ${label(row).padEnd(width)}  ${when}  ${took}`.trimEnd()
  })
  const { running } = status
  const half = running
    ? [
        `  ${running.direction} of ${running.version} stopped with ${running.done} of ${running.total} statements done: "migratest resume"`,
      ]
    : []
  return [head, ...half, ...(status.disagreement ? [`  ${status.disagreement}`] : []), ...rows].join('\n')
}

/** Whether everything is applied as it is in the files. */
export function isSettled({ dirty, migrations }: Status): boolean {
  return !dirty && migrations.every((row) => row.state === 'applied' || row.state === 'unrecorded')
}

// --- internal ---

function isOdd({ state }: StatusRow): boolean {
  return state === 'edited' || state === 'missing' || state === 'late'
}

function label({ version, name }: StatusRow): string {
  return `${version}_${name}`
}

function count(migrations: number): string {
  return `${migrations} ${migrations === 1 ? 'migration' : 'migrations'}`
}

function time(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`
}
