/**
 * Rows while migrations are undone and applied again, where a transaction cannot hold that: they are taken from the copy
 * that was made to go back to.
 */
import {
  type Carried,
  type LeftRows,
  type Reached,
  type RowKeeper,
  type TableRows,
  TooManyRowsError,
} from '../development.ts'
import { besideOf } from './copies.ts'
import type { Session } from './session.ts'
import { identifier, literal } from './tables.ts'

interface Table {
  readonly name: string
  readonly columns: readonly {
    readonly name: string
    readonly nullable: boolean
    readonly preset: string | null
    readonly generated: boolean
    readonly counts: boolean
  }[]
  readonly key: readonly string[]
  readonly references: readonly string[]
}

/** Rows that are to be put into a table, from wherever they are. */
interface Store {
  readonly table: string
  /** Quoted and qualified. */
  readonly at: string
  readonly columns: readonly string[]
  /** `rows`: as the table had them. `waited`, `values`: kept before. */
  readonly origin: 'rows' | 'waited' | 'values'
}

export function mysqlRows(session: Session, database: string, own: readonly string[]): RowKeeper {
  return new MysqlRows(session, database, own)
}

class MysqlRows implements RowKeeper {
  readonly #session: Session
  readonly #database: string
  readonly #own: readonly string[]
  readonly #before: string
  readonly #kept: string
  #stores: Store[] = []
  /** Tables before the ups. */
  #there = new Set<string>()
  /** After the downs: which columns each table still has, and where the keys of its rows are. */
  #stayed = new Map<
    string,
    { readonly columns: ReadonlySet<string>; readonly keys: string | undefined; readonly key: readonly string[] }
  >()

