/** What it means if all statements ran and the schema is still another one: which tables need another way. */
import type { Schema } from '../../schema/schema.ts'
import { type Hints, withRung } from '../hints.ts'
import { keyOf } from '../statement.ts'
import { LAST_RUNG } from './alterTable.ts'

export function unreachedHints(_from: Schema, to: Schema, reached: Schema, hints: Hints): Hints | undefined {
  const made = new Map(reached.objects.map((object) => [keyOf(object), object]))
  let next: Hints | undefined
  for (const object of to.objects) {
    const other = made.get(keyOf(object))
    if (object.kind !== 'table' || other === undefined) continue
    const lines = ({ members, tail }: typeof object) => [...members.map(({ text }) => text), tail].sort().join('\n')
    if (lines(object) !== lines(other)) next = withRung(next ?? hints, keyOf(object), LAST_RUNG) ?? next
  }
  return next
}
