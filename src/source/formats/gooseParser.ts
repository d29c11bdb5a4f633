/**
 * Reads goose's SQL files: the sections, and where each statement ends. The states and rules are those of goose v3.27.3,
 * `internal/sqlparser/parser.go`.
 */
import { UsageError } from '../../migrate/errors.ts'
import type { Direction } from '../../migrate/source.ts'
import { tokenize } from '../../sql/tokens.ts'
import { onlyRanges } from './format.ts'
import { type Environment, interpolate } from './interpolate.ts'

export interface GooseBody {
  /** The statements of one direction. Where no variable is substituted, offsets are those in the file. */
  readonly text: string
  /** `false` if the file has NO TRANSACTION, which counts for both directions. */
  readonly transaction: boolean
}

/** @throws UsageError for a file that goose refuses. @param shown the file as messages name it */
export function parseGoose(text: string, direction: Direction, shown: string, env: Environment): GooseBody {
  const parser = new Parser(direction, shown, env)
  for (const line of linesOf(text)) parser.read(line)
  return parser.finish(text)
}

// --- internal ---

interface Line {
  /** The text without its end. */
  readonly text: string
  readonly number: number
  readonly start: number
}

function linesOf(text: string): Line[] {
  let start = 0
  return text.split('\n').map((line, place) => {
    const found = { text: line.replace(/\r$/, ''), number: place + 1, start }
    start += line.length + 1
    return found
  })
}

/** A part of the file that is kept, perhaps with another text. */
interface Part {
  readonly start: number
  readonly end: number
  readonly text?: string | undefined
}

class Parser {
  readonly #direction: Direction
  readonly #shown: string
  readonly #env: Environment
  #section: Direction | undefined
  /** `true` between StatementBegin and StatementEnd. */
  #isBlock = false
  #substitutes = false
  #transaction = true
  /** The lines of the statement that has begun. */
  #open: (Line & { readonly expanded: string })[] = []
  readonly #parts: Part[] = []

  constructor(direction: Direction, shown: string, env: Environment) {
    this.#direction = direction
    this.#shown = shown
    this.#env = env
  }

