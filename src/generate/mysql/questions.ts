/** Questions that only a person can answer about a change of a MySQL or MariaDB schema, beyond those for every database. */
import type { Schema } from '../../schema/schema.ts'
import { type Answered, type Question, renameQuestion } from '../questions/questions.ts'
import { renamed, renamesBetween } from './renames.ts'
import { answerFor, lostValues, type RowContext } from './rows.ts'
import { readModel, tableNamed } from './schemaModel.ts'
import { type Column, hasDefault, isNotNull, type Table, valuesOf } from './tableModel.ts'
import { pathOf, shown } from './text.ts'

export function questionsAbout(from: Schema, to: Schema, answered: Answered): readonly Question[] {
  const old = readModel(from)
  const now = readModel(to)
  const renames = renamesBetween(old, now, answered.answers.renames)
  const was = renamed(old, renames)
  return was.tables.flatMap((table): Question[] => {
    const other = tableNamed(now, table.name)
    if (!other) return []
    const oldNames = new Map([...(renames.columns.get(other.name) ?? [])].map(([a, b]) => [b, a]))
    const oldTable = [...renames.tables].find(([, name]) => name === table.name)?.[0] ?? table.name
    const values = (column: string) => renames.values.get(`${other.name}.${column}`) ?? new Map<string, string>()
    const context: RowContext = { from: table, to: other, oldTable, oldNames, values, answers: answered.answers }
    return other.columns.flatMap((column) => {
      const before = table.columns.find(({ name }) => name === column.name)
      return before ? [...fills(before, column, context), ...lost(before, column, context, answered)] : []
    })
  })
}

// --- internal ---

/** A default is for new rows; to those that have no value, MySQL gives one that nobody chose, or it refuses. */
function fills(was: Column, now: Column, context: RowContext): Question[] {
  if (isNotNull(was) || !isNotNull(now) || !hasDefault(now) || was.generated !== null) return []
  if (answerFor(context.answers.fill, context, now.name) !== undefined) return []
  const name = `${shown(context.to.name)}.${shown(now.name)}`
  return [
    {
      id: `fill ${name}`,
      kind: 'fill',
      object: `column ${name}`,
      why: `column ${name} must not be null any more: what do rows get that have no value?`,
      flag: `--fill "${name}='…'"`,
    },
  ]
}

/** Values of an enum or set that go, with rows that may have them. */
function lost(was: Column, now: Column, context: RowContext, { answers, notRenamed }: Answered): Question[] {
  const [old, left] = [valuesOf(was) ?? [], valuesOf(now) ?? []]
  const renames = context.values(now.name)
  const come = left.filter((value) => !old.includes(value) && ![...renames.values()].includes(value))
  const path = `${shown(context.oldTable)}.${shown(context.oldNames.get(now.name) ?? now.name)}`
  return lostValues(was, now, renames).flatMap((value): Question[] => {
    const name = `${path}.${value}`
    const inPlace = come.filter((other) => left.indexOf(other) === old.indexOf(value))
    const isAsked = !notRenamed.has('all') && !notRenamed.has(`rename value ${name}`)
    if (inPlace.length > 0 && old.length === left.length && isAsked)
      return [
        renameQuestion(
          'value',
          name,
          inPlace.map((other) => `${newPath(context.to, now)}.${other}`),
        ),
      ]
    const key = pathOf(name).join('\0')
    if ([...answers.map.keys()].some((said) => pathOf(said).join('\0') === key)) return []
    return [
      {
        id: `map ${name}`,
        kind: 'map',
        object: `value ${name}`,
        candidates: left,
        why: `value ${name} is gone: what do the rows get that have it?`,
        flag: `--map "${name}=${left[0] ?? ''}"`,
      },
    ]
  })
}

function newPath(table: Table, column: Column): string {
  return `${shown(table.name)}.${shown(column.name)}`
}
