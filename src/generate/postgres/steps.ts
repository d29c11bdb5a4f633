/** All steps of a change, in no order yet. What has to be made again because of them is found by doing it once more. */

import { describeObject } from '../../database/postgres/catalog/objects.ts'
import type { SchemaObject } from '../../schema/model.ts'
import { statementOf } from '../../schema/text.ts'
import { labelOf } from '../columns.ts'
import type { Hints } from '../hints.ts'
import { keyOf } from '../statement.ts'
import { mergePartition, tableAnew } from './anew.ts'
import { type Change, joins, leaves, rungOf } from './change.ts'
import { dropStep, makeStatements, makeStep, namesOf } from './objects.ts'
import { alterOther } from './others.ts'
import { alterSequence } from './sequence.ts'
import { factsOf, isForMaking, isKind, objectIn, type Side } from './side.ts'
import { laterPart, PHASE, type Step, statement } from './step.ts'
import { alterSteps, needsAnew, type Table } from './table.ts'
import { alterType, replaceCollation, replaceType } from './type.ts'

export function stepsOf(from: Side, to: Side, hints: Hints): Step[] {
  let forced: ReadonlySet<string> = new Set([...hints.rebuild, ...detachedIndexes(from, to)])
  for (;;) {
    const steps = once({ from, to, hints, forced })
    const more = forcedBy(from, to, steps).filter((key) => !forced.has(key))
    if (more.length === 0) return steps.filter(({ statements }) => statements.length > 0)
    forced = new Set([...forced, ...more])
  }
}

// --- internal ---

function once(change: Change): Step[] {
  const { from, to, forced } = change
  const changed = ([key, was]: readonly [string, SchemaObject]) => {
    const now = to.objects.get(key)
    return now && (forced.has(key) || isForcedInside(forced, key) || differs(was, now)) ? [{ key, was, now }] : []
  }
  const both = [...from.objects].flatMap(changed)
  const relations = both.filter(({ was }) => isRelation(was))
  const steps = relations.flatMap(({ was, now }) => changeObject(change, was, now))
  const gone = [...from.objects].filter(([key]) => !to.objects.has(key)).map(([, object]) => object)
  const come = [...to.objects].filter(([key]) => !from.objects.has(key)).map(([, object]) => object)
  const anew = steps.flatMap(({ ends }) => ends.flatMap((key) => from.objects.get(key) ?? [])).filter(isRelation)
  // With a table goes what belongs to it, and comes again with it.
  const tables = new Set([...gone.filter(isRelation), ...anew].map(({ name }) => name))
  const apart = endsApart(change, tables)
  const belongs = (object: SchemaObject) => object.table !== null && tables.has(object.table)
  for (const [key, was] of from.objects) {
    const now = to.objects.get(key)
    if (!now || !belongs(was)) continue
    if (apart.has(was)) steps.push(dropStep(from, was))
    steps.push(makeStep(to, now))
  }
  for (const { was, now } of both) if (!isRelation(was) && !belongs(was)) steps.push(...changeObject(change, was, now))
  const renamed = renamedIndexes(change, gone, come, tables)
  steps.push(...renamed.steps)
  const implied = new Set(steps.flatMap(({ ends }) => ends))
  for (const object of gone) {
    if (renamed.objects.has(object)) continue
    if ((implied.has(keyOf(object)) || belongs(object)) && !apart.has(object)) continue
    if (isKind('table', object)) {
      const parent = factsOf(from, object).parents?.[0] ?? ''
      const merged = tables.has(parent) ? undefined : mergePartition(change, object)
      steps.push(...(merged?.map((step) => withBelonging(from, step)) ?? [dropTable(change, object, apart)]))
    } else if (object.kind === 'sequence' && ownerOf(from, object.name, tables)) continue
    else if (object.kind === 'view') steps.push(withBelonging(from, dropStep(from, object)))
    else if (isTakenOver(change, object, joins)) continue
    else if (isKind('index', object)) steps.push(...dropIndex(change, object))
    else steps.push(dropStep(from, object))
  }
  for (const object of come) {
    if (renamed.objects.has(object) || (!belongs(object) && isTakenOver(change, object, leaves))) continue
    steps.push(...makeObject(change, object))
  }
  return withoutApart(steps, apart)
}

