/** Answers where nobody is asked: values that a column can hold and that mean nothing. */
import type { SchemaColumn, SchemaObject } from '../../schema/model.ts'
import type { Schema } from '../../schema/schema.ts'
import { ownColumns } from '../columns.ts'
import type { Answers } from '../hints.ts'
import { neutralValues } from '../mysql/neutral.ts'
import { neutralLabels } from '../postgres/neutral.ts'

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
      const label = labelOf(table, column.name)
      const key = `${table.name}.${label}`
      // Rows get this value by themselves once the column is required.
      if (before && column.default !== null && to.dialect === 'postgres') continue
      const value =
        referenced(to, table, label) ??
        (isUnique(to, table, label) ? uniqueValue(column.type, to) : undefined) ??
        (to.dialect === 'mysql' ? place(table, column) : undefined) ??
        neutralValue(column.type, to)
      if (value !== undefined && !fill.has(key)) fill.set(key, value)
    }
  }
  const values = to.dialect === 'mysql' ? neutralValues(from, to, answers) : neutralLabels(from, to)
  return { ...answers, fill, map: new Map([...values, ...answers.map]) }
}

/** Returns an expression that gives each row a value which keys and checks are likely to accept; undefined if none is known. */
export function valueThatFits(schema: Schema, tableName: string, label: string): string | undefined {
  const table = schema.objects.find(({ kind, name }) => kind === 'table' && name === tableName)
  const column = table && ownColumns(table).find((one) => one.label === label)?.column
  if (!table || !column) return undefined
  return (
    referenced(schema, table, label) ??
    uniqueValue(column.type, schema) ??
    (schema.dialect === 'mysql' ? place(table, column) : undefined) ??
    neutralValue(column.type, schema)
  )
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

/** The smallest value of each type of places. */
const PLACES: Readonly<Record<string, string>> = {
  geometry: 'POINT(0 0)',
  point: 'POINT(0 0)',
  linestring: 'LINESTRING(0 0,1 1)',
  polygon: 'POLYGON((0 0,0 1,1 1,0 0))',
  multipoint: 'MULTIPOINT(0 0)',
  multilinestring: 'MULTILINESTRING((0 0,1 1))',
  multipolygon: 'MULTIPOLYGON(((0 0,0 1,1 1,0 0)))',
  geomcollection: 'GEOMETRYCOLLECTION(POINT(0 0))',
  geometrycollection: 'GEOMETRYCOLLECTION(POINT(0 0))',
}

function place(table: SchemaObject, { name, type }: SchemaColumn): string | undefined {
  const text = PLACES[type]
  if (text === undefined) return undefined
  const own = table.members.find(({ key }) => key.replaceAll('`', '') === `column ${name}`)?.text ?? ''
  const srid = /\b(?:SRID|REF_SYSTEM_ID)[ =](\d+)/.exec(own)?.[1]
  return `ST_GeomFromText('${text}'${srid === undefined ? '' : `, ${srid}`})`
}

function mysqlValue(type: string): string | undefined {
  if (/^(?:\w*int|decimal|float|double|bit|year)\b/.test(type)) return '0'
  if (/^(?:date|datetime|timestamp|time)\b/.test(type)) return 'now()'
  if (type === 'json') return "'{}'"
  const first = /^enum\(('(?:[^']|'')*')/.exec(type)?.[1]
  return first ?? (/char|text|binary|blob|^set\b/.test(type) ? "''" : undefined)
}

/** Any row that a foreign key of the column accepts. */
function referenced({ objects }: Schema, table: SchemaObject, label: string): string | undefined {
  for (const { kind, table: of, head } of objects) {
    if (kind !== 'foreign-key' || of !== table.name) continue
    const [, column, other, key] =
      /FOREIGN KEY \((`[^`]*`|"(?:[^"]|"")*"|[^,"`)]+)\) REFERENCES (.+?) ?\((`[^`]*`|"(?:[^"]|"")*"|[^,"`)]+)\)/.exec(
        head,
      ) ?? []
    if (column !== undefined && column.replaceAll('`', '') === label.replaceAll('`', ''))
      return `(SELECT ${key} FROM ${other} LIMIT 1)`
  }
  return undefined
}

/** Returns the column's name as DDL writes it. */
function labelOf(table: SchemaObject, name: string): string {
  return ownColumns(table).find(({ column }) => column.name === name)?.label ?? name
}

/** Returns whether a constraint or an index keeps the column's values apart. */
function isUnique({ objects }: Schema, table: SchemaObject, label: string): boolean {
  const list = `(${label})`
  return (
    table.members.some(
      ({ text }) => /^(?:CONSTRAINT .* )?(?:UNIQUE|PRIMARY KEY) /.test(text) && text.replaceAll('`', '').includes(list),
    ) ||
    objects.some(
      ({ kind, table: of, head }) =>
        kind === 'index' && of === table.name && head.startsWith('CREATE UNIQUE') && head.includes(list),
    )
  )
}

/** A different value for each row, where that is as easy; the server computes it row by row. */
function uniqueValue(type: string, { dialect }: Schema): string | undefined {
  if (dialect === 'mysql') {
    if (/^(?:int|bigint)\b/.test(type)) return 'floor(rand() * 2000000000)'
    return Number(/^(?:var)?char\((\d+)\)/.exec(type)?.[1] ?? 0) >= 36 ? 'uuid()' : undefined
  }
  if (/^(?:integer|bigint|numeric|double precision)/.test(type)) return '(random() * 2000000000)::integer'
  const length = /^character varying\((\d+)\)$/.exec(type)?.[1]
  if (length !== undefined) return `left(gen_random_uuid()::text, ${length})`
  return type === 'text' || type === 'character varying' ? 'gen_random_uuid()::text' : undefined
}
