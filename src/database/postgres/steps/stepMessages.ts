/** The messages in which a step is sent: all of it in one, if possible. Pure. */
import type { Script } from '../../../sql/script.ts'

export interface Message {
  /** Our own SQL before the part of the text, and how many statements that is. */
  readonly head: string
  readonly own: number
  /** The part of the text, and our own SQL after it. */
  readonly start: number
  readonly end: number
  readonly tail: string
  /** Index of the first statement in the part. */
  readonly first: number
  /** `true` if the message is one statement and nothing else. */
  readonly alone?: true
}

/**
 * Splits a step into messages. It splits after a statement that changes how the next ones are parsed, since the server
 * parses a whole message before it runs any of it. It also splits long texts from time to time, which would otherwise
 * be in memory several times. @param apart `true` to send each statement on its own
 */
export function messagesOf(
  {
    before: own,
    prefix: head,
    script,
    suffix,
  }: { before: number; prefix: string; script: Script | undefined; suffix: string },
  apart: boolean,
): Message[] {
  const text = script?.text ?? ''
  const statements = script?.statements ?? []
  if (apart && statements.length > 0) {
    const last = { start: text.length, end: text.length, first: statements.length }
    return [
      { head, own, start: 0, end: 0, tail: '', first: 0 },
      ...statements.map(({ start, end }, first) => ({
        head: '',
        own: 0,
        start,
        end,
        tail: '',
        first,
        alone: true as const,
      })),
      { head: '', own: 0, ...last, tail: suffix },
    ]
  }
  let start = 0
  let first = 0
  return [...messageEnds(script).filter((end) => end < text.length), text.length].map((end) => {
    const message = { head: start === 0 ? head : '', own: start === 0 ? own : 0, start, end, tail: '', first }
    while ((statements[first]?.end ?? Number.POSITIVE_INFINITY) <= end) first++
    start = end
    return end === text.length ? { ...message, tail: suffix } : message
  })
}

// --- internal ---

/** Returns the offsets at which a text is split, without the end of the text. */
function messageEnds(script: Script | undefined): number[] {
  const ends: number[] = []
  let last = 0
  for (const { changesSyntax, end } of script?.statements ?? []) {
    if (script === undefined || !(changesSyntax || end - last > LONG_MESSAGE)) continue
    const semicolon = script.text.indexOf(';', end)
    if (semicolon === -1) continue
    last = semicolon + 1
    ends.push(last)
  }
  return ends
}

const LONG_MESSAGE = 2 ** 20