/**
 * Returns whether an index or a foreign key is of a table that becomes a partition or ceases to be one. Only the server knows which of them it
 * keeps, so that what is too much or missing shows itself behind that.
 */
function isTakenOver({ from, to }: Change, { kind, table }: SchemaObject, when: typeof joins): boolean {
  if ((kind !== 'index' && kind !== 'foreign-key') || table === null) return false
  const [was, now] = [objectIn(from, 'table', table), objectIn(to, 'table', table)]
  return !!was && !!now && when({ was: factsOf(from, was), now: factsOf(to, now) })
}

function isRelation({ kind }: SchemaObject): boolean {
  return kind === 'table' || kind === 'view'
}

/** The indexes of partitions go with the one of their table. Those that stay come again. */
function dropIndex({ from, to }: Change, object: SchemaObject & { kind: 'index' }): Step[] {
  const children = (name: string): SchemaObject[] =>
    [...from.objects.values()].flatMap((other) =>
      isKind('index', other) && factsOf(from, other).parent === name ? [other, ...children(other.name)] : [],
    )
  const { parent } = factsOf(from, object)
  if (parent !== null) {
    // It belongs to an index that stays: the server does not let it go alone.
    const owner = [...from.objects.values()].find(({ kind, name }) => kind === 'index' && name === parent)
    if (owner && !to.objects.has(keyOf(owner))) return []
  }
  const all = children(object.name)
  const step = dropStep(from, object)
  return [
    {
      ...step,
      ends: [...step.ends, ...all.map(keyOf)],
      frees: [...(step.frees ?? []), ...all.flatMap((one) => namesOf(from, one))],
    },
    ...all.flatMap((one) => {
      const now = to.objects.get(keyOf(one))
      return now ? [makeStep(to, now)] : []
    }),
  ]
}

/** An index of a partition cannot be detached from that of its table: both are made again, with all others that are attached. */
function detachedIndexes(from: Side, to: Side): string[] {
  const isAttached = (line: string) => / ATTACH PARTITION /.test(line)
  return [...from.objects].flatMap(([key, was]) => {
    if (!isKind('index', was) || !was.more.some(isAttached)) return []
    const { parent } = factsOf(from, was)
    const now = to.objects.get(key)
    const stays = now
      ? was.more.every((line) => !isAttached(line) || now.more.includes(line))
      : !to.objects.has(`table ${was.table}`) ||
        ![...to.objects.values()].some(({ name, kind }) => kind === 'index' && name === parent)
    if (stays) return []
    const family = [...from.objects].filter(
      ([, other]) => isKind('index', other) && (other.name === parent || factsOf(from, other).parent === parent),
    )
    return family.map(([other]) => other)
  })
}

/** With an index go those of its partitions. */
function indexAnew({ from, to, forced }: Change, was: SchemaObject & { kind: 'index' }, now: SchemaObject): Step[] {
  const { parent } = factsOf(from, was)
  const owner = [...from.objects].find(([, { kind, name }]) => kind === 'index' && name === parent)
  if (owner && forced.has(owner[0])) return [makeStep(to, now)]
  const children = [...from.objects].filter(
    ([, other]) => isKind('index', other) && factsOf(from, other).parent === was.name,
  )
  const step = dropStep(from, was)
  return [
    {
      ...step,
      ends: [...step.ends, ...children.map(([key]) => key)],
      frees: [...(step.frees ?? []), ...children.flatMap(([, one]) => namesOf(from, one))],
    },
    makeStep(to, now),
  ]
}

