/** Rows that a test begins with: SQL, rows by table, or a function. */
import { identifier } from '../database/postgres/tables.ts'
import { runGiven } from './given.ts'
import type { MigratedDatabase } from './migratedDatabase.ts'

export type Rows = Readonly<Record<string, readonly object[]>>

// biome-ignore lint/suspicious/noExplicitAny: a seed takes a database of whatever client its test has
export type Seed<Client = any> = string | Rows | ((db: MigratedDatabase<Client>) => Promise<unknown> | unknown)

/** @param option where it was written, for errors: `given`, `seeds[3]` */
export async function applySeed(option: string, seed: Seed, db: MigratedDatabase): Promise<void> {
  if (typeof seed === 'string') await runGiven(option, seed, () => db.query(seed))
  else if (typeof seed === 'function') await seed(db)
  else await insertRows(option, db, seed)
}

/** Table names may be qualified: `app.users`. */
export function quoteTable(name: string, dialect: 'postgres' | 'mysql'): string {
  const parts = name.split('.').map((part) => quote(part, dialect))
  return parts.join('.')
}

// --- internal ---

async function insertRows(option: string, db: MigratedDatabase, tables: Rows): Promise<void> {
  const postgres = db.dialect === 'postgres'
  // Rows may name the values of identity columns, as a dump does.
  const override = postgres ? 'OVERRIDING SYSTEM VALUE ' : ''
  for (const [table, rows] of Object.entries(tables)) {
    for (const [i, row] of rows.entries()) {
      const columns = Object.keys(row)
      const names = columns.map((column) => quote(column, db.dialect)).join(', ')
      const marks = columns.map((_, n) => (postgres ? `$${n + 1}` : '?')).join(', ')
      const into = `INSERT INTO ${quoteTable(table, db.dialect)}`
      const sql = columns.length > 0 ? `${into} (${names}) ${override}VALUES (${marks})` : `${into} DEFAULT VALUES`
      await runGiven(`${option}.${table}[${i}]`, undefined, () => db.query(sql, Object.values(row)))
    }
  }
}

function quote(name: string, dialect: 'postgres' | 'mysql'): string {
  return dialect === 'postgres' ? identifier(name) : `\`${name.replaceAll('`', '``')}\``
}
