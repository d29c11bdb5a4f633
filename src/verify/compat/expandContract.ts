/** Writes the safe way for a change that breaks old code: first add, then switch, then remove. Pure. */
import type { FillTable } from '../../fill/model.ts'
import type { Dialect } from '../../sql/dialect.ts'
import type { Fix } from '../finding.ts'
import type { Said } from '../rows/said.ts'
import type { Broken } from './broken.ts'

interface Around {
  readonly said: Said
  /** The tables at the new version. */
  readonly now: readonly FillTable[]
  readonly dialect: Dialect
  /** The text of the statement that broke it. */
  readonly statement: string | undefined
}

export function expandAndContract(broken: Broken, around: Around): Fix {
  const { table, column, kind } = broken
  const name = bare(table.name)
  if (kind === 'no-table') {
    const renamed = around.said.renamedTable(name)
    return renamed === undefined ? later('the table', around) : renamedTable(plain(table), renamed)
  }
  const old = table.columns.find((one) => one.name === column)
  const after = around.now.find(({ id, name: same }) => id === table.id || same === table.name)
  if (kind === 'no-column' && column !== undefined) {
    const renamed = around.said.renamedColumn([table.name], column)
    const fresh = after?.columns.find(({ name: same }) => same.toLowerCase() === renamed)
    return renamed === undefined
      ? later('the column', around)
      : renamedColumn(plain(table), column, fresh?.name ?? renamed, old?.written)
  }
  const fresh = after?.columns.find((one) => one.name === column)
  if (kind === 'not-null' && column !== undefined)
    return required(plain(table), column, fresh?.written, old !== undefined, around)
  if (kind === 'refused')
    return {
      text: 'Whether old code adds such rows is for you to say. If it may: release first the code that does not, and this change in the release after that.',
    }
  if (kind === 'left-out' && column !== undefined) return leftOut(column, around)
  if (kind === 'other-type' && column !== undefined) return otherType(plain(table), column, fresh?.written)
  return {
    text: 'Release in two steps: first a schema with which the old code and the new one work, and when no old code runs any more, the rest.',
  }
}

/** A query as people write it, without the quotes that it does not need. */
export function readable(sql: string): string {
  return sql.replaceAll(/"([a-z_][a-z0-9_]*)"|`([A-Za-z_][A-Za-z0-9_]*)`/g, '$1$2').replaceAll(/\bpublic\./g, '')
}

// --- internal ---

const FIRST = '-- in this release'
const LAST = '-- in a later release, when no code of this one runs any more'

function plain({ sql }: FillTable): string {
  return readable(sql)
}

function bare(name: string): string {
  return name.split('.').at(-1) ?? name
}

function later(what: string, { statement }: Around): Fix {
  return {
    text: `Release first the code that no longer uses ${what}, and drop it in the release after that.`,
    ...(statement && { sql: `${LAST}\n${statement};` }),
  }
}

function leftOut(column: string, { statement }: Around): Fix {
  return {
    text: `Release first the code that gives ${column} a value, or a default that the new schema accepts, and this change in the release after that.`,
    ...(statement && { sql: `${LAST}\n${statement};` }),
  }
}

function renamedTable(old: string, renamed: string): Fix {
  const sql = [
    FIRST,
    `ALTER TABLE ${old} RENAME TO ${renamed};`,
    `CREATE VIEW ${old} AS SELECT * FROM ${renamed};`,
    LAST,
    `DROP VIEW ${old};`,
  ]
  return { text: 'Leave a view with the old name, through which the old code reads and writes.', sql: sql.join('\n') }
}

function renamedColumn(table: string, old: string, renamed: string, type = 'text'): Fix {
  const sql = [
    `${FIRST}, whose code writes both columns`,
    `ALTER TABLE ${table} ADD COLUMN ${renamed} ${type};`,
    `UPDATE ${table} SET ${renamed} = ${old} WHERE ${renamed} IS NULL;`,
    LAST,
    `ALTER TABLE ${table} DROP COLUMN ${old};`,
  ]
  return { text: 'Add the new column beside the old one, and drop the old one later.', sql: sql.join('\n') }
}

function required(table: string, column: string, type = 'text', isOld: boolean, { dialect }: Around): Fix {
  const set =
    dialect === 'mysql'
      ? `ALTER TABLE ${table} MODIFY ${column} ${type} NOT NULL;`
      : `ALTER TABLE ${table} ALTER COLUMN ${column} SET NOT NULL;`
  const first = isOld
    ? [`${FIRST}: the code gives it a value`]
    : [FIRST, `ALTER TABLE ${table} ADD COLUMN ${column} ${type};  -- or NOT NULL with a DEFAULT`]
  return {
    text: 'Old code does not give this column a value: let it be NULL, or give it a default, until no old code runs any more.',
    sql: [...first, LAST, set].join('\n'),
  }
}

function otherType(table: string, column: string, type = 'the new type'): Fix {
  const sql = [
    `${FIRST}, whose code writes both columns`,
    `ALTER TABLE ${table} ADD COLUMN ${column}_new ${type};`,
    LAST,
    `ALTER TABLE ${table} DROP COLUMN ${column};`,
  ]
  return { text: 'Add a column of the new type beside the old one, and drop the old one later.', sql: sql.join('\n') }
}