/** An object that has a step of its own is not removed by the step of its table. */
function withoutApart(steps: readonly Step[], apart: ReadonlySet<SchemaObject>): Step[] {
  const keys = new Set([...apart].map(keyOf))
  return steps.map((step) =>
    step.ends.length > 1 && step.ends.some((key) => keys.has(key))
      ? { ...step, ends: step.ends.filter((key) => !keys.has(key)) }
      : step,
  )
}

/** Foreign keys in a circle of tables that go, and rules and policies that read what goes, have to go before the tables. */
function endsApart({ from, hints }: Change, tables: ReadonlySet<string>): Set<SchemaObject> {
  const apart = circularKeys(from, tables)
  // The server wants some of them away before.
  for (const key of hints.rebuild) {
    const object = from.objects.get(key)
    if (object?.kind === 'foreign-key' && tables.has(object.table ?? '')) apart.add(object)
  }
  if (tables.size === 0) return apart
  for (const { userObject, usedObject } of from.uses) {
    const user = from.objects.get(userObject)
    const used = from.objects.get(usedObject)
    if (!user || !used || user.table === null || !/^(?:policy|rule|trigger)$/.test(user.kind)) continue
    if (isRelation(used) && used.name !== user.table && tables.has(used.name) && tables.has(user.table)) apart.add(user)
  }
  return apart
}

function differs(was: SchemaObject, now: SchemaObject): boolean {
  return (
    statementOf(was) !== statementOf(now) ||
    was.more.join('\n') !== now.more.join('\n') ||
    (was.later ?? []).join('\n') !== (now.later ?? []).join('\n')
  )
}

function isForcedInside(forced: ReadonlySet<string>, key: string): boolean {
  for (const other of forced) if (other.startsWith(`${key}/`)) return true
  return false
}

function changeObject(change: Change, was: SchemaObject, now: SchemaObject): Step[] {
  const { from, to, forced } = change
  const key = keyOf(now)
  if (isKind('table', was) && isKind('table', now)) {
    const steps = forced.has(key) ? undefined : alterSteps(change, was, now)
    if (steps) return steps
    const parent = factsOf(to, now).parents?.[0]
    const inParent =
      factsOf(to, now).bound !== null && factsOf(from, was).bound !== null && isMadeAnew(change, parent ?? '')
    const anew = tableAnew(change, was, now, inParent)
    return [...anew.map((step) => (step.ends.includes(key) ? withBelonging(from, step) : step)), ...laterSteps(now)]
  }
  if (isKind('type', was) && isKind('type', now)) {
    return (forced.has(key) ? undefined : alterType(change, was, now)) ?? replaceType(change, was, now)
  }
  if (forced.has(key) && isKind('index', was)) return indexAnew(change, was, now)
  if (forced.has(key)) {
    return replaceCollation(change, was, now) ?? [withBelonging(from, dropStep(from, was)), makeStep(to, now)]
  }
  if (isKind('sequence', was) && isKind('sequence', now)) return alterSequence(change, was, now)
  return (
    alterOther(change, was, now) ??
    replaceCollation(change, was, now) ?? [withBelonging(from, dropStep(from, was)), makeStep(to, now)]
  )
}

function isMadeAnew({ from, to, forced }: Change, name: string): boolean {
  const [was, now] = [objectIn(from, 'table', name), objectIn(to, 'table', name)]
  return forced.has(`table ${name}`) || (!!was && !!now && needsAnew(factsOf(from, was), factsOf(to, now)))
}

function makeObject(change: Change, object: SchemaObject): Step[] {
  const { to } = change
  if (!isKind('table', object)) return [makeStep(to, object)]
  const made = rungOf(change, laterPart(keyOf(object))) > 0 ? withLater(to, object) : object
  const behind = laterSteps(made).map((step) => ({ ...step, later: made !== object }))
  return [{ ...makeStep(to, object), statements: makeStatements(made) }, ...behind]
}

