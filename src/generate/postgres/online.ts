/** Writes changes of tables that are in use so that nobody waits long for them. Pure: what rewrites a table was seen before. */

import type { ColumnFacts } from '../../database/postgres/catalog/facts.ts'
import type { Schema } from '../../schema/schema.ts'
import { labelOf } from '../columns.ts'
import type { OnlineStep, Operation, Seen } from '../online/operation.ts'
import type { Statement } from '../statement.ts'
import { backfill } from './backfill.ts'
import { keyIndex, swap } from './onlineIndex.ts'
import {
  ADD_COLUMN,
  ADD_CONSTRAINT,
  COLUMN,
  CREATE_INDEX,
  DOMAIN_CONSTRAINT,
  DROP_CONSTRAINT,
  DROP_INDEX,
  FILL,
  SET_NOT_NULL,
  suffixed,
  VALIDATE,
  withText,
} from './onlineSql.ts'
import { factsOf, isKind, objectIn, type Side, sideOf } from './side.ts'

/**
 * @param seen the statements that lead from one schema to the other, one action each
 * @param old names of the tables that were there before, as they are once renames have run
 */
export function onlineOperations(seen: readonly Seen[], to: Schema, old: ReadonlySet<string>): Operation[] {
  const side = sideOf(to)
  const inUse = new Set(old)
  const operations: Operation[] = []
  for (const [i, one] of seen.entries()) {
    const { statement } = one
    const dropped = /^DROP (?:FOREIGN )?TABLE (.+);$/s.exec(statement.sql)?.[1]
    if (dropped !== undefined) inUse.delete(dropped)
    if (swap(operations, statement, side, inUse) || fillFirst(operations, statement)) continue
    operations.push(operationOf(one, { side, inUse, seen: seen.slice(0, i) }))
  }
  return operations
}

// --- internal ---

interface Context {
  readonly side: Side
  readonly inUse: ReadonlySet<string>
  /** The operations before this one. */
  readonly seen: readonly Seen[]
}

function operationOf({ statement, rewritten }: Seen, context: Context): Operation {
  const { sql } = statement
  const { side, inUse } = context
  const plain = { plain: [statement] }
  const about = aboutOf(statement)
  const used = (table: string | undefined) => table !== undefined && inUse.has(table)
  const step = (kind: OnlineStep['kind'], ...texts: string[]): OnlineStep => ({
    kind,
    statements: texts.map((text, i) => withText(statement, text, i === 0)),
  })

  const [, constrained, constraint = '', definition = ''] = ADD_CONSTRAINT.exec(sql) ?? []
  if (used(constrained)) {
    const added = addConstraint(String(constrained), constraint, definition, side, step)
    if (added === 'waits')
      return {
        ...at('change', statement),
        about,
        blocks: `Nobody writes to ${constrained} while its rows are read: an exclusion constraint has no gentler way.`,
      }
    if (added) return { steps: added, ...plain, about }
  }
  const [, validated] = VALIDATE.exec(sql) ?? []
  if (used(validated)) return { ...at('check', statement), about }
  const [, required, column = ''] = SET_NOT_NULL.exec(sql) ?? []
  if (used(required)) return { steps: notNull(String(required), column, step), ...plain, about }
  const [, filled, set = '', value = ''] = FILL.exec(sql) ?? []
  if (used(filled)) {
    return {
      steps: [step('alone', backfill(String(filled), set, value, hasChildren(side, String(filled))))],
      ...plain,
      about: [`table ${filled}/column ${set}`],
    }
  }
  const [, extended, added = '', rest = ''] = ADD_COLUMN.exec(sql) ?? []
  if (used(extended) && rewritten.length > 0) {
    const steps = addColumn(String(extended), added, rest, side, step)
    if (steps) return { steps, ...plain, about }
  }
  const [, unique = '', index = '', only, indexed, indexRest = ''] = CREATE_INDEX.exec(sql) ?? []
  if (used(indexed) && only === undefined) {
    const partitioned = objectIn(side, 'table', String(indexed))
    const steps =
      partitioned && factsOf(side, partitioned).form === 'p'
        ? undefined
        : [step('alone', `CREATE ${unique}INDEX CONCURRENTLY ${index} ON ${indexed} ${indexRest};`)]
    if (steps) return { steps, ...plain, about }
    return {
      ...at('change', statement),
      about,
      blocks: `Nobody writes to ${indexed} meanwhile: an index of a partitioned table cannot be built concurrently. To build one for each partition first, write CREATE INDEX … ON ONLY ${indexed}, and attach them.`,
    }
  }
  const dropped = DROP_INDEX.exec(sql)?.[1]
  if (dropped !== undefined) return { steps: [step('alone', `DROP INDEX CONCURRENTLY ${dropped};`)], ...plain, about }
  const [, domain, check = '', text = ''] = DOMAIN_CONSTRAINT.exec(sql) ?? []
  if (domain !== undefined && !text.endsWith(' NOT VALID')) {
    return {
      steps: [
        step('change', `ALTER DOMAIN ${domain} ADD CONSTRAINT ${check} ${text} NOT VALID;`),
        step('check', `ALTER DOMAIN ${domain} VALIDATE CONSTRAINT ${check};`),
      ],
      ...plain,
      about,
    }
  }
  const others = rewritten.filter((table) => inUse.has(table))
  const blocks =
    others.length > 0
      ? `Nobody reads or writes ${others.join(', ')} while all rows are written anew: ${why(sql)}`
      : undefined
  return { ...at('change', statement), about, ...(blocks !== undefined && { blocks }) }
}

