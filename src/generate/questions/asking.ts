/** Generates with answers: those that are known, and those that somebody gives. */
import { CONVERTS, readConversion } from '../conversion/conversion.ts'
import type { AnswersById } from '../draft.ts'
import type { Generated } from '../generated.ts'
import { type Question, renameQuestion } from './questions.ts'

/** Resolves with the answer as `--answers` takes it; `undefined` if the user leaves. */
export type Ask = (question: Question) => Promise<string | undefined>

export interface Answered {
  /** With questions if they stay open. */
  readonly result: Generated
  /** The answers that the result was generated with. */
  readonly answers: AnswersById
}

/**
 * Generates until no question is open. Answers that fit no question any more are left out.
 * @param known answers from before, by the id of their question
 * @param ask omitted: nobody can be asked
 */
export async function generateAsking(
  run: (answers: AnswersById) => Promise<Generated>,
  known: AnswersById,
  ask?: Ask,
): Promise<Answered> {
  const answers: Record<string, string> = {}
  for (;;) {
    const result = await run(answers)
    if (result.questions.length === 0) return { result, answers }
    const before = Object.keys(answers).length
    const taken = new Set<string>()
    const converted = new Set<string>()
    for (const asked of result.questions) {
      // A merge answers for all its columns.
      if (converted.has(asked.object.replace(/^column /, ''))) continue
      const question = withoutTaken(asked, taken)
      const answer = question === undefined ? 'no' : (knownAnswer(question, known) ?? (await ask?.(question)))
      if (answer === undefined && ask) return { result, answers }
      if (answer === undefined) continue
      answers[asked.id] = answer
      if (asked.kind !== 'rename') continue
      for (const name of CONVERTS.test(answer) ? namesIn(answer) : []) converted.add(name)
      for (const name of [answer, ...converted]) taken.add(name)
    }
    if (Object.keys(answers).length === before) return { result, answers }
  }
}

/** Returns the answers to choose from, the likeliest first; none where an SQL expression is asked for. */
export function choicesOf({
  kind,
  object,
  candidates = [],
  conversions = [],
}: Question): { answer: string; label: string }[] {
  const name = object.split(' ').slice(1).join(' ')
  switch (kind) {
    case 'rename':
      return [
        ...candidates.map((answer) => ({ answer, label: `${name} was renamed to ${answer}` })),
        ...conversions.map((answer) => ({ answer, label: labelOf(answer) })),
        { answer: 'no', label: `${name} was not renamed` },
      ]
    case 'fill':
    case 'using':
      return []
    case 'destroy':
      return candidates.map((answer) => ({ answer, label: DESTROY_LABELS[answer] ?? answer }))
    default:
      return candidates.map((answer) => ({ answer, label: answer }))
  }
}

// --- internal ---

/** `users.name becomes users.first_name and users.last_name, row by row, …` */
function labelOf(conversion: string): string {
  const [old = '', now = ''] = conversion.replace(/^\w+ /, '').split(' = ')
  const listed = (names: string) => names.replace(/, (?=[^,]*$)/, ' and ')
  return `${listed(old)} ${old.includes(', ') ? 'become' : 'becomes'} ${listed(now)}, by code that you write (TypeScript)`
}

function namesIn(conversion: string): string[] {
  const { old, new: now } = readConversion(conversion, (table) => table)
  return [...old, ...now]
}

const DESTROY_LABELS: Readonly<Record<string, string>> = {
  drop: 'drop it, with what is in there',
  aside: 'set it aside, under another name',
  leave: 'leave it as it is',
}

function knownAnswer({ id, kind, candidates }: Question, known: AnswersById): string | undefined {
  const answer = Object.hasOwn(known, id) ? known[id] : undefined
  const isOther = kind === 'rename' && (answer === 'no' || CONVERTS.test(answer ?? ''))
  const mustFit = candidates !== undefined && !isOther
  return answer !== undefined && mustFit && !candidates.includes(answer) ? undefined : answer
}

/** Leaves out new names that were already given to something else. Returns undefined if no candidate is left. */
function withoutTaken(question: Question, taken: ReadonlySet<string>): Question | undefined {
  if (question.kind !== 'rename' || taken.size === 0) return question
  const candidates = (question.candidates ?? []).filter((name) => !taken.has(name))
  const conversions = (question.conversions ?? []).filter((text) => !namesIn(text).some((name) => taken.has(name)))
  if (candidates.length + conversions.length === 0) return undefined
  return renameQuestion(...kindAndName(question.object), candidates, conversions)
}

function kindAndName(object: string): [string, string] {
  const at = object.indexOf(' ')
  return [object.slice(0, at), object.slice(at + 1)]
}
