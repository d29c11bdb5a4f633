/** Finds which tables need another way if all statements ran and the schema is still not the wanted one. */
import type { SchemaObject } from '../../schema/model.ts'
import type { Schema } from '../../schema/schema.ts'
import { type Hints, withHint, withRung } from '../hints.ts'
import { keyOf } from '../statement.ts'
import { LAST_RUNG } from './alterTable.ts'
import { keyHint } from './key.ts'
import { DATABASE, USUAL_CHARACTER_SETS } from './programs.ts'
import { unmovedTexts } from './same.ts'
import { type Key, readTable } from './tableModel.ts'

export function unreachedHints(from: Schema, to: Schema, reached: Schema, hints: Hints): Hints | undefined {
  const same = withHint(hints, 'same', ...unmovedTexts(from, to, reached))
  if (same) return same
  const made = new Map(reached.objects.map((object) => [keyOf(object), object]))
  let next: Hints | undefined
  if (isOther(to, reached, DATABASE)) next = withRung(hints, DATABASE, USUAL_CHARACTER_SETS.length - 1)
  for (const object of to.objects) {
    const other = made.get(keyOf(object))
    if (object.kind !== 'table' || other === undefined || sameLines(object, other)) continue
    const sofar = next ?? hints
    next =
      withHint(sofar, 'rebuild', ...replacedKeys(object, other)) ?? withRung(sofar, keyOf(object), LAST_RUNG) ?? next
  }
  return next
}

// --- internal ---

function isOther(wanted: Schema, reached: Schema, key: string): boolean {
  const head = ({ objects }: Schema) => objects.find((object) => keyOf(object) === key)?.head
  return head(wanted) !== head(reached)
}

function sameLines(wanted: SchemaObject, made: SchemaObject): boolean {
  const lines = ({ members, tail }: SchemaObject) => [...members.map(({ text }) => text), tail].sort().join('\n')
  return lines(wanted) === lines(made)
}

/**
 * A new foreign key replaces the index that an earlier one had made by itself, under another name; one that is made by
 * its own clause stays.
 */
function replacedKeys(wanted: SchemaObject, made: SchemaObject): string[] {
  const [to, reached] = [readTable(wanted), readTable(made)]
  const missing = to.keys.filter(({ name }) => !reached.keys.some((key) => key.name === name))
  const extra = reached.keys.filter(({ name }) => !to.keys.some((key) => key.name === name))
  const same = (a: Key, b: Key) => a.before === b.before && a.after === b.after
  return missing.flatMap((key) => {
    const other = extra.find((one) => same(one, key))
    return other ? [keyHint(to.name, key.name)] : []
  })
}