function at(kind: OnlineStep['kind'], statement: Statement): Pick<Operation, 'steps' | 'plain'> {
  return { steps: [{ kind, statements: [statement] }], plain: [statement] }
}

function why(sql: string): string {
  if (/ TYPE /.test(sql))
    return 'the new type stores values in another way. Gentler: a column of the new type beside this one, filled in batches, and then a change of names.'
  if (/ GENERATED ALWAYS AS \(.*\) STORED/s.test(sql)) return 'a stored column is computed for each of them.'
  if (/ AS IDENTITY/.test(sql)) return 'an identity column numbers them.'
  return 'no gentler way is known.'
}

function aboutOf({ sql, object }: Statement): string[] {
  const [, table, column] = COLUMN.exec(sql) ?? []
  if (table !== undefined) return [`table ${table}/column ${column}`]
  const [, constrained, constraint] = ADD_CONSTRAINT.exec(sql) ?? DROP_CONSTRAINT.exec(sql) ?? VALIDATE.exec(sql) ?? []
  if (constrained !== undefined) return [`table ${constrained}/constraint ${constraint}`]
  return object.startsWith('table ') ? [] : [object]
}

type StepOf = (kind: OnlineStep['kind'], ...texts: string[]) => OnlineStep

function addConstraint(
  table: string,
  name: string,
  definition: string,
  side: Side,
  step: StepOf,
): readonly OnlineStep[] | 'waits' | undefined {
  if (/ NOT VALID$| NOT ENFORCED\b/.test(definition)) return undefined
  if (/^(?:CHECK|FOREIGN KEY|NOT NULL) /.test(definition)) {
    return [
      step('change', `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition} NOT VALID;`),
      step('check', `ALTER TABLE ${table} VALIDATE CONSTRAINT ${name};`),
    ]
  }
  if (/^EXCLUDE /.test(definition)) return 'waits'
  const index = keyIndex(table, name, definition, side)
  if (!index) return undefined
  return [step('alone', index.create, `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${index.constraint};`)]
}

/** @param fillIn a statement that leaves no row without a value. Until then, the check would refuse changes of such rows. */
function notNull(table: string, column: string, step: StepOf, fillIn?: string): OnlineStep[] {
  const check = checkName(table, column)
  const unchecked = `ALTER TABLE ${table} ADD CONSTRAINT ${check} CHECK (${column} IS NOT NULL) NOT VALID;`
  return [
    fillIn === undefined ? step('change', unchecked) : step('alone', fillIn, unchecked),
    step('check', `ALTER TABLE ${table} VALIDATE CONSTRAINT ${check};`),
    // The server trusts the check and reads no row.
    step(
      'change',
      `ALTER TABLE ${table} ALTER COLUMN ${column} SET NOT NULL;`,
      `ALTER TABLE ${table} DROP CONSTRAINT ${check};`,
    ),
  ]
}

/** A column whose default the server would compute for each row: it comes empty, and is filled in batches. */
function addColumn(table: string, column: string, rest: string, side: Side, step: StepOf): OnlineStep[] | undefined {
  const facts = columnOf(side, table, column)
  if (facts?.generated !== '' || facts.identity !== '') return undefined
  // A value that only the rows of now get is a default for the while.
  const [, type = '', fill] = /^(.*?)(?: NOT NULL)? DEFAULT (.*)$/s.exec(rest) ?? []
  const value = facts.expression ?? fill
  if (value === undefined) return undefined
  const plainType = facts.expression === null ? type : rest.slice(0, rest.indexOf(` DEFAULT ${facts.expression}`))
  const fillIn = backfill(table, column, value, hasChildren(side, table))
  return [
    step(
      'change',
      `ALTER TABLE ${table} ADD COLUMN ${column} ${plainType.replace(/ NOT NULL$/, '')};`,
      `ALTER TABLE ${table} ALTER COLUMN ${column} SET DEFAULT ${value};`,
    ),
    ...(facts.notNull ? notNull(table, column, step, fillIn) : [step('alone', fillIn)]),
  ]
}

function columnOf(side: Side, table: string, column: string): ColumnFacts | undefined {
  const object = objectIn(side, 'table', table)
  return object && factsOf(side, object).columns?.find(({ quoted }) => quoted === column)
}

function hasChildren(side: Side, table: string): boolean {
  return [...side.objects.values()].some(
    (object) => isKind('table', object) && factsOf(side, object).parents?.includes(table),
  )
}

/** Rows get their values right before the check that no row is without. */
function fillFirst(operations: Operation[], statement: Statement): boolean {
  const [, table, column = ''] = SET_NOT_NULL.exec(statement.sql) ?? []
  const before = operations.at(-1)
  const [, filled, set] = FILL.exec(before?.plain[0]?.sql ?? '') ?? []
  const fillIn = before?.steps[0]?.statements[0]
  if (table === undefined || before === undefined || filled !== table || set !== column || !fillIn) return false
  const step: StepOf = (kind, ...texts) => ({
    kind,
    statements: texts.map((text, i) => withText(i === 0 ? fillIn : statement, text, i === 0)),
  })
  operations[operations.length - 1] = {
    steps: notNull(table, column, step, fillIn.sql),
    plain: [...before.plain, statement],
    about: before.about,
  }
  return true
}

function checkName(table: string, column: string): string {
  const plain = [labelOf(table), column].map((name) => name.replace(/^"|"$/g, '')).join('_')
  return suffixed(/^[a-z_][a-z0-9_]*$/.test(plain) ? plain : `"${plain}"`, '_not_null_check')
}
