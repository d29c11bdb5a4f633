/** Changes an object that is neither a table, a type nor a sequence. */
import type { SchemaObject } from '../../schema/model.ts'
import { statementOf } from '../../schema/text.ts'
import { keyOf } from '../statement.ts'
import { type Change, rungOf } from './change.ts'
import { furtherChanges } from './further.ts'
import { further } from './objects.ts'
import { factsOf, isKind } from './side.ts'
import { PHASE, type Step, statement } from './step.ts'

/** Returns the steps; `undefined` if the object has to be made again. */
export function alterOther(change: Change, was: SchemaObject, now: SchemaObject): Step[] | undefined {
  const key = keyOf(now)
  const name = now.table ?? now.name
  if (isKind('default-privileges', now)) {
    const lines = (object: SchemaObject) => [statementOf(object), ...object.more]
    const changes = furtherChanges(lines(was), lines(now)).map((sql) => statement('alter', key, sql))
    return [{ phase: PHASE.privileges, name, statements: changes, ends: [key], makes: [key], gentle: true }]
  }
  const changes = furtherChanges(further(was), further(now)).map((sql) => statement('alter', key, sql))
  const behind: Step[] =
    changes.length === 0 ? [] : [{ phase: PHASE.further, name, statements: changes, ends: [], makes: [], needs: [key] }]
  if (statementOf(was) === statementOf(now) || change.hints.same.has(key)) return behind
  if (rungOf(change, key) > 0) return undefined
  const sql = ALTER[now.kind]?.(change, was, now)
  if (sql === undefined) return undefined
  const phase = now.kind === 'routine' ? PHASE.routines : now.kind === 'view' ? PHASE.views : PHASE.rules
  const statements = sql.map((text) => statement('alter', key, text))
  return [{ phase, name, statements, ends: [key], makes: [key], gentle: true }, ...behind]
}

// --- internal ---

type Alter = (change: Change, was: SchemaObject, now: SchemaObject) => string[] | undefined

const ALTER: { readonly [K in SchemaObject['kind']]?: Alter } = {
  routine: ({ from, to }, was, now) => {
    if (!isKind('routine', was) || !isKind('routine', now)) return undefined
    const forms = [factsOf(from, was).form, factsOf(to, now).form]
    return forms[0] === forms[1] && forms[0] !== 'a' ? [statementOf(now)] : undefined
  },
  view: ({ from, to }, was, now) => {
    if (!isKind('view', was) || !isKind('view', now)) return undefined
    if (factsOf(from, was).form === 'm' || factsOf(to, now).form === 'm') return undefined
    // Columns can only be added behind the others.
    const appended = was.columns.every(
      ({ name, type }, i) => now.columns[i]?.name === name && now.columns[i].type === type,
    )
    return appended ? [statementOf(now).replace(/^CREATE /, 'CREATE OR REPLACE ')] : undefined
  },
  trigger: ({ to }, was, now) => {
    if (!isKind('trigger', now)) return undefined
    if (factsOf(to, now).definition === null) return [statementOf(now)]
    const plain = [was, now].every(({ head }) => head.startsWith('CREATE TRIGGER '))
    return plain ? [statementOf(now).replace(/^CREATE /, 'CREATE OR REPLACE ')] : undefined
  },
  rule: (_, __, now) => [statementOf(now).replace(/^CREATE RULE/, 'CREATE OR REPLACE RULE')],
  policy: ({ from, to }, was, now) => {
    if (!isKind('policy', was) || !isKind('policy', now)) return undefined
    const before = factsOf(from, was)
    const after = factsOf(to, now)
    if (before.command !== after.command || before.permissive !== after.permissive) return undefined
    if ((before.using !== null && after.using === null) || (before.check !== null && after.check === null))
      return undefined
    const parts = [
      before.roles.join() !== after.roles.join() && ` TO ${after.roles.join(', ')}`,
      before.using !== after.using && ` USING (${after.using})`,
      before.check !== after.check && ` WITH CHECK (${after.check})`,
    ]
    return [`ALTER POLICY ${now.name} ON ${now.table}${parts.filter(Boolean).join('')}`]
  },
  extension: (_, was, now) => {
    const parts = (head: string) => /WITH SCHEMA (.+?)(?: VERSION ('.*'))?$/.exec(head)
    const before = parts(was.head)
    const after = parts(now.head)
    return [
      ...(before?.[1] === after?.[1] ? [] : [`ALTER EXTENSION ${now.name} SET SCHEMA ${after?.[1]}`]),
      ...(before?.[2] === after?.[2]
        ? []
        : [`ALTER EXTENSION ${now.name} UPDATE${after?.[2] ? ` TO ${after[2]}` : ''}`]),
    ]
  },
  'foreign-key': (_, was, now) => {
    const validated = was.head === `${now.head} NOT VALID`
    if (validated) return [`ALTER TABLE ${now.table} VALIDATE CONSTRAINT ${now.name}`]
    const deferral = / (?:NOT )?DEFERRABLE\b.*$| INITIALLY .*$/
    const after = deferral.exec(now.head)?.[0] ?? ' NOT DEFERRABLE'
    if (was.head.replace(deferral, '') !== now.head.replace(deferral, '')) return undefined
    return / NOT VALID| NOT ENFORCED/.test(was.head + now.head)
      ? undefined
      : [`ALTER TABLE ${now.table} ALTER CONSTRAINT ${now.name}${after}`]
  },
}
