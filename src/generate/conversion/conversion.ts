/**
 * A split or a merge: columns of a table that become other columns of it, row by row. Which columns these are is said here;
 * `convert` writes the statements around the code that a person fills in. Pure.
 */
import { UsageError } from '../../migrate/errors.ts'
import type { SchemaColumn, SchemaObject } from '../../schema/model.ts'
import type { Schema } from '../../schema/schema.ts'
import { labelOf, ownColumns, tableOf } from '../columns.ts'
import type { Answers, Conversion } from '../hints.ts'

/** An answer that says a conversion begins with one of these. */
export const CONVERTS = /^(?:split|merge) /

/**
 * Reads `column users.name = users.first_name, users.last_name`. The table need not be repeated, and neither need the word.
 * @param tableNow returns the new name of a table
 * @throws UsageError
 */
export function readConversion(text: string, tableNow: (old: string) => string): Conversion {
  const [, left = '', right = ''] =
    /^\s*(?:(?:split|merge)\s+)?(?:columns?\s+)?((?:"(?:[^"]|"")*"|`(?:[^`]|``)*`|[^=])+?)\s*=\s*(.+?)\s*$/s.exec(
      text,
    ) ?? []
  const old = names(left)
  const first = old[0] === undefined ? '' : tableOf(old[0])
  const now = names(right)
  if (first === '' || now.length === 0 || old.length + now.length < 3) {
    throw new UsageError(`"${text}" says neither a split nor a merge.`, {
      hint: `Write: --split 'column users.name = users.first_name, users.last_name' or --merge 'column users.first_name, users.last_name = users.name'. One column that becomes one is a --rename.`,
    })
  }
  const inTable = (table: string) => (name: string) => (tableOf(name) === '' ? `${table}.${name}` : name)
  return { old: old.map(inTable(first)), new: now.map(inTable(tableNow(first))) }
}

/** Returns what the options write: `column users.name = users.first_name, users.last_name`. */
export function conversionText({ old, new: now }: Conversion): string {
  return `column ${old.join(', ')} = ${now.join(', ')}`
}

/**
 * Returns the answers that could explain why a column goes: more columns come than go, or fewer.
 * @param gone all columns of the table that go @param come all that come
 */
export function offersFor(name: string, gone: readonly string[], come: readonly string[]): string[] {
  if (!gone.includes(name) || come.length === 0 || gone.length > MOST || come.length > MOST) return []
  if (come.length > gone.length) return [`split ${name} = ${come.join(', ')}`]
  return gone.length > come.length ? come.map((one) => `merge ${gone.join(', ')} = ${one}`) : []
}

/** @throws UsageError unless the old columns of one table go, and the new ones come in it */
export function checkConversion(
  { old, new: now }: Conversion,
  from: Schema,
  to: Schema,
  { renames, fill }: Answers,
): void {
  const table = tableOf(old[0] ?? '')
  const wanted = renames.find((rename) => rename.kind === 'table' && rename.old === table)?.new ?? table
  const was = columnsOf(from, table)
  const becomes = columnsOf(to, wanted)
  const refuse = (why: string) => {
    throw new UsageError(`${conversionText({ old, new: now })}: ${why}`, {
      hint: 'A split or a merge is of columns that go, into columns that come, in one table.',
    })
  }
  for (const name of old) {
    const column = was.get(name)
    if (!column) refuse(`the migrations make no column ${name}${tableOf(name) === table ? '' : ` in ${table}`}.`)
    if (becomes.has(`${wanted}.${labelOf(name)}`)) refuse(`${name} stays.`)
    if (column && isComputed(column)) refuse(`${name} has no values of its own: the server computes them.`)
  }
  for (const name of now) {
    const column = becomes.get(name)
    if (!column) refuse(`the wanted schema has no column ${name}${tableOf(name) === wanted ? '' : ` in ${wanted}`}.`)
    if (was.has(`${table}.${labelOf(name)}`)) refuse(`${name} is there already.`)
    if (column && isComputed(column)) refuse(`the server computes the values of ${name}.`)
    if (fill.has(name)) refuse(`${name} has a value already, by --fill.`)
  }
}

/** Returns whether rows get the values of a column from the server. */
export function isComputed({ generated, identity }: SchemaColumn): boolean {
  return generated !== null || identity !== null
}

export function tableNamed({ objects }: Schema, name: string): SchemaObject | undefined {
  return objects.find((object) => object.kind === 'table' && object.name === name)
}

// --- internal ---

/** With more columns than these, a person names them. */
const MOST = 6

function names(list: string): string[] {
  return (list.match(/(?:"(?:[^"]|"")*"|`(?:[^`]|``)*`|[^,"`])+/g) ?? []).map((name) => name.trim()).filter(Boolean)
}

function columnsOf(schema: Schema, table: string): Map<string, SchemaColumn> {
  const object = tableNamed(schema, table)
  return new Map((object ? ownColumns(object) : []).map(({ label, column }) => [`${table}.${label}`, column]))
}
