/** Whether two schemas differ in nothing but how the server spells an expression. */
import type { SchemaObject } from '../schema/model.ts'
import type { Schema } from '../schema/schema.ts'
import { keyOf, type Statement } from './statement.ts'

/**
 * Returns `true` if all that differs was set again by the statements, and can be spelled in several ways. The statements changed nothing: so
 * what is there is what the wanted text means. What no statement is about is a difference, whatever the texts say.
 */
export function isSpelling(reached: Schema, to: Schema, statements: readonly Statement[]): boolean {
  const found = new Map(reached.objects.map((object) => [keyOf(object), object]))
  const wanted = new Map(to.objects.map((object) => [keyOf(object), object]))
  if (found.size !== wanted.size) return false
  for (const [key, now] of wanted) {
    const was = found.get(key)
    if (!was) return false
    const about = statements.filter(({ object }) => object === key).map(({ sql }) => sql)
    if (!isSame(was, now, about)) return false
  }
  return true
}

// --- internal ---

/** Parts of a statement that have an expression, or a value that is written as one. */
const EXPRESSION = /\b(?:CHECK|DEFAULT|USING|WHERE|WHEN|SELECT|EXPRESSION|PARTITION BY|FOR VALUES|AS|ON|SET)\b/i

function isSame(was: SchemaObject, now: SchemaObject, about: readonly string[]): boolean {
  const isSet = about.length > 0
  if (now.members.length === 0 && was.members.length === 0) {
    const text = (object: SchemaObject) => `${object.head}${object.tail}`
    if (text(was) !== text(now) && !(isSet && EXPRESSION.test(text(now)))) return false
  } else {
    if (was.head !== now.head) return false
    if (was.tail !== now.tail && !(isSet && /PARTITION BY|FOR VALUES/.test(now.tail))) return false
    if (!areSameMembers(was, now, about)) return false
  }
  return areSameLines([...was.more, ...(was.later ?? [])], [...now.more, ...(now.later ?? [])])
}

function areSameMembers(was: SchemaObject, now: SchemaObject, about: readonly string[]): boolean {
  const before = new Map(was.members.map(({ key, text }) => [key, text]))
  if (before.size !== now.members.length) return false
  return now.members.every(({ key, text }) => {
    const other = before.get(key)
    if (other === text) return true
    const name = key.slice(key.indexOf(' ') + 1)
    return other !== undefined && EXPRESSION_IN_MEMBER.test(text) && about.some((sql) => sql.includes(name))
  })
}

const EXPRESSION_IN_MEMBER = /\b(?:CHECK|DEFAULT|GENERATED|EXCLUDE|AS)\b/i

/** Further statements set one thing each; only those with expressions can be spelled differently. */
function areSameLines(was: readonly string[], now: readonly string[]): boolean {
  const before = new Set(was)
  const after = new Set(now)
  const differs = [...was.filter((line) => !after.has(line)), ...now.filter((line) => !before.has(line))]
  return differs.every((line) => /\b(?:CHECK|DEFAULT) /.test(line)) && was.length === now.length
}
