/** What only a person can say about a change of a MySQL or MariaDB schema. */
import type { Schema } from '../../schema/schema.ts'
import type { Hints } from '../hints.ts'
import type { Question } from '../questions.ts'
import { renamed, renamesBetween } from './renames.ts'
import { answerFor, lostValues, needsFill } from './rows.ts'
import { type Model, readModel, tableNamed } from './schemaModel.ts'
import { type Column, type Table, typeOf, valuesOf } from './tableModel.ts'
import { pathOf, shown } from './text.ts'

export function questionsAbout(from: Schema, to: Schema, hints: Hints): readonly Question[] {
  const old = readModel(from)
  const now = readModel(to)
  const renames = renamesBetween(old, now, hints.answers.renames)
  const was = renamed(old, renames)
  const oldTable = (name: string) => [...renames.tables].find(([, other]) => other === name)?.[0] ?? name
  return [
    ...tableRenames(was, now),
    ...was.tables.flatMap((table): Question[] => {
      const other = tableNamed(now, table.name)
      if (!other) return []
      const oldNames = new Map([...(renames.columns.get(other.name) ?? [])].map(([a, b]) => [b, a]))
      const context = { oldTable: oldTable(table.name), oldNames }
      const values = (column: string) => renames.values.get(`${other.name}.${column}`) ?? new Map<string, string>()
      return [...columnRenames(table, other, context.oldTable), ...rowQuestions(table, other, context, values, hints)]
    }),
  ]
}

// --- internal ---

interface Names {
  readonly oldTable: string
  readonly oldNames: ReadonlyMap<string, string>
}

function tableRenames(was: Model, now: Model): Question[] {
  const gone = was.tables.filter(({ name }) => !tableNamed(now, name))
  const added = now.tables.filter(({ name }) => !tableNamed(was, name))
  return gone.flatMap((table): Question[] => {
    const candidates = byLikeness(added, (other) => tableLikeness(table, other), 0.5)
    return candidates.length === 0
      ? []
      : [
          rename(
            'table',
            shown(table.name),
            candidates.map(({ name }) => shown(name)),
          ),
        ]
  })
}

function columnRenames(was: Table, now: Table, oldTable: string): Question[] {
  const gone = was.columns.filter(({ name }) => !now.columns.some((column) => column.name === name))
  const added = now.columns.filter(({ name }) => !was.columns.some((column) => column.name === name))
  return gone.flatMap((column): Question[] => {
    const likeness = (other: Column) => columnLikeness(column, was, other, now)
    const candidates = byLikeness(added, likeness, 0.5)
    const object = `${shown(oldTable)}.${shown(column.name)}`
    return candidates.length === 0
      ? []
      : [
          rename(
            'column',
            object,
            candidates.map(({ name }) => `${shown(now.name)}.${shown(name)}`),
          ),
        ]
  })
}

function rename(kind: string, name: string, candidates: readonly string[]): Question {
  return { id: `rename ${kind} ${name}`, kind: 'rename', object: `${kind} ${name}`, candidates }
}

function rowQuestions(
  was: Table,
  now: Table,
  names: Names,
  values: (column: string) => ReadonlyMap<string, string>,
  { answers }: Hints,
): Question[] {
  return now.columns.flatMap((column): Question[] => {
    const before = was.columns.find(({ name }) => name === column.name)
    const path = `${shown(names.oldTable)}.${shown(names.oldNames.get(column.name) ?? column.name)}`
    const asked: Question[] = []
    if (needsFill(before, column) && answerFor(answers.fill, names, column.name) === undefined)
      asked.push({ id: `fill column ${path}`, kind: 'fill', object: `column ${path}` })
    if (!before) return asked
    for (const value of lostValues(before, column, values(column.name))) {
      const key = pathOf(`${path}.${value}`).join('\0')
      if ([...answers.map.keys()].some((said) => pathOf(said).join('\0') === key)) continue
      const object = `value ${path}.${value}`
      asked.push({ id: `map ${object}`, kind: 'map', object, candidates: valuesOf(column) ?? [] })
    }
    return asked
  })
}

function byLikeness<T extends { name: string }>(all: readonly T[], likeness: (one: T) => number, least: number): T[] {
  return all
    .map((one) => ({ one, score: likeness(one) }))
    .filter(({ score }) => score >= least)
    .sort((a, b) => b.score - a.score || (a.one.name < b.one.name ? -1 : 1))
    .map(({ one }) => one)
}

/** The share of columns that both have, name and definition. */
function tableLikeness(a: Table, b: Table): number {
  const texts = new Set(a.columns.map(({ name, definition }) => `${name} ${definition}`))
  const both = b.columns.filter(({ name, definition }) => texts.has(`${name} ${definition}`)).length
  return both / Math.max(a.columns.length, b.columns.length, 1)
}

/** From 0 to 1: a like type is half of it; definition, place and name share the rest. */
function columnLikeness(a: Column, was: Table, b: Column, now: Table): number {
  if (a.generated !== b.generated) return 0
  const family = (column: Column) =>
    /^\w+/.exec(typeOf(column))?.[0].replace(/^(?:tiny|small|medium|big|long)/, '') ?? ''
  const sameType = typeOf(a) === typeOf(b)
  if (!sameType && family(a) !== family(b)) return nameLikeness(a.name, b.name) > 0.6 ? 0.5 : 0
  const place = was.columns.indexOf(a) === now.columns.indexOf(b)
  return (
    0.4 +
    (sameType ? 0.1 : 0) +
    (a.definition === b.definition ? 0.15 : 0) +
    (place ? 0.1 : 0) +
    0.25 * nameLikeness(a.name, b.name)
  )
}

/** The share of pairs of letters that both names have. */
function nameLikeness(a: string, b: string): number {
  const pairs = (name: string) => {
    const folded = name.toLowerCase().replaceAll('_', '')
    return Array.from({ length: Math.max(folded.length - 1, 0) }, (_, at) => folded.slice(at, at + 2))
  }
  const [one, other] = [pairs(a), pairs(b)]
  const both = one.filter((pair) => other.includes(pair)).length
  return (2 * both) / Math.max(one.length + other.length, 1)
}
