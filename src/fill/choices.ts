/** Lists the values that could be put into each column of a table, the most wanted first. Nothing is decided here. */
import type { FillDatabase } from './fillDatabase.ts'
import { mined } from './mined.ts'
import type {
  Candidate,
  Choice,
  Condition,
  FillColumn,
  FillTable,
  ForeignKey,
  Proposal,
  RowSet,
  Text,
} from './model.ts'
import { formats } from './texts.ts'
import { constant, others, usual } from './values.ts'

/** Which columns get a value: all; only those without a default; only those that must have one. */
export type Shape = 'all' | 'no-defaults' | 'required'

export interface ChoiceOptions {
  readonly set: RowSet
  readonly shape: Shape
  /** Number of rows that are wanted, the most that a foreign key may have to offer. */
  readonly rows: number
  readonly tables: ReadonlyMap<string, FillTable>
  /** Values of columns that were chosen beforehand, by table and column: tables whose keys go round in a circle. */
  readonly planned: ReadonlyMap<string, ReadonlyMap<string, Proposal>>
  /** Values that the caller has given, by table and column. */
  readonly given: ReadonlyMap<string, ReadonlyMap<string, Proposal>>
}

/** Returns the choices for the columns that get a value. */
export async function choicesOf(table: FillTable, database: FillDatabase, options: ChoiceOptions): Promise<Choice[]> {
  const { set, shape, planned, given } = options
  const own = new Map([...(planned.get(table.id) ?? []), ...(given.get(table.id) ?? [])])
  const conditions = conditionsOf(table)
  const isWritten = (column: FillColumn) => {
    if (column.generated !== null) return false
    if (own.has(column.name)) return true
    if (column.numbered) return false
    if (shape === 'all') return !isComputed(column) || isReferring(table, column)
    if (column.default !== null) return false
    return shape === 'no-defaults' || !column.nullable
  }
  const columns = table.columns.filter(isWritten)
  const written = new Set(columns.map(({ name }) => name))
  const fixed = columns.filter(({ name }) => own.has(name))
  const groups = groupsOf(
    table.foreignKeys.filter((key) => key.columns.every((name) => written.has(name) && !own.has(name))),
  )
  const joint: Choice[] = []
  for (const group of groups) joint.push(await referring(table, group, database, options))
  const referringColumns = new Set(joint.flatMap((choice) => choice.columns))
  const single = columns
    .filter(({ name }) => !own.has(name) && !referringColumns.has(name))
    .map((column): Choice => {
      const about = conditions.filter((condition) => condition.columns.includes(column.name))
      const unique = isDistinct(table, column.name, set)
      return { columns: [column.name], candidates: proposals(column, table, set, unique, about).map(single1) }
    })
  return [
    ...fixed.map(({ name }): Choice => ({ columns: [name], candidates: [single1(own.get(name) ?? constant(null))] })),
    ...joint,
    ...single,
  ]
}

/**
 * Returns all conditions of a table: its own, those of the domains of its columns, and that a text can be read as a type of
 * which we know nothing.
 */
export function conditionsOf(table: FillTable): Condition[] {
  const domains = table.columns.flatMap((column) =>
    (column.type.checks ?? []).map(
      (sql): Condition => ({ name: column.type.sql, columns: [column.name], sql: named(sql, column.sql) }),
    ),
  )
  const unknown = table.columns
    .filter(({ type, generated }) => type.kind === 'other' && generated === null)
    .map(({ name, sql, type }): Condition => ({ name: type.sql, columns: [name], sql: `(${sql})::text <> ''` }))
  return [...table.conditions, ...domains, ...unknown]
}

// --- internal ---

/**
 * Returns whether a column's values should not repeat. Those of a key of several columns may, and extreme rows show what
 * becomes of that.
 */
function isDistinct({ uniques }: FillTable, column: string, set: RowSet): boolean {
  const keys = uniques.filter((names) => names.includes(column))
  return keys.length > 0 && !(set === 'edge' && keys.length === 1 && keys.every((names) => names.length > 1))
}

function single1(proposal: Proposal): Candidate {
  return { at: (i) => [proposal.at(i)], period: proposal.period }
}

/** Replaces VALUE in a domain's condition by the column. */
function named(sql: string, column: string): string {
  return sql.replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|\bVALUE\b/g, (part) => (part === 'VALUE' ? column : part))
}

