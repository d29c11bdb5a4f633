/**
 * Names of NOT NULL constraints of partitions (PostgreSQL 18). A partition that was attached keeps the names that its constraints had; one that
 * was made as a partition has those of its table. The server renames inherited constraints only with the table's, and only where all of
 * them are called the same: others are renamed while their partition is detached.
 */
import type { ColumnFacts, TableFacts } from '../../database/postgres/catalog/facts.ts'
import type { SchemaObject } from '../../schema/model.ts'
import type { Change, TableChange } from './change.ts'
import { nameOfNotNull } from './notNullNames.ts'
import { factsOf, isKind, objectIn, type Side } from './side.ts'
import { PHASE, type PostgresStatement, type Step, statement } from './step.ts'

/** Returns the steps that give the constraints of a table that is a partition afterwards the names of the new side. */
export function partitionNotNullSteps({ from, to }: Change, table: TableChange): Step[] {
  const { key, name, what, was, now } = table
  const parent = now.bound === null ? undefined : now.parents?.[0]
  if (parent === undefined || was.form === 'f') return []
  const columns = new Map((was.columns ?? []).map((column) => [column.name, column]))
  const stays = was.bound !== null && was.parents?.[0] === parent
  const attached: PostgresStatement[] = []
  // Before its table gets a constraint, or between two tables.
  const free: PostgresStatement[] = []
  const steps: Step[] = []
  for (const column of now.columns ?? []) {
    const before = columns.get(column.name)
    if (!before?.notNull || !column.notNull) continue
    const old = nameOfNotNull(was.notNulls, before, name)
    const inherited = stays ? nameIn(from, parent, before) : undefined
    // One that has its table's name has it afterwards, too.
    const current = old !== undefined && old === inherited ? nameIn(to, parent, column) : old
    const wanted = nameOfNotNull(now.notNulls, column, name)
    if (stays && inherited === undefined && wanted === nameIn(to, parent, column) && !isKey(to, parent, now, column)) {
      steps.push(own(table, column))
      continue
    }
    if (current === undefined || wanted === undefined || current === wanted) continue
    const rename = statement('alter', key, `ALTER ${what} RENAME CONSTRAINT ${current} TO ${wanted}`)
    ;(inherited === undefined ? free : attached).push(rename)
  }
  const step = (phase: number, statements: readonly PostgresStatement[]): Step => ({
    phase,
    name,
    statements,
    ends: [],
    makes: statements.length > 0 ? [`${key}/notnull`] : [],
    gentle: true,
  })
  return [
    ...steps,
    step(stays ? PHASE.renames : PHASE.table + 0.97, free),
    step(PHASE.further, detached(key, { name, parent, bound: now.bound ?? '' }, attached)),
  ].filter(({ statements }) => statements.length > 0)
}

/** Returns what the partitions of a table have to drop before the table itself gets the constraint. */
export function ownNotNulls({ from }: Change, { name }: TableChange, { quoted }: ColumnFacts): string[] {
  return partitionsOf(from, name).map(({ table }) => notNullPart(`table ${table.name}`, quoted))
}

/** Returns the statements that rename a constraint of a table, if partitions of it have constraints of other names. */
export function renamedAbove(
  { from, to }: Change,
  { key, name }: TableChange,
  column: ColumnFacts,
  rename: PostgresStatement,
): PostgresStatement[] {
  const above = nameIn(from, name, column)
  const others = partitionsOf(from, name).filter(({ table, parent }) => {
    const now = objectIn(to, 'table', table.name)
    if (!now || factsOf(to, now).parents?.[0] !== parent) return false
    const own = factsOf(from, table).columns?.find((each) => each.name === column.name)
    const called = own?.notNull ? nameOfNotNull(factsOf(from, table).notNulls, own, table.name) : undefined
    return called !== undefined && called !== above
  })
  return others.reduce(
    (inner, { table, parent, bound }) => detached(key, { name: table.name, parent, bound }, inner),
    [rename],
  )
}

// --- internal ---

/** A constraint that the partition had by itself goes, so that the one it gets from its table is no longer its own. */
function own({ key, name, was }: TableChange, { quoted }: ColumnFacts): Step {
  return {
    phase: PHASE.table + 0.15,
    name,
    statements: [statement('alter', key, `ALTER TABLE ONLY ${name} ALTER COLUMN ${quoted} DROP NOT NULL`)],
    ends: [notNullPart(key, quoted)],
    makes: [],
    follows: (was.constraints ?? []).map((one) => `${key}/constraint ${one.name}`),
    gentle: true,
  }
}

function notNullPart(key: string, quoted: string): string {
  return `${key}/notnull ${quoted}`
}

/** Returns whether the new side has the column in a primary key: it cannot be null for a moment then. */
function isKey(to: Side, parent: string, now: TableFacts, { quoted }: ColumnFacts): boolean {
  const above = objectIn(to, 'table', parent)
  const all = [...(now.constraints ?? []), ...((above && factsOf(to, above).constraints) ?? [])]
  return all.some(({ definition }) => /^PRIMARY KEY \((.*?)\)/.exec(definition)?.[1]?.split(', ').includes(quoted))
}

/** Puts statements between one that takes a partition out of its table and one that brings it back. */
function detached(
  key: string,
  { name, parent, bound }: { readonly name: string; readonly parent: string; readonly bound: string },
  statements: readonly PostgresStatement[],
): PostgresStatement[] {
  if (statements.length === 0) return []
  return [
    statement('alter', key, `ALTER TABLE ${parent} DETACH PARTITION ${name}`),
    ...statements,
    statement('alter', key, `ALTER TABLE ${parent} ATTACH PARTITION ${name} ${bound}`),
  ]
}

/** Returns the name of a column's constraint in a table; `undefined` if it has none. */
function nameIn(side: Side, table: string, { name }: ColumnFacts): string | undefined {
  const object = objectIn(side, 'table', table)
  const facts = object && factsOf(side, object)
  const column = facts?.columns?.find((each) => each.name === name)
  return column?.notNull ? nameOfNotNull(facts?.notNulls ?? null, column, table) : undefined
}

interface Partition {
  readonly table: SchemaObject & { kind: 'table' }
  readonly parent: string
  readonly bound: string
}

/** Returns the partitions of a table and theirs, which come behind them. */
function partitionsOf(side: Side, name: string): Partition[] {
  return [...side.objects.values()].flatMap((object) => {
    if (!isKind('table', object)) return []
    const { bound, parents } = factsOf(side, object)
    return bound !== null && parents?.[0] === name
      ? [{ table: object, parent: name, bound }, ...partitionsOf(side, object.name)]
      : []
  })
}
