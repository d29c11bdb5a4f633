/** Tells differences of a schema that promise the same from those that do not. Pure. */
import type { ObjectDiff, SchemaDiff } from '../schema/diff.ts'

/**
 * Moves what promises the same from the changes to what has no meaning:
 * - A constraint that was NOT VALID below, and is valid after up and down. The schema below promises no more than that, and
 *   nobody can take the proof back but by making the constraint again.
 * - The name that the server (PostgreSQL 18) gave to a NOT NULL: it keeps that of the column's first name.
 */
export function withoutSameMeaning({ changes, minor }: SchemaDiff): SchemaDiff {
  const same = changes.filter(meansTheSame)
  if (same.length === 0) return { changes, minor }
  const told = same.map(({ object }) => `the proof of a constraint of ${object}, or the name of a NOT NULL`)
  return { changes: changes.filter((change) => !same.includes(change)), minor: [...minor, ...told] }
}

// --- internal ---

function meansTheSame({ change, lines }: ObjectDiff): boolean {
  if (change !== 'changed') return false
  const below = lines.flatMap(({ sign, text }) => (sign === '-' ? [promised(text)] : []))
  const after = lines.flatMap(({ sign, text }) => (sign === '+' ? [promised(text)] : []))
  // A constraint that is not valid after it was is less than before.
  const isLess = lines.some(({ sign, text }) => sign === '+' && NOT_VALID.test(text))
  return !isLess && below.toSorted().join('\n') === after.toSorted().join('\n')
}

const NOT_VALID = / NOT VALID\b/

/** A constraint is a statement of its own while it is not valid, and then a line of its table. */
function promised(text: string): string {
  return text
    .replace(/^ALTER TABLE .*? ADD (?=CONSTRAINT )/, '')
    .replace(NOT_VALID, '')
    .replace(/ CONSTRAINT (?:\w+_not_null\d*|"[^"]+_not_null\d*") NOT NULL/, ' NOT NULL')
    .replace(/[;,]$/, '')
    .trim()
}