/** A text whose default a function makes has a format that only the function knows. */
function isComputed({ default: sql, constant: value, type, nullable }: FillColumn): boolean {
  if (sql === null || value !== undefined || nullable) return false
  return (type.kind === 'text' || type.kind === 'integer' || type.kind === 'other') && /\(/.test(sql)
}

function isReferring(table: FillTable, { name }: FillColumn): boolean {
  return table.foreignKeys.some(({ columns }) => columns.includes(name))
}

function proposals(
  column: FillColumn,
  table: FillTable,
  set: RowSet,
  unique: boolean,
  conditions: readonly Condition[],
): Proposal[] {
  const none: Proposal = { at: () => null, period: Number.POSITIVE_INFINITY }
  const wanted = usual(column, table, set, unique)
  if (conditions.length === 0) return [wanted]
  const found = mined(conditions, column.type)
  // Each edge on its own, so that one that a condition refuses does not take the others along.
  const apart = Number.isFinite(wanted.period) && wanted.period <= 20 ? values(wanted).map(constant) : []
  const more = column.type.kind === 'text' ? formats(column.type.length) : []
  return [wanted, ...(column.nullable ? [none] : []), ...apart, ...found, ...others(column, table.name), ...more]
}

function values({ at, period }: Proposal): Text[] {
  return Array.from({ length: period }, (_, i) => at(i))
}

/** Groups foreign keys that have columns in common. */
function groupsOf(keys: readonly ForeignKey[]): ForeignKey[][] {
  const groups: ForeignKey[][] = []
  for (const key of keys) {
    const touched = groups.filter((group) =>
      group.some(({ columns }) => columns.some((name) => key.columns.includes(name))),
    )
    for (const group of touched) groups.splice(groups.indexOf(group), 1)
    groups.push([...touched.flat(), key])
  }
  return groups
}

/** Returns the choice for a group of foreign keys: rows of the referenced tables, or NULL. */
async function referring(
  table: FillTable,
  group: readonly ForeignKey[],
  database: FillDatabase,
  { set, rows, tables, planned }: ChoiceOptions,
): Promise<Choice> {
  const columns = [...new Set(group.flatMap(({ columns: names }) => names))]
  const nullable = new Set(table.columns.filter((column) => column.nullable).map(({ name }) => name))
  const isOptional = (key: ForeignKey) => key.columns.some((name) => nullable.has(name))
  const isTwice = set === 'edge' && !table.uniques.some((names) => names.some((name) => columns.includes(name)))
  const required = group.filter((key) => !isOptional(key))
  const optional = group.filter(isOptional)
  const full = await usable(group)
  const wholes = full ? [full] : []
  const less: Candidate[] = []
  if (optional.length > 0) {
    for (const one of optional.length > 1 && optional.length < 6 ? optional : []) {
      const found = await usable([...required, one])
      if (found) less.push(found)
    }
    const found = await usable(required)
    if (found) less.push(found)
  }
  // Two columns that must refer to different rows: the row after the one that the other takes.
  const next = wholes.filter(({ period }) => period > 1 && period !== Number.POSITIVE_INFINITY)
  const shifted = next.map(({ at, period }): Candidate => ({ at: (i) => at(i + (isTwice ? 2 : 1)), period }))
  const candidates = [...(set === 'sparse' ? [...less.reverse(), ...wholes] : [...wholes, ...less]), ...shifted]
  return { columns, candidates }

  /** Values under which just these foreign keys refer to a row, and the other columns are NULL. */
  async function usable(keys: readonly ForeignKey[]): Promise<Candidate | undefined> {
    const named = new Set(keys.flatMap(({ columns: names }) => names))
    const rest = columns.filter((name) => !named.has(name))
    if (rest.some((name) => !nullable.has(name))) return undefined
    if (keys.length === 0) return { at: () => columns.map(() => null), period: Number.POSITIVE_INFINITY }
    const beforehand = keys.find((key) => planned.has(key.parent))
    if (beforehand) {
      const others = await usable(
        keys.filter((key) => key !== beforehand && key.columns.every((name) => !beforehand.columns.includes(name))),
      )
      const parent = planned.get(beforehand.parent)
      return {
        at: (i) => {
          const before = others?.at(i) ?? columns.map(() => null)
          return columns.map((name, n) => {
            const at = beforehand.columns.indexOf(name)
            return at === -1 ? (before[n] ?? null) : (parent?.get(beforehand.parentColumns[at] ?? '')?.at(i) ?? null)
          })
        },
        period: Number.POSITIVE_INFINITY,
      }
    }
    const joined = keys.flatMap((key) => {
      const parent = tables.get(key.parent)
      return parent ? [{ key, parent }] : []
    })
    if (joined.length < keys.length) return undefined
    const wanted = columns.filter((name) => named.has(name))
    const found = await database.keys(table, joined, wanted, Math.max(rows, 20))
    if (found.length === 0) return undefined
    const full = found.map((row) => columns.map((name) => row[wanted.indexOf(name)] ?? null))
    // Two rows for each referenced one are an edge that one row is not.
    const index = isTwice ? (i: number) => Math.floor(i / 2) : (i: number) => i
    const period = full.length * (isTwice ? 2 : 1)
    return { at: (i) => full[index(i) % full.length] ?? columns.map(() => null), period }
  }
}