/** A table without the defaults and checks that need functions which need the table: nothing but the server knows the bodies of functions. */
function withLater(to: Side, object: Table): SchemaObject {
  const facts = factsOf(to, object)
  const columns = (facts.columns ?? []).filter(({ expression, generated }) => expression?.includes('(') && !generated)
  const checks = (facts.constraints ?? []).filter(({ definition }) => definition.startsWith('CHECK '))
  const later = [...columns.map(({ quoted }) => `column ${quoted}`), ...checks.map(({ part }) => part)]
  return describeObject({ kind: 'table', oid: 0, family: null, facts: { ...facts, later } })
}

/** Defaults and constraints to make when what they need is there. */
function laterSteps(object: SchemaObject): Step[] {
  const key = keyOf(object)
  return (object.later ?? []).map((sql) => {
    const part = / ALTER COLUMN (.+?) SET DEFAULT /s.exec(sql)?.[1]
    const constraint = / ADD CONSTRAINT ((?:"(?:[^"]|"")*"|\S)+) /.exec(sql)?.[1]
    return {
      phase: PHASE.further,
      name: object.name,
      statements: [statement('alter', key, sql)],
      ends: [],
      makes: [part === undefined ? `${key}/constraint ${constraint}` : `${key}/default ${part}`],
      needs: [key],
    }
  })
}

function dropTable({ from, to }: Change, object: Table, apart: ReadonlySet<SchemaObject>): Step {
  const step = withBelonging(from, dropStep(from, object))
  const kept = (factsOf(from, object).sequences ?? []).filter(([sequence]) => to.objects.has(`sequence ${sequence}`))
  const others = new Set([...apart].map(keyOf))
  return {
    ...step,
    ends: step.ends.filter((key) => !others.has(key)),
    statements: [
      ...kept.map(([sequence]) => statement('alter', keyOf(object), `ALTER SEQUENCE ${sequence} OWNED BY NONE`)),
      ...step.statements,
    ],
  }
}

/** A table's or view's step ends what belongs to it, too: indexes, triggers, policies, and its own sequences. */
function withBelonging(from: Side, step: Step): Step {
  const objects = step.ends.flatMap((key) => from.objects.get(key) ?? [])
  const belonging = objects.flatMap((object) => {
    if (object.kind !== 'table' && object.kind !== 'view') return []
    const sequences = isKind('table', object)
      ? (factsOf(from, object).sequences ?? []).flatMap(([name]) => from.objects.get(`sequence ${name}`) ?? [])
      : []
    return [...(from.belonging.get(object.name) ?? []), ...sequences]
  })
  return {
    ...step,
    ends: [...step.ends, ...belonging.map(keyOf)],
    frees: [...(step.frees ?? []), ...belonging.flatMap((object) => namesOf(from, object))],
  }
}

function ownerOf(from: Side, sequence: string, tables: ReadonlySet<string>): boolean {
  for (const name of tables) {
    const table = from.objects.get(`table ${name}`)
    if (table && isKind('table', table) && factsOf(from, table).sequences?.some(([other]) => other === sequence))
      return true
  }
  return false
}

/** Foreign keys in a circle of tables that go have to go before the tables. */
function circularKeys(from: Side, tables: ReadonlySet<string>): Set<SchemaObject> {
  const keys = [...tables].flatMap((name) =>
    (from.belonging.get(name) ?? []).filter(({ kind }) => kind === 'foreign-key'),
  )
  const edges = new Map<string, { key: SchemaObject; other: string }[]>()
  for (const key of keys) {
    const others = from.uses
      .filter(({ userObject }) => userObject === keyOf(key))
      .map(({ usedObject }) => usedObject)
      .filter(
        (used) => used.startsWith('table ') && used !== `table ${key.table}` && tables.has(used.slice('table '.length)),
      )
    for (const other of new Set(others)) {
      const list = edges.get(key.table ?? '') ?? []
      list.push({ key, other: other.slice('table '.length) })
      edges.set(key.table ?? '', list)
    }
  }
  const reaches = (start: string, goal: string) => {
    const seen = new Set<string>()
    const open = [start]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (at === goal) return true
      if (seen.has(at)) continue
      seen.add(at)
      open.push(...(edges.get(at) ?? []).map(({ other }) => other))
    }
    return false
  }
  return new Set(
    [...edges].flatMap(([table, list]) => list.filter(({ other }) => reaches(other, table)).map(({ key }) => key)),
  )
}

