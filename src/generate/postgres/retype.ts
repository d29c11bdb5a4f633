/** The clause that gives a column another type, with the cast by which its values follow. */
import type { ColumnFacts } from '../../database/postgres/catalog/facts.ts'
import { type Change, rungOf, type TableChange } from './change.ts'
import { factsOf, objectIn } from './side.ts'

/**
 * The rungs: no cast of ours, a cast, a cast by way of text, and, for a composite type, attribute by attribute. A column whose type is made
 * again under the same name begins with text: its old type has another name then.
 */
export function retype(change: Change, table: TableChange, was: ColumnFacts, now: ColumnFacts): string {
  const part = `${table.key}/column ${now.quoted}`
  const type = `TYPE ${now.type}${collation(was, now)}`
  const answer = change.hints.answers.using.get(`${table.name}.${now.quoted}`)
  if (answer !== undefined) return `${type} USING ${answer}`
  if (now.generated !== '' || table.now.form === 'f') return type
  const array = now.type.endsWith('[]')
  const mapped = array ? undefined : mapping(change, was, now)
  if (mapped !== undefined) return `${type} USING ${mapped}`
  const rung = Math.max(rungOf(change, part), change.forced.has(part) || isEnum(change, was, now) ? 2 : 0)
  if (rung === 0) return type
  if (rung === 1) return `${type} USING ${now.quoted}::${now.type}`
  if (rung === 2) return `${type} USING ${now.quoted}::text${array ? '[]' : ''}::${now.type}`
  return `${type} USING ${byAttribute(change, now) ?? `${now.quoted}::text::${now.type}`}`
}

// --- internal ---

function collation(was: ColumnFacts, now: ColumnFacts): string {
  if (now.collation !== null) return ` COLLATE ${now.collation}`
  return was.collation !== null && was.type === now.type ? ' COLLATE "default"' : ''
}

/** A type that both sides have under different names, or that is an enum now: only text leads there. */
function isEnum({ from, to }: Change, was: ColumnFacts, now: ColumnFacts): boolean {
  const before = objectIn(from, 'type', bare(was.type))
  const after = objectIn(to, 'type', bare(now.type))
  return (
    (after !== undefined && factsOf(to, after).form === 'e') ||
    (before !== undefined && factsOf(from, before).form === 'e')
  )
}

/** Returns the expression that gives the rows of values that go another value, if people said which. */
function mapping({ from, to, hints }: Change, was: ColumnFacts, now: ColumnFacts): string | undefined {
  const before = objectIn(from, 'type', was.type)
  const after = objectIn(to, 'type', now.type)
  if (!before || !after) return undefined
  const stays = new Set(factsOf(to, after).labels ?? [])
  const cases = (factsOf(from, before).labels ?? []).flatMap((label) => {
    const answer = stays.has(label) ? undefined : hints.answers.map.get(`${before.name}.${label}`)
    return answer === undefined ? [] : [` WHEN ${label} THEN ${answer}`]
  })
  if (cases.length === 0) return undefined
  return `(CASE ${now.quoted}::text${cases.join('')} ELSE ${now.quoted}::text END)::${now.type}`
}

function byAttribute({ from, to }: Change, { quoted, type }: ColumnFacts): string | undefined {
  const was = objectIn(from, 'type', type)
  const now = objectIn(to, 'type', type)
  if (!was || !now) return undefined
  const before = new Map((factsOf(from, was).attributes ?? []).map(([name]) => [name, true]))
  const attributes = factsOf(to, now).attributes
  if (!attributes) return undefined
  const values = attributes.map(([name, kind]) =>
    before.has(name) ? `(${quoted}).${name}::text::${kind}` : `NULL::${kind}`,
  )
  return `CASE WHEN ${quoted} IS NULL THEN NULL ELSE ROW(${values.join(', ')})::${type} END`
}

function bare(type: string): string {
  return type.replace(/(?:\[\])+$/, '')
}
