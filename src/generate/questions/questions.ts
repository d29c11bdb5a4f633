/** Questions about a change that only a person can answer: renames, and values for columns that must not be null. */
import type { SchemaObject } from '../../schema/model.ts'
import type { Schema } from '../../schema/schema.ts'
import { ownColumns, plainName } from '../columns.ts'
import { isComputed, offersFor, readConversion } from '../conversion/conversion.ts'
import type { Answers } from '../hints.ts'
import { columnLikeness, isOfOneKind, tableLikeness } from './likeness.ts'

export interface Question {
  /** Its name in answers: `rename column users.name`. */
  readonly id: string
  readonly kind: 'rename' | 'destroy' | 'fill' | 'map' | 'using'
  /** The object that it asks about, as `Rename` in `hints.ts` writes names: `column users.name`. */
  readonly object: string
  /** Answers to choose from, the likeliest first: new names for a rename, values that stay for a map. */
  readonly candidates?: readonly string[]
  /** Splits and merges that could be the answer to a rename: `split users.name = users.first_name, users.last_name`. */
  readonly conversions?: readonly string[]
  /** One line that says why it is asked. */
  readonly why: string
  /** The option that answers it, with `…` or the likeliest answer in the answer's place. */
  readonly flag: string
}

/** The answers, and the questions about renames to which the answer was no, by their ids. */
export interface Answered {
  readonly answers: Answers
  /** Ids of rename questions that were answered with no; `all` for every one. */
  readonly notRenamed: ReadonlySet<string>
  /** `true`: an answer may be code that a person writes. */
  readonly takesCode?: boolean
  /** Returns whether it was said what becomes of something that goes: `column users.name`. */
  readonly isDestroyed?: (object: string) => boolean
}

/** Returns the open questions about tables and columns, which are the same for every dialect. */
export function commonQuestions(from: Schema, to: Schema, answered: Answered): Question[] {
  const { answers, notRenamed } = answered
  const ask = !notRenamed.has('all')
  // To MySQL, names of columns that differ by letter case are one name.
  const fold = (label: string) => (from.dialect === 'mysql' ? label.toLowerCase() : label)
  const tables = (schema: Schema) => schema.objects.filter(({ kind }) => kind === 'table')
  const renamed = new Map(answers.renames.filter(({ kind }) => kind === 'table').map((one) => [one.old, one.new]))
  const taken = new Set(renamed.values())
  const before = tables(from)
  const after = tables(to)
  const known = new Set(before.map(({ name }) => name))
  const wanted = new Map(after.map((table) => [table.name, table]))
  const come = after.filter(({ name }) => !known.has(name) && !taken.has(name))
  const questions: Question[] = []
  for (const was of before) {
    const id = `rename table ${was.name}`
    if (wanted.has(was.name) || renamed.has(was.name) || !ask || notRenamed.has(id)) continue
    const likely = sorted(come.map((now) => [now.name, tableLikeness(was, now)] as const)).filter(
      ([, like]) => like >= 0.5,
    )
    if (likely.length > 0)
      questions.push(
        renameQuestion(
          'table',
          was.name,
          likely.map(([name]) => name),
        ),
      )
  }
  for (const was of before) {
    const now = wanted.get(renamed.get(was.name) ?? was.name)
    if (now) questions.push(...columnQuestions(was, now, answered, ask, fold))
  }
  return questions
}

export function renameQuestion(
  kind: string,
  old: string,
  candidates: readonly string[],
  conversions: readonly string[] = [],
): Question {
  const [conversion] = conversions
  const flags = [
    ...(candidates.length > 0 ? [`--rename ${typed(`${kind} ${old} = ${candidates[0]}`)}`] : []),
    ...(conversion === undefined
      ? []
      : [`--${conversion.replace(/ .*$/s, '')} ${typed(conversion.replace(/^\w+/, 'column'))}`]),
    '--no-renames',
  ]
  const come = [...new Set([...candidates, ...comingIn(conversions)])]
  return {
    id: `rename ${kind} ${old}`,
    kind: 'rename',
    object: `${kind} ${old}`,
    candidates,
    ...(conversions.length > 0 && { conversions }),
    why: `${kind} ${old} is gone, and ${come.join(', ')} ${come.length === 1 ? 'is' : 'are'} new.`,
    flag: `${flags.slice(0, -1).join(' or ')} or ${flags.at(-1)}`,
  }
}

