/**
 * Carries rows over while migrations are undone and applied again, for servers where a transaction cannot hold that.
 * The rows come from the copy that was made to roll back to.
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
import { besideOf, WHOLE } from '../copies.ts'
import type { Session } from '../session.ts'
import { identifier, literal } from '../tables.ts'
import { KeptRows, type Store } from './aside.ts'
import { at, inOrder, list, type RowColumn, type RowTable, readRowTables, same } from './tables.ts'

export function mysqlRows(session: Session, database: string, own: readonly string[]): RowKeeper {
  return new MysqlRows(session, database, own)
}

/** State of a table after the downs. */
interface Stayed {
  readonly columns: ReadonlySet<string>
  /** The table that holds the keys of its rows, with their columns; undefined without a usable key. */
  readonly keys: { readonly at: string; readonly of: readonly RowColumn[]; readonly key: readonly string[] } | undefined
}

class MysqlRows implements RowKeeper {
  readonly #session: Session
  readonly #database: string
  readonly #own: readonly string[]
  readonly #before: string
  readonly #kept: KeptRows
  #stores: Store[] = []
  readonly #stayed = new Map<string, Stayed>()
  /** Names of the tables that exist before the ups. */
  #there = new Set<string>()

  constructor(session: Session, database: string, own: readonly string[]) {
    this.#session = session
    this.#database = database
    this.#own = own
    this.#before = besideOf(database, 'before')
    this.#kept = new KeptRows(session, besideOf(database, 'kept'))
  }

  begin(): void {
    this.#stores = []
    this.#there.clear()
    this.#stayed.clear()
  }

  async reached(work: () => Promise<void>): Promise<Reached> {
    await work()
    return 'all'
  }

