/**
 * A place in a text. Offsets are UTF-16 code units, from 0; lines and columns are those that an editor shows, from 1.
 */
export interface Position {
  readonly line: number
  readonly column: number
}

export function positionAt(text: string, offset: number): Position {
  let line = 1
  let lineStart = 0
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++
    lineStart = at + 1
  }
  return { line, column: offset - lineStart + 1 }
}

/**
 * Converts PostgreSQL's offset, which counts characters (code points) from 0, to an offset in UTF-16 code units, which
 * strings here use.
 */
export function offsetOfCodePoint(text: string, codePoints: number): number {
  let offset = 0
  for (let left = codePoints; left > 0 && offset < text.length; left--) {
    offset += (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1
  }
  return offset
}
