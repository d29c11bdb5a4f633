/** SQLite as a kind of database: what `openDatabase('sqlite:…')` needs. Registered by whoever imports this. */
import { DatabaseSync } from 'node:sqlite'
import { type DatabaseKind, registerDatabase, Schema, type SchemaObject } from 'migratest'
import { SqliteDriver } from './driver.ts'

declare module 'migratest' {
  interface RegisteredClients {
    sqlite: DatabaseSync
  }
}

const sqlite: DatabaseKind = {
  open: async (where) =>
    typeof where === 'string'
      ? new SqliteDriver(new DatabaseSync(fileOf(where)), true)
      : new SqliteDriver(where as DatabaseSync, false),
  locate: async (url) => ({ host: '', port: 0, database: fileOf(url) }),
  async openSchema(url) {
    const db = new DatabaseSync(fileOf(url))
    return { read: async () => readSchema(db), close: async () => db.close() }
  },
}

registerDatabase({
  schemes: ['sqlite'],
  example: 'sqlite:',
  recognizes: (client) => client instanceof DatabaseSync,
  load: async () => sqlite,
})

function fileOf(url: string): string {
  return url.slice('sqlite:'.length)
}

/** SQLite keeps the DDL of every object as it was written. */
function readSchema(db: DatabaseSync): Schema {
  const rows = db
    .prepare(
      `SELECT type, name, tbl_name AS tab, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT GLOB 'schema_migrations*'
       ORDER BY CASE type WHEN 'table' THEN 1 WHEN 'view' THEN 2 WHEN 'index' THEN 3 ELSE 4 END, name`,
    )
    .all()
  return new Schema(
    'postgres',
    rows.map(({ type, name, tab, sql }): SchemaObject => {
      const kind = type as 'table' | 'view' | 'index' | 'trigger'
      const isPart = kind === 'index' || kind === 'trigger'
      const table = isPart ? String(tab) : null
      const columns = isPart ? [] : columnsOf(db, String(name))
      return { kind, name: String(name), table, head: String(sql), members: [], tail: '', more: [], columns }
    }),
  )
}

function columnsOf(db: DatabaseSync, table: string): SchemaObject['columns'] {
  const rows = db.prepare('SELECT name, type, "notnull" AS required, dflt_value AS value FROM pragma_table_info(?)')
  return rows.all(table).map(({ name, type, required, value }) => ({
    name: String(name),
    type: String(type),
    nullable: required === 0,
    default: value === null ? null : String(value),
    generated: null,
    identity: null,
    comment: null,
  }))
}
