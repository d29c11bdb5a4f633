/**
 * Keeps rows while migrations are undone and applied again: copies them aside before the first down and puts them back
 * after the last up. Rows that do not fit then stay in a table of ours until they do.
 */

import { NEVER } from '../../../migrate/never.ts'
import {
  type Carried,
  type LeftRows,
  type Reached,
  type RowKeeper,
  type TableRows,
  TooManyRowsError,
} from '../../development.ts'
import { decompressed } from '../../storedText.ts'
import type { Session } from '../session.ts'
import { literal, type Tables } from '../tables.ts'
import { type Aside, addMarks, asideOf, carried, createCopy, keptAside, pairing, settings } from './aside.ts'
import { derives, developmentTables, isQuiet, type OwnDevelopment } from './development.ts'
import { beginLooks, endLooks, lookAfter, readLooks } from './looks.ts'
import {
  oidsOf,
  type RowSequence,
  type RowTable,
  readMaterialized,
  readReached,
  readSequences,
  readTables,
  standing,
} from './model.ts'
import { inOrder, PutBack } from './putBack.ts'

/** @param others names of another tool's tables, whose rows are not carried */
export function postgresRows(session: Session, tables: Tables, others?: readonly string[]): RowKeeper {
  return new PostgresRows(session, developmentTables(tables, others))
}

class PostgresRows implements RowKeeper {
  readonly #session: Session
  readonly #development: OwnDevelopment
  #aside: Aside[] = []
  #sequences: RowSequence[] = []
  #materialized = new Set<string>()
  /** Whether the rows of the ups that have run, by version, may be derived from others. */
  readonly #derives = new Map<number, boolean>()
  /** The names of the tables and sequences that undoing migrations has reached, by the versions of these. */
  readonly #reachedBefore = new Map<string, readonly string[]>()
  /** The oids of the tables and sequences whose rows and numbers are kept. */
  #kept: ReadonlySet<string> = new Set()
  #names: ReadonlyMap<string, string> = new Map()

  constructor(session: Session, development: OwnDevelopment) {
    this.#session = session
    this.#development = development
  }

  begin(): void {
    this.#aside = []
    this.#sequences = []
    this.#materialized.clear()
    this.#derives.clear()
  }