  read(line: Line): void {
    const trimmed = line.text.trim()
    if (trimmed.startsWith('--') && line.text.includes('+goose')) this.#annotate(line)
    else if (this.#section !== undefined) this.#readSql(line, trimmed.startsWith('--'))
    else if (trimmed !== '' && !trimmed.startsWith('--')) {
      throw this.#refused(line, 'there is SQL before "-- +goose Up"')
    }
  }

  /** @param text the whole file */
  finish(text: string): GooseBody {
    if (this.#section === undefined) throw this.#refused(undefined, 'there is no line "-- +goose Up"')
    if (this.#isBlock) throw this.#refused(undefined, 'a "-- +goose StatementBegin" has no StatementEnd')
    this.#refuseOpen()
    return { text: textOf(text, this.#parts), transaction: this.#transaction }
  }

  #readSql(line: Line, isComment: boolean): void {
    // goose leaves out comments and empty lines before a statement.
    if (this.#open.length === 0 && (isComment || line.text === '')) return
    // goose substitutes in both sections, so that a variable that is missing in one is an error in the other.
    const expanded = this.#substitutes ? this.#expand(line) : line.text
    if (this.#section !== this.#direction) return
    this.#open.push({ ...line, expanded })
    if (!this.#isBlock && endsStatement(expanded)) this.#close()
  }

  #annotate(line: Line): void {
    const name = this.#annotation(line)
    switch (name) {
      case 'up':
        if (this.#section !== undefined) throw this.#refused(line, 'there is a second "-- +goose Up"')
        this.#section = 'up'
        return
      case 'down':
        if (this.#section !== 'up' || this.#isBlock) {
          throw this.#refused(line, '"-- +goose Down" must follow the statements of one "-- +goose Up"')
        }
        this.#refuseOpen()
        this.#section = 'down'
        return
      case 'statementbegin':
        if (this.#section === undefined || this.#isBlock) {
          throw this.#refused(line, '"-- +goose StatementBegin" must stand in a section, and not in another block')
        }
        this.#isBlock = true
        return
      case 'statementend':
        if (!this.#isBlock) throw this.#refused(line, '"-- +goose StatementEnd" has no StatementBegin')
        this.#isBlock = false
        if (this.#section === this.#direction) this.#close(line)
        return
      case 'no transaction':
        this.#transaction = false
        return
      default:
        this.#substitutes = name === 'envsub on'
    }
  }

  /** Returns the annotation in lower case. */
  #annotation(line: Line): string {
    const name = line.text.replaceAll('--', '').replace('+goose', '').trim().toLowerCase()
    if (/^[ \t]/.test(line.text)) throw this.#refused(line, 'an annotation of goose must begin in the first column')
    if (!ANNOTATIONS.includes(name))
      throw this.#refused(line, `goose does not know the annotation "${line.text.trim()}"`)
    return name
  }

  /** Ends the statement. @param end the line with StatementEnd, which has room for a semicolon */
  #close(end?: Line): void {
    const lines = this.#open
    this.#open = []
    const [first, last] = [lines[0], lines.at(-1)]
    if (!first || !last) return
    if (!end) this.#refuseCut(first, last, lines.map(({ expanded }) => expanded).join('\n'))
    for (const { start, text, expanded } of lines) {
      this.#parts.push({ start, end: start + text.length, ...(expanded !== text && { text: expanded }) })
    }
    const ending = lines.findLast(({ text }) => !/^\s*(--|$)/.test(text))
    if (end && ending && !endsStatement(ending.expanded)) {
      this.#parts.push({ start: end.start, end: end.start + 1, text: ';' })
    }
  }

  /** goose cuts at the end of a line, also inside of a function's body. */
  #refuseCut(first: Line, last: Line, text: string): void {
    if (!text.includes('$')) return
    for (const { unterminated, start } of tokenize(text, 'postgres')) {
      if (unterminated === undefined || text[start] !== '$') continue
      throw new UsageError(
        `${this.#shown}:${last.number}: goose ends the statement of line ${first.number} here, inside of a string.`,
        { hint: 'Enclose the statement in the lines "-- +goose StatementBegin" and "-- +goose StatementEnd".' },
      )
    }
  }

  #refuseOpen(): void {
    const [first] = this.#open
    if (!first || this.#open.every(({ text }) => text.trim() === '')) return
    throw new UsageError(
      `${this.#shown}:${first.number}: a statement begins here that no line with ";" at its end ends.`,
      {
        hint: 'goose refuses the file. Add the semicolon, or enclose the statement in StatementBegin and StatementEnd.',
      },
    )
  }

  #expand(line: Line): string {
    try {
      return interpolate(line.text, this.#env)
    } catch (error) {
      throw this.#refused(line, `variables cannot be substituted: ${(error as Error).message}`)
    }
  }

  #refused(line: Line | undefined, what: string): UsageError {
    const place = line ? `${this.#shown}:${line.number}` : this.#shown
    return new UsageError(`${place}: ${what}.`, { hint: 'goose refuses the file.' })
  }
}

const ANNOTATIONS = ['up', 'down', 'statementbegin', 'statementend', 'no transaction', 'envsub on', 'envsub off']

/** Returns whether the last word before a comment ends with a semicolon. */
function endsStatement(line: string): boolean {
  const words = line.split(/\s+/).filter((word) => word !== '')
  const comment = words.findIndex((word) => word.startsWith('--'))
  return (words.at(comment === -1 ? words.length - 1 : comment - 1) ?? '').endsWith(';') && comment !== 0
}

function textOf(text: string, parts: readonly Part[]): string {
  const kept = onlyRanges(text, parts)
  let at = 0
  let out = ''
  for (const part of parts) {
    if (part.text === undefined) continue
    out += kept.slice(at, part.start) + part.text
    at = part.end
  }
  return out + kept.slice(at)
}