  constructor(session: Session, database: string, own: readonly string[]) {
    this.#session = session
    this.#database = database
    this.#own = own
    this.#before = besideOf(database, 'before')
    this.#kept = besideOf(database, 'kept')
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
    const tables = (await this.#tablesOf(this.#before)).filter(
      ({ name }) => !this.#own.includes(name) && name !== WHOLE,
    )
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
    this.#stores = filled.map(({ table }) => ({
      table: table.name,
      at: at(this.#before, table.name),
      columns: table.columns.filter(({ generated }) => !generated).map(({ name }) => name),
      origin: 'rows',
    }))
  }

  async compare(): Promise<void> {
    const now = new Map((await this.#tablesOf(this.#database)).map((table) => [table.name, table]))
    for (const [i, { table: name, columns }] of this.#stores.entries()) {
      const table = now.get(name)
      if (!table) continue
      const key = table.key.every((column) => columns.includes(column)) ? table.key : []
      const keys = key.length > 0 ? at(this.#before, `migratest keys ${i}`) : undefined
      if (keys) await this.#run(`CREATE TABLE ${keys} AS SELECT ${list(key)} FROM ${at(this.#database, name)}`)
      this.#stayed.set(name, { columns: new Set(table.columns.map((column) => column.name)), keys, key })
    }
  }

  async look(): Promise<void> {
    this.#there = new Set((await this.#tablesOf(this.#database)).map(({ name }) => name))
  }

  async looked(): Promise<void> {
    // What each migration wrote is not told apart: what they leave in tables that they make is theirs.
  }

  async putBack(): Promise<Carried> {
    await this.#makeKept()
    const now = await this.#tablesOf(this.#database)
    const back: TableRows[] = []
    const left: LeftRows[] = []
    const made = await this.#madeBefore()
    await this.#rememberMade(now)
    const waiting = await this.#waitingStores()
    const triggers = await this.#quiet()
    try {
      for (const table of inOrder(now)) {
        const own = this.#stores.find((store) => store.table === table.name)
        if (own) {
          const put = await this.#put(own, table, made.get(table.name))
          if (put.rows > 0) back.push({ table: table.name, rows: put.rows })
          left.push(...put.left)
        }
        for (const store of waiting.filter((one) => one.table === table.name)) {
          const put = await this.#put(store, table, undefined)
          if (store.origin === 'waited' && put.rows > 0) back.push({ table: table.name, rows: put.rows })
        }
      }
    } finally {
      for (const sql of triggers) await this.#run(sql)
    }
    for (const store of this.#stores) {
      if (now.some(({ name }) => name === store.table)) continue
      const rows = await this.#keepAside(store, store.columns, 'waited', whereNot(store, made.get(store.table)))
      left.push({ table: store.table, rows, why: 'its table is gone' })
    }
    await this.#setNumbers(now)
    for (const old of this.#replaced) await this.#dropKept(old)
    this.begin()
    return { back, left: left.filter(({ rows }) => rows > 0) }
  }

  /** They are in the copy, which the database goes back to. */
  async areStranded(): Promise<boolean> {
    return false
  }

  async remember(): Promise<void> {
    // Nothing of a record is needed to tell a migration's rows.
  }

  async waiting(): Promise<readonly TableRows[]> {
    const stores = await this.#waitingStores()
    const counts = await this.#session.queries(stores.map((store) => `SELECT COUNT(*) AS n FROM ${store.at}`))
    return stores.map(({ table }, i) => ({ table, rows: Number(counts[i]?.[0]?.n) }))
  }

  async forget(): Promise<void> {
    await this.#run(`DROP DATABASE IF EXISTS ${identifier(this.#kept)}`)
  }

  // --- internal ---

  async #put(store: Store, table: Table, made: Store | undefined): Promise<{ rows: number; left: LeftRows[] }> {
    const stayed = this.#stayed.get(table.name)
    const there = new Map(table.columns.filter(({ generated }) => !generated).map((column) => [column.name, column]))
    const columns = store.columns.filter((name) => there.has(name))
    const gone = store.columns.filter((name) => !there.has(name))
    const key = table.key.length > 0 && table.key.every((name) => columns.includes(name)) ? table.key : []
    const target = at(this.#database, table.name)
    const left: LeftRows[] = []
    if (store.origin === 'values') {
      if (key.length === 0 || gone.length > 0) return { rows: 0, left }
      await this.#fill(
        store,
        table,
        key,
        columns.filter((name) => !key.includes(name)),
      )
      await this.#dropKept(store)
      return { rows: 0, left }
    }
    const [counted] = await this.#session.query(`SELECT EXISTS (SELECT 1 FROM ${target}) AS filled`)
    const isFilled = Number(counted?.filled) === 1
    const missing = table.columns.filter(
      ({ name, nullable, preset, generated, counts }) =>
        !nullable && preset === null && !generated && !counts && !columns.includes(name),
    )
    // Rows that never went, that a migration had inserted, and whose key is written anew.
    const absent = [
      whereNot(store, made),
      stayed?.keys && store.origin === 'rows'
        ? `NOT EXISTS (SELECT 1 FROM ${stayed.keys} p WHERE ${same(stayed.key, 'p')})`
        : 'true',
      key.length > 0 ? `NOT EXISTS (SELECT 1 FROM ${target} t WHERE ${same(key, 't')})` : 'true',
    ].join(' AND ')
    let rows = 0
    let why: string | undefined
    if (key.length === 0 && isFilled)
      why = store.origin === 'rows' && stayed ? '' : 'it has no key, and the migrations fill it'
    else if (missing.length > 0) why = `column ${list(missing.map(({ name }) => name))} is NOT NULL and has no default`
    else if (columns.length > 0) {
      const inserted = await this.#insert(store, target, columns, key, absent)
      rows = inserted.rows
      why = inserted.why
    }
    if (store.origin === 'rows') {
      const fillable = columns.filter((name) => !key.includes(name) && !(stayed?.columns.has(name) ?? false))
      if (key.length > 0 && isFilled && fillable.length > 0) await this.#fill(store, table, key, fillable)
      if (why)
        left.push({ table: table.name, rows: await this.#keepAside(store, store.columns, 'waited', absent), why })
      for (const name of gone) {
        const words =
          key.length > 0 ? 'its column is gone' : 'its column is gone, and without a key they cannot be kept'
        const has = `${whereNot(store, made)} AND k.${identifier(name)} IS NOT NULL${key.length > 0 ? ` AND EXISTS (SELECT 1 FROM ${target} t WHERE ${same(key, 't')})` : ''}`
        const [row] = await this.#session.query(`SELECT COUNT(*) AS n FROM ${store.at} k WHERE ${has}`)
        if (Number(row?.n) === 0) continue
        left.push({ table: table.name, column: name, rows: Number(row?.n), why: words })
        if (key.length > 0) await this.#keepAside(store, [...key, name], 'values', has)
      }
    } else if (key.length > 0) {
      await this.#run(`DELETE k FROM ${store.at} k WHERE EXISTS (SELECT 1 FROM ${target} t WHERE ${same(key, 't')})`)
      await this.#dropIfEmpty(store)
    } else if (rows > 0) await this.#dropKept(store)
    return { rows, left }
  }

  /** All at once, or one by one where some are refused. */
  async #insert(store: Store, target: string, columns: readonly string[], key: readonly string[], absent: string) {
    const into = `INSERT INTO ${target} (${list(columns)}) SELECT ${columns.map((name) => `k.${identifier(name)}`).join(', ')} FROM ${store.at} k WHERE ${absent}`
    const [before] = await this.#session.query(`SELECT COUNT(*) AS n FROM ${target}`)
    const count = async () => {
      const [after] = await this.#session.query(`SELECT COUNT(*) AS n FROM ${target}`)
      return Number(after?.n) - Number(before?.n)
    }
    try {
      await this.#run(into)
      return { rows: await count(), why: undefined }
    } catch (error) {
      const why = (error as Error).message
      if (key.length === 0) return { rows: 0, why }
      const keys = await this.#session.query(`SELECT ${list(key)} FROM ${store.at} k WHERE ${absent}`)
      for (let more = true; more; ) {
        const had = await count()
        for (const row of keys) {
          const one = key.map((name) => `k.${identifier(name)} = ?`).join(' AND ')
          await this.#session
            .query(
              `${into} AND ${one}`,
              key.map((name) => row[name]),
            )
            .catch(() => undefined)
        }
        more = (await count()) > had
      }
      return { rows: await count(), why }
    }
  }

  /** Only what is null or as it comes by default. */
  async #fill(store: Store, table: Table, key: readonly string[], columns: readonly string[]): Promise<void> {
    for (const name of columns) {
      const column = table.columns.find((one) => one.name === name)
      const open = `(t.${identifier(name)} IS NULL${column?.preset == null ? '' : ` OR t.${identifier(name)} = DEFAULT(t.${identifier(name)})`})`
      const sql = `UPDATE ${at(this.#database, table.name)} t JOIN ${store.at} k ON ${same(key, 't')} SET t.${identifier(name)} = k.${identifier(name)} WHERE k.${identifier(name)} IS NOT NULL AND ${open}`
      await this.#run(sql).catch(() => undefined)
    }
  }

  // --- rows that migrations made ---

  /** What each table held the last time before rows came back. */
  async #madeBefore(): Promise<Map<string, Store>> {
    const stores = await this.#storesOf('made')
    return new Map(stores.map((store) => [store.table, store]))
  }

  /** Tables that were made anew hold what migrations wrote, and nothing else. */
  async #rememberMade(now: readonly Table[]): Promise<void> {
    for (const table of now) {
      if (this.#there.has(table.name) || this.#own.includes(table.name)) continue
      const [row] = await this.#session.query(`SELECT COUNT(*) AS n FROM ${at(this.#database, table.name)}`)
      const old = (await this.#storesOf('made')).filter((store) => store.table === table.name)
      this.#replaced.push(...old)
      if (Number(row?.n) > 0 && Number(row?.n) <= MOST_MADE) {
        const columns = table.columns.filter(({ generated }) => !generated).map(({ name }) => name)
        await this.#store(
          { table: table.name, at: at(this.#database, table.name), columns, origin: 'rows' },
          columns,
          'made',
          'true',
        )
      }
    }
  }

  /** Records of rows that count no more once this run is over. */
  #replaced: Store[] = []

  // --- what waits ---

  async #makeKept(): Promise<void> {
    await this.#run(`CREATE DATABASE IF NOT EXISTS ${identifier(this.#kept)}`)
    await this.#run(
      `CREATE TABLE IF NOT EXISTS ${at(this.#kept, INDEX)} (n int PRIMARY KEY AUTO_INCREMENT, tab varchar(64) NOT NULL, what varchar(10) NOT NULL, done tinyint NOT NULL DEFAULT 0)`,
    )
    // A run that was cut off left some half made.
    for (const { n } of await this.#session.query(`SELECT n FROM ${at(this.#kept, INDEX)} WHERE done = 0`)) {
      await this.#run(`DROP TABLE IF EXISTS ${at(this.#kept, `t${n}`)}`)
      await this.#run(`DELETE FROM ${at(this.#kept, INDEX)} WHERE n = ${n}`)
    }
    this.#replaced = []
  }

  async #keepAside(
    store: Store,
    columns: readonly string[],
    what: 'waited' | 'values',
    where: string,
  ): Promise<number> {
    return this.#store(store, columns, what, where)
  }

  async #store(
    store: Store,
    columns: readonly string[],
    what: 'waited' | 'values' | 'made',
    where: string,
  ): Promise<number> {
    await this.#run(
      `INSERT INTO ${at(this.#kept, INDEX)} (tab, what) VALUES (${literal(store.table)}, ${literal(what)})`,
    )
    const [row] = await this.#session.query('SELECT LAST_INSERT_ID() AS n')
    const place = at(this.#kept, `t${row?.n}`)
    await this.#run(
      `CREATE TABLE ${place} AS SELECT ${columns.map((name) => `k.${identifier(name)}`).join(', ')} FROM ${store.at} k WHERE ${where}`,
    )
    const [count] = await this.#session.query(`SELECT COUNT(*) AS n FROM ${place}`)
    const rows = Number(count?.n)
    await this.#run(`UPDATE ${at(this.#kept, INDEX)} SET done = 1 WHERE n = ${row?.n}`)
    if (rows === 0) await this.#dropKept({ ...store, at: place })
    return rows
  }

  async #waitingStores(): Promise<Store[]> {
    return [...(await this.#storesOf('waited')), ...(await this.#storesOf('values'))]
  }

  async #storesOf(what: 'waited' | 'values' | 'made'): Promise<Store[]> {
    const index = await this.#session
      .query(`SELECT n, tab FROM ${at(this.#kept, INDEX)} WHERE what = ${literal(what)} AND done = 1 ORDER BY n`)
      .catch(() => [])
    if (index.length === 0) return []
    const tables = new Map((await this.#tablesOf(this.#kept)).map((table) => [table.name, table]))
    return index.flatMap(({ n, tab }) => {
      const table = tables.get(`t${n}`)
      if (!table) return []
      const columns = table.columns.map(({ name }) => name)
      return [
        {
          table: String(tab),
          at: at(this.#kept, `t${n}`),
          columns,
          origin: what === 'values' ? 'values' : 'waited',
        } as const,
      ]
    })
  }

  async #dropIfEmpty(store: Store): Promise<void> {
    const [row] = await this.#session.query(`SELECT EXISTS (SELECT 1 FROM ${store.at}) AS filled`)
    if (Number(row?.filled) === 0) await this.#dropKept(store)
  }

  async #dropKept(store: Store): Promise<void> {
    const n = /t(\d+)`$/.exec(store.at)?.[1]
    if (n === undefined || !store.at.startsWith(identifier(this.#kept))) return
    await this.#run(`DROP TABLE IF EXISTS ${store.at}`)
    await this.#run(`DELETE FROM ${at(this.#kept, INDEX)} WHERE n = ${n}`)
  }

  // --- the database ---

  /** Triggers cannot be switched off: they are dropped. @returns what makes them again */
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
    const [mode] = again.length > 0 ? await this.#session.query('SELECT @@sql_mode AS mode') : []
    return mode ? [...again, `SET SESSION sql_mode = ${literal(String(mode.mode))}`] : []
  }

  /** Numbers go on where they were. */
  async #setNumbers(now: readonly Table[]): Promise<void> {
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

  async #tablesOf(database: string): Promise<Table[]> {
    const db = literal(database)
    const [tables = [], columns = [], keys = [], references = []] = await this.#session.queries([
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ${db} AND table_type = 'BASE TABLE' ORDER BY 1`,
      `SELECT table_name AS tab, column_name AS name, is_nullable AS nullable, column_default AS preset, extra FROM information_schema.columns WHERE table_schema = ${db} ORDER BY table_name, ordinal_position`,
      `SELECT s.table_name AS tab, s.index_name AS name, s.column_name AS col, s.nullable, s.sub_part AS part FROM information_schema.statistics s WHERE s.table_schema = ${db} AND s.non_unique = 0 ORDER BY s.index_name = 'PRIMARY' DESC, s.index_name, s.seq_in_index`,
      `SELECT DISTINCT table_name AS tab, referenced_table_name AS other FROM information_schema.key_column_usage WHERE table_schema = ${db} AND referenced_table_schema = ${db} AND referenced_table_name <> table_name`,
    ])
    return tables.map(({ name }) => {
      const own = keys.filter(({ tab }) => tab === name)
      const indexes = [...new Set(own.map((row) => row.name))].map((index) => own.filter((row) => row.name === index))
      const key = indexes.find((parts) =>
        parts.every(({ col, nullable, part }) => col !== null && nullable !== 'YES' && part === null),
      )
      return {
        name: String(name),
        columns: columns
          .filter(({ tab }) => tab === name)
          .map((column) => ({
            name: String(column.name),
            nullable: column.nullable === 'YES',
            preset: column.preset === null ? null : String(column.preset),
            generated: /GENERATED/i.test(String(column.extra)) && !/DEFAULT_GENERATED/i.test(String(column.extra)),
            counts: /auto_increment/i.test(String(column.extra)),
          })),
        key: (key ?? []).map(({ col }) => String(col)),
        references: references.filter(({ tab }) => tab === name).map(({ other }) => String(other)),
      }
    })
  }

  #run(sql: string): Promise<void> {
    return this.#session.script([sql], NEVER)
  }
}

// --- internal ---

const NEVER = new AbortController().signal
const WHOLE = 'migratest whole'
const INDEX = 'migratest index'
const MOST_MADE = 10_000

function at(database: string, table: string): string {
  return `${identifier(database)}.${identifier(table)}`
}

function list(columns: readonly string[]): string {
  return columns.map(identifier).join(', ')
}

function same(key: readonly string[], other: 't' | 'p'): string {
  return key.map((name) => `${other}.${identifier(name)} = k.${identifier(name)}`).join(' AND ')
}

/** Not those that a migration had inserted, and nobody changed since. */
function whereNot(store: Store, made: Store | undefined): string {
  const shared = made?.columns.filter((name) => store.columns.includes(name)) ?? []
  if (!made || shared.length === 0 || store.origin !== 'rows') return 'true'
  return `NOT EXISTS (SELECT 1 FROM ${made.at} m WHERE ${shared.map((name) => `m.${identifier(name)} <=> k.${identifier(name)}`).join(' AND ')})`
}

/** Tables before those that refer to them; in circles, as they come. */
function inOrder(tables: readonly Table[]): Table[] {
  const left = new Map(tables.map((table) => [table.name, table]))
  const ordered: Table[] = []
  while (left.size > 0) {
    const all = [...left.values()]
    const next = all.find(({ references }) => !references.some((other) => left.has(other))) ?? (all[0] as Table)
    left.delete(next.name)
    ordered.push(next)
  }
  return ordered
}
