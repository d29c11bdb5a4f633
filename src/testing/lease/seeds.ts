/** Rows that a test begins with: SQL, rows by table, a function, or a file. */
import { pathToFileURL } from 'node:url'
import { isUrl, pathOf } from '../../source/folder.ts'
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'
import { runGiven } from '../given.ts'
import type { MigratedDatabaseOptions, Seed, SeedRows, SeedTarget } from './options.ts'
import { type SeedKey, seedFile } from './seedFile.ts'
import { seedFunction } from './seedFunction.ts'

/**
 * Inserts a seed's rows.
 * @param option the option's name in error messages: `given`, `seeds[3]`
 * @throws SeedError, and what a function or the module in a file throws
 */
export async function applySeed(option: string, seed: Seed, db: SeedTarget): Promise<void> {
  if (typeof seed === 'string') await runGiven(option, seed, () => db.query(seed))
  else if (typeof seed === 'function') await seedFunction(seed).run(option, db)
  else if (isUrl(seed)) await seedFile(seed, option).run(option, db)
  else await insertRows(option, db, seed)
}

/** Runs the option `prepare`. @throws as {@link applySeed} */
export async function applyPrepare<Client>(
  options: MigratedDatabaseOptions<Client>,
  db: SeedTarget<Client>,
): Promise<void> {
  const rows = prepareSeed(options)
  if (rows !== undefined) await applySeed('prepare', rows, db)
}

/** Returns all seeds of a test, `prepare` the last. */
export function seedsOf<Client>(options: Pick<MigratedDatabaseOptions<Client>, 'seeds' | 'prepare'>): Seed<Client>[] {
  return [...Object.values(options.seeds ?? {}), prepareSeed(options) ?? []].flat()
}

/** Returns the option `prepare` as a seed: a text is a path there, and not SQL. */
export function prepareSeed<Client>({
  prepare,
}: Pick<MigratedDatabaseOptions<Client>, 'prepare'>): Seed<Client> | undefined {
  return typeof prepare === 'string' ? pathToFileURL(pathOf(prepare, 'prepare')) : prepare
}

/**
 * Returns what determines the rows of a seed.
 * @param option the option's name in error messages
 * @throws UnreadableFileError if there is no such file
 */
export async function seedKey(option: string, seed: Seed): Promise<SeedKey> {
  if (isUrl(seed)) return seedFile(seed, option).key(option)
  if (typeof seed === 'function') return seedFunction(seed).key()
  return { text: seedText(seed), files: [], variables: [] }
}

/** Returns a text that tells seeds apart, without reading their files. */
export function seedName(seed: Seed | undefined): string | undefined {
  if (typeof seed === 'function') return seedFunction(seed).name
  return isUrl(seed) ? seed.href : seed && seedText(seed)
}

/** Quotes a table name, which may be qualified: `app.users`. */
export function quoteTable(name: string, dialect: Dialect): string {
  return name.split('.').map(DIALECTS[dialect].quote).join('.')
}

// --- internal ---

/**
 * Returns a text that identifies the rows: the same text means the same rows. Returns `undefined` for values of unknown
 * types.
 */
function seedText(seed: string | SeedRows): string | undefined {
  try {
    return typeof seed === 'string' ? `sql ${seed}` : `rows ${tagged(seed)}`
  } catch {
    return undefined
  }
}

async function insertRows(option: string, db: SeedTarget, tables: SeedRows): Promise<void> {
  const { quote, placeholder, defaultRow, overrideIdentity } = DIALECTS[db.dialect]
  for (const [table, rows] of Object.entries(tables)) {
    for (const [i, row] of rows.entries()) {
      const columns = Object.keys(row)
      const names = columns.map(quote).join(', ')
      const marks = columns.map((_, n) => placeholder(n + 1)).join(', ')
      const into = `INSERT INTO ${quoteTable(table, db.dialect)}`
      const sql =
        columns.length > 0 ? `${into} (${names}) ${overrideIdentity}VALUES (${marks})` : `${into} ${defaultRow}`
      await runGiven(`${option}.${table}[${i}]`, undefined, () => db.query(sql, Object.values(row)))
    }
  }
}

/**
 * Writes a value together with its type, since drivers send 1, '1' and 1n differently.
 * @throws TypeError for other types
 */
function tagged(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'string') return JSON.stringify(value)
  // Drivers write dates in local time, so the time zone matters.
  if (value instanceof Date) return `date ${value.toISOString()} ${value.getTimezoneOffset()}`
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return `[${value.map(tagged).join()}]`
  const prototype = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError('not plain')
  if ('toPostgres' in (value as object) || 'toJSON' in (value as object)) throw new TypeError('not plain')
  return `{${Object.entries(value as object).map(([name, of]) => `${JSON.stringify(name)}:${tagged(of)}`)}}`
}
