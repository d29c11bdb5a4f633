/** A schema in the parts that are compared: tables taken apart, everything else as it is. */
import type { SchemaObject } from '../../schema/model.ts'
import type { Schema } from '../../schema/schema.ts'
import { type ForeignKey, readForeignKey, readTable, type Table } from './tableModel.ts'

export interface Model {
  readonly tables: readonly Table[]
  readonly foreignKeys: readonly ForeignKey[]
  readonly views: readonly SchemaObject[]
  readonly routines: readonly SchemaObject[]
  readonly triggers: readonly SchemaObject[]
  readonly events: readonly SchemaObject[]
  readonly sequences: readonly SchemaObject[]
  /** The character set of the database, where it is not the server's. */
  readonly database: SchemaObject | undefined
  /** Text that makes a table, by its name. */
  readonly tableTexts: ReadonlyMap<string, SchemaObject>
}

export function readModel({ objects }: Schema): Model {
  const of = (kind: SchemaObject['kind']) => objects.filter((object) => object.kind === kind)
  const tables = of('table')
  const read = tables.map(readTable)
  return {
    tables: read,
    foreignKeys: of('foreign-key').map(readForeignKey),
    views: of('view'),
    routines: of('routine'),
    triggers: of('trigger'),
    events: of('event'),
    sequences: of('sequence'),
    database: of('schema')[0],
    tableTexts: new Map(read.map((table, i) => [table.name, tables[i] as SchemaObject])),
  }
}

export function tableNamed({ tables }: Model, name: string): Table | undefined {
  return tables.find((table) => table.name === name)
}
