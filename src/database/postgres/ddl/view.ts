/** The DDL of views and materialized views. */
import type { SchemaObject } from '../../../schema/model.ts'
import type { ViewFacts } from '../catalog/facts.ts'
import { asColumn, columnExtras, columnSettings } from './column.ts'
import { companions, extras, object } from './object.ts'

export function describeView(facts: ViewFacts): SchemaObject {
  const { name } = facts
  const columns = facts.columns ?? []
  const materialized = facts.form === 'm'
  const options = facts.options ? ` WITH (${facts.options.join(', ')})` : ''
  const what = materialized ? `MATERIALIZED VIEW ${name}` : `VIEW ${name}`
  const definition = facts.definition.trimEnd().replace(/;$/, '')
  const defaults = columns.map(
    (column) =>
      column.expression !== null &&
      `ALTER VIEW ${name} ALTER COLUMN ${column.quoted} SET DEFAULT ${column.expression};`,
  )
  return object(
    'view',
    name,
    `CREATE ${what}${facts.method && materialized ? ` USING ${facts.method}` : ''}${options} AS\n${definition}`,
    {
      tail: materialized && !facts.populated ? '\nWITH NO DATA;' : ';',
      more: [
        ...(materialized ? columnSettings(what, columns, true) : []),
        ...companions(what, facts.extensions),
        ...defaults,
        ...extras(what, facts, `TABLE ${name}`),
        ...columnExtras(name, columns),
      ],
      columns: columns.map(asColumn),
    },
  )
}
