/** Values that mean nothing, for the rows of a way back that nobody is asked about. */
import type { Schema } from '../../schema/schema.ts'
import { factsOf, objectIn, sideOf } from './side.ts'

/** Returns for each value of an enum that goes the first one that stays. */
export function neutralLabels(from: Schema, to: Schema): Map<string, string> {
  const before = sideOf(from)
  const after = sideOf(to)
  const map = new Map<string, string>()
  for (const { kind, name } of to.objects) {
    if (kind !== 'type') continue
    const was = objectIn(before, 'type', name)
    const now = objectIn(after, 'type', name)
    const stays = (now && factsOf(after, now).labels) ?? []
    const [first] = stays
    if (!was || first === undefined) continue
    for (const label of factsOf(before, was).labels ?? [])
      if (!stays.includes(label)) map.set(`${name}.${label}`, first)
  }
  return map
}
