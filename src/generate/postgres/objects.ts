/** The statements that make an object and that drop it, for every kind. */
import type { SchemaObject } from '../../schema/model.ts'
import { statementOf } from '../../schema/text.ts'
import { CannotGenerateError } from '../errors.ts'
import { keyOf } from '../statement.ts'
import { undoOf } from './further.ts'
import { factsOf, isKind, type Side } from './side.ts'
import { PHASE, type PostgresStatement, type Step, statement } from './step.ts'

/** Returns the step that makes an object, with its comments and privileges. */
export function makeStep(side: Side, object: SchemaObject): Step {
  const key = keyOf(object)
  return {
    phase: isPublication(object) ? PHASE.publications : MAKE[object.kind],
    name: object.table ?? object.name,
    statements: makeStatements(object),
    ends: [],
    makes: [key],
    takes: namesOf(side, object),
  }
}

/** @throws CannotGenerateError for an object whose DDL is not known */
export function makeStatements(object: SchemaObject): PostgresStatement[] {
  const key = keyOf(object)
  // An operator without a function is there because another one names it.
  if (/^operator (?!class |family )/.test(object.name) && object.head.startsWith('-- ')) return []
  if (object.head.startsWith('-- ') && object.kind === 'other') {
    throw new CannotGenerateError(`${object.name} cannot be generated: no statement that creates one is written.`, {
      hint: 'Create it in a migration of your own, then run generate again.',
    })
  }
  return [
    ...(object.head.startsWith('-- ') ? [] : [statement('create', key, statementOf(object))]),
    ...further(object).map((sql) => statement('alter', key, sql)),
  ]
}

/** The statements behind the one that makes an object, without notes. */
export function further({ more }: SchemaObject): string[] {
  return more.filter((line) => !line.startsWith('--'))
}

/** Returns the step that drops an object. */
export function dropStep(side: Side, object: SchemaObject): Step {
  const key = keyOf(object)
  return {
    phase: isPublication(object) ? PHASE.dropEvents : DROP[object.kind],
    name: object.table ?? object.name,
    statements: dropStatements(side, object),
    ends: [key],
    makes: [],
    frees: namesOf(side, object),
  }
}

function dropStatements(side: Side, object: SchemaObject): PostgresStatement[] {
  const key = keyOf(object)
  const drop = (sql: string, destroys?: string) => [statement('drop', key, `DROP ${sql}`, destroys)]
  const { name, table } = object
  if (isKind('type', object)) return drop(`${factsOf(side, object).form === 'd' ? 'DOMAIN' : 'TYPE'} ${name}`)
  if (isKind('table', object)) {
    return drop(`${factsOf(side, object).form === 'f' ? 'FOREIGN TABLE' : 'TABLE'} ${name}`, `table ${name}`)
  }
  if (isKind('view', object))
    return drop(`${factsOf(side, object).form === 'm' ? 'MATERIALIZED VIEW' : 'VIEW'} ${name}`)
  if (isKind('routine', object)) {
    const { form, signature } = factsOf(side, object)
    if (form === 'a') return drop(`AGGREGATE ${signature}`)
    return drop(`${form === 'p' ? 'PROCEDURE' : 'FUNCTION'} ${name}`)
  }
  if (isKind('trigger', object) && factsOf(side, object).definition === null) {
    return [statement('alter', key, `ALTER TABLE ${table} ENABLE TRIGGER ${name}`)]
  }
  if (isKind('foreign-key', object)) {
    return [
      {
        ...statement('drop', key, `ALTER TABLE ${table} DROP CONSTRAINT ${name}`),
        alter: { table: `TABLE ${table}`, action: `DROP CONSTRAINT ${name}` },
      },
    ]
  }
  if (isKind('default-privileges', object)) {
    const lines = [statementOf(object), ...object.more].filter((line) => !line.startsWith('--'))
    return lines.map((line) => statement('alter', key, undoOf(line)?.sql ?? line))
  }
  if (isKind('other', object)) {
    const facts = factsOf(side, object)
    if ('what' in facts) return drop(facts.what)
    const mapping = /^CREATE (USER MAPPING FOR \S+ SERVER .*)$/.exec(object.head)?.[1]
    return drop(mapping ?? name.replace(/^[a-z ]+(?= )/, (kind) => kind.toUpperCase()))
  }
  const on = table === null || object.kind === 'index' || object.kind === 'statistics' ? '' : ` ON ${table}`
  return drop(`${object.kind.replaceAll('-', ' ').toUpperCase()} ${name}${on}`)
}

/** Returns the names that an object takes from others, each with its name space. */
export function namesOf(side: Side, object: SchemaObject): string[] {
  const { name, kind } = object
  if (isKind('table', object)) {
    const { constraints, columns } = factsOf(side, object)
    return [
      `relation ${name}`,
      `type ${name}`,
      ...(constraints ?? []).flatMap(({ index }) => (index ? [`relation ${index}`] : [])),
      ...(columns ?? []).flatMap(({ sequence }) => (sequence ? [`relation ${sequence.name}`] : [])),
    ]
  }
  if (kind === 'view') return [`relation ${name}`, `type ${name}`]
  if (kind === 'index' || kind === 'sequence') return [`relation ${name}`]
  if (isKind('type', object)) {
    return factsOf(side, object).form === 'c' ? [`relation ${name}`, `type ${name}`] : [`type ${name}`]
  }
  if (isKind('routine', object)) {
    // An aggregate, a function and a procedure with one signature exclude each other.
    return [`routine ${name}`]
  }
  return [keyOf(object)]
}

function isPublication({ kind, name }: SchemaObject): boolean {
  return kind === 'other' && name.startsWith('publication ')
}

// --- internal ---

type Kinds = Readonly<Record<SchemaObject['kind'], number>>

const MAKE: Kinds = {
  schema: PHASE.schemas,
  extension: PHASE.extensions,
  other: PHASE.others,
  type: PHASE.types,
  sequence: PHASE.sequences,
  table: PHASE.tables,
  routine: PHASE.routines,
  view: PHASE.views,
  index: PHASE.indexes,
  'foreign-key': PHASE.foreignKeys,
  statistics: PHASE.statistics,
  rule: PHASE.rules,
  trigger: PHASE.triggers,
  policy: PHASE.policies,
  'event-trigger': PHASE.events,
  event: PHASE.events,
  'default-privileges': PHASE.privileges,
}

const DROP: Kinds = {
  'event-trigger': PHASE.dropEvents,
  event: PHASE.dropEvents,
  'default-privileges': PHASE.dropEvents,
  trigger: PHASE.dropRules,
  rule: PHASE.dropRules,
  policy: PHASE.dropRules,
  'foreign-key': PHASE.dropForeignKeys,
  view: PHASE.dropViews,
  index: PHASE.dropIndexes,
  statistics: PHASE.dropIndexes,
  table: PHASE.dropTables,
  routine: PHASE.dropRoutines,
  sequence: PHASE.dropTypes,
  type: PHASE.dropTypes,
  other: PHASE.dropTypes,
  extension: PHASE.dropExtensions,
  schema: PHASE.dropSchemas,
}
