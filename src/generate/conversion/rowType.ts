/** How code sees the rows of a table: the types of its values in TypeScript, and the columns that tell rows apart. Pure. */
import type { SchemaColumn, SchemaObject } from '../../schema/model.ts'
import type { Schema } from '../../schema/schema.ts'
import { plainName } from '../columns.ts'

/** Returns the type of the values that the database's client reads and writes; `unknown` where that depends on the value. */
export function typescriptType({ type, nullable }: SchemaColumn, schema: Schema): string {
  const plain = schema.dialect === 'mysql' ? mysqlType(type) : postgresType(type, schema)
  return nullable && plain !== 'unknown' ? `${plain} | null` : plain
}

/** Returns the plain names of the columns of a key that every row has: the primary key, else a unique one. */
export function keyOfRows({ members, columns }: SchemaObject): readonly string[] | undefined {
  const required = new Set(columns.filter(({ nullable }) => !nullable).map(({ name }) => name))
  const keys = members.flatMap(({ text }) => {
    const [, kind = '', list = ''] = KEY.exec(text) ?? []
    const labels = list.match(/`(?:[^`]|``)*`|"(?:[^"]|"")*"|[^\s,"`]+/g) ?? []
    // Anything else in a list is no whole column: a length, a direction, a range that must not overlap.
    const isPlain = labels.length > 0 && labels.join() === list.replaceAll(/,\s+/g, ',')
    const names = labels.map(plainName)
    return isPlain && names.every((name) => required.has(name)) ? [{ isPrimary: kind === 'PRIMARY KEY', names }] : []
  })
  return (keys.find(({ isPrimary }) => isPrimary) ?? keys[0])?.names
}

// --- internal ---

const KEY =
  /^(?:CONSTRAINT (?:"(?:[^"]|"")*"|[^\s"]+) )?(PRIMARY KEY|UNIQUE)(?: KEY `(?:[^`]|``)*`)? ?\(((?:`(?:[^`]|``)*`|"(?:[^"]|"")*"|[^"`()])*)\)/

/** Returns the TypeScript type of the values that `pg` returns. */
function postgresType(type: string, schema: Schema): string {
  const array = /^(.*)\[\]$/s.exec(type)
  if (array) {
    const of = postgresType(array[1] ?? '', schema)
    // The client knows the arrays of the server's own types only.
    return isOwnType(array[1] ?? '', schema) ? 'string' : /\W/.test(of) ? `(${of})[]` : `${of}[]`
  }
  if (/^(?:smallint|integer|real|double precision|oid)$/.test(type)) return 'number'
  if (type === 'boolean') return 'boolean'
  if (/^(?:timestamp|date\b)/.test(type)) return 'Date'
  if (/^(?:jsonb?|interval|point|circle)\b/.test(type)) return 'unknown'
  if (type === 'bytea') return 'Uint8Array'
  const head = schema.objects.find(({ kind, name }) => kind === 'type' && name === type)?.head ?? ''
  const labels = /AS ENUM \((.*)\)/s.exec(head)?.[1]
  if (labels !== undefined) return literals(labels)
  const base = /^CREATE DOMAIN .+? AS ([a-z][^;]*?)(?: COLLATE| DEFAULT| NOT NULL| CONSTRAINT| CHECK|;|$)/s.exec(
    head,
  )?.[1]
  return base === undefined ? 'string' : postgresType(base, schema)
}

function isOwnType(type: string, { objects }: Schema): boolean {
  return objects.some(({ kind, name }) => kind === 'type' && name === type)
}

/** Returns the TypeScript type of the values that `mysql2` returns. */
function mysqlType(type: string): string {
  if (/^(?:\w*int|float|double|year)\b/.test(type)) return 'number'
  if (/^(?:date|datetime|timestamp)\b/.test(type)) return 'Date'
  if (/^(?:json|geom\w*|point|linestring|polygon|multi\w+)\b/.test(type)) return 'unknown'
  if (/blob\b|binary\b|^bit\b/.test(type)) return 'Uint8Array'
  const labels = /^enum\((.*)\)/s.exec(type)?.[1]
  return labels === undefined ? 'string' : literals(labels)
}

/** A list of SQL literals as a union of TypeScript's. */
function literals(list: string): string {
  const values = (list.match(/'(?:[^']|'')*'/g) ?? []).map((literal) => literal.slice(1, -1).replaceAll("''", "'"))
  return values.length === 0 ? 'string' : values.map((value) => `'${value.replaceAll(/['\\]/g, '\\$&')}'`).join(' | ')
}
