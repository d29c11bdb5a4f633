/**
 * Stores rows that cannot be put back yet, and records about others, as tables in a database next to the one being
 * watched.
 */

import { NEVER } from '../../../migrate/never.ts'
import type { Session } from '../session.ts'
import { identifier, literal } from '../tables.ts'
import type { RowColumn } from './tables.ts'
import { at, list, readRowTables } from './tables.ts'

/** Rows to put into a table, and the place they come from. */
export interface Store {
  readonly table: string
  /** Name of the table that holds the rows, quoted and qualified. */
  readonly at: string
  readonly columns: readonly RowColumn[]
  /**
   * `rows`: rows that the table had. `waited`, `values`: kept from an earlier run. `made`: rows that migrations left in
   * it.
   */
  readonly origin: 'rows' | What
}

/** The table that lists the stores: number `n`, table `tab`, `what`, `why`, and `done`. */
export const INDEX = 'migratest index'

export type What = 'waited' | 'values' | 'made'

export class KeptRows {
  readonly #session: Session
  readonly #database: string

  constructor(session: Session, database: string) {
    this.#session = session
    this.#database = database
  }

  /** Keeps rows. @param where condition on the rows `k`. @param why the reason why they wait. @returns how many */
  async add(store: Store, columns: readonly string[], what: What, where: string, why?: string): Promise<number> {
    const [row] = await this.#session.query(`SELECT EXISTS (SELECT 1 FROM ${store.at} k WHERE ${where}) AS filled`)
    if (Number(row?.filled) !== 1) return 0
    await this.#make()
    const index = at(this.#database, INDEX)
    await this.#run(
      `INSERT INTO ${index} (tab, what, why) VALUES (${literal(store.table)}, ${literal(what)}, ${literal(why ?? null)})`,
    )
    const [made] = await this.#session.query('SELECT LAST_INSERT_ID() AS n')
    const place = at(this.#database, `t${made?.n}`)
    await this.#run(`CREATE TABLE ${place} AS SELECT ${list(columns)} FROM ${store.at} k WHERE ${where}`)
    const [count] = await this.#session.query(`SELECT COUNT(*) AS n FROM ${place}`)
    await this.#run(`UPDATE ${index} SET done = 1 WHERE n = ${made?.n}`)
    return Number(count?.n)
  }

  async of(what: What): Promise<Store[]> {
    const index = await this.#session
      .query(`SELECT n, tab FROM ${at(this.#database, INDEX)} WHERE what = ${literal(what)} AND done = 1 ORDER BY n`)
      .catch(() => [])
    if (index.length === 0) return []
    const tables = new Map((await readRowTables(this.#session, this.#database)).map((table) => [table.name, table]))
    return index.flatMap(({ n, tab }) => {
      const table = tables.get(`t${n}`)
      if (!table) return []
      return [{ table: String(tab), at: at(this.#database, `t${n}`), columns: table.columns, origin: what }]
    })
  }

  /** Notes why the rows of a store wait now. */
  async explain(store: Store, why: string): Promise<void> {
    const n = numberOf(store)
    if (n === undefined) return
    await this.#make()
    await this.#run(`UPDATE ${at(this.#database, INDEX)} SET why = ${literal(why)} WHERE n = ${n}`)
  }

  async drop(store: Store): Promise<void> {
    const n = numberOf(store)
    if (n === undefined) return
    await this.#run(`DELETE FROM ${at(this.#database, INDEX)} WHERE n = ${n}`)
    await this.#run(`DROP TABLE IF EXISTS ${store.at}`)
  }

  async dropIfEmpty(store: Store): Promise<void> {
    const [row] = await this.#session.query(`SELECT EXISTS (SELECT 1 FROM ${store.at}) AS filled`)
    if (Number(row?.filled) === 0) await this.drop(store)
  }

  async dropAll(): Promise<void> {
    await this.#run(`DROP DATABASE IF EXISTS ${identifier(this.#database)}`)
  }

  // --- internal ---

  async #make(): Promise<void> {
    const index = at(this.#database, INDEX)
    await this.#run(`CREATE DATABASE IF NOT EXISTS ${identifier(this.#database)} CHARACTER SET utf8mb4`)
    await this.#run(
      `CREATE TABLE IF NOT EXISTS ${index} (n int PRIMARY KEY AUTO_INCREMENT, tab varchar(64) NOT NULL, what varchar(10) NOT NULL, why text CHARACTER SET utf8mb4, done tinyint NOT NULL DEFAULT 0)`,
    )
    // An earlier version of migratest noted no reasons.
    const [why] = await this.#session.query(`SHOW COLUMNS FROM ${index} LIKE 'why'`)
    if (!why) await this.#run(`ALTER TABLE ${index} ADD COLUMN why text CHARACTER SET utf8mb4`)
    // An interrupted run may have left incomplete tables.
    for (const { n } of await this.#session.query(`SELECT n FROM ${index} WHERE done = 0`)) {
      await this.#run(`DROP TABLE IF EXISTS ${at(this.#database, `t${n}`)}`)
      await this.#run(`DELETE FROM ${index} WHERE n = ${n}`)
    }
  }

  #run(sql: string): Promise<void> {
    return this.#session.script([sql], NEVER)
  }
}

// --- internal ---

function numberOf({ at: place, origin }: Store): string | undefined {
  return origin === 'rows' ? undefined : /`t(\d+)`$/.exec(place)?.[1]
}
