/** Tables in which migration tools keep their records. They are no part of a schema that a database is wanted to have. */
import type { Hidden } from '../migrate/source.ts'
import type { SchemaObject } from '../schema/model.ts'
import type { Schema } from '../schema/schema.ts'
import { toolOfTable } from '../source/otherTables.ts'

export interface LeftOut {
  /** As the schema writes it: qualified unless in the default schema, quoted if necessary. */
  readonly table: string
  readonly tool: string
}

export function toolTables({ objects }: Schema): LeftOut[] {
  return objects.flatMap((object) => {
    if (object.kind !== 'table') return []
    const { schema, name } = partsOf(object.name)
    const tool = toolOfTable({ name, schema, columns: object.columns.map((column) => column.name) })
    return tool === undefined ? [] : [{ table: object.name, tool }]
  })
}

/** Hides the tables, and schemas that have nothing else in them. */
export function hiddenFor({ objects }: Schema, left: readonly LeftOut[]): Hidden {
  const names = new Set(left.map(({ table }) => table))
  const others = objects.filter(
    ({ kind, name, table }) => kind !== 'schema' && kind !== 'sequence' && !names.has(table ?? name),
  )
  const tables = left.map(({ table }) => {
    const { schema, name } = partsOf(table)
    if (schema !== undefined) return `${schema}.${name}`
    // A bare name means a table in any schema.
    const isElsewhere = others.some((other) => other.kind === 'table' && partsOf(other.name).name === name)
    return isElsewhere ? `public.${name}` : name
  })
  const schemas = new Set(left.flatMap(({ table }) => partsOf(table).schema ?? []))
  for (const other of others) for (const schema of schemaOf(other)) schemas.delete(schema)
  return { tables, schemas: [...schemas] }
}

/** Returns the sentence that says what was left out. */
export function leftOutText(left: readonly LeftOut[]): string {
  const names = left.map(({ table, tool }) => `${table} (${tool})`).join(', ')
  return `left out, because migration tools keep their records there: ${names}`
}

/** Returns a part of a name without its quotes. */
export function plainName(part: string): string {
  if (part.startsWith('"')) return part.slice(1, -1).replaceAll('""', '"')
  return part.startsWith('`') ? part.slice(1, -1).replaceAll('``', '`') : part
}

// --- internal ---

function schemaOf({ name, table }: SchemaObject): string[] {
  return [name, table ?? ''].flatMap((qualified) => partsOf(qualified).schema ?? [])
}

/** Splits a name as the schema writes it. */
function partsOf(qualified: string): { readonly schema: string | undefined; readonly name: string } {
  const parts = (qualified.replace(/\(.*$/s, '').match(/"(?:[^"]|"")*"|`(?:[^`]|``)*`|[^."`]+/g) ?? []).map(plainName)
  const name = parts.at(-1) ?? ''
  return { schema: parts.length > 1 ? parts[0] : undefined, name }
}