  async reached(work: () => Promise<void>): Promise<Reached> {
    const { oids, names } = await readReached(this.#session, this.#development.own, work)
    this.#names = names
    return oids
  }

  async keepExpected(options: { undone: readonly number[]; most: number }): Promise<boolean> {
    const names = this.#reachedBefore.get(options.undone.join())
    if (!names) return false
    const oids = await oidsOf(this.#session, names)
    this.#kept = new Set(oids)
    await this.#keep(oids, options)
    return true
  }

  async reachesOnlyKept(work: () => Promise<void>): Promise<boolean> {
    const { oids, names } = await readReached(this.#session, this.#development.own, work)
    return oids.every((oid) => this.#kept.has(oid) || !names.has(oid))
  }

  async keep(reached: Reached, options: { undone: readonly number[]; most: number }): Promise<void> {
    if (reached !== 'all') {
      const names = reached.flatMap((oid) => this.#names.get(oid) ?? [])
      this.#reachedBefore.set(options.undone.join(), names)
    }
    await this.#keep(reached, options)
  }

  async compare(): Promise<void> {
    const was = this.#aside.flatMap((aside) => aside.was ?? [])
    const there =
      was.length === 0
        ? []
        : await this.#session.query(`SELECT oid::text FROM pg_class WHERE oid IN (${was.map(({ oid }) => oid).join()})`)
    if (there.length === 0) return
    const oids = there.map(({ oid }) => String(oid))
    const tables = await readTables(this.#session, this.#development.own, { oids })
    const now = new Map(tables.map((table) => [table.oid, table]))
    const script: string[] = [settings]
    for (const aside of this.#aside) {
      const table = aside.was && now.get(aside.was.oid)
      if (!aside.was || !table) continue
      aside.survived = true
      const there = new Map(table.columns.map((column) => [column.name, column]))
      const same = aside.was.columns.filter(({ name, number }) => there.get(name)?.number === number)
      const changed = same.filter(({ name, whole }) => there.get(name)?.whole !== whole).map(({ name }) => name)
      aside.lasting = new Set(same.map(({ name }) => name).filter((name) => !changed.includes(name)))
      aside.changed = new Set(changed)
      script.push(...changed.map((name) => `ALTER TABLE ${aside.copy} ADD COLUMN d${aside.indexOf(name)} text;`))
      const set = changed.map((name) => `, d${aside.indexOf(name)} = t.${name}::text`).join('')
      const pairs = pairing(aside, table, [...aside.lasting])
      if (pairs)
        script.push(`UPDATE ${aside.copy} k SET state = 'present'${set} FROM ${pairs.from} WHERE ${pairs.where};`)
    }
    await this.#script(script.join('\n'))
  }

  /** Begins with the counts before the ups, since what was written by then is not from the ups. */
  look(): Promise<void> {
    this.#derives.clear()
    return this.#script(beginLooks)
  }

  looking(version: number, up: string | null): string | undefined {
    if (up === null || isQuiet(up)) return undefined
    this.#derives.set(version, derives(up))
    return lookAfter(version, this.#derives.size)
  }

  async putBack(): Promise<Carried> {
    const applied =
      this.#derives.size === 0
        ? []
        : (await readLooks(this.#session)).map((look) => ({
            ...look,
            derives: this.#derives.get(look.version) ?? true,
          }))
    await this.#script(`${settings}\n${this.#development.create}\n${this.#development.remember(applied)}`)
    await this.#loadWaiting()
    const names = [...new Set(this.#aside.map(({ name }) => name))]
    const now = names.length === 0 ? [] : await readTables(this.#session, this.#development.own, { names })
    const putting = new PutBack(this.#session, now, this.#development.keptTable)
    const back: TableRows[] = []
    const left: LeftRows[] = []
    if (now.length > 0) {
      await putting.begin()
      for (const table of inOrder(now)) {
        const put = await putting.table(
          table,
          this.#aside.filter(({ name }) => name === table.name),
        )
        if (put.rows > 0) back.push({ table: table.shown, rows: put.rows })
        left.push(...put.left)
      }
      await putting.end()
    }
    const there = new Set(now.map(({ name }) => name))
    for (const aside of this.#aside) {
      if (there.has(aside.name) || aside.origin !== 'table') continue
      const rows = await putting.leaveWhole(aside)
      left.push({ table: aside.shown, rows, why: 'its table is gone' })
    }
    await this.#setSequences(now)
    if (back.length > 0) await this.#refresh()
    // The copies are temporary tables, but a session may live long.
    const copies = this.#aside.map(({ copy }) => copy)
    await this.#script(`${copies.length > 0 ? `DROP TABLE ${copies.join(', ')};` : ''}${endLooks}`)
    this.begin()
    return { back, left: left.filter(({ rows }) => rows > 0) }
  }

  async areStranded(): Promise<boolean> {
    const [first] = this.#aside
    if (!first) return false
    const [row] = await this.#session.query(`SELECT to_regclass(${literal(first.copy)}) IS NOT NULL AS there`)
    return row?.there === true
  }

  remember(versions: readonly number[]): Promise<void> {
    return this.#script(this.#development.remember(versions.map((version) => ({ version }))))
  }

  async waiting(): Promise<readonly TableRows[]> {
    const rows = await this.#session.query(
      `SELECT tab AS table, count(*)::int AS rows FROM ${this.#development.keptTable} GROUP BY 1 ORDER BY 1`,
    )
    return rows.map(({ table, rows: some }) => ({ table: String(table).replace(/^public\./, ''), rows: Number(some) }))
  }

  async forget(): Promise<void> {
    const { keptTable, developmentTable } = this.#development
    await this.#script(`DELETE FROM ${keptTable}; DELETE FROM ${developmentTable} WHERE key <> 'marker';`)
  }

  // --- internal ---

  async #keep(reached: Reached, { undone, most }: { undone: readonly number[]; most: number }): Promise<void> {
    const { own } = this.#development
    const found = await readTables(this.#session, own, reached === 'all' ? undefined : { oids: reached })
    if (found.length > 0) {
      // The lock is needed because we would miss rows written from now on. Policies would hide rows, and settings
      // change how values are written.
      const forced = found
        .filter(({ forced }) => forced)
        .map(({ name }) => `ALTER TABLE ${name} NO FORCE ROW LEVEL SECURITY;`)
      await this.#script(
        `${settings}\nLOCK TABLE ${found.map(({ from }) => from).join(', ')} IN SHARE ROW EXCLUSIVE MODE;\n${forced.join('\n')}`,
      )
    }
    const oids = [...found.map(({ oid }) => oid), ...(reached === 'all' ? [] : reached)]
    this.#sequences = await readSequences(this.#session, oids)
    const makers = found.length > 0 ? await this.#makersOf(undone) : []
    const inserters = (table: RowTable) => makers.filter((maker) => maker.ownsIn(table)).map(({ xid }) => xid)
    const filled = (await this.#count(found, inserters)).filter(({ rows }) => rows > 0)
    if (filled.reduce((sum, { rows }) => sum + rows, 0) > most) {
      throw new TooManyRowsError(
        filled.map(({ table, rows }) => ({ table: table.shown, rows })),
        most,
      )
    }
    this.#aside = filled.map(({ table }, i) => asideOf(table, i))
    const script = this.#aside.map((aside, i) => {
      const table = (filled[i] as (typeof filled)[number]).table
      return createCopy(aside, table, inserters(table))
    })
    script.push(
      ...found.filter(({ forced }) => forced).map(({ name }) => `ALTER TABLE ${name} FORCE ROW LEVEL SECURITY;`),
    )
    if (script.length > 0) await this.#script(script.join('\n'))
    this.#materialized = new Set((await readMaterialized(this.#session)).map(({ oid }) => oid))
  }

  /** Counts the rows that are carried. @param inserters ids of the transactions whose rows are not */
  async #count(
    found: readonly RowTable[],
    inserters: (table: RowTable) => readonly string[],
  ): Promise<{ table: RowTable; rows: number }[]> {
    if (found.length === 0) return []
    const counts = await this.#session.query(
      found
        .map((table, i) => `SELECT ${i} AS i, count(*)::int AS rows FROM ${table.from} t${carried(inserters(table))}`)
        .join(' UNION ALL '),
    )
    return counts.map(({ i, rows }) => ({ table: found[Number(i)] as RowTable, rows: Number(rows) }))
  }

  /**
   * Returns the transactions in which these versions were applied: a row whose xmin is one of them was written by that
   * migration. The migration inserted the row if it also created the table, or if it was observed to update no rows of
   * the table. A migration whose rows were derived from others could not create them again while those are aside, so
   * its rows are carried like a user's.
   */
  async #makersOf(versions: readonly number[]) {
    if (versions.length === 0) return []
    const rows = await this.#session.query(this.#development.makers(versions))
    return rows
      .filter((row) => row.up !== null && !(row.derives ?? derives(decompressed(String(row.up)) ?? '')))
      .map((row) => {
        const xid = String(row.xid)
        const updated = row.updated as string[] | null
        return { xid, ownsIn: ({ made, oid }: RowTable) => made === xid || updated?.includes(oid) === false }
      })
  }

  /**
   * Loads the kept rows of tables that exist now. Lines with the same set of columns form one copy: columns that a line
   * does not name get their default.
   */
  async #loadWaiting(): Promise<void> {
    const { keptTable } = this.#development
    const shapes = await this.#session.query(
      `SELECT tab, whole, keys FROM (SELECT tab, whole, (SELECT array_agg(j ORDER BY j) FROM jsonb_object_keys(line) j) AS keys FROM ${keptTable}) w
       WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = to_regclass(tab) AND c.relkind IN ('r', 'p') AND NOT c.relispartition) GROUP BY 1, 2, 3`,
    )
    const script: string[] = []
    for (const { tab, whole, keys } of shapes) {
      const columns = (keys as string[] | null) ?? []
      const aside = keptAside(String(tab), columns, whole === true ? 'waited' : 'values', this.#aside.length)
      this.#aside.push(aside)
      const shape = `ARRAY[${columns.map(literal).join(', ')}]::text[]`
      const values = columns.map((name, i) => `, line->>${literal(name)} AS c${i}`).join('')
      script.push(
        `CREATE TEMPORARY TABLE ${aside.copy} AS SELECT id AS n${values} FROM ${keptTable}
         WHERE tab = ${literal(String(tab))} AND whole = ${whole === true} AND (SELECT coalesce(array_agg(j ORDER BY j), '{}') FROM jsonb_object_keys(line) j) = ${shape};\n${addMarks(aside.copy)}`,
      )
    }
    if (script.length > 0) await this.#script(script.join('\n'))
  }

  /**
   * Sets sequences that were created again to continue where they were and after the rows that were put back. The
   * numbers of sequences that do not exist are stored until they do.
   */
  async #setSequences(tables: readonly RowTable[]): Promise<void> {
    const { developmentTable } = this.#development
    const stored = await this.#session.query(
      `SELECT key, value->>'last' AS last FROM ${developmentTable} WHERE starts_with(key, 'sequence ')`,
    )
    const wanted = new Map([
      ...stored.map(({ key, last }) => [String(key).slice('sequence '.length), BigInt(String(last))] as const),
      ...this.#sequences.map(({ name, last }) => [name, last] as const),
    ])
    const owned = tables.flatMap(({ name, columns }) =>
      columns.filter(({ typeId }) => INTEGERS.includes(typeId)).map((column) => ({ table: name, ...column })),
    )
    const names = [...new Set([...wanted.keys(), ...owned.flatMap(({ sequence }) => sequence ?? [])])]
    if (names.length === 0) return
    const there = await this.#session.query(
      `SELECT name FROM unnest(ARRAY[${names.map(literal).join(', ')}]) name WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = to_regclass(name) AND c.relkind = 'S')`,
    )
    const now = await standing(
      this.#session,
      there.map(({ name }) => String(name)),
    )
    const present = new Set(now.map(({ name }) => name))
    const script: string[] = []
    for (const { name, last, step, least, most } of now) {
      const ahead = (value: bigint) => value >= least && value <= most && (step > 0n ? value > last : value < last)
      const extremes = owned
        .filter(({ sequence }) => sequence === name)
        .map(({ table, name: column }) => `SELECT ${step > 0n ? 'max' : 'min'}(${column})::bigint FROM ${table}`)
      const old = wanted.get(name)
      if (old !== undefined && ahead(old)) script.push(`SELECT pg_catalog.setval(${literal(name)}, ${old});`)
      const beyond = step > 0n ? '>' : '<'
      for (const extreme of extremes) {
        script.push(
          `SELECT pg_catalog.setval(${literal(name)}, e) FROM (${extreme}) x (e), ${name} s WHERE e BETWEEN ${least} AND ${most} AND (e ${beyond} s.last_value OR e = s.last_value AND NOT s.is_called);`,
        )
      }
      if (stored.some(({ key }) => key === `sequence ${name}`))
        script.push(`DELETE FROM ${developmentTable} WHERE key = ${literal(`sequence ${name}`)};`)
    }
    for (const { name, last } of this.#sequences) {
      if (present.has(name)) continue
      script.push(
        `INSERT INTO ${developmentTable} VALUES (${literal(`sequence ${name}`)}, '{"last": "${last}"}') ON CONFLICT (key) DO UPDATE SET value = excluded.value;`,
      )
    }
    if (script.length > 0) await this.#script(script.join('\n'))
  }

  /** Refreshes the materialized views that were created while rows were aside. */
  async #refresh(): Promise<void> {
    const made = (await readMaterialized(this.#session)).filter(({ oid }) => !this.#materialized.has(oid))
    if (made.length > 0) await this.#script(made.map(({ name }) => `REFRESH MATERIALIZED VIEW ${name};`).join('\n'))
  }

  #script(sql: string): Promise<void> {
    return this.#session.script(sql, NEVER)
  }
}

// --- internal ---
/** Oids of int8, int2 and int4. */
const INTEGERS = ['20', '21', '23']
