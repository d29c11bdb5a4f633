/** Adds, drops and changes the constraints of a table; foreign keys are objects of their own. */
import type { ConstraintFacts } from '../../database/postgres/catalog/facts.ts'
import { constraintText } from '../../database/postgres/ddl/constraint.ts'
import { type Change, joins, leaves, type TableChange } from './change.ts'
import { factsOf, objectIn, type Side } from './side.ts'
import { alterTable, PHASE, type PostgresStatement, type Step, statement } from './step.ts'

/** @param implied parts that go with a column that is dropped */
export function constraintSteps(change: Change, table: TableChange, implied: ReadonlySet<string>): Step[] {
  const was = new Map((table.was.constraints ?? []).map((one) => [one.name, one]))
  const now = new Map((table.now.constraints ?? []).map((one) => [one.name, one]))
  const isForced = (name: string) => change.forced.has(`${table.key}/constraint ${name}`)
  const above = inherited(change, table)
  const gone = [...was.values()].filter((one) => !now.has(one.name) && !isTaken(table, one, above))
  const come = [...now.values()].filter(({ name }) => !was.has(name) && !leaves(table))
  const steps: Step[] = []
  // A table joins only those whose checks it has.
  for (const one of above) if (!was.has(one.name)) steps.push(addConstraint(table, one))
  const renamed = new Set<ConstraintFacts>()
  for (const one of gone) {
    const other = come.find(
      (each) => !renamed.has(each) && constraintText(each) === constraintText(one) && each.valid === one.valid,
    )
    if (!other || isForced(one.name) || implied.has(`${table.key}/constraint ${one.name}`)) continue
    renamed.add(one).add(other)
    steps.push(renameConstraint(table, one, other))
  }
  for (const one of gone)
    if (!renamed.has(one) && !implied.has(`${table.key}/constraint ${one.name}`)) steps.push(dropConstraint(table, one))
  for (const one of come) if (!renamed.has(one)) steps.push(addConstraint(table, one))
  for (const one of now.values()) {
    const before = was.get(one.name)
    if (!before) continue
    const part = `${table.key}/constraint ${one.name}`
    if (implied.has(part)) {
      steps.push(addConstraint(table, one))
      continue
    }
    const same = constraintText(before) === constraintText(one) || change.hints.same.has(part)
    if (isForced(one.name) || !same) steps.push(dropConstraint(table, before), addConstraint(table, one))
    else if (!before.valid && one.valid) {
      steps.push({
        phase: PHASE.table + 0.8,
        name: table.name,
        statements: [alterTable(table.key, table.what, `VALIDATE CONSTRAINT ${one.name}`)],
        ends: [],
        makes: [part],
        gentle: true,
      })
    } else if (before.valid !== one.valid) steps.push(dropConstraint(table, before), addConstraint(table, one))
  }
  return steps
}

// --- internal ---

/** The checks of the tables that a table joins, which it must have before. */
function inherited({ to }: Change, { was, now }: TableChange): ConstraintFacts[] {
  const come = (now.parents ?? []).filter((parent) => !was.parents?.includes(parent))
  return come.flatMap((parent) => {
    const object = objectIn(to, 'table', parent)
    const all = object ? checksOf(to, object.name) : []
    return all.filter(({ definition }) => !definition.endsWith(' NO INHERIT'))
  })
}

/** The checks of a table, those it has from its own parents, too. */
function checksOf(side: Side, name: string): ConstraintFacts[] {
  const object = objectIn(side, 'table', name)
  if (!object) return []
  const { constraints, parents } = factsOf(side, object)
  const own = (constraints ?? []).filter(({ definition }) => definition.startsWith('CHECK '))
  return [...own, ...(parents ?? []).flatMap((parent) => checksOf(side, parent))]
}

/** Returns whether the server takes a constraint for one of the table that its table joins. */
function isTaken(table: TableChange, one: ConstraintFacts, above: readonly ConstraintFacts[]): boolean {
  if (one.index !== null) return joins(table)
  return above.some(({ name, definition }) => name === one.name && definition === one.definition)
}

function dropConstraint({ key, name, what }: TableChange, { name: constraint, index }: ConstraintFacts): Step {
  return {
    phase: PHASE.table + 0.05,
    name,
    statements: [alterTable(key, what, `DROP CONSTRAINT ${constraint}`, { does: 'drop' })],
    ends: [`${key}/constraint ${constraint}`],
    makes: [],
    frees: index ? [`relation ${index}`] : [],
  }
}

function addConstraint({ key, name, what }: TableChange, one: ConstraintFacts): Step {
  const text = one.valid ? constraintText(one) : one.definition
  const statements: PostgresStatement[] = [alterTable(key, what, `ADD CONSTRAINT ${one.name} ${text}`)]
  return {
    phase: PHASE.table + 0.8,
    name,
    statements,
    ends: [],
    makes: [`${key}/constraint ${one.name}`],
    takes: one.index ? [`relation ${one.index}`] : [],
  }
}

/** A constraint that differs in nothing but its name. Its index is renamed with it. */
function renameConstraint({ key, name, what }: TableChange, was: ConstraintFacts, now: ConstraintFacts): Step {
  return {
    phase: PHASE.table + 0.01,
    name,
    statements: [statement('alter', key, `ALTER ${what} RENAME CONSTRAINT ${was.name} TO ${now.name}`)],
    ends: [],
    makes: [],
    gentle: true,
    frees: was.index ? [`relation ${was.index}`] : [],
    takes: now.index ? [`relation ${now.index}`] : [],
  }
}
