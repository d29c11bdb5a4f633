/** The columns whose values people have answered to replace: no down brings the old ones back. Pure. */
import type { Schema } from '../../schema/schema.ts'
import { labelOf, ownColumns, plainName, tableOf } from '../columns.ts'
import type { Answers } from '../hints.ts'

/**
 * Returns their names before the change, as `column users.country`: nulls that are filled, values of an enum that go, and types that change by
 * an expression.
 */
export function overwritten(from: Schema, to: Schema, answers: Answers): string[] {
  const oldName = (kind: string, name: string) =>
    answers.renames.find((rename) => rename.kind === kind && rename.new === name)?.old ?? name
  const filled = new Set([...answers.fill.keys()].map(spelled))
  const changed = new Set([...answers.using.keys()].map(spelled))
  const types = new Set([...answers.map.keys()].map((value) => spelled(value.slice(0, value.indexOf(".'")))))
  return to.objects.flatMap((now) => {
    if (now.kind !== 'table') return []
    const was = from.objects.find(({ kind, name }) => kind === 'table' && name === oldName('table', now.name))
    const before = new Map(was ? ownColumns(was).map(({ label, column }) => [label, column]) : [])
    return ownColumns(now).flatMap(({ label, column: wanted }) => {
      const old = `${was?.name}.${labelOf(oldName('column', `${now.name}.${label}`))}`
      const column = before.get(labelOf(old))
      const names = [`${now.name}.${label}`, old].map(spelled)
      if (!column) return []
      const isMapped = [...names, spelled(column.type.replace(/(?:\[\])+$/, ''))].some((name) => types.has(name))
      const isFilled = column.nullable && !wanted.nullable && names.some((name) => filled.has(name))
      return isMapped || isFilled || names.some((name) => changed.has(name)) ? [`column ${old}`] : []
    })
  })
}

// --- internal ---

/** One spelling for all ways of quoting. */
function spelled(name: string): string {
  const table = tableOf(name)
  return `${table === '' ? '' : `${spelled(table)}.`}${plainName(labelOf(name))}`
}
