/** Tells a constraint that stays validated on the way down from a schema that is another. Pure. */
import type { ObjectDiff, SchemaDiff } from '../schema/diff.ts'

/**
 * Moves constraints that were NOT VALID below, and are valid after up and down, from the changes to what has no meaning: the
 * schema below promises no more than that, and nobody can take the proof back but by making the constraint again.
 */
export function withoutValidated({ changes, minor }: SchemaDiff): SchemaDiff {
  const kept = changes.filter(isOnlyValidated)
  if (kept.length === 0) return { changes, minor }
  const told = kept.map(({ object }) => `nothing but that a constraint of ${object} stays valid`)
  return { changes: changes.filter((change) => !kept.includes(change)), minor: [...minor, ...told] }
}

// --- internal ---

function isOnlyValidated({ lines }: ObjectDiff): boolean {
  const texts = (wanted: string) => lines.flatMap(({ sign, text }) => (sign === wanted ? [text] : []))
  const below = texts('-')
  return (
    below.length > 0 &&
    below.every((text) => / NOT VALID\b/.test(text)) &&
    below.map(definition).toSorted().join('\n') === texts('+').map(definition).toSorted().join('\n')
  )
}

/** A constraint is a statement of its own while it is not valid, and then a line of its table. */
function definition(text: string): string {
  return text
    .replace(/^ALTER TABLE .*? ADD (?=CONSTRAINT )/, '')
    .replace(/ NOT VALID\b/, '')
    .replace(/[;,]$/, '')
    .trim()
}
