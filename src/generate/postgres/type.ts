/** Changes a type that stays: enums, composite types, domains. */

import type { TypeFacts } from '../../database/postgres/catalog/facts.ts'
import type { SchemaObject } from '../../schema/model.ts'
import { labelOf } from '../columns.ts'
import { keyOf } from '../statement.ts'
import { type Change, rungOf } from './change.ts'
import { furtherChanges } from './further.ts'
import { dropStep, further, makeStep } from './objects.ts'
import { factsOf, type Side } from './side.ts'
import { PHASE, type PostgresStatement, type Step, statement } from './step.ts'

type Type = SchemaObject & { kind: 'type' }

/** Returns the steps; `undefined` if the type has to be made again. */
export function alterType(change: Change, was: Type, now: Type): Step[] | undefined {
  const before = factsOf(change.from, was)
  const after = factsOf(change.to, now)
  if (before.form !== after.form || rungOf(change, keyOf(now)) > 0) return undefined
  const own = ALTER[after.form]?.(change, before, after)
  if (!own) return undefined
  const key = keyOf(now)
  const lines = (object: Type) => further(object).filter((line) => !/^ALTER DOMAIN \S+ ADD CONSTRAINT /.test(line))
  const changes = furtherChanges(lines(was), lines(now)).map((sql) => statement('alter', key, sql))
  return [
    ...own,
    ...(changes.length > 0 ? [{ phase: PHASE.further, name: now.name, statements: changes, ends: [], makes: [] }] : []),
  ]
}

/**
 * Makes a type again that columns have: the old one gets out of the way by another name, the columns change to the new one, and the old
 * one goes.
 */
export function replaceType(change: Change, was: Type, now: Type): Step[] {
  const { from, to } = change
  // A type that is made of it is replaced in the same way, and needs both for the while.
  const isUsed = (from.usersOf.get(keyOf(was)) ?? []).some(
    ({ user, userObject }) => user.startsWith(`${userObject}/column `) || userObject.startsWith('type '),
  )
  const { form } = factsOf(from, was)
  if (!isUsed) return [dropStep(from, was), makeStep(to, now)]
  const { range } = factsOf(from, was)
  const others = range ? renamedWithRange(from, was.name, range) : []
  return displaced(change, now, form === 'd' ? 'DOMAIN' : 'TYPE', was.name, others)
}

/** Makes a collation again that columns have; `undefined` for anything else. */
export function replaceCollation(change: Change, was: SchemaObject, now: SchemaObject): Step[] | undefined {
  const name = /^collation (.+)$/s.exec(was.name)?.[1]
  if (was.kind !== 'other' || name === undefined || (change.from.usersOf.get(keyOf(was)) ?? []).length === 0)
    return undefined
  return displaced(change, now, 'COLLATION', name)
}

// --- internal ---

/** Returns statements that rename what goes with a range and has its own name: the type of its multiranges, and the functions of both. */
function renamedWithRange(
  from: Side,
  name: string,
  { subtype, multirange }: NonNullable<TypeFacts['range']>,
): string[] {
  const many = multirange ?? multirangeOf(name)
  const [one, other] = [asideName(from, name), asideName(from, many)]
  const functions: readonly (readonly [string, string, string])[] = [
    [name, `${subtype}, ${subtype}`, one],
    [name, `${subtype}, ${subtype}, text`, one],
    [many, '', other],
    [many, one, other],
    [many, `VARIADIC ${one}[]`, other],
  ]
  return [
    `ALTER TYPE ${many} RENAME TO ${labelOf(other)}`,
    ...functions.map(([made, list, now]) => `ALTER FUNCTION ${made}(${list}) RENAME TO ${labelOf(now)}`),
  ]
}

/** The name that the server gives the multiranges of a range. */
function multirangeOf(name: string): string {
  if (labelOf(name).includes('range')) {
    const at = name.length - labelOf(name).length
    return name.slice(0, at) + name.slice(at).replace('range', 'multirange')
  }
  return name.endsWith('"') ? `${name.slice(0, -1)}_multirange"` : `${name}_multirange`
}

