/** What only a person can say about a change: renames, and values for columns that must not be null. */
import type { SchemaColumn, SchemaObject } from '../schema/model.ts'
import type { Schema } from '../schema/schema.ts'
import type { Answers } from './hints.ts'
import { columnLikeness, tableLikeness } from './likeness.ts'

export interface Question {
  /** What identifies it in answers: `rename column users.name`. */
  readonly id: string
  readonly kind: 'rename' | 'destroy' | 'fill' | 'map' | 'using'
  /** What it is about, as `Rename` in `hints.ts` writes names: `column users.name`. */
  readonly object: string
  /** What could be answered, the likeliest first: new names for a rename, values that stay for a map. */
  readonly candidates?: readonly string[]
  /** One line that says why it is asked. */
  readonly why: string
  /** The option that answers it, with `…` or the likeliest answer in the answer's place. */
  readonly flag: string
}

/** What was answered, and what was said not to be a rename: ids of questions. */
export interface Answered {
  readonly answers: Answers
  /** Ids of rename questions that were answered with no; `all` for every one. */
  readonly notRenamed: ReadonlySet<string>
}

/** Returns the open questions about tables and columns, which are the same for every dialect. */
export function commonQuestions(from: Schema, to: Schema, { answers, notRenamed }: Answered): Question[] {
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
    if (now) questions.push(...columnQuestions(was, now, { answers, notRenamed }, ask, fold))
  }
  return questions
}

/** Returns the columns of a table with their names as DDL writes them; those that are inherited are with their parent. */
export function ownColumns(
  table: SchemaObject,
): { readonly label: string; readonly column: SchemaColumn; readonly place: number }[] {
  const columns = new Map(table.columns.map((column, place) => [column.name, { column, place }]))
  return table.members.flatMap(({ key }) => {
    if (!key.startsWith('column ')) return []
    const label = key.slice('column '.length)
    const found = columns.get(plainName(label))
    return found ? [{ label, ...found }] : []
  })
}

function plainName(label: string): string {
  if (label.startsWith('"')) return label.slice(1, -1).replaceAll('""', '"')
  return label.startsWith('`') ? label.slice(1, -1).replaceAll('``', '`') : label
}

export function renameQuestion(kind: string, old: string, candidates: readonly string[]): Question {
  return {
    id: `rename ${kind} ${old}`,
    kind: 'rename',
    object: `${kind} ${old}`,
    candidates,
    why: `${kind} ${old} is gone, and ${candidates.join(', ')} ${candidates.length === 1 ? 'is' : 'are'} new.`,
    flag: `--rename ${typed(`${kind} ${old} = ${candidates[0]}`)} or --no-renames`,
  }
}

// --- internal ---

/** A word of a command as a shell takes it. */
function typed(word: string): string {
  return word.includes("'") ? `"${word.replace(/["\\$`]/g, '\\$&')}"` : `'${word}'`
}

function columnQuestions(
  was: SchemaObject,
  now: SchemaObject,
  { answers, notRenamed }: Answered,
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
  const taken = new Set(renamed.values())
  const come = after.filter(({ label }) => !labels.has(fold(label)) && !taken.has(label))
  const questions: Question[] = []
  for (const one of before) {
    const old = `${was.name}.${one.label}`
    const goes = !after.some(({ label }) => fold(label) === fold(one.label))
    if (!goes || renamed.has(one.label) || !ask || notRenamed.has(`rename column ${old}`)) continue
    const likely = sorted(
      come.map(
        (other) =>
          [`${now.name}.${other.label}`, columnLikeness(one.column, other.column, [one.place, other.place])] as const,
      ),
    ).filter(([, like]) => like >= 0.6)
    if (likely.length > 0)
      questions.push(
        renameQuestion(
          'column',
          old,
          likely.map(([name]) => name),
        ),
      )
  }
  const oldName = new Map([...renamed].map(([old, name]) => [name, old]))
  const open = new Set(questions.flatMap(({ candidates = [] }) => candidates))
  for (const { label, column } of after) {
    const key = `${now.name}.${label}`
    if (column.nullable || column.default !== null || column.generated !== null || column.identity !== null) continue
    const earlier = was.columns.find(({ name }) => fold(name) === fold(plainName(oldName.get(label) ?? label)))
    // Whether it is new at all is asked first.
    if (earlier ? !earlier.nullable : open.has(key)) continue
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
