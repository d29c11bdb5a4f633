/** Decides the values of a table's rows: the server says which candidates satisfy the conditions. */
import { type ChoiceOptions, choicesOf, conditionsOf } from './choices.ts'
import type { FillDatabase, Question } from './fillDatabase.ts'
import type { Candidate, Choice, Condition, FillColumn, FillTable, RowSet, Text } from './model.ts'
import { hash } from './random.ts'

export interface Plan {
  readonly columns: readonly FillColumn[]
  /** The values of row `i`, one for each column. */
  row(i: number): Text[]
  /** The most rows that the unique constraints have room for, and the columns that are the reason. */
  readonly room: number
  readonly narrow: readonly string[]
}

/** The obstacle to a plan. */
export interface Impossible {
  readonly reason: string
  /** A referenced table without rows that could be used. */
  readonly parent?: string
}

export async function planOf(
  table: FillTable,
  database: FillDatabase,
  options: ChoiceOptions,
): Promise<Plan | Impossible> {
  const choices = await choicesOf(table, database, options)
  const empty = choices.find(({ candidates }) => candidates.length === 0)
  if (empty) {
    const key = table.foreignKeys.find(({ columns }) => columns.every((name) => empty.columns.includes(name)))
    const parent = key && (options.tables.get(key.parent)?.name ?? key.parent)
    return {
      reason: `${empty.columns.join(', ')} has to refer to a row of ${parent}, which has none that fits`,
      ...(parent && { parent }),
    }
  }
  const components = componentsOf(table, choices)
  // Most conditions are about one choice: the server answers for all of them at once.
  const simple = components.filter((component) => component.choices.length === 1 && component.conditions.length > 0)
  const asked = await passingSimple(table, simple, database, options.set)
  const decided: Decided[] = []
  for (const component of components) {
    const passed = asked.get(component)
    const found = passed
      ? decide(table, component, passed, options.set)
      : await solve(table, component, database, options.set)
    if ('reason' in found) return found
    decided.push(found)
  }
  return assemble(table, decided, options.set)
}

/**
 * Returns a function that makes plans whose rows take any of the candidates, for the server to judge one by one: another
 * plan for each number. `undefined` if there is none.
 */
export async function randomPlans(
  table: FillTable,
  database: FillDatabase,
  options: ChoiceOptions,
): Promise<((attempt: number) => Plan) | undefined> {
  const choices = await choicesOf(table, database, options)
  if (choices.some(({ candidates }) => candidates.length === 0)) return undefined
  return (attempt) => {
    const decided = choices.map((choice, n): Decided => {
      const chosen = hash(`${table.name}.${n}`, attempt) % Math.min(choice.candidates.length, 30)
      return { columns: choice.columns, ways: [choice.candidates[chosen] as Candidate] }
    })
    return assemble(table, decided, options.set)
  }
}

// --- internal ---

/** Choices that conditions tie together. */
interface Component {
  readonly choices: readonly Choice[]
  readonly conditions: readonly Condition[]
}

/** Columns with the ways that are left, between which the rows alternate. */
interface Decided {
  readonly columns: readonly string[]
  readonly ways: readonly Candidate[]
}

function componentsOf(table: FillTable, choices: readonly Choice[]): Component[] {
  const components: { choices: Choice[]; conditions: Condition[] }[] = choices.map((choice) => ({
    choices: [choice],
    conditions: [],
  }))
  for (const condition of conditionsOf(table)) {
    const touched = components.filter((component) =>
      component.choices.some(({ columns }) => columns.some((name) => condition.columns.includes(name))),
    )
    const [first, ...rest] = touched
    // Columns that the server fills itself are judged when the row is inserted.
    const given = new Set(touched.flatMap((component) => component.choices.flatMap(({ columns }) => columns)))
    if (
      !first ||
      condition.columns.some((name) => !given.has(name) && !isGenerated(table, name) && !isNull(table, name))
    )
      continue
    for (const other of rest) {
      first.choices.push(...other.choices)
      first.conditions.push(...other.conditions)
      components.splice(components.indexOf(other), 1)
    }
    first.conditions.push(condition)
  }
  return components
}

