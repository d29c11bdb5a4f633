/**
 * A draft: a migration that is written anew with each save of the wanted schema, until somebody says that it is done.
 * Comments in its files say so, with a digest of the rest, so that an edit by hand is noticed. Comments change nothing
 * in what a migration does. Pure.
 */
import { createHash } from 'node:crypto'

/** Answers by the id of their question. */
export type AnswersById = Readonly<Record<string, string>>

export interface Draft {
  /** `false` if somebody has edited the file since it was written. */
  readonly isUntouched: boolean
  /** The answers that were given when it was written. */
  readonly answers: AnswersById
}

/**
 * Returns the comments with which a half of a draft begins. Once the file is written, it has to be {@link sealed}.
 * @param schema what the draft is rewritten with, for people: `schema.sql`
 */
export function draftMark(schema: string, answers: AnswersById = {}): string {
  const said = Object.entries(answers).map(([id, answer]) => `-- draft answer ${JSON.stringify({ [id]: answer })}\n`)
  return `-- draft ${'0'.repeat(DIGITS)}: written anew with each save of ${schema.replace(/\s+/g, ' ')}, until "migratest generate --done"\n${said.join('')}`
}

/** Returns the text of a file with the digest of the rest in its marks. */
export function sealed(file: string): string {
  const digest = digestOf(withoutMark(file))
  return file.replace(MARKS, (line, before: string, old: string) =>
    line.replace(`${before}-- draft ${old}`, `${before}-- draft ${digest}`),
  )
}

/** Reads a file; returns undefined if it is none of a draft. */
export function readDraft(file: string): Draft | undefined {
  const [, , digest] = MARK.exec(file) ?? []
  if (digest === undefined) return undefined
  const answers: Record<string, string> = {}
  for (const [, json = ''] of file.matchAll(ANSWER)) Object.assign(answers, parsed(json))
  return { isUntouched: digestOf(withoutMark(file)) === digest, answers }
}

/** Returns the text without the comments that say it is a draft; the rest stays as it is. */
export function withoutMark(file: string): string {
  // The answers go first: without the mark, a byte order mark would stand before them.
  return file.replace(ANSWER, '').replace(MARKS, '$1')
}

// --- internal ---

const DIGITS = 12
/** An editor may have put a byte order mark before it. */
const MARK = /^(\uFEFF?)-- draft ([0-9a-f]{12}):[^\r\n]*(?:\r?\n|$)/m
const MARKS = new RegExp(MARK, 'gm')
const ANSWER = /^-- draft answer (\{[^\r\n]*\})[^\S\r\n]*(?:\r?\n|$)/gm

/** Line ends, a byte order mark and empty lines do not count: git and editors change them. */
function digestOf(body: string): string {
  const lines = body
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, DIGITS)
}

function parsed(json: string): object {
  try {
    return JSON.parse(json) as object
  } catch {
    return {}
  }
}
