/** Rows that a test begins with: SQL, rows by table, or a function. */
import { identifier } from '../database/postgres/tables.ts'
import type { MigratedDatabase } from './migratedDatabase.ts'
import type { Row } from './testServer.ts'

export type Rows = Readonly<Record<string, readonly Row[]>>

// biome-ignore lint/suspicious/noExplicitAny: a seed takes a database of whatever client its test has
export type Seed<Client = any> = string | Rows | ((db: MigratedDatabase<Client>) => Promise<unknown> | unknown)

export async function applySeed(seed: Seed, db: MigratedDatabase): Promise<void> {
  if (typeof seed === 'string') await db.query(seed)
  else if (typeof seed === 'function') await seed(db)
  else await insertRows(db, seed)
}

/** Table names may be qualified: `app.users`. */
export function quoteTable(name: string, dialect: 'postgres' | 'mysql'): string {
  const quote = dialect === 'postgres' ? identifier : (part: string) => `\`${part.replaceAll('`', '``')}\``
  return name.split('.').map(quote).join('.')
}

// --- internal ---

async function insertRows(db: MigratedDatabase, tables: Rows): Promise<void> {
  for (const [table, rows] of Object.entries(tables)) {
    for (const row of rows) {
      const columns = Object.keys(row)
      const names = columns.map((column) => quoteTable(column.replaceAll('.', '\0'), db.dialect).replaceAll('\0', '.'))
      const marks = columns.map((_, i) => (db.dialect === 'postgres' ? `$${i + 1}` : '?'))
      const sql = columns.length
        ? `INSERT INTO ${quoteTable(table, db.dialect)} (${names.join(', ')}) VALUES (${marks.join(', ')})`
        : `INSERT INTO ${quoteTable(table, db.dialect)} DEFAULT VALUES`
      await db.query(sql, Object.values(row))
    }
  }
}
