/** A table's rows, copied aside, and how they are found again in the table. */
import { identifier, literal } from '../tables.ts'
import type { RowTable } from './model.ts'

export interface Aside {
  /** `table`: as the table had them. `waited`, `values`: kept before, whole rows or values of rows. */
  readonly origin: 'table' | 'waited' | 'values'
  readonly was: RowTable | undefined
  /** Of the table: quoted and qualified, and as a person says it. */
  readonly name: string
  readonly shown: string
  /** Where the copy is. Its columns are c0, c1, … */
  readonly copy: string
  readonly columns: readonly string[]
  readonly indexOf: (column: string) => number
  /** Whether a column is held as text. */
  readonly isText: (column: string) => boolean
  /** The table is the same as before the downs. */
  survived: boolean
  /** Columns that have been there all the time, as they were. */
  lasting: ReadonlySet<string>
  /** Columns that a down gave another type: `d` and its number holds what that made of the value. */
  changed: ReadonlySet<string>
}

/**
 * Values as texts are what any type can be read from again; copies in types of the user's own would also keep a down from
 * dropping these types. Types of the server itself are held as they are, which is faster.
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

/** @param inserted transactions whose rows are not to be carried */
export function createCopy({ copy, isText }: Aside, { columns, from }: RowTable, inserted: readonly string[]): string {
  const values = columns.map(({ name }, i) => `, t.${name}${isText(name) ? '::text' : ''} AS c${i}`).join('')
  const where = inserted.length > 0 ? ` WHERE NOT (t.xmin::text = ANY ('{${inserted.join()}}'))` : ''
  return `CREATE TEMPORARY TABLE ${copy} AS SELECT row_number() OVER () AS n${values} FROM ${from} t${where}; ${addMarks(copy)}`
}

/** What becomes of each row. Columns that are added with a default take no room. */
export function addMarks(copy: string): string {
  return `ALTER TABLE ${copy} ADD COLUMN state text NOT NULL DEFAULT 'new', ADD COLUMN error text, ADD COLUMN bad text[] NOT NULL DEFAULT '{}';`
}

/**
 * Which row of the copy (`k`) is which of the table (`t`): by key, else by all that these columns hold, equal rows in any
 * order. Undefined where there is nothing to tell rows by.
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

/** For statements to come in the transaction: all rows are seen, and values are written so that nothing of them is lost. */
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

/** Lower ones are the server's (src/include/access/transam.h). */
const FIRST_OWN_OID = 16_384

/** regproc, regprocedure, regoper, regoperator, regclass, regtype, regconfig, regdictionary, regnamespace, regrole, regcollation: numbers of what may be made anew. */
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
