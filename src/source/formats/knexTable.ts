/** The tables in which Knex records what is applied. */
import { extname } from 'node:path'
import type { Bookkeeping } from '../../migrate/source.ts'
import type { Dialect } from '../../sql/dialect.ts'
import { literalOf } from '../../sql/parameters.ts'
import type { Books } from './format.ts'
import { qualified, timeOf } from './tables.ts'

/** The names of the tables, and the rows in them. */
export interface KnexTable {
  readonly table: string
  readonly schema: string | undefined
  /** Returns the part of a name that identifies the migration. */
  identify(name: string): string
  /** Returns the name under which a file is recorded, if the user says it. */
  readonly nameOf: ((file: string) => string) | undefined
}

/** Facts: knex 3.3.0, `lib/migrations/migrate/{table-creator,Migrator}.js`. */
export function knexBookkeeping(
  dialect: Dialect,
  { entry }: Books<undefined>,
  { table: name, schema, identify, nameOf }: KnexTable,
): Bookkeeping {
  const table = qualified(dialect, schema, name)
  const lock = qualified(dialect, schema, `${name}_lock`)
  /** The batch of this run. Knex numbers the runs; its `rollback` undoes the last one. */
  let batch = 1
  /** The names in the table, by identity. */
  let recorded = new Map<string, string>()
  /** The endings that names in the table have, by those of the files: `.js` for `.ts` where compiled files run. */
  const endings = new Map<string, string>()
  const usual = (file: string) => {
    const own = extname(file)
    return `${file.slice(0, file.length - own.length)}${endings.get(own) ?? own}`
  }
  return {
    tables: [name, `${name}_lock`],
    create: dialect === 'postgres' ? createPostgres(table, lock) : createMysql(table, lock),
    select: `SELECT name, batch, migration_time FROM ${table} ORDER BY id`,
    rows(rows) {
      batch = Math.max(0, ...rows.map((row) => Number(row.batch ?? 0))) + 1
      recorded = new Map(rows.map((row) => [identify(String(row.name)), String(row.name)]))
      for (const [identity, stored] of recorded) {
        const file = entry(identity)?.name
        if (file !== undefined) endings.set(extname(file), extname(stored))
      }
      return rows.map((row) => ({
        identity: identify(String(row.name)),
        state: 'applied',
        appliedAt: timeOf(row.migration_time),
      }))
    },
    async record({ name: file }) {
      if (!entry(identify(file))) return []
      const own = (nameOf ?? usual)(file)
      recorded.set(identify(file), own)
      const values = `${literalOf(own, dialect)}, ${batch}, CURRENT_TIMESTAMP`
      return [`INSERT INTO ${table} (name, batch, migration_time) VALUES (${values})`]
    },
    lockRow: {
      take: `UPDATE ${lock} SET is_locked = ${OURS} WHERE is_locked = 0`,
      look: `SELECT 1 AS held FROM ${lock} WHERE is_locked = 1`,
      free: `UPDATE ${lock} SET is_locked = 0 WHERE is_locked = ${OURS}`,
      holder: 'Knex holds its lock. If no Knex is running, free it: npx knex migrate:unlock',
    },
    forget: (identity) => [
      `DELETE FROM ${table} WHERE name = ${literalOf(recorded.get(identity) ?? identity, dialect)}`,
    ],
  }
}

// --- internal ---

/** Knex marks its row with 1, and takes no other value than 0 for free. */
const OURS = 2

function createPostgres(table: string, lock: string): string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${table} (id serial PRIMARY KEY, name varchar(255), batch integer, migration_time timestamptz)`,
    `CREATE TABLE IF NOT EXISTS ${lock} (index serial PRIMARY KEY, is_locked integer)`,
    `INSERT INTO ${lock} (is_locked) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM ${lock})`,
  ]
}

function createMysql(table: string, lock: string): string[] {
  const id = 'int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY'
  return [
    `CREATE TABLE IF NOT EXISTS ${table} (id ${id}, name varchar(255), batch int, migration_time timestamp)`,
    `CREATE TABLE IF NOT EXISTS ${lock} (\`index\` ${id}, is_locked int)`,
    `INSERT INTO ${lock} (is_locked) SELECT 0 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM ${lock})`,
  ]
}