function aside(key: string): string {
  return `${key}/aside`
}

/** The old one gets out of the way by another name until nothing uses it any more. */
function displaced(
  { from, to }: Change,
  now: SchemaObject,
  word: string,
  name: string,
  others: readonly string[] = [],
): Step[] {
  const key = keyOf(now)
  const old = asideName(from, name)
  const make = makeStep(to, now)
  const away = statement('alter', key, `ALTER ${word} ${name} RENAME TO ${labelOf(old)}`)
  // The functions of a range name its subtype: they get out of the way before that does.
  const ranges = (from.usersOf.get(key) ?? []).map(({ userObject }) => aside(userObject))
  const first: Step[] =
    others.length === 0
      ? []
      : [
          {
            phase: make.phase,
            name: now.name,
            statements: [away, ...others.map((other) => statement('alter', key, other))],
            ends: [aside(key)],
            makes: [],
            displaces: key,
          },
        ]
  return [
    ...first,
    {
      ...make,
      statements: [...(others.length === 0 ? [away] : []), ...make.statements],
      takes: [],
      follows: [aside(key), ...ranges],
      displaces: key,
    },
    {
      phase: PHASE.dropTypes,
      name: now.name,
      statements: [statement('drop', key, `DROP ${word} ${old}`)],
      ends: [key],
      makes: [],
      needs: [key],
    },
  ]
}

const ALTER: Readonly<Record<string, (change: Change, was: TypeFacts, now: TypeFacts) => Step[] | undefined>> = {
  e: alterEnum,
  c: alterComposite,
  d: alterDomain,
  // A range differs in its comments and privileges only, or not at all.
  r: (_, was, now) => (JSON.stringify(was.range) === JSON.stringify(now.range) ? [] : undefined),
}

function step(name: string, statements: PostgresStatement[], more: Partial<Step> = {}): Step[] {
  return statements.length === 0
    ? []
    : [{ phase: PHASE.types, name, statements, ends: [], makes: [`type ${name}`], ...more }]
}

/** Adds values; `undefined` if one goes or changes its place. */
function alterEnum(_: Change, was: TypeFacts, now: TypeFacts): Step[] | undefined {
  const before = was.labels ?? []
  const after = now.labels ?? []
  const kept = after.filter((label) => before.includes(label))
  if (kept.join() !== before.join()) return undefined
  const known = [...before]
  const statements: PostgresStatement[] = []
  for (const [i, label] of after.entries()) {
    if (known.includes(label)) continue
    const next = after.slice(i + 1).find((other) => known.includes(other))
    // Behind all others needs no place.
    const place = next === undefined ? '' : i === 0 ? ` BEFORE ${next}` : ` AFTER ${after[i - 1]}`
    statements.push(statement('alter', `type ${now.name}`, `ALTER TYPE ${now.name} ADD VALUE ${label}${place}`))
    known.push(label)
  }
  return step(now.name, statements)
}

function alterComposite(_: Change, was: TypeFacts, now: TypeFacts): Step[] | undefined {
  const before = new Map((was.attributes ?? []).map(([name, type]) => [name, type]))
  const after = new Map((now.attributes ?? []).map(([name, type]) => [name, type]))
  // New attributes come behind the others.
  const order = [...before.keys()].filter((name) => after.has(name))
  const reached = [...order, ...[...after.keys()].filter((name) => !before.has(name))]
  if (reached.join() !== [...after.keys()].join()) return undefined
  const actions = [
    ...[...before.keys()].filter((name) => !after.has(name)).map((name) => `DROP ATTRIBUTE ${name}`),
    ...[...after]
      .filter(([name, type]) => before.has(name) && before.get(name) !== type)
      .map(([name, type]) => `ALTER ATTRIBUTE ${name} TYPE ${type}`),
    ...[...after].filter(([name]) => !before.has(name)).map(([name, type]) => `ADD ATTRIBUTE ${name} ${type}`),
  ]
  if (actions.length === 0) return []
  const retyped = actions.some((action) => action.startsWith('ALTER'))
  return step(
    now.name,
    [statement('alter', `type ${now.name}`, `ALTER TYPE ${now.name} ${actions.join(', ')}`)],
    retyped ? { phase: PHASE.table } : {},
  )
}