  async keep(_: Reached, { most }: { undone: readonly number[]; most: number }): Promise<void> {
    const all = await readRowTables(this.#session, this.#before)
    const tables = all.filter(({ name }) => !this.#own.includes(name) && name !== WHOLE)
    const counts = await this.#session.queries(
      tables.map(({ name }) => `SELECT COUNT(*) AS n FROM ${at(this.#before, name)}`),
    )
    const filled = tables.map((table, i) => ({ table, rows: Number(counts[i]?.[0]?.n) })).filter(({ rows }) => rows > 0)
    if (filled.reduce((sum, { rows }) => sum + rows, 0) > most) {
      throw new TooManyRowsError(
        filled.map(({ table, rows }) => ({ table: table.name, rows })),
        most,
      )
    }
    this.#stores = filled.map(({ table: { name, columns } }) => ({
      table: name,
      at: at(this.#before, name),
      columns: columns.filter(({ generated }) => !generated),
      origin: 'rows',
    }))
  }

  async compare(): Promise<void> {
    const now = new Map((await readRowTables(this.#session, this.#database)).map((table) => [table.name, table]))
    for (const [i, { table: name, columns }] of this.#stores.entries()) {
      const table = now.get(name)
      if (!table) continue
      const isKeyed = table.key.length > 0 && table.key.every((one) => columns.some((column) => column.name === one))
      const keys = at(this.#before, `migratest keys ${i}`)
      if (isKeyed) await this.#run(`CREATE TABLE ${keys} AS SELECT ${list(table.key)} FROM ${at(this.#database, name)}`)
      this.#stayed.set(name, {
        columns: new Set(table.columns.map((column) => column.name)),
        keys: isKeyed ? { at: keys, of: table.columns, key: table.key } : undefined,
      })
    }
  }

  /** All rows in a table that the migrations create count as theirs, whichever of them wrote a row. */
  async look(): Promise<void> {
    this.#there = new Set((await readRowTables(this.#session, this.#database)).map(({ name }) => name))
  }

  async putBack(): Promise<Carried> {
    const now = await readRowTables(this.#session, this.#database)
    const back = new Map<string, number>()
    const left: LeftRows[] = []
    const old = await this.#kept.of('made')
    const madeIn = (table: string) => old.findLast((store) => store.table === table)
    const replaced = await this.#rememberMade(now, old)
    const waiting = [...(await this.#kept.of('waited')), ...(await this.#kept.of('values'))]
    const [mode] = await this.#session.query('SELECT @@sql_mode AS mode')
    const again = await this.#quiet()
    try {
      // Values that do not fit must be rejected, not truncated. Zero in AUTO_INCREMENT columns and zero dates keep
      // their values.
      await this.#run("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'")
      for (const table of inOrder(now)) {
        const own = this.#stores.find((store) => store.table === table.name)
        for (const store of [...(own ? [own] : []), ...waiting.filter((one) => one.table === table.name)]) {
          const put = await this.#put(store, table, store === own ? madeIn(table.name) : undefined)
          if (put.rows > 0) back.set(table.name, (back.get(table.name) ?? 0) + put.rows)
          if (store === own) left.push(...put.left)
        }
      }
    } finally {
      for (const sql of again) await this.#run(sql)
      await this.#run(`SET SESSION sql_mode = ${literal(String(mode?.mode))}`)
    }
    for (const store of this.#stores) {
      if (now.some(({ name }) => name === store.table)) continue
      const rows = await this.#kept.add(store, namesOf(store), 'waited', notMade(store, madeIn(store.table)), GONE)
      left.push({ table: store.table, rows, why: GONE })
    }
    await this.#setNumbers(now)
    for (const store of replaced) await this.#kept.drop(store)
    this.begin()
    return { back: [...back].map(([table, rows]) => ({ table, rows })), left: left.filter(({ rows }) => rows > 0) }
  }

  /** Returns false: the rows are in the copy that the database is restored from. */
  async areStranded(): Promise<boolean> {
    return false
  }

  async remember(): Promise<void> {
    // No record is needed to recognize the rows of a migration.
  }

  async waiting(): Promise<readonly TableRows[]> {
    const stores = [...(await this.#kept.of('waited')), ...(await this.#kept.of('values'))]
    const counts = await this.#session.queries(stores.map((store) => `SELECT COUNT(*) AS n FROM ${store.at}`))
    return stores.map(({ table }, i) => ({ table, rows: Number(counts[i]?.[0]?.n) }))
  }

  forget(): Promise<void> {
    return this.#kept.dropAll()
  }

  // --- internal ---

  async #put(store: Store, table: RowTable, made: Store | undefined): Promise<{ rows: number; left: LeftRows[] }> {
    const writable = table.columns.filter(({ generated }) => !generated).map(({ name }) => name)
    const columns = namesOf(store).filter((name) => writable.includes(name))
    const gone = namesOf(store).filter((name) => !writable.includes(name))
    const key = table.key.length > 0 && table.key.every((name) => columns.includes(name)) ? table.key : []
    if (store.origin === 'values') {
      if (key.length > 0 && gone.length === 0) await this.#fillWaiting(store, table, key, columns)
      return { rows: 0, left: [] }
    }
    const target = at(this.#database, table.name)
    const stayed = store.origin === 'rows' ? this.#stayed.get(table.name) : undefined
    const isThere = key.length > 0 ? `EXISTS (SELECT 1 FROM ${target} t WHERE ${matching(key, table, store)})` : 'false'
    // Do not put back rows that were never removed, or rows that a migration inserted, or rows whose key was written
    // again.
    const never = stayed?.keys
      ? `NOT EXISTS (SELECT 1 FROM ${stayed.keys.at} p WHERE ${same(stayed.keys.key, ['p', stayed.keys.of], ['k', store.columns])})`
      : 'true'
    const absent = `${notMade(store, made)} AND ${never} AND NOT ${isThere}`
    const [counted] = await this.#session.query(`SELECT EXISTS (SELECT 1 FROM ${target}) AS filled`)
    const isFilled = Number(counted?.filled) === 1
    const readded = columns.filter((name) => stayed && !stayed.columns.has(name) && !key.includes(name))
    const left: LeftRows[] = []
    // Fill existing rows before putting back rows that need no filling.
    if (store.origin === 'rows' && key.length > 0 && isFilled) {
      const fillable = stayed ? readded : columns.filter((name) => !key.includes(name))
      for (const name of fillable) left.push(...(await this.#fill(store, table, key, name, stayed !== undefined)))
    }
    const candidates = await this.#candidates(store, columns, key, absent)
    const { rows, why } = await this.#insert(store, table, columns, key, { candidates, absent, isFilled, stayed })
    if (store.origin === 'waited') {
      if (key.length > 0 && rows > 0) {
        const inserted = `${candidates} c`
        await this.#run(
          `DELETE k FROM ${store.at} k JOIN ${inserted} ON ${same(key, ['c', store.columns], ['k', store.columns])} JOIN ${target} t ON ${matching(key, table, store)}`,
        )
        await this.#kept.dropIfEmpty(store)
      } else if (rows > 0) await this.#kept.drop(store)
      if (why !== undefined) await this.#kept.explain(store, why)
      return { rows, left }
    }
    if (why) {
      left.push({ table: table.name, rows: await this.#kept.add(store, namesOf(store), 'waited', absent, why), why })
    }
    for (const name of [...gone, ...(key.length === 0 ? readded : [])]) {
      const has = `${notMade(store, made)} AND k.${identifier(name)} IS NOT NULL AND ${key.length > 0 ? isThere : 'true'}`
      const [row] = await this.#session.query(`SELECT COUNT(*) AS n FROM ${store.at} k WHERE ${has}`)
      const words = key.length > 0 ? 'its column is gone' : 'its column is gone, and without a key they cannot be kept'
      left.push({ table: table.name, column: name, rows: Number(row?.n), why: words })
      if (key.length > 0) await this.#kept.add(store, [...key, name], 'values', has, words)
    }
    return { rows, left }
  }

  /**
   * Creates a table of the rows to put back, numbered on the server: not every value survives the way through a client.
   * @returns its name
   */
  async #candidates(store: Store, columns: readonly string[], key: readonly string[], absent: string): Promise<string> {
    const place = at(this.#before, 'migratest candidates')
    const names = key.length > 0 ? key : columns
    await this.#run(`DROP TABLE IF EXISTS ${place}`)
    await this.#run(`CREATE DATABASE IF NOT EXISTS ${identifier(this.#before)}`)
    await this.#run(
      `CREATE TABLE ${place} AS SELECT ROW_NUMBER() OVER () AS \`migratest n\`${names.map((name) => `, k.${identifier(name)}`).join('')} FROM ${store.at} k WHERE ${absent}`,
    )
    return place
  }

  /**
   * Inserts the rows, all at once, or one by one if some are rejected.
   * @returns how many, and why if some are missing
   */
  async #insert(
    store: Store,
    table: RowTable,
    columns: readonly string[],
    key: readonly string[],
    about: { candidates: string; absent: string; isFilled: boolean; stayed: Stayed | undefined },
  ): Promise<{ rows: number; why: string | undefined }> {
    const { candidates, absent, isFilled, stayed } = about
    const wanted = await this.#countOf(candidates)
    const missing = table.columns.filter(
      (column) =>
        !column.nullable &&
        column.preset === 'none' &&
        !column.generated &&
        !column.counts &&
        !columns.includes(column.name),
    )
    if (wanted === 0) return { rows: 0, why: undefined }
    if (key.length === 0 && isFilled)
      return { rows: 0, why: stayed ? undefined : 'it has no key, and the migrations fill it' }
    if (columns.length === 0) return { rows: 0, why: 'it has none of their columns any more' }
    if (missing.length > 0) {
      return { rows: 0, why: `column ${list(missing.map(({ name }) => name))} is NOT NULL and has no default` }
    }
    const target = at(this.#database, table.name)
    const before = await this.#countOf(target)
    const into = `INSERT INTO ${target} (${list(columns)}) SELECT ${columns.map((name) => `k.${identifier(name)}`).join(', ')} FROM ${store.at} k`
    let why = await this.#tries(`${into} WHERE ${absent}`)
    const round = table.references.some(
      (reference) => reference.table === table.name || !this.#comesBefore(reference.table, table.name),
    )
    if (why !== undefined && round) why = await this.#insertRound(`${into} WHERE ${absent}`, table)
    if (why !== undefined && key.length > 0 && wanted <= MOST_ONE_BY_ONE) {
      const join = `${into} JOIN ${candidates} c ON ${same(key, ['c', store.columns], ['k', store.columns])}`
      const open = new Set(Array.from({ length: wanted }, (_, n) => n + 1))
      // Repeat as long as a pass inserts rows that others may refer to.
      for (let more = true; more; ) {
        more = false
        for (const n of open) {
          const refused = await this.#tries(`${join} WHERE c.\`migratest n\` = ${n}`)
          if (refused === undefined) {
            open.delete(n)
            more = true
          } else why = refused
        }
      }
    }
    const rows = (await this.#countOf(target)) - before
    return { rows, why: rows === wanted ? undefined : (why ?? 'what they refer to is not there') }
  }

  /**
   * Inserts rows that refer to each other without foreign key checks, then deletes those whose referenced row is
   * missing.
   */
  async #insertRound(sql: string, table: RowTable): Promise<string | undefined> {
    await this.#run('SET SESSION foreign_key_checks = 0')
    try {
      const failed = await this.#tries(sql)
      if (failed !== undefined) return failed
      const target = at(this.#database, table.name)
      for (let gone = true; gone; ) {
        gone = false
        for (const { columns, table: other, to } of table.references) {
          const filled = columns.map((name) => `t.${identifier(name)} IS NOT NULL`).join(' AND ')
          const met = columns.map((name, i) => `o.${identifier(to[i] ?? '')} = t.${identifier(name)}`).join(' AND ')
          const had = await this.#countOf(target)
          // A table later in the cycle has none of its rows yet; its own turn checks them.
          if (other !== table.name && !this.#comesBefore(other, table.name)) continue
          await this.#run(
            `DELETE t FROM ${target} t LEFT JOIN ${at(this.#database, other)} o ON ${met} WHERE ${filled} AND o.${identifier(to[0] ?? '')} IS NULL`,
          )
          if ((await this.#countOf(target)) < had) gone = true
        }
      }
      return undefined
    } finally {
      await this.#run('SET SESSION foreign_key_checks = 1')
    }
  }

  #order: readonly string[] = []

  #comesBefore(one: string, other: string): boolean {
    return this.#order.indexOf(one) < this.#order.indexOf(other)
  }

  /**
   * Fills in a column only where it is null or has its default. If the column was added again to rows that were never
   * removed, a value that nobody can have written counts as a default too.
   */
  async #fill(
    store: Store,
    table: RowTable,
    key: readonly string[],
    name: string,
    readded: boolean,
  ): Promise<LeftRows[]> {
    const column = table.columns.find((one) => one.name === name)
    const value = `t.${identifier(name)}`
    const always = readded && (column?.preset === 'expression' || (column?.preset === 'none' && !column.nullable))
    const open = always
      ? 'true'
      : `(${value} IS NULL${column?.preset === 'constant' ? ` OR ${value} = DEFAULT(${value})` : ''})`
    const touched = table.columns.filter((one) => one.touched && one.name !== name)
    const set = [
      `${value} = k.${identifier(name)}`,
      ...touched.map((one) => `t.${identifier(one.name)} = t.${identifier(one.name)}`),
    ]
    const where = `k.${identifier(name)} IS NOT NULL AND ${open}`
    const update = `UPDATE ${at(this.#database, table.name)} t JOIN ${store.at} k ON ${matching(key, table, store)}`
    const failed = await this.#tries(`${update} SET ${set.join(', ')} WHERE ${where}`)
    if (failed === undefined) return []
    const isOpen = `EXISTS (SELECT 1 FROM ${at(this.#database, table.name)} t WHERE ${matching(key, table, store)} AND ${where})`
    const candidates = await this.#candidates(store, [...key, name], key, isOpen)
    const wanted = await this.#countOf(candidates)
    for (let n = 1; n <= wanted && wanted <= MOST_ONE_BY_ONE; n++) {
      const one = `${update} JOIN ${candidates} c ON ${same(key, ['c', store.columns], ['k', store.columns])}`
      await this.#tries(`${one} SET ${set.join(', ')} WHERE ${where} AND c.\`migratest n\` = ${n}`)
    }
    if (store.origin !== 'rows') return []
    const rows = await this.#kept.add(store, [...key, name], 'values', isOpen, failed)
    return [{ table: table.name, column: name, rows, why: failed }]
  }

  /** Fills in kept values whose column exists again, and deletes those that were written from the kept rows. */
  async #fillWaiting(store: Store, table: RowTable, key: readonly string[], columns: readonly string[]): Promise<void> {
    const values = columns.filter((name) => !key.includes(name))
    for (const name of values) await this.#fill(store, table, key, name, true)
    const there = `${matching(key, table, store)} AND ${same(values, ['t', table.columns], ['k', store.columns], '<=>')}`
    await this.#run(`DELETE k FROM ${store.at} k JOIN ${at(this.#database, table.name)} t ON ${there}`)
    await this.#kept.dropIfEmpty(store)
  }

  /**
   * Remembers the rows of tables that were created again: all of them were written by migrations.
   * @returns earlier records that are no longer valid
   */
  async #rememberMade(now: readonly RowTable[], old: readonly Store[]): Promise<Store[]> {
    this.#order = inOrder(now).map(({ name }) => name)
    const replaced: Store[] = []
    for (const table of now) {
      if (this.#there.has(table.name) || this.#own.includes(table.name)) continue
      replaced.push(...old.filter((store) => store.table === table.name))
      const rows = await this.#countOf(at(this.#database, table.name))
      if (rows === 0 || rows > MOST_MADE) continue
      const columns = table.columns.filter(({ generated }) => !generated)
      const store: Store = { table: table.name, at: at(this.#database, table.name), columns, origin: 'rows' }
      await this.#kept.add(store, namesOf(store), 'made', 'true')
    }
    return replaced
  }

  /** Drops all triggers, since they cannot be disabled. @returns the statements that create them again */
  async #quiet(): Promise<string[]> {
    const rows = await this.#session.query(`SHOW TRIGGERS FROM ${identifier(this.#database)}`)
    const again: string[] = []
    for (const row of rows) {
      const name = at(this.#database, String(row.Trigger))
      const [made] = await this.#session.query(`SHOW CREATE TRIGGER ${name}`)
      again.push(
        `SET SESSION sql_mode = ${literal(String(made?.sql_mode ?? ''))}`,
        String(made?.['SQL Original Statement']),
      )
      await this.#run(`DROP TRIGGER ${name}`)
    }
    return again
  }

  /** Sets AUTO_INCREMENT to what it was before, if it is lower now. */
  async #setNumbers(now: readonly RowTable[]): Promise<void> {
    const next = await this.#session.query(
      `SELECT b.table_name AS name, CAST(b.auto_increment AS CHAR) AS next, CAST(t.auto_increment AS CHAR) AS now FROM information_schema.tables b
       JOIN information_schema.tables t ON t.table_schema = ${literal(this.#database)} AND t.table_name = b.table_name
       WHERE b.table_schema = ${literal(this.#before)} AND b.auto_increment IS NOT NULL AND t.auto_increment IS NOT NULL`,
    )
    for (const { name, next: wanted, now: has } of next) {
      if (!now.some((table) => table.name === name) || this.#own.includes(String(name))) continue
      if (BigInt(String(wanted)) > BigInt(String(has)))
        await this.#run(`ALTER TABLE ${at(this.#database, String(name))} AUTO_INCREMENT = ${wanted}`)
    }
  }

  async #countOf(table: string): Promise<number> {
    const [row] = await this.#session.query(`SELECT COUNT(*) AS n FROM ${table}`)
    return Number(row?.n)
  }

  /** Runs a statement. @returns the server's error message if it failed, in which case it changed no row */
  async #tries(sql: string): Promise<string | undefined> {
    return this.#run(sql).then(
      () => undefined,
      (error: Error) => error.message,
    )
  }

  #run(sql: string): Promise<void> {
    return this.#session.script([sql], NEVER)
  }
}

// --- internal ---
const GONE = 'its table is gone'
const MOST_MADE = 10_000
const MOST_ONE_BY_ONE = 10_000

function namesOf({ columns }: Store): string[] {
  return columns.map(({ name }) => name)
}

/** Returns the condition that matches a row of the table (`t`) with its row in the store (`k`). */
function matching(key: readonly string[], table: RowTable, store: Store): string {
  return same(key, ['t', table.columns], ['k', store.columns])
}

/** Returns the condition that excludes rows a migration inserted and nobody has changed since. */
function notMade(store: Store, made: Store | undefined): string {
  const shared = made ? namesOf(made).filter((name) => namesOf(store).includes(name)) : []
  if (!made || shared.length === 0 || store.origin !== 'rows') return 'true'
  return `NOT EXISTS (SELECT 1 FROM ${made.at} m WHERE ${same(shared, ['m', made.columns], ['k', store.columns], '<=>')})`
}
