/** Finds the statement at a place of a text. */
import { positionAt } from '../sql/position.ts'
import type { Place } from './finding.ts'
import type { Half } from './halves.ts'

export type StatementPlace = Required<Pick<Place, 'line' | 'column' | 'endLine' | 'statement'>>

/** Returns the statement that contains the line and column; undefined if there is none, as in code. */
export function statementAt({ statements, text }: Half, line: number, column: number): StatementPlace | undefined {
  const lines = text.split('\n')
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0)
  const offset = before + column - 1
  const found = statements.find(({ start, end }) => start <= offset && offset <= end)
  return found && placeOf(text, found)
}

/** Returns the place of a range of the text. */
export function placeOf(
  text: string,
  { start, end }: { readonly start: number; readonly end: number },
): StatementPlace {
  const { line, column } = positionAt(text, start)
  return { line, column, endLine: positionAt(text, end).line, statement: text.slice(start, end) }
}

/** Returns the last statement that names the table of the first object: the one that writes its rows. */
export function placeNaming(half: Half, [object = '']: readonly string[]): StatementPlace | undefined {
  const name = object.split(' ').at(-1)?.split('.').at(-1) ?? ''
  const found = half.statements.findLast(({ start, end }) => half.text.slice(start, end).includes(name))
  return name !== '' && found ? placeOf(half.text, found) : undefined
}