// --- internal ---

/** The new columns of splits and merges. */
function comingIn(conversions: readonly string[]): string[] {
  return conversions.flatMap((text) => readConversion(text, (table) => table).new)
}

/** A word of a command as a shell takes it. */
function typed(word: string): string {
  return word.includes("'") ? `"${word.replace(/["\\$`]/g, '\\$&')}"` : `'${word}'`
}

function columnQuestions(
  was: SchemaObject,
  now: SchemaObject,
  { answers, notRenamed, takesCode, isDestroyed }: Answered,
  ask: boolean,
  fold: (label: string) => string,
): Question[] {
  const before = ownColumns(was)
  const after = ownColumns(now)
  const labels = new Set(before.map(({ label }) => fold(label)))
  const renamed = new Map(
    answers.renames
      .filter(({ kind, old }) => kind === 'column' && old.startsWith(`${was.name}.`))
      .map((one) => [one.old.slice(was.name.length + 1), one.new.slice(now.name.length + 1)]),
  )
  const converted = new Set(answers.conversions.flatMap((one) => [...one.old, ...one.new]))
  const taken = new Set(renamed.values())
  const come = after.filter(
    ({ label }) => !labels.has(fold(label)) && !taken.has(label) && !converted.has(`${now.name}.${label}`),
  )
  const gone = before.filter(
    ({ label }) =>
      !after.some((other) => fold(other.label) === fold(label)) &&
      !renamed.has(label) &&
      !converted.has(`${was.name}.${label}`) &&
      !notRenamed.has(`rename column ${was.name}.${label}`),
  )
  const questions: Question[] = []
  for (const one of ask ? gone : []) {
    const old = `${was.name}.${one.label}`
    const likely = sorted(
      come.map(
        (other) =>
          [`${now.name}.${other.label}`, columnLikeness(one.column, other.column, [one.place, other.place])] as const,
      ),
    ).filter(([, like]) => like >= 0.6)
    const written = (table: SchemaObject, list: typeof gone) =>
      list
        // If the user is asked about similar columns, a new column of another kind of type is none of them.
        .filter(({ column }) => !isComputed(column) && (likely.length === 0 || isOfOneKind(column, one.column)))
        .map(({ label }) => `${table.name}.${label}`)
    const offers = takesCode ? offersFor(old, written(was, gone), written(now, come)) : []
    if (likely.length > 0 || (offers.length > 0 && !isDestroyed?.(`column ${old}`)))
      questions.push(
        renameQuestion(
          'column',
          old,
          likely.map(([name]) => name),
          offers,
        ),
      )
  }
  const oldName = new Map([...renamed].map(([old, name]) => [name, old]))
  const open = new Set(
    questions.flatMap(({ candidates = [], conversions = [] }) => [...candidates, ...comingIn(conversions)]),
  )
  for (const { label, column } of after) {
    const key = `${now.name}.${label}`
    if (column.nullable || column.default !== null || column.generated !== null || column.identity !== null) continue
    const earlier = was.columns.find(({ name }) => fold(name) === fold(plainName(oldName.get(label) ?? label)))
    // Whether it is new at all is asked first.
    if (earlier ? !earlier.nullable : converted.has(key) || open.has(key)) continue
    if (answers.fill.has(key)) continue
    questions.push({
      id: `fill ${key}`,
      kind: 'fill',
      object: `column ${key}`,
      why: earlier
        ? `column ${key} must not be null any more: what do rows get that have no value?`
        : `column ${key} is new and must not be null: what do the rows get that are there?`,
      flag: `--fill "${key}='…'"`,
    })
  }
  return questions
}

function sorted(list: readonly (readonly [string, number])[]): (readonly [string, number])[] {
  return [...list].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
}
