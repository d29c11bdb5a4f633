/**
 * Keeps rows while migrations are undone and applied again. They are copied aside as text, which any type can be read
 * from again: a copy in their own types would keep a down from dropping these types.
 */
import { readScript } from '../../../sql/script.ts'
import {
  type Carried,
  type LeftRows,
  type Reached,
  type RowKeeper,
  type TableRows,
  TooManyRowsError,
} from '../../development.ts'
import type { Session } from '../session.ts'
import { identifier, literal, type Tables } from '../tables.ts'
import { developmentTables, type OwnDevelopment } from './development.ts'
import {
  type RowColumn,
  type RowSequence,
  type RowTable,
  readReached,
  readSequences,
  readTables,
  standing,
} from './model.ts'
import { inOrder, PutBack } from './putBack.ts'

/** A table's rows, copied aside. */
export interface Aside {
  /** As it was; undefined where all come from what was kept before. */
  readonly was: RowTable | undefined
  readonly name: string
  readonly shown: string
  /** Where the copy is. */
  readonly copy: string
  /** Its columns are named c0, c1, … in this order. */
  readonly columns: readonly string[]
  readonly rows: number
  /** The table is the same as before the downs. */
  survived: boolean
  /** Columns that have been there all the time. */
  lasting: ReadonlySet<string>
}

export function postgresRows(session: Session, tables: Tables): RowKeeper {
  return new PostgresRows(session, tables)
}

class PostgresRows implements RowKeeper {
  readonly #session: Session
  readonly #development: OwnDevelopment
  #aside: Aside[] = []
  #sequences: RowSequence[] = []

  constructor(session: Session, tables: Tables) {
    this.#session = session
    this.#development = developmentTables(tables)
  }

  reached(work: () => Promise<void>): Promise<Reached> {
    return readReached(this.#session, work)
  }

  async keep(reached: Reached, { undone, most }: { undone: readonly number[]; most: number }): Promise<void> {
    this.#aside = []
    const { own } = this.#development
    const found = await readTables(this.#session, own, reached === 'all' ? undefined : { oids: reached })
    const oids = [...found.map(({ oid }) => oid), ...(reached === 'all' ? [] : reached)]
    this.#sequences = await readSequences(this.#session, oids)
    const counted = await this.#count(found)
    const filled = counted.filter(({ rows }) => rows > 0)
    if (filled.reduce((sum, { rows }) => sum + rows, 0) > most) {
      throw new TooManyRowsError(
        filled.map(({ table, rows }) => ({ table: table.shown, rows })),
        most,
      )
    }
    const makers = filled.length > 0 ? await this.#makersOf(undone) : []
    const script: string[] = []
    for (const [i, { table, rows }] of filled.entries()) {
      const aside = asideOf(table, i, rows)
      const inserted = makers.filter(({ xid, insertsOnly }) => insertsOnly || xid === table.made).map(({ xid }) => xid)
      const values = table.columns.map(({ name }, n) => `t.${name}::text AS c${n}`)
      const where = inserted.length > 0 ? ` WHERE NOT (t.xmin::text = ANY ('{${inserted.join()}}'))` : ''
      script.push(
        `CREATE TEMPORARY TABLE ${aside.copy} AS SELECT ${MARKS}${values.map((value) => `, ${value}`).join('')} FROM ${table.partitioned ? '' : 'ONLY '}${table.name} t${where};`,
      )
      this.#aside.push(aside)
    }
    if (script.length > 0) await this.#session.script(script.join('\n'), NEVER)
  }

  async compare(): Promise<void> {
    const was = this.#aside.flatMap((aside) => aside.was ?? [])
    const now = new Map(
      was.length === 0
        ? []
        : (await readTables(this.#session, this.#development.own, { oids: was.map(({ oid }) => oid) })).map((table) => [
            table.oid,
            table,
          ]),
    )
    const script: string[] = []
    for (const aside of this.#aside) {
      const table = aside.was && now.get(aside.was.oid)
      if (!aside.was || !table) continue
      aside.survived = true
      const numbers = new Map(table.columns.map(({ name, number }) => [name, number]))
      aside.lasting = new Set(
        aside.was.columns.filter(({ name, number }) => numbers.get(name) === number).map(({ name }) => name),
      )
      if (table.key.length === 0 || !table.key.every((name) => aside.columns.includes(name))) continue
      const match = table.key.map((name) => `t.${name}::text = k.c${aside.columns.indexOf(name)}`).join(' AND ')
      script.push(`UPDATE ${aside.copy} k SET state = 'present' FROM ${table.name} t WHERE ${match};`)
    }
    if (script.length > 0) await this.#session.script(script.join('\n'), NEVER)
  }

  async putBack(): Promise<Carried> {
    const before = await this.#waitingWithPlace()
    await this.#loadWaiting(before)
    const names = this.#aside.map(({ name }) => name)
    const now = names.length === 0 ? [] : await readTables(this.#session, this.#development.own, { names })
    const byName = new Map(now.map((table) => [table.name, table]))
    const back: TableRows[] = []
    const left: LeftRows[] = []
    const putting = new PutBack(this.#session)
    await putting.begin(now)
    for (const table of inOrder(now)) {
      const aside = this.#aside.find(({ name }) => name === table.name) as Aside
      const put = await putting.table(aside, table)
      if (put.rows > 0) back.push({ table: table.shown, rows: put.rows })
      left.push(...put.left)
    }
    await putting.end()
    await this.#setSequences(now)
    for (const { name, shown, copy } of this.#aside) {
      if (byName.has(name)) continue
      const [row] = await this.#session.query(`SELECT count(*)::int AS rows FROM ${copy}`)
      left.push({ table: shown, rows: Number(row?.rows), why: 'its table is gone' })
    }
    await this.#leaveAside(before, byName)
    const copies = this.#aside.map(({ copy }) => copy)
    if (copies.length > 0) await this.#session.script(`DROP TABLE ${copies.join(', ')};`, NEVER)
    this.#aside = []
    return { back, left: left.filter(({ rows }) => rows > 0) }
  }

  remember(versions: readonly number[]): Promise<void> {
    return this.#session.script(this.#development.remember(versions), NEVER)
  }

  async waiting(): Promise<readonly TableRows[]> {
    const rows = await this.#session.query(
      `SELECT tab AS table, count(*)::int AS rows FROM ${this.#development.keptTable} GROUP BY 1 ORDER BY 1`,
    )
    return rows.map(({ table, rows: some }) => ({ table: String(table).replace(/^public\./, ''), rows: Number(some) }))
  }

  async forget(): Promise<void> {
    await this.#session.query(`DELETE FROM ${this.#development.keptTable}`)
  }

  // --- internal ---

  async #count(found: readonly RowTable[]): Promise<{ table: RowTable; rows: number }[]> {
    if (found.length === 0) return []
    const counts = await this.#session.query(
      found
        .map(
          ({ name, partitioned }, i) =>
            `SELECT ${i} AS i, count(*)::int AS rows FROM ${partitioned ? '' : 'ONLY '}${name}`,
        )
        .join(' UNION ALL '),
    )
    return counts.map(({ i, rows }) => ({ table: found[Number(i)] as RowTable, rows: Number(rows) }))
  }

  /**
   * The transactions in which these versions were applied: a row whose xmin is one of them was written by that migration.
   * One that made the table cannot have met rows of others; of any other it has to be seen from its text.
   */
  async #makersOf(versions: readonly number[]): Promise<{ xid: string; insertsOnly: boolean }[]> {
    if (versions.length === 0) return []
    const rows = await this.#session.query(this.#development.makers(versions))
    return rows.map(({ xid, up }) => ({ xid: String(xid), insertsOnly: up !== null && insertsOnly(String(up)) }))
  }