function isGenerated(table: FillTable, name: string): boolean {
  return table.columns.some((column) => column.name === name && column.generated !== null)
}

/** A column that is left out and has no default is NULL. */
function isNull(table: FillTable, name: string): boolean {
  return table.columns.some(
    (column) => column.name === name && column.default === null && column.nullable && !column.numbered,
  )
}

/** Rows of extreme values after which they begin again: the next row is a second one with all the same values. */
export const EDGE_ROWS = 12
/** Rows on which candidates are tried. */
const SAMPLES = [0, 1, 2, 37]
const FEW_COMBINATIONS = 200
const MOST_COMBINATIONS = 6000
const MOST_WAYS = 40

function question(table: FillTable, choices: readonly Choice[], conditions: readonly Condition[]): Question {
  const byName = new Map(table.columns.map((column) => [column.name, column]))
  return {
    table,
    conditions,
    most: 400,
    choices: choices.map((choice) => ({
      columns: choice.columns.flatMap((name) => byName.get(name) ?? []),
      values: choice.candidates.map((candidate) => SAMPLES.map((i) => candidate.at(i))),
    })),
  }
}

/**
 * Asks what passes of components of one choice. The usual value and NULL are asked about first: mostly one of them is what
 * is wanted, and the others need not be read.
 */
async function passingSimple(
  table: FillTable,
  components: readonly Component[],
  database: FillDatabase,
  set: RowSet,
): Promise<Map<Component, readonly (readonly number[])[]>> {
  const first = set === 'edge' ? [] : components
  const short = await database.passing(
    first.map(({ choices, conditions }) => question(table, choices.map(withFew), conditions)),
  )
  const found = new Map<Component, readonly (readonly number[])[]>()
  for (const [n, component] of first.entries()) {
    const passed = short[n] ?? []
    if (isSettled(table, component.choices, passed, set)) found.set(component, passed)
  }
  const open = components.filter((component) => !found.has(component))
  const full = await database.passing(open.map(({ choices, conditions }) => question(table, choices, conditions)))
  for (const [n, component] of open.entries()) found.set(component, full[n] ?? [])
  return found
}

/** The usual value, and NULL where a column may be NULL, come first among the candidates. */
const FEW_CANDIDATES = 2

function withFew({ columns, candidates }: Choice): Choice {
  return { columns, candidates: candidates.slice(0, FEW_CANDIDATES) }
}

/** Returns whether other candidates would not be chosen, whatever the server said about them. */
function isSettled(
  table: FillTable,
  choices: readonly Choice[],
  passed: readonly (readonly number[])[],
  set: RowSet,
): boolean {
  const [choice] = choices
  if (!choice || !passed.some(([n]) => n === 0)) return false
  if (choice.candidates.length <= FEW_CANDIDATES) return true
  const few = withFew(choice)
  if (ranked(table, [few], passed, set).repeats) return false
  const nulls = (n: number) => (few.candidates[n]?.at(0) ?? []).filter((value) => value === null).length
  const most = Math.max(...choice.candidates.map(({ at }) => at(0).filter((value) => value === null).length))
  const wanted = set === 'sparse' ? most : 0
  return passed.some(([n]) => nulls(n ?? 0) === wanted)
}

/** Chooses for a component of one choice, of which the server has said what passes. */
function decide(
  table: FillTable,
  { choices, conditions }: Component,
  passed: readonly (readonly number[])[],
  set: RowSet,
): Decided | Impossible {
  return passed.length > 0
    ? ranked(table, choices, passed, set)
    : refused(
        choices.flatMap(({ columns }) => columns),
        conditions,
      )
}

