/** Splits the clauses of a statement. Pure. */
import type { Dialect } from '../../sql/dialect.ts'
import { tokenize } from '../../sql/tokens.ts'

/** Returns what stands between the commas that are in no brackets. */
export function partsAtCommas(list: string, dialect: Dialect): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (const { kind, start, end } of tokenize(list, dialect)) {
    if (kind !== 'symbol') continue
    const symbol = list.slice(start, end)
    if (symbol.includes('(')) depth++
    if (symbol.includes(')')) depth--
    if (symbol !== ',' || depth > 0) continue
    parts.push(list.slice(from, start).trim())
    from = end
  }
  return [...parts, list.slice(from).trim()]
}
