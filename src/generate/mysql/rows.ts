/** Statements on rows that a change of columns needs: values for what must not be null, for enum values that go. */
import type { Answers } from '../hints.ts'
import { type Column, hasDefault, isNotNull, type Table, typeOf, valuesOf } from './tableModel.ts'
import { bare, pathOf, plainName, quoted } from './text.ts'

export interface RowChanges {
  readonly before: readonly string[]
  /** Statements after the main ALTER TABLE, and then clauses of another one. */
  readonly after: readonly string[]
  readonly afterClauses: readonly string[]
  /** Columns without values until then: their keys wait. */
  readonly waiting: ReadonlySet<string>
  /** Definition of a column to use in the main ALTER TABLE, by the column's new name. */
  readonly instead: ReadonlyMap<string, string>
  /** Where a column's new values are before the main ALTER TABLE, by the column's new name. */
  readonly carried: ReadonlyMap<string, string>
}

export interface RowContext {
  /** The table with the columns' new names. */
  readonly from: Table
  readonly to: Table
  /** The name of the table before the change: answers use it. */
  readonly oldTable: string
  /** Old name of each column by its new one. */
  readonly oldNames: ReadonlyMap<string, string>
  /** Enum values that are renamed, as literals, by column. */
  readonly values: (column: string) => ReadonlyMap<string, string>
  readonly answers: Answers
}

export function rowChanges(context: RowContext): RowChanges {
  const before: string[] = []
  const instead = new Map<string, string>()
  const carried = new Map<string, string>()
  const filled: Filled = { values: new Map(), clauses: [] }
  for (const now of context.to.columns) {
    const was = context.from.columns.find(({ name }) => name === now.name)
    if (was === undefined) fillNew(context, now, instead, filled)
    else changeValues(context, was, now, { before, carried, instead, filled })
  }
  const after = filled.values.size > 0 ? [update(context.to, filled.values, '')] : []
  const waiting = new Set([...filled.values.keys()].map(plainName))
  return { before, after, afterClauses: filled.clauses, waiting, instead, carried }
}

/** Returns the enum or set values that go, as literals. */
export function lostValues(was: Column, now: Column, renamed: ReadonlyMap<string, string>): string[] {
  const left = valuesOf(now)
  if (left === undefined) return []
  const fold = (value: string) => value.toLowerCase()
  const stays = new Set(left.map(fold))
  return (valuesOf(was) ?? []).filter((value) => !stays.has(fold(value)) && !renamed.has(value))
}

/** The value of an answer for this column; its key is the name as it was, or as it will be. */
export function answerFor(
  answers: ReadonlyMap<string, string>,
  { to, oldTable, oldNames }: Pick<RowContext, 'to' | 'oldTable' | 'oldNames'>,
  column: string,
): string | undefined {
  const old = [oldTable, oldNames.get(column) ?? column].join('\0')
  const now = [to.name, column].join('\0')
  for (const [key, value] of answers) if ([old, now].includes(pathOf(key).join('\0'))) return value
  return undefined
}

// --- internal ---

/** Whether rows would get a value that nobody said: zero, an empty text, or a refusal of the server. */
function needsFill(was: Column | undefined, now: Column): boolean {
  if (now.generated !== null || !isNotNull(now) || bare(now.definition).includes(' AUTO_INCREMENT')) return false
  return was === undefined ? !hasDefault(now) : was.generated === null && !isNotNull(was)
}

const LITERAL = /^(?:'(?:[^'\\]|''|\\.)*'|-?\d+(?:\.\d+)?|true|false)$/is

/** The values that columns get once they exist. */
interface Filled {
  readonly values: Map<string, string>
  readonly clauses: string[]
}

function fillNew(context: RowContext, now: Column, instead: Map<string, string>, filled: Filled): void {
  const value = answerFor(context.answers.fill, context, now.name)
  if (value === undefined || !needsFill(undefined, now)) return
  const name = quoted(now.name)
  if (LITERAL.test(value.trim()) && !/^\w*(?:text|blob)\b|^json\b|^geometry\b|^point\b/i.test(now.definition)) {
    const at = bare(now.definition).indexOf(' NOT NULL') + ' NOT NULL'.length
    instead.set(now.name, `${now.definition.slice(0, at)} DEFAULT ${value}${now.definition.slice(at)}`)
    filled.clauses.push(`ALTER COLUMN ${name} DROP DEFAULT`)
    return
  }
  instead.set(now.name, nullable(now))
  filled.values.set(name, value)
  filled.clauses.push(`MODIFY COLUMN ${name} ${now.definition}`)
}

