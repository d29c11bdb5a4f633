/**
 * What a migration says of values that go: `-- migrate: destroys column users.old`, `overwrites` for values that the up replaces, and
 * `does-not-restore` in the down. `generate` writes what its user has answered. Findings about these values are allowed by that. Pure.
 */
import type { Dialect } from '../sql/dialect.ts'
import { positionAt } from '../sql/position.ts'
import { cutStatements } from '../sql/statements.ts'
import type { Allow } from './allow.ts'
import type { Half } from './halves.ts'
import type { RuleId } from './rules.ts'

/** Returns an allow for each rule about something that one half says is lost. */
export function readStated(half: Half, dialect: Dialect): Allow[] {
  // Most files say nothing of the kind, and need not be split.
  if (!/migrate:\s*(?:destroys|overwrites|does-not-restore)\b/.test(half.text)) return []
  const { version, half: direction, file, text } = half
  return lines(half, dialect).flatMap(({ words, start }) => {
    const [, verb = '', object = ''] = STATED.exec(words) ?? []
    const { line, column } = positionAt(text, start)
    const place = { version, half: direction, file, line, column, endLine: line }
    const [kind = '', name = ''] = object.split(/\s+(.*)/s)
    return (RULES[`${verb} ${kind}`] ?? []).map((rule) => ({
      rule,
      reason: `the file says that it ${verb === 'does-not-restore' ? 'does not restore' : verb} ${object}`,
      at: `${file}:${line}`,
      place,
      about: plain(name),
    }))
  })
}

// --- internal ---

const STATED = /^(destroys|overwrites|does-not-restore)\s+((?:table|column)\s+\S.*)$/s

/** The rules whose findings say the same as a line. */
const RULES: Readonly<Record<string, readonly RuleId[]>> = {
  'destroys table': ['rows-deleted', 'values-dropped'],
  'destroys column': ['values-dropped', 'rows-changed'],
  'overwrites column': ['rows-changed'],
  'does-not-restore table': ['rows-changed'],
  'does-not-restore column': ['rows-changed'],
}

interface Line {
  /** What follows `migrate:`. */
  readonly words: string
  readonly start: number
}

function lines({ kind, text }: Half, dialect: Dialect): Line[] {
  if (kind === 'code') {
    return [...text.matchAll(/^[ \t]*\/\/[ \t]*migrate:\s*(.*?)\s*$/gm)].map(({ 1: words = '', index }) => ({
      words,
      start: index,
    }))
  }
  return cutStatements(text, dialect).comments.flatMap(({ start, end }) => {
    const words = /^--\s*migrate:\s*(.*?)\s*$/s.exec(text.slice(start, end))?.[1]
    return words === undefined ? [] : [{ words, start }]
  })
}

/** The name as findings have it. */
function plain(name: string): string {
  return name.replaceAll(/["`]/g, '').replace(/^public\./, '')
}
