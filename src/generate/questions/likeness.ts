/** How alike two tables or columns are, for questions about renames: from 0 to 1. */
import type { SchemaColumn, SchemaObject } from '../../schema/model.ts'

/** Tables are alike by the columns that they share. */
export function tableLikeness(was: SchemaObject, now: SchemaObject): number {
  const most = Math.max(was.columns.length, now.columns.length)
  if (most === 0) return 0
  const shared = was.columns.filter(({ name, type }) =>
    now.columns.some((other) => other.name === name && other.type === type),
  )
  return shared.length / most + nameLikeness(was.name, now.name) * 0.01
}

/** Columns are alike by type, name, nullability, default and place. */
export function columnLikeness(was: SchemaColumn, now: SchemaColumn, places: readonly [number, number]): number {
  return (
    (was.type === now.type ? 0.5 : baseOf(was.type) === baseOf(now.type) ? 0.4 : 0) +
    nameLikeness(was.name, now.name) * 0.3 +
    (was.nullable === now.nullable ? 0.05 : 0) +
    (was.default === now.default ? 0.05 : 0) +
    (places[0] === places[1] ? 0.1 : 0)
  )
}

/** Returns whether both hold texts, numbers or times, or are of the same type. */
export function isOfOneKind({ type }: SchemaColumn, other: SchemaColumn): boolean {
  return kindOf(type) === kindOf(other.type)
}

// --- internal ---

function kindOf(type: string): string {
  if (/char|text|^name$/.test(type)) return 'text'
  if (/^(?:(?:tiny|small|medium|big)?int(?:eger)?|numeric|decimal|real|double|float)\b/.test(type)) return 'number'
  return /^(?:date|time)/.test(type) ? 'time' : baseOf(type)
}

/** The type without its length: `varchar` for `varchar(20)`. */
function baseOf(type: string): string {
  return type.replace(/\(.*\)/s, '')
}

/** The share of letters that stay, by edit distance. */
function nameLikeness(a: string, b: string): number {
  const most = Math.max(a.length, b.length)
  return most === 0 ? 1 : 1 - distance(a.toLowerCase(), b.toLowerCase()) / most
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