/** Indexes that differ in nothing but their names. */
function renamedIndexes(
  { forced }: Change,
  gone: readonly SchemaObject[],
  come: readonly SchemaObject[],
  tables: ReadonlySet<string>,
): { steps: Step[]; objects: Set<SchemaObject> } {
  const objects = new Set<SchemaObject>()
  const steps: Step[] = []
  const nameless = ({ head, more, name }: SchemaObject) =>
    [
      head.replace(/^(CREATE (?:UNIQUE )?INDEX )(?:"(?:[^"]|"")*"|\S)+ /, '$1'),
      ...more.map((line) => line.replaceAll(name, '')),
    ].join('\n')
  for (const was of gone) {
    if (
      was.kind !== 'index' ||
      tables.has(was.table ?? '') ||
      forced.has(keyOf(was)) ||
      was.more.some((line) => line.includes('ATTACH'))
    )
      continue
    const now = come.find(
      (other) =>
        other.kind === 'index' && other.table === was.table && !objects.has(other) && nameless(other) === nameless(was),
    )
    if (!now) continue
    objects.add(was).add(now)
    const short = labelOf(now.name)
    steps.push({
      phase: PHASE.dropIndexes,
      name: was.name,
      statements: [statement('alter', keyOf(now), `ALTER INDEX ${was.name} RENAME TO ${short}`)],
      ends: [],
      makes: [],
      frees: [`relation ${was.name}`],
      takes: [`relation ${now.name}`],
    })
  }
  return { steps, objects }
}

/** Objects that use a column and do not follow a change of its type. */
const IN_THE_WAY = /^(?:view|rule|policy|trigger|routine|other) /

/** Returns what uses something that ends, and has to end before it although it stays. */
function forcedBy(from: Side, to: Side, steps: readonly Step[]): string[] {
  const ended = new Set(steps.flatMap(({ ends }) => ends))
  const forced: string[] = []
  for (const { ends, gentle, retypes } of steps) {
    if (gentle && !retypes) continue
    for (const key of ends) {
      const at = key.indexOf('/')
      const object = at === -1 || !from.usersOf.has(key.slice(0, at)) ? key : key.slice(0, at)
      for (const use of from.usersOf.get(object) ?? []) {
        const { user, userObject, used, usedObject } = use
        if ((used !== key && usedObject !== key) || isForMaking(from, use)) continue
        // A partition that changes its place goes all the same if its table goes.
        if (ended.has(userObject) || (ended.has(user) && !user.endsWith('/parents'))) continue
        if (gentle && !IN_THE_WAY.test(user) && !user.includes('/column ')) continue
        if (!to.objects.has(userObject)) continue
        if (user.endsWith('/parents')) {
          forced.push(...inheritors(from, to, userObject))
          continue
        }
        forced.push(user.endsWith('/of') ? userObject : user)
      }
    }
  }
  return forced
}

/**
 * A partition goes with its table. A child of another table lives on without it for the while, unless it has columns only from there: they would
 * be its own afterwards, and would keep their types while those of the table change.
 */
function inheritors(from: Side, to: Side, key: string): string[] {
  const [was, now] = [from.objects.get(key), to.objects.get(key)]
  if (!was || !now || !isKind('table', was) || !isKind('table', now)) return []
  const inherits = (factsOf(to, now).columns ?? []).some(({ local }) => !local)
  return factsOf(from, was).bound === null && !inherits ? [`${key}/parents`] : [key]
}
