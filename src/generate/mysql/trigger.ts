/** Triggers, in the order in which they fire: one that comes between others says after which. */
import type { SchemaObject } from '../../schema/model.ts'
import { tokenize } from '../../sql/tokens.ts'
import type { Statement } from '../statement.ts'
import { risingPositions } from './order.ts'
import { create, drop, type ProgramPlan } from './programs.ts'
import type { Renames } from './renames.ts'
import { type Model, tableNamed } from './schemaModel.ts'
import { plainName, quoted } from './text.ts'

/** @param withoutTriggers tables whose triggers are all made again */
export function planTriggers(
  was: Model,
  now: Model,
  { tables }: Renames,
  withoutTriggers: ReadonlySet<string>,
): ProgramPlan {
  const before = was.triggers.map((trigger) => ({ trigger, table: newTable(trigger, tables), group: groupOf(trigger) }))
  const made: Statement[] = []
  const kept = new Set<string>()
  for (const group of new Set(now.triggers.map(groupOf))) {
    const wanted = now.triggers.filter((trigger) => groupOf(trigger) === group)
    const places = new Map(wanted.map(({ name }, at) => [name, at]))
    const same = before
      .filter(({ trigger, group: own }) => {
        const other = wanted[places.get(trigger.name) ?? -1]
        return own === group && other?.head === trigger.head && !withoutTriggers.has(tableOf(trigger))
      })
      .map(({ trigger }) => places.get(trigger.name) ?? 0)
    const staying = risingPositions(same)
    wanted.forEach((trigger, at) => {
      if (staying.has(at)) {
        kept.add(trigger.name)
        return
      }
      const next = wanted.findIndex((_, other) => other > at && staying.has(other))
      const previous = wanted[at - 1]
      const place =
        next === -1
          ? ''
          : previous
            ? ` FOLLOWS ${quoted(plainName(previous.name))}`
            : ` PRECEDES ${quoted(plainName(wanted[next]?.name ?? ''))}`
      made.push({ ...create(trigger), sql: placed(trigger.head, place) })
    })
  }
  const gone = before.filter(({ trigger, table }) => {
    if (kept.has(trigger.name)) return false
    // A table takes its triggers with it.
    return tableNamed(now, table) !== undefined
  })
  const first = gone.map(({ trigger, table }): Statement => {
    const again = now.triggers.some(({ name, head }) => name === trigger.name && head === trigger.head)
    const comment = 'Created again below, so that it does not fire for the rows that change.'
    return { ...drop('TRIGGER', trigger), ...(again && withoutTriggers.has(table) && { comment }) }
  })
  return { first, last: made }
}

// --- internal ---

function tableOf({ table }: SchemaObject): string {
  return plainName(table ?? '')
}

function newTable(trigger: SchemaObject, tables: ReadonlyMap<string, string>): string {
  const table = tableOf(trigger)
  return tables.get(table) ?? table
}

/** Triggers that fire at the same moment: table, BEFORE or AFTER, and event. */
function groupOf({ table, moment }: SchemaObject): string {
  return `${table} ${moment}`
}

/** Writes FOLLOWS or PRECEDES after FOR EACH ROW. */
function placed(head: string, place: string): string {
  if (place === '') return head
  const words = wordsOf(head)
  const at = words.findIndex(
    ({ text }, other) => text === 'FOR' && words[other + 1]?.text === 'EACH' && words[other + 2]?.text === 'ROW',
  )
  const end = words[at + 2]?.end ?? head.length
  return `${head.slice(0, end)}${place}${head.slice(end)}`
}

function wordsOf(head: string): { text: string; end: number }[] {
  return [...tokenize(head, 'mysql')]
    .filter(({ kind }) => kind === 'word')
    .map(({ start, end }) => ({ text: head.slice(start, end).toUpperCase(), end }))
}
