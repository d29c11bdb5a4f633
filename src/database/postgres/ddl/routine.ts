/** The DDL of functions, procedures and aggregates. */
import type { SchemaObject } from '../../../schema/model.ts'
import type { RoutineFacts } from '../catalog/facts.ts'
import { companions, extras, object } from './object.ts'

export function describeRoutine(facts: RoutineFacts): SchemaObject {
  const { name, form } = facts
  const more = [
    ...companions(`ROUTINE ${name}`, facts.extensions),
    ...(form === 'a'
      ? extras(`AGGREGATE ${facts.signature}`, facts, `FUNCTION ${name}`)
      : extras(`${form === 'p' ? 'PROCEDURE' : 'FUNCTION'} ${name}`, facts)),
  ]
  if (form !== 'a') {
    // The server always qualifies the name here, and nowhere else.
    const definition = String(facts.definition).replace(/^(CREATE OR REPLACE (?:FUNCTION|PROCEDURE) )public\./, '$1')
    return object('routine', name, definition.trimEnd(), { more })
  }
  const parts = Object.entries(facts.aggregate ?? {}).filter(([, value]) => value !== null)
  const body = parts.map(([key, value]) => (value === '' ? key : `${key} = ${value}`)).join(', ')
  return object('routine', name, `CREATE AGGREGATE ${facts.signature} (${body})`, { more })
}
