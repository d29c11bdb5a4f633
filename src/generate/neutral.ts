/** Answers where nobody is asked: values that a column can hold and that mean nothing. */
import type { Schema } from '../schema/schema.ts'
import type { Answers } from './hints.ts'

/** Adds a value for each column that must not be null and has none, where its type has a neutral one. */
export function neutralAnswers(from: Schema, to: Schema, answers: Answers): Answers {
  const fill = new Map(answers.fill)
  const renamedTables = new Map(answers.renames.filter(({ kind }) => kind === 'table').map((one) => [one.new, one.old]))
  for (const table of to.objects) {
    if (table.kind !== 'table') continue
    const was = from.objects.find(
      ({ kind, name }) => kind === 'table' && name === (renamedTables.get(table.name) ?? table.name),
    )
    if (!was) continue
    for (const column of table.columns) {
      if (column.nullable || column.generated !== null || column.identity !== null) continue
      const before = was.columns.find(({ name }) => name === column.name)
      if (before && !before.nullable) continue
      // MySQL puts a value of its own in the place of null, whatever the default.
      if (column.default !== null && !(before && to.dialect === 'mysql')) continue
      const key = `${table.name}.${quote(column.name)}`
      const value = neutralValue(column.type, to)
      if (value !== undefined && !fill.has(key)) fill.set(key, value)
    }
  }
  return { ...answers, fill }
}

// --- internal ---

function neutralValue(type: string, schema: Schema): string | undefined {
  if (schema.dialect === 'mysql') return mysqlValue(type)
  if (/\[\]$/.test(type)) return "'{}'"
  if (/^(?:smallint|integer|bigint|numeric|real|double precision|decimal|money|oid)\b/.test(type)) return '0'
  if (/^(?:text|character|"char"|name|bytea|citext|varchar)/.test(type)) return "''"
  if (type === 'boolean') return 'false'
  if (/^timestamp|^date$|^time\b/.test(type)) return 'now()'
  if (type === 'interval') return "'0'"
  if (type === 'uuid') return 'gen_random_uuid()'
  if (/^jsonb?$/.test(type)) return "'{}'"
  const object = schema.objects.find(({ kind, name }) => kind === 'type' && name === type)
  const first = object && /AS ENUM \(('(?:[^']|'')*')/.exec(object.head)?.[1]
  if (first) return first
  if (/range$/.test(type)) return "'empty'"
  return undefined
}

function mysqlValue(type: string): string | undefined {
  if (/^(?:\w*int|decimal|float|double|bit|year)\b/.test(type)) return '0'
  if (/^(?:date|datetime|timestamp|time)\b/.test(type)) return 'now()'
  if (type === 'json') return "'{}'"
  const first = /^enum\(('(?:[^']|'')*')/.exec(type)?.[1]
  return first ?? (/char|text|binary|blob|^set\b/.test(type) ? "''" : undefined)
}

function quote(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}