async function solve(
  table: FillTable,
  { choices, conditions }: Component,
  database: FillDatabase,
  set: RowSet,
): Promise<Decided | Impossible> {
  const columns = choices.flatMap((choice) => choice.columns)
  if (conditions.length === 0) {
    return { columns, ways: choices[0]?.candidates.slice(0, 1) ?? [] }
  }
  // Conditions over one choice first: they leave fewer combinations.
  const asked = choices.map((choice) => ({
    choice,
    own: conditions.filter((condition) => condition.columns.every((name) => choice.columns.includes(name))),
  }))
  const limiting = asked.filter(({ own }) => own.length > 0)
  const answers = await database.passing(limiting.map(({ choice, own }) => question(table, [choice], own)))
  const narrowed: Choice[] = []
  const tied: Condition[] = []
  for (const one of asked) {
    const { choice, own } = one
    const passed = answers[limiting.indexOf(one)]
    if (passed?.length === 0) return refused(choice.columns, own)
    const candidates = passed?.flatMap(([n]) => choice.candidates[n ?? -1] ?? []) ?? choice.candidates
    narrowed.push({ columns: choice.columns, candidates })
  }
  for (const condition of conditions) {
    const alone = choices.some((choice) => condition.columns.every((name) => choice.columns.includes(name)))
    if (!alone) tied.push(condition)
  }
  if (tied.length === 0) return ranked(table, narrowed, [narrowed.map(() => 0)], set)
  // Few combinations are tried first: mostly one of them will do, and many take the server long.
  const total = narrowed.reduce((all, { candidates }) => all * candidates.length, 1)
  for (const most of total > FEW_COMBINATIONS ? [FEW_COMBINATIONS, MOST_COMBINATIONS] : [total]) {
    const limited = within(narrowed, most)
    const [passed = []] = await database.passing([question(table, limited, tied)])
    const found = passed.length > 0 ? ranked(table, limited, passed, set) : undefined
    if (found && (most !== FEW_COMBINATIONS || !found.repeats)) return found
  }
  return refused(columns, tied)
}

function refused(columns: readonly string[], conditions: readonly Condition[]): Impossible {
  const names = conditions.map(({ name, sql }) => `${name}: ${sql}`)
  return { reason: `no value for ${columns.join(', ')} was found that satisfies ${names.join(' and ')}` }
}

/** Leaves out candidates until there are not too many combinations. */
function within(choices: readonly Choice[], most: number): Choice[] {
  const sizes = choices.map(({ candidates }) => candidates.length)
  const product = () => sizes.reduce((all, size) => all * size, 1)
  while (product() > most) {
    const largest = sizes.indexOf(Math.max(...sizes))
    sizes[largest] = Math.max(1, Math.floor((sizes[largest] ?? 1) * 0.8))
  }
  return choices.map(({ columns, candidates }, n) => ({ columns, candidates: candidates.slice(0, sizes[n]) }))
}

/** Chooses among the combinations that the server accepts. */
function ranked(
  table: FillTable,
  choices: readonly Choice[],
  combinations: readonly (readonly number[])[],
  set: RowSet,
): Decided & { readonly repeats: boolean } {
  const columns = choices.flatMap((choice) => choice.columns)
  const unique = choices.map((choice) =>
    table.uniques.some((names) => choice.columns.some((name) => names.includes(name))),
  )
  const ways = combinations.map((combination) => {
    const parts = combination.map((n, k) => choices[k]?.candidates[n] as Candidate)
    const nulls = parts.flatMap((part) => part.at(0)).filter((value) => value === null).length
    const repeats = parts.filter((part, k) => unique[k] && part.period !== Number.POSITIVE_INFINITY).length
    const sizes = parts.map((_, k) => choices[k]?.candidates.length ?? 1)
    const far = combination.reduce((sum, n, k) => sum + n / (sizes[k] ?? 1), 0)
    return { parts, nulls, repeats, far }
  })
  const least = Math.min(...ways.map(({ repeats }) => repeats))
  const calm = ways.filter(({ repeats }) => repeats === least)
  const wanted =
    set === 'sparse' ? Math.max(...calm.map(({ nulls }) => nulls)) : Math.min(...calm.map(({ nulls }) => nulls))
  const kept = (set === 'edge' ? calm : calm.filter(({ nulls }) => nulls === wanted)).sort((a, b) => a.far - b.far)
  const first = kept[0]?.far ?? 0
  const chosen = set === 'edge' ? kept.slice(0, MOST_WAYS) : alternatives(kept, first)
  return {
    columns,
    repeats: least > 0,
    ways: chosen.map(
      ({ parts }): Candidate => ({
        at: (i) => parts.flatMap((part) => part.at(i)),
        period: Math.max(...parts.map(({ period }) => period)),
      }),
    ),
  }
}