interface Changes {
  readonly before: string[]
  readonly carried: Map<string, string>
  readonly instead: Map<string, string>
  readonly filled: Filled
}

/** The definition without NOT NULL, for as long as rows have no value. */
export function nullable({ definition }: Column): string {
  const at = bare(definition).indexOf(' NOT NULL')
  return `${definition.slice(0, at)} NULL${definition.slice(at + ' NOT NULL'.length)}`
}

function changeValues(
  context: RowContext,
  was: Column,
  now: Column,
  { before, carried, instead, filled }: Changes,
): void {
  const { from, oldNames, answers } = context
  const name = quoted(oldNames.get(now.name) ?? now.name)
  const table = quoted(from.name)
  const using = answerFor(answers.using, context, now.name)
  const wasComputed = was.generated === 'virtual' && now.generated === null
  if (using !== undefined || wasComputed) {
    const other = freeName(from, `${now.name}_new`)
    const type = typeOf(now)
    before.push(
      `ALTER TABLE ${table} ADD COLUMN ${quoted(other)} ${type} NULL;`,
      update(from, new Map([[quoted(other), using ?? name]]), '', oldNames),
    )
    carried.set(now.name, other)
    return
  }
  before.push(...mapped(context, was, now, name))
  const value = needsFill(was, now) ? answerFor(answers.fill, context, now.name) : undefined
  if (value === undefined) return
  if (typeOf(was) === typeOf(now)) {
    before.push(update(from, new Map([[name, value]]), ` WHERE ${name} IS NULL`, oldNames))
    return
  }
  // The value is one of the new type.
  instead.set(now.name, nullable(now))
  filled.values.set(quoted(now.name), `COALESCE(${quoted(now.name)}, ${value})`)
  filled.clauses.push(`MODIFY COLUMN ${quoted(now.name)} ${now.definition}`)
}

/** Enum values that go get the value that people said, those that are renamed their new name. */
function mapped({ from, oldTable, oldNames, values, answers }: RowContext, was: Column, now: Column, name: string) {
  const renames = values(now.name)
  const lost = lostValues(was, now, renames)
  const moves = new Map(renames)
  for (const value of lost) {
    const path = [oldTable, oldNames.get(now.name) ?? now.name, value]
    const said = [...answers.map].find(([key]) => pathOf(key).join('\0') === path.join('\0'))
    if (said) moves.set(value, said[1])
  }
  const old = valuesOf(was) ?? []
  const used = [...moves].filter(([value]) => old.includes(value))
  if (used.length === 0) return []
  const missing = used.map(([, value]) => value).filter((value) => value.startsWith("'") && !old.includes(value))
  const kind = /^\w+/.exec(was.definition)?.[0] ?? 'enum'
  const rest = was.definition.slice(typeOf(was).length)
  const charset = typeOf(was).slice(typeOf(was).lastIndexOf(')') + 1)
  const both = `${kind}(${[...old, ...new Set(missing)].join(',')})${charset}${rest}`
  return [
    ...(missing.length > 0 ? [`ALTER TABLE ${quoted(from.name)} MODIFY COLUMN ${name} ${both};`] : []),
    ...used.map(([value, other]) =>
      kind.toLowerCase() === 'set'
        ? update(
            from,
            new Map([[name, replacedMember(name, value, other)]]),
            ` WHERE FIND_IN_SET(${value}, ${name})`,
            oldNames,
          )
        : update(from, new Map([[name, other]]), ` WHERE ${name} = ${value}`, oldNames),
    ),
  ]
}

function replacedMember(name: string, value: string, other: string): string {
  return `TRIM(BOTH ',' FROM REPLACE(CONCAT(',', ${name}, ','), CONCAT(',', ${value}, ','), CONCAT(',', ${other}, ',')))`
}

/** Columns that take the time of each update keep the one they have. */
export function update(
  table: Table,
  values: ReadonlyMap<string, string>,
  where: string,
  oldNames: ReadonlyMap<string, string> = new Map(),
): string {
  const kept = table.columns
    .filter(({ definition }) => / ON UPDATE /i.test(bare(definition)))
    .map(({ name }) => quoted(oldNames.get(name) ?? name))
    .filter((name) => !values.has(name))
  const sets = [
    ...[...values].map(([column, value]) => `${column} = ${value}`),
    ...kept.map((name) => `${name} = ${name}`),
  ]
  return `UPDATE ${quoted(table.name)} SET ${sets.join(', ')}${where};`
}

function freeName({ columns }: Table, wanted: string): string {
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()))
  let name = wanted.slice(-60)
  while (taken.has(name.toLowerCase())) name = `${name}_`
  return name
}
