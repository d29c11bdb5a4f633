/**
 * Texts that mean the same: the server prints an expression, reads what it printed, and prints it differently. The
 * second form never leads to the first one.
 */
import type { SchemaObject } from '../../schema/model.ts'
import { Schema } from '../../schema/schema.ts'
import type { Hints } from '../hints.ts'
import { keyOf } from '../statement.ts'

/** Returns the wanted schema with the texts of the schema before where both are known to mean the same. */
export function withSameTexts(from: Schema, to: Schema, { same }: Pick<Hints, 'same'>): Schema {
  if (same.size === 0) return to
  const before = new Map(from.objects.map((object) => [keyOf(object), object]))
  return new Schema(
    to.dialect,
    to.objects.map((object) => {
      const was = before.get(keyOf(object))
      if (!was) return object
      if (same.has(keyOf(object))) return was
      const members = object.members.map((member) => {
        const other = was.members.find(({ key }) => key === member.key)
        return other && same.has(memberKey(object, member.key)) ? other : member
      })
      return { ...object, members }
    }),
  )
}

/** Returns the keys of objects and members that stayed as they were although statements wrote the wanted text. */
export function unmovedTexts(from: Schema, to: Schema, reached: Schema): string[] {
  const before = new Map(from.objects.map((object) => [keyOf(object), object]))
  const after = new Map(reached.objects.map((object) => [keyOf(object), object]))
  return to.objects.flatMap((object) => {
    const [was, now] = [before.get(keyOf(object)), after.get(keyOf(object))]
    if (!was || !now) return []
    if (object.members.length === 0) {
      const same = object.kind === 'view' && object.head !== now.head && was.head === now.head
      return same ? [keyOf(object)] : []
    }
    return object.members.flatMap(({ key, text }) => {
      const [old, made] = [was, now].map(({ members }) => members.find((member) => member.key === key)?.text)
      return made !== undefined && made !== text && made === old && EXPRESSION.test(text)
        ? [memberKey(object, key)]
        : []
    })
  })
}

// --- internal ---

/** Nothing but an expression is printed in more than one way. */
const EXPRESSION = / (?:CHECK|DEFAULT|GENERATED ALWAYS AS) \(|[(,]\(/

function memberKey(object: SchemaObject, member: string): string {
  return `${keyOf(object)}/${member}`
}
