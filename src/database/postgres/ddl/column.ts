/** The DDL of columns: of tables, partitions and views. */
import type { SchemaColumn } from '../../../schema/model.ts'
import type { ColumnFacts } from '../catalog/facts.ts'
import { literal } from '../tables.ts'
import { comment, grants } from './object.ts'

/** Returns the column's definition, as CREATE TABLE and ADD COLUMN take it. */
export function columnText(column: ColumnFacts & { readonly notNullName?: string | undefined }): string {
  const { expression, generated, identity } = column
  const sequence = [
    column.sequence && !column.sequence.usual && `SEQUENCE NAME ${column.sequence.name}`,
    String(column.sequence?.options ?? '').replace(/^AS \S+ ?/, ''),
  ]
    .filter(Boolean)
    .join(' ')
  const parts = [
    `${column.quoted} ${column.type}`,
    column.foreign && optionList(column.foreign).trim(),
    column.compression && `COMPRESSION ${COMPRESSION[column.compression]}`,
    column.collation && `COLLATE ${column.collation}`,
    expression !== null && !generated && `DEFAULT ${expression}`,
    generated && `GENERATED ALWAYS AS (${expression}) ${generated === 's' ? 'STORED' : 'VIRTUAL'}`,
    identity && `GENERATED ${identity === 'a' ? 'ALWAYS' : 'BY DEFAULT'} AS IDENTITY${sequence && ` (${sequence})`}`,
    column.notNull && (column.notNullName ? `CONSTRAINT ${column.notNullName} NOT NULL` : 'NOT NULL'),
  ]
  return parts.filter(Boolean).join(' ')
}

export function asColumn(column: ColumnFacts): SchemaColumn {
  return {
    name: column.name,
    type: column.type,
    nullable: !column.notNull,
    default: column.generated ? null : column.expression,
    generated: column.generated ? column.expression : null,
    identity: column.identity === 'a' ? 'always' : column.identity === 'd' ? 'by default' : null,
    comment: column.comment,
  }
}

/**
 * Returns the statements for how the values of columns are stored and counted.
 * @param compressed `true` if the compression is not said where the columns are made
 */
export function columnSettings(what: string, columns: readonly ColumnFacts[], compressed = false): string[] {
  const settings: readonly ((column: ColumnFacts) => string | false | null)[] = [
    ({ statistics }) => statistics !== null && `STATISTICS ${statistics}`,
    ({ options }) => options && `(${options.join(', ')})`,
    ({ storage }) => storage && `STORAGE ${STORAGE[storage]}`,
    ({ compression }) => compressed && compression && `COMPRESSION ${COMPRESSION[compression]}`,
  ]
  return settings.flatMap((setting) =>
    columns.flatMap((column) => {
      const text = setting(column)
      return text ? [`ALTER ${what} ALTER COLUMN ${column.quoted} SET ${text};`] : []
    }),
  )
}

export function columnExtras(table: string, columns: readonly ColumnFacts[], persistence?: string): string[] {
  return columns.flatMap((column) => [
    ...comment(`COLUMN ${table}.${column.quoted}`, column.comment),
    ...grants(`TABLE ${table}`, column.acl, { column: column.quoted }),
    ...(column.sequence ? comment(`SEQUENCE ${column.sequence.name}`, column.sequence.comment) : []),
    ...(column.sequence ? grants(`SEQUENCE ${column.sequence.name}`, column.sequence.acl) : []),
    ...(column.sequence && persistence && column.sequence.persistence !== persistence
      ? [`ALTER SEQUENCE ${column.sequence.name} SET ${column.sequence.persistence === 'u' ? 'UNLOGGED' : 'LOGGED'};`]
      : []),
  ])
}

/** Returns the statements for what differs between a partition or child and its parent. */
export function inheritedLines(
  table: string,
  { quoted, expression, generated, notNull, parent }: ColumnFacts,
  notNullName: string | undefined,
): string[] {
  const alter = `ALTER TABLE ONLY ${table} ALTER COLUMN ${quoted}`
  const lines: string[] = []
  if (!generated && expression !== (parent?.expression ?? null))
    lines.push(expression === null ? `${alter} DROP DEFAULT;` : `${alter} SET DEFAULT ${expression};`)
  if (parent && notNull && !parent.notNull)
    lines.push(
      notNullName === undefined
        ? `${alter} SET NOT NULL;`
        : `ALTER TABLE ONLY ${table} ADD CONSTRAINT ${notNullName} NOT NULL ${quoted};`,
    )
  return lines
}

export function hasOwnExpression({ generated, expression, parent }: ColumnFacts): boolean {
  return generated !== '' && parent !== null && expression !== parent.expression
}

/** Formats the options of pg_foreign_table.ftoptions, which are `name=value`. */
export function optionList(options: readonly string[] | null): string {
  if (!options) return ''
  const list = options.map((option) => {
    const at = option.indexOf('=')
    return `${option.slice(0, at)} ${literal(option.slice(at + 1)).trim()}`
  })
  return ` OPTIONS (${list.join(', ')})`
}

// --- internal ---

const COMPRESSION: Record<string, string> = { l: 'lz4', p: 'pglz' }
const STORAGE: Record<string, string> = { p: 'PLAIN', e: 'EXTERNAL', m: 'MAIN', x: 'EXTENDED' }