function alterDomain({ hints, forced }: Change, was: TypeFacts, now: TypeFacts): Step[] | undefined {
  if (was.base !== now.base || was.collation !== now.collation) return undefined
  const key = `type ${now.name}`
  const alter = (action: string) => statement('alter', key, `ALTER DOMAIN ${now.name} ${action}`)
  const before = new Map((was.constraints ?? []).map(([name, definition, valid]) => [name, { definition, valid }]))
  const after = new Map((now.constraints ?? []).map(([name, definition, valid]) => [name, { definition, valid }]))
  const gone = [...before].filter(([name, { definition, valid }]) => {
    const other = after.get(name)
    const same = other?.definition === definition || hints.same.has(`${key}/constraint ${name}`)
    return !other || !same || (valid && !other.valid) || forced.has(`${key}/constraint ${name}`)
  })
  const goes = new Set(gone.map(([name]) => name))
  const come = [...after].filter(([name]) => !before.has(name) || goes.has(name))
  const validated = [...after].filter(
    ([name, { valid }]) => !goes.has(name) && valid && before.get(name)?.valid === false,
  )
  return [
    ...(gone.length > 0
      ? [
          {
            phase: PHASE.dropIndexes + 0.6,
            name: now.name,
            statements: gone.map(([name]) => alter(`DROP CONSTRAINT ${name}`)),
            ends: gone.map(([name]) => `${key}/constraint ${name}`),
            makes: [],
          },
        ]
      : []),
    ...step(
      now.name,
      [
        ...(was.default === now.default
          ? []
          : [alter(now.default === null ? 'DROP DEFAULT' : `SET DEFAULT ${now.default}`)]),
        ...domainNotNull(was, now).map(alter),
        ...come.map(([name, { definition }]) => alter(`ADD CONSTRAINT ${name} ${definition}`)),
        ...validated.map(([name]) => alter(`VALIDATE CONSTRAINT ${name}`)),
      ],
      { makes: come.map(([name]) => `${key}/constraint ${name}`) },
    ),
  ]
}

/** A domain's NOT NULL is a constraint with a name (PostgreSQL 17 and later). */
function domainNotNull(was: TypeFacts, now: TypeFacts): string[] {
  const nameOf = ({ name, notNullName }: TypeFacts) => notNullName ?? usualNotNull(name)
  if (!was.notNull && !now.notNull) return []
  if (!now.notNull) return ['DROP NOT NULL']
  if (!was.notNull) return [now.notNullName === null ? 'SET NOT NULL' : `ADD CONSTRAINT ${now.notNullName} NOT NULL`]
  return nameOf(was) === nameOf(now) ? [] : [`RENAME CONSTRAINT ${nameOf(was)} TO ${nameOf(now)}`]
}

function usualNotNull(name: string): string {
  const plain = labelOf(name)
  return plain.endsWith('"') ? `${plain.slice(0, -1)}_not_null"` : `${plain}_not_null`
}

/** Returns a name beside the given one that nothing has. */
export function asideName({ schema }: Side, name: string): string {
  const taken = new Set(schema.objects.map((object) => object.name))
  const plain = /^(.*?)("?)$/s
  const short = (text: string) => {
    let cut = text
    while (new TextEncoder().encode(cut).length > 55) cut = [...cut].slice(0, -1).join('')
    return cut
  }
  for (let n = 1; ; n++) {
    const [, body = '', quote = ''] = plain.exec(name) ?? []
    const other = `${short(body)}_old${n === 1 ? '' : n}${quote}`
    if (!taken.has(other)) return other
  }
}