  /** Names of tables that are there now and of which rows wait. */
  async #waitingWithPlace(): Promise<string[]> {
    const rows = await this.#session.query(
      `SELECT tab FROM (SELECT DISTINCT tab FROM ${this.#development.keptTable}) w WHERE to_regclass(tab) IS NOT NULL`,
    )
    return rows.map(({ tab }) => String(tab))
  }

  /** Beside what was copied from the table, or alone. */
  async #loadWaiting(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const rows = await this.#session.query(
        `SELECT DISTINCT k.key AS name FROM ${this.#development.keptTable}, jsonb_object_keys(line) k(key) WHERE tab = ${literal(name)}`,
      )
      const columns = rows.map((row) => String(row.name))
      const index = this.#aside.findIndex((aside) => aside.name === name)
      const aside = index === -1 ? this.#emptyAside(name, columns) : (this.#aside[index] as Aside)
      const known = columns.filter((column) => aside.columns.includes(column))
      const more = columns.filter((column) => !aside.columns.includes(column))
      const wide = { ...aside, columns: [...aside.columns, ...more], rows: aside.rows + 1 }
      const script = [
        ...(index === -1
          ? [
              `CREATE TEMPORARY TABLE ${aside.copy} (n bigint, state text, error text${columns.map((_, n) => `, c${n} text`).join('')});`,
            ]
          : more.map((_, n) => `ALTER TABLE ${aside.copy} ADD COLUMN c${aside.columns.length + n} text;`)),
        `INSERT INTO ${aside.copy} (n, state${[...known, ...more].map((column) => `, c${wide.columns.indexOf(column)}`).join('')})
         SELECT -id, CASE WHEN whole THEN 'waited' ELSE 'values' END${[...known, ...more].map((column) => `, line->>${literal(column)}`).join('')} FROM ${this.#development.keptTable} WHERE tab = ${literal(name)};`,
      ]
      await this.#session.script(script.join('\n'), NEVER)
      if (index === -1) this.#aside.push(wide)
      else this.#aside[index] = wide
    }
  }

  #emptyAside(name: string, columns: readonly string[]): Aside {
    const copy = copyName(this.#aside.length)
    const shown = name.replace(/^public\./, '')
    return { was: undefined, name, shown, copy, columns, rows: 0, survived: false, lasting: new Set() }
  }

  /** Rows that found no place, and values whose column is gone, stay in the database. */
  async #leaveAside(loaded: readonly string[], now: ReadonlyMap<string, RowTable>): Promise<void> {
    const { keptTable } = this.#development
    const script =
      loaded.length > 0 ? [`DELETE FROM ${keptTable} WHERE tab IN (${loaded.map(literal).join(', ')});`] : []
    for (const { name, copy, columns } of this.#aside) {
      const table = now.get(name)
      const line = (some: readonly string[]) =>
        inParts(some)
          .map((part) => part.map((column) => `${literal(column)}, c${columns.indexOf(column)}`).join(', '))
          .map((pairs) => `jsonb_strip_nulls(jsonb_build_object(${pairs}))`)
          .join(' || ')
      const insert = `INSERT INTO ${keptTable} (tab, whole, line) SELECT ${literal(name)}`
      const nowhere = table ? "state IN ('new', 'waited')" : "state <> 'values'"
      script.push(`${insert}, true, ${line(columns)} FROM ${copy} WHERE ${nowhere} ORDER BY n;`)
      if (!table || table.key.length === 0 || !table.key.every((column) => columns.includes(column))) continue
      const gone = columns.filter((column) => !table.columns.some((there) => there.name === column))
      if (gone.length === 0) continue
      const some = gone.map((column) => `c${columns.indexOf(column)} IS NOT NULL`).join(' OR ')
      script.push(
        `${insert}, false, ${line([...table.key, ...gone])} FROM ${copy} WHERE state NOT IN ('new', 'waited') AND (${some}) ORDER BY n;`,
      )
    }
    if (script.length > 0) await this.#session.script(script.join('\n'), NEVER)
  }

  /** Made anew, they go on where they were, and behind what was put back. */
  async #setSequences(tables: readonly RowTable[]): Promise<void> {
    const script: string[] = []
    const there = await this.#session.query(
      this.#sequences.length === 0
        ? 'SELECT WHERE false'
        : `SELECT name FROM unnest(ARRAY[${this.#sequences.map(({ name }) => literal(name)).join(', ')}]) name WHERE to_regclass(name) IS NOT NULL`,
    )
    const present = new Set(there.map(({ name }) => String(name)))
    const now = new Map((await standing(this.#session, [...present])).map((sequence) => [sequence.name, sequence]))
    for (const { name, last, called } of this.#sequences) {
      const at = now.get(name)
      if (!at || !called || (at.called && BigInt(at.last) >= BigInt(last))) continue
      script.push(`SELECT pg_catalog.setval(${literal(name)}, ${last});`)
    }
    for (const table of tables) {
      for (const { name, sequence } of table.columns) {
        if (sequence === null) continue
        script.push(
          `SELECT pg_catalog.setval(${literal(sequence)}, m) FROM (SELECT max(${name}) AS m FROM ${table.name}) t, ${sequence} s WHERE m > s.last_value OR (m = s.last_value AND NOT s.is_called);`,
        )
      }
    }
    if (script.length > 0) await this.#session.script(script.join('\n'), NEVER)
  }
}

// --- internal ---

const NEVER = new AbortController().signal

/** `new`: to be put back. `present`: still there. `waited`, `values`: kept before, a row or values of one. `done`, `met`: there now. */
const MARKS = `row_number() OVER () AS n, 'new'::text AS state, NULL::text AS error`

/** A function takes a hundred arguments. */
const MOST_COLUMNS = 40

function inParts(columns: readonly string[]): string[][] {
  const parts: string[][] = []
  for (let i = 0; i === 0 || i < columns.length; i += MOST_COLUMNS) parts.push(columns.slice(i, i + MOST_COLUMNS))
  return parts
}

function copyName(i: number): string {
  return `pg_temp.${identifier(`migratest rows ${i}`)}`
}

function asideOf(table: RowTable, i: number, rows: number): Aside {
  const columns = table.columns.map(({ name }: RowColumn) => name)
  return {
    was: table,
    name: table.name,
    shown: table.shown,
    copy: copyName(i),
    columns,
    rows,
    survived: false,
    lasting: new Set(),
  }
}

/** Whether rows that it wrote can only be rows that it inserted. */
function insertsOnly(up: string): boolean {
  const { statements, problem, source } = readScript(up, 'postgres')
  if (problem) return false
  return statements.every(({ words: [first = ''], start, end }) => {
    if (first === 'insert') return !/\bdo\s+update\b|\bwith\b/i.test(source.slice(start, end))
    return HARMLESS.includes(first)
  })
}

const HARMLESS = ['create', 'comment', 'grant', 'revoke', 'set', 'reset', 'delete', 'truncate', 'drop']
