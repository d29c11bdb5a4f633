/** Copies a table's rows aside and finds them again in the table. */
import { identifier, literal } from '../tables.ts'
import type { RowTable } from './model.ts'

export interface Aside {
  /**
   * `table`: rows that the table had. `waited`, `values`: kept from an earlier run, as whole rows or as values of rows.
   */
  readonly origin: 'table' | 'waited' | 'values'
  readonly was: RowTable | undefined
  /** Name of the table, quoted and qualified; `shown` is its readable name. */
  readonly name: string
  readonly shown: string
  /** Name of the copy, whose columns are c0, c1, … */
  readonly copy: string
  readonly columns: readonly string[]
  readonly indexOf: (column: string) => number
  /** Returns whether the copy holds a column as text. */
  readonly isText: (column: string) => boolean
  /** `true` if the table still is the one from before the downs. */
  survived: boolean
  /** Columns that existed all the time, unchanged. */
  lasting: ReadonlySet<string>
  /** Columns whose type a down changed: `d` plus the column's number holds what the change made of the value. */
  changed: ReadonlySet<string>
}

/**
 * Describes the copy of a table. Columns of users' types are held as text, from which any type can be read again;
 * copies in these types would also keep a down from dropping them. Columns of the server's own types are held
 * unchanged, which is faster.
 */
export function asideOf(table: RowTable, i: number): Aside {
  const isOwn = (typeId: string) => Number(typeId) >= FIRST_OWN_OID || REFERRING.includes(typeId)
  const own = new Set(table.columns.filter(({ typeId }) => isOwn(typeId)).map(({ name }) => name))
  return aside(
    { origin: 'table', was: table, name: table.name, shown: table.shown },
    i,
    table.columns.map(({ name }) => name),
    (name) => own.has(name),
  )
}

export function keptAside(name: string, columns: readonly string[], origin: 'waited' | 'values', i: number): Aside {
  return aside({ origin, was: undefined, name, shown: name.replace(/^public\./, '') }, i, columns, () => true)
}

/** Returns the SQL that makes the copy. @param inserted ids of transactions whose rows are not carried */
export function createCopy({ copy, isText }: Aside, { columns, from }: RowTable, inserted: readonly string[]): string {
  const values = columns.map(({ name }, i) => `, t.${name}${isText(name) ? '::text' : ''} AS c${i}`).join('')
  // Its place numbers a row at no cost. Partitions have the same places.
  const number = from.startsWith('ONLY ') ? 't.ctid' : 'row_number() OVER ()'
  return `CREATE TEMPORARY TABLE ${copy} AS SELECT ${number} AS n${values} FROM ${from} t${carried(inserted)}; ${addMarks(copy)}`
}

/** Returns the condition, as SQL, for rows of the table `t` that are carried. @param inserted as in {@link createCopy} */
export function carried(inserted: readonly string[]): string {
  return inserted.length > 0 ? ` WHERE NOT (t.xmin::text = ANY ('{${inserted.join()}}'))` : ''
}

/** Returns the SQL that adds the columns that record each row's outcome. Columns added with a default take no space. */
export function addMarks(copy: string): string {
  return `ALTER TABLE ${copy} ADD COLUMN state text NOT NULL DEFAULT 'new', ADD COLUMN error text, ADD COLUMN bad text[] NOT NULL DEFAULT '{}';`
}

/**
 * Returns the SQL that pairs rows of the copy (`k`) with rows of the table (`t`): by key, or else by all values in
 * these columns, with equal rows in any order. Undefined if there is nothing to identify rows by.
 */
export function pairing(
  aside: Aside,
  table: RowTable,
  columns: readonly string[],
): { readonly from: string; readonly where: string } | undefined {
  const text = (name: string) => (aside.isText(name) ? `k.c${aside.indexOf(name)}` : `k.c${aside.indexOf(name)}::text`)
  if (table.key.length > 0 && table.key.every((name) => aside.columns.includes(name))) {
    return { from: `${table.from} t`, where: table.key.map((name) => `t.${name}::text = ${text(name)}`).join(' AND ') }
  }
  const shared = columns.filter((name) => table.columns.some((column) => column.name === name))
  if (table.key.length > 0 || shared.length === 0) return undefined
  const ours = `ROW(${shared.map(text).join(', ')})::text`
  const theirs = `ROW(${shared.map((name) => `o.${name}::text`).join(', ')})::text`
  return {
    from: `(SELECT o.*, o.tableoid AS "migratest table", o.ctid AS "migratest place", ${theirs} AS "migratest row", row_number() OVER (PARTITION BY ${theirs}) AS "migratest nth" FROM ${table.from} o) t,
      (SELECT n, ${ours} AS line, row_number() OVER (PARTITION BY ${ours} ORDER BY n) AS nth FROM ${aside.copy} k) p`,
    where: 'p.n = k.n AND t."migratest row" = p.line AND t."migratest nth" = p.nth',
  }
}

/**
 * Settings for the following statements of the transaction: all rows are visible, and values are written without loss.
 */
export const settings = [
  ['row_security', 'off'],
  ['extra_float_digits', '1'],
  ['DateStyle', 'ISO, YMD'],
  ['IntervalStyle', 'postgres'],
  ['bytea_output', 'hex'],
]
  .map(([name, value]) => `SET LOCAL ${name} = ${literal(value ?? '')};`)
  .join(' ')

// --- internal ---

/** First oid of users' objects; lower ones are the server's (src/include/access/transam.h). */
const FIRST_OWN_OID = 16_384

/**
 * Oids of regproc, regprocedure, regoper, regoperator, regclass, regtype, regconfig, regdictionary, regnamespace,
 * regrole, regcollation: their values are oids of objects that may be created again with another oid.
 */
const REFERRING = ['24', '2202', '2203', '2204', '2205', '2206', '3734', '3769', '4089', '4096', '4191']

function aside(
  of: Pick<Aside, 'origin' | 'was' | 'name' | 'shown'>,
  i: number,
  columns: readonly string[],
  isText: Aside['isText'],
): Aside {
  const places = new Map(columns.map((name, at) => [name, at]))
  return {
    ...of,
    copy: `pg_temp.${identifier(`migratest rows ${i}`)}`,
    columns,
    indexOf: (name) => places.get(name) ?? -1,
    isText,
    survived: false,
    lasting: new Set(),
    changed: new Set(),
  }
}
