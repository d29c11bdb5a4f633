import { positionAt } from './position.ts'

const CONTEXT = 2
const WIDTH = 140

/**
 * Returns a few lines of the text with the place marked and secrets masked:
 *
 *       2 | create table a (
 *     > 3 |   id integre,
 *         |      ^^^^^^^
 */
export function codeFrame(text: string, start: number, end = start + 1): string {
  const lines = maskSecrets(text).split(/\r?\n/)
  const { line, column } = positionAt(text, start)
  const first = Math.max(1, line - CONTEXT)
  const last = Math.min(lines.length, line + CONTEXT)
  const gutter = String(last).length
  const out: string[] = []
  for (let n = first; n <= last; n++) {
    const { text: shown, shift } = window(lines[n - 1] ?? '', n === line ? column : 1)
    out.push(`${n === line ? '>' : ' '} ${String(n).padStart(gutter)} | ${shown}`.trimEnd())
    if (n !== line) continue
    const untilLineEnd = (lines[n - 1]?.length ?? 0) - column + 1
    const carets = Math.max(1, Math.min(end - start, untilLineEnd, WIDTH - (column - shift)))
    const indent = (lines[n - 1] ?? '').slice(shift, column - 1).replace(/[^\t]/g, ' ')
    out.push(`  ${' '.repeat(gutter)} | ${shift > 0 ? '  ' : ''}${indent}${'^'.repeat(carets)}`)
  }
  return out.join('\n')
}

/** Replaces passwords in SQL text by asterisks of the same length, so that columns stay correct. */
export function maskSecrets(text: string): string {
  return text
    .replace(
      /\b(password|identified\s+by|identified\s+with\s+\S+\s+(?:by|as))(\s*=?\s*)(''[^']*''|e?'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|\\.)*"|\$(\w*)\$[\s\S]*?\$\4\$)/gi,
      (_all, word: string, gap: string, literal: string) => word + gap + stars(literal),
    )
    .replace(/(\bpassword=)([^\s'"]+)/gi, (_all, word: string, secret: string) => word + stars(secret))
}

function stars(secret: string): string {
  return secret.replace(/[^\r\n]/g, '*')
}

/** Shortens a very long line: it begins a little before the column. */
function window(line: string, column: number): { text: string; shift: number } {
  if (line.length <= WIDTH) return { text: line, shift: 0 }
  const shift = column > WIDTH - 20 ? column - 40 : 0
  const cut = line.slice(shift, shift + WIDTH)
  return { text: (shift > 0 ? '… ' : '') + cut + (shift + WIDTH < line.length ? ' …' : ''), shift }
}
