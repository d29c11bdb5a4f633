/**
 * What a project allows: `-- migrate: allow RULE because REASON` in a migration, above a statement or at the top for the
 * whole file, and the option `allow` for files that must stay as they are.
 */
import { UsageError } from '../migrate/errors.ts'
import type { Version } from '../migrate/version.ts'
import type { Dialect } from '../sql/dialect.ts'
import { positionAt } from '../sql/position.ts'
import { cutStatements } from '../sql/statements.ts'
import type { Observation, Place } from './finding.ts'
import type { Half } from './halves.ts'
import { isRule, meantRule, type RuleId } from './rules.ts'

/** Reasons by version and rule: `{ 12: { 'rows-lost': 'nobody has a fax' } }`. */
export type AllowOption = Readonly<Record<Version, Readonly<Record<string, string>>>>

/** One `allow`, and what it covers. */
export interface Allow {
  readonly rule: RuleId
  readonly reason: string
  /** Where it is written, for people: `0012_orders.up.sql:3`, or `configuration`. */
  readonly at: string
  readonly place: Place
  /** The lines that it covers; the whole file if unset. */
  readonly lines?: { readonly from: number; readonly to: number }
  /** The table or column that the finding has to be about. It need not allow anything: it says what is so. */
  readonly about?: string
}

/** Reads the allows of one half. `problems` are findings about lines that cannot be understood. */
export function readAllows(
  half: Half,
  dialect: Dialect,
): { readonly allows: readonly Allow[]; readonly problems: readonly Observation[] } {
  const allows: Allow[] = []
  const problems: Observation[] = []
  // Most files allow nothing, and need not be split.
  if (!/migrate:\s*allow\b/.test(half.text)) return { allows, problems }
  const { version, half: direction, file, text } = half
  for (const { words, start, from, to } of half.kind === 'sql' ? inSql(half, dialect) : inCode(text)) {
    const { line, column } = positionAt(text, start)
    const place: Place = { version, half: direction, file, line, column, endLine: line }
    const [, rule = '', reason = ''] = /^(\S*)(?:\s+because\s+(.*))?$/.exec(words) ?? [words, words.split(/\s/)[0]]
    if (!isRule(rule) || reason === '') {
      const what = isRule(rule) ? `"allow ${rule}" gives no reason` : `there is no rule "${rule}"`
      const hint = isRule(rule) ? `Write: -- migrate: allow ${rule} because REASON` : meantRule(rule)
      problems.push({
        rule: 'allow-invalid',
        ...place,
        objects: [rule],
        message: `${capital(what)}.`,
        fix: { text: hint },
      })
      continue
    }
    const lines = from === undefined || to === undefined ? undefined : { from, to }
    allows.push({ rule, reason, at: `${file}:${line}`, place, ...(lines && { lines }) })
  }
  return { allows, problems }
}

/** Turns the option into allows. @throws UsageError for an unknown rule or an empty reason */
export function optionAllows(
  option: AllowOption | undefined,
  find: (version: string) => { readonly version: Version } | undefined,
): Allow[] {
  return Object.entries(option ?? {}).flatMap(([key, rules]) => {
    const found = find(key)
    if (!found) throw new UsageError(`allow: there is no version ${key}.`)
    return Object.entries(rules).map(([rule, reason]) => {
      if (!isRule(rule)) throw new UsageError(`allow: ${key}: there is no rule "${rule}".`, { hint: meantRule(rule) })
      if (typeof reason === 'string' && reason.trim() !== '')
        return { rule, reason, at: 'configuration', place: { version: found.version } }
      throw new UsageError(`allow: ${key}: ${rule} has no reason.`)
    })
  })
}

/** Returns whether the allow covers the finding. */
export function covers({ rule, place, lines, about }: Allow, finding: Observation): boolean {
  const isAbout = (object: string) => object === about || object.startsWith(`${about}.`)
  if (about !== undefined && !finding.objects.some(isAbout)) return false
  if (rule !== finding.rule || place.version !== finding.version) return false
  if (place.half === undefined) return true
  if (place.half !== finding.half) return false
  if (!lines || finding.line === undefined) return true
  return lines.from <= finding.line && finding.line <= lines.to
}

// --- internal ---

interface Written {
  readonly words: string
  readonly start: number
  /** Lines of the statement below. */
  readonly from?: number
  readonly to?: number
}

const WORDS = /migrate:\s*allow\s*(.*?)\s*$/

/** Lines above the first statement are about the whole file, all others about the statement below them. */
function inSql({ text }: Half, dialect: Dialect): Written[] {
  const { comments, statements } = cutStatements(text, dialect)
  return comments.flatMap(({ start, end }): Written[] => {
    const [, words] = (/^--\s*/.test(text.slice(start, end)) && WORDS.exec(text.slice(start, end))) || []
    if (words === undefined) return []
    const below = statements.find((statement) => statement.end > start)
    if (!below || below === statements[0]) return [{ words, start }]
    return [{ words, start, from: positionAt(text, below.start).line, to: positionAt(text, below.end).line }]
  })
}

function inCode(text: string): Written[] {
  return [...text.matchAll(/^[ \t]*\/\/[ \t]*migrate:\s*allow\s*(.*?)\s*$/gm)].map(({ 1: words = '', index }) => ({
    words,
    start: index,
  }))
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
