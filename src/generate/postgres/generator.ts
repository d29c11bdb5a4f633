/** Writes the statements that change a PostgreSQL schema. */
import type { SchemaObject } from '../../schema/model.ts'
import type { Schema } from '../../schema/schema.ts'
import type { Generator } from '../generator.ts'
import type { Hints } from '../hints.ts'
import { inOrder } from '../order.ts'
import type { Statement } from '../statement.ts'
import { apart, digest } from './digest.ts'
import { enumQuestions } from './enumQuestions.ts'
import { withNotNullNames } from './notNullNames.ts'
import { refused, unreached } from './refusal.ts'
import { renameStatements } from './rename.ts'
import { isForMaking, type Side, sideOf } from './side.ts'
import { PHASE, type PostgresStatement, type Step } from './step.ts'
import { stepsOf } from './steps.ts'

export const postgresGenerator: Generator = {
  renames: renameStatements,
  statements(from: Schema, to: Schema, hints: Hints): readonly Statement[] {
    return merged(actions(from, to, hints))
  },
  refused,
  unreached,
  digest,
  apart,
  questions: enumQuestions,
}

/** Writes one statement for each action, to find out what each of them does to a table that is in use. */
export const singleActions: Generator = { ...postgresGenerator, statements: actions }

// --- internal ---

function actions(from: Schema, to: Schema, hints: Hints): PostgresStatement[] {
  const before = sideOf(from)
  const after = sideOf(to)
  const steps = stepsOf(before, after, hints)
  const ordered = inOrder(steps, { rank: rankIn(hints), before: pairs(before, after, steps) })
  return withNotNullNames(
    ordered.flatMap(({ statements }) => statements),
    after,
    hints,
  )
}

function rankIn({ late }: Hints): (step: Step) => string {
  const places = [...late]
  return ({ phase, name, makes, ends }) => {
    const place = Math.max(-1, ...makes.map((key) => places.indexOf(key.split('/')[0] ?? '')))
    if (place >= 0) return `99 ${String(place).padStart(4, '0')} ${name}`
    const first = makes[0] ?? ends[0] ?? ''
    const inTable = phase >= PHASE.table && phase < PHASE.table + 1
    if (inTable) return [PHASE.table, name, phase.toFixed(2), first].join('\0')
    return [phase.toFixed(2).padStart(5, '0'), name, first].join('\0')
  }
}

/** Which step comes before which. */
function pairs(from: Side, to: Side, steps: readonly Step[]): [Step, Step][] {
  const result: [Step, Step][] = []
  const ends = index(steps, 'ends')
  const makes = index(steps, 'makes')
  const of = (map: ReadonlyMap<string, readonly Step[]>, part: string, object: string) => {
    const own = map.get(part) ?? []
    return part === object || own.some(({ later }) => later) ? own : [...own, ...(map.get(object) ?? [])]
  }
  // A user goes before what it uses.
  for (const use of from.uses) {
    const { user, userObject, used, usedObject } = use
    if (isForMaking(from, use)) continue
    const last = of(ends, used, usedObject)
    if (last.length === 0) continue
    for (const first of of(ends, user, userObject)) for (const second of last) result.push([first, second])
  }
  // An object comes before those that use it.
  for (const { user, userObject, used, usedObject } of to.uses) {
    const first = of(makes, used, usedObject)
    if (first.length === 0) continue
    for (const second of of(makes, user, userObject)) for (const each of first) result.push([each, second])
  }
  const displacing = steps.filter(({ displaces }) => displaces !== undefined)
  const displaced = new Set(displacing.map(({ displaces }) => displaces))
  for (const step of displacing) {
    for (const { user, userObject } of from.usersOf.get(step.displaces ?? '') ?? []) {
      // Another type that gets out of the way, too, is made from the new one.
      if (displaced.has(user) || displaced.has(userObject)) continue
      // A type that goes may have values until their columns have the new one.
      if (userObject.startsWith('type ') && !to.objects.has(userObject)) continue
      for (const first of of(ends, user, userObject)) {
        if (!first.makes.includes(user)) result.push([first, step])
      }
    }
  }
  // A schema goes when all that is in it has gone.
  for (const last of steps.filter((step) => step.ends.some((key) => key.startsWith('schema ')))) {
    const [, schema = ''] = /^schema (.+)$/s.exec(last.ends[0] ?? '') ?? []
    for (const first of steps) {
      if (first !== last && first.ends.some((key) => isIn(schema, from.objects.get(key)))) result.push([first, last])
    }
  }
  const frees = index(steps, 'frees')
  for (const step of steps) {
    for (const key of step.makes) {
      // The step that ends the old type comes behind those that use the new one.
      if (step.displaces === key) continue
      for (const first of ends.get(key) ?? []) if (first !== step) result.push([first, step])
    }
    for (const name of step.takes ?? [])
      for (const first of frees.get(name) ?? []) if (first !== step) result.push([first, step])
    for (const key of step.needs ?? [])
      for (const first of makes.get(key) ?? []) if (first !== step) result.push([first, step])
    for (const key of step.follows ?? [])
      for (const first of ends.get(key) ?? []) if (first !== step) result.push([first, step])
  }
  return result
}

function isIn(schema: string, object: SchemaObject | undefined): boolean {
  // The names of rarer kinds begin with their kind.
  const name = object?.kind === 'other' ? object.name.replace(/^[a-z ]+ (?=\S)/, '') : object?.name
  return name?.startsWith(`${schema}.`) ?? false
}

function index(steps: readonly Step[], what: 'ends' | 'makes' | 'frees'): Map<string, Step[]> {
  const map = new Map<string, Step[]>()
  for (const step of steps) {
    for (const key of step[what] ?? []) {
      const list = map.get(key)
      if (list) list.push(step)
      else map.set(key, [step])
    }
  }
  return map
}

/** Puts neighbouring actions on one table into one statement. */
export function merged(statements: readonly PostgresStatement[]): Statement[] {
  const groups: PostgresStatement[][] = []
  for (const statement of statements) {
    const last = groups.at(-1)
    const before = last?.at(-1)
    if (
      last &&
      before?.alter &&
      statement.alter &&
      before.alter.table === statement.alter.table &&
      before.object === statement.object
    )
      last.push(statement)
    else groups.push([statement])
  }
  return groups.flatMap((group) => {
    const [first] = group
    if (!first) return []
    if (group.length === 1) return [plain(first)]
    const destroys = group.flatMap((one) => one.destroys ?? []).join(', ')
    const comment = group.flatMap((one) => one.comment ?? []).join(' ')
    const blocks = group.flatMap((one) => one.blocks ?? []).join(' ')
    return [
      {
        sql: `ALTER ${first.alter?.table}\n${group.map(({ alter }) => `  ${alter?.action}`).join(',\n')};`,
        does: group.every(({ does }) => does === 'drop') ? 'drop' : 'alter',
        object: first.object,
        ...(destroys && { destroys }),
        ...(comment && { comment }),
        ...(blocks && { blocks }),
      },
    ]
  })
}

function plain({ alter: _, ...statement }: PostgresStatement): Statement {
  return statement
}