/** The wanted way alone if its values differ from row to row, otherwise others beside it. */
function alternatives<W extends { readonly parts: readonly Candidate[]; readonly far: number }>(
  ways: readonly W[],
  first: number,
): W[] {
  const [best] = ways
  if (!best) return []
  const isWanted = first === 0 || best.parts.every(({ period }) => period > 1)
  return isWanted ? [best] : ways.slice(0, 12)
}

/** Gives columns that are unique together values in such an order that combinations do not repeat. */
function assemble(table: FillTable, decided: readonly Decided[], set: RowSet): Plan {
  const strides = new Map<Decided, number>()
  let room = Number.POSITIVE_INFINITY
  let narrow: readonly string[] = []
  for (const names of table.uniques) {
    // A column that the server fills by itself makes the row unique.
    const isOpen = names.some(
      (name) => !decided.some(({ columns }) => columns.includes(name)) && !isGenerated(table, name),
    )
    const involved = decided.filter(({ columns }) => columns.some((name) => names.includes(name)))
    if (isOpen || involved.length === 0) continue
    const periods = involved.map((one) => periodOf(one, names))
    if (periods.includes(Number.POSITIVE_INFINITY)) continue
    const size = periods.reduce((all, period) => all * period, 1)
    if (size < room) {
      room = size
      narrow = names
    }
    let stride = 1
    for (const [n, one] of involved.entries()) {
      if (!strides.has(one)) strides.set(one, stride)
      stride *= periods[n] ?? 1
    }
  }
  const columns = decided.flatMap((one) => one.columns)
  const byName = new Map(table.columns.map((column) => [column.name, column]))
  const isUnique = (one: Decided) => table.uniques.some((names) => one.columns.some((name) => names.includes(name)))
  const again = new Set(set === 'edge' ? decided.filter((one) => !isUnique(one)) : [])
  const indexOf = (one: Decided, i: number) =>
    again.has(one) ? i % EDGE_ROWS : Math.floor(i / (strides.get(one) ?? 1))
  return {
    columns: columns.flatMap((name) => byName.get(name) ?? []),
    room,
    narrow,
    row: (i) => decided.flatMap((one) => valuesAt(one, indexOf(one, i))),
  }
}

function valuesAt({ ways }: Decided, i: number): readonly Text[] {
  const way = ways[i % ways.length]
  if (!way) return []
  return way.at(way.period === Number.POSITIVE_INFINITY ? i : Math.floor(i / ways.length))
}

function periodOf({ columns, ways }: Decided, names: readonly string[]): number {
  const at = columns.flatMap((name, n) => (names.includes(name) ? [n] : []))
  const isEndless = ways.every((way) => way.period === Number.POSITIVE_INFINITY && differs(way, at))
  if (isEndless) return Number.POSITIVE_INFINITY
  const finite = ways.map((way) => (differs(way, at) ? way.period : 1)).filter(Number.isFinite)
  return Math.max(1, ways.length * Math.min(...finite, 1e6))
}

/** Returns whether the values in these places differ from row to row; NULL counts as different from NULL. */
function differs(way: Candidate, at: readonly number[]): boolean {
  const [a, b] = [way.at(0), way.at(1)]
  return at.some((n) => a[n] === null || a[n] !== b[n])
}
