/** Databases on which statements are tried: at the state that the migrations build, with some rows. */
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'
import { MigratedDatabase } from '../../testing/lease/migratedDatabase.ts'
import { sourceOf } from '../../testing/lease/migrations.ts'
import { type Attempts, inTransactions, onCopies, type Scratch } from '../attempts.ts'
import type { GenerateOptions } from '../generateOptions.ts'
import { comparedPart } from '../leaving.ts'
import { sentTexts } from '../text.ts'
import { someRows } from './someRows.ts'

export async function attemptsOn(dialect: Dialect, scratch: () => Promise<Scratch>): Promise<Attempts> {
  return DIALECTS[dialect].transactionalDdl ? inTransactions(await scratch()) : onCopies(scratch)
}

/**
 * Returns what makes databases at the state that the migrations build.
 * @param tables the names of tables to put some generated rows into, as they are when a database is made
 */
export function scratchOf<Client>(
  options: Omit<GenerateOptions<Client>, 'wanted'>,
  tables: readonly string[] = [],
): () => Promise<Scratch> {
  return async () => {
    const { answers: _, rows: __, wanted: ___, online: ____, leave, only, ...rest } = options as GenerateOptions<Client>
    // Before the first migration, there is no latest version.
    const isEmpty = (await (await sourceOf(options.migrations)).list()).length === 0
    const db = await MigratedDatabase.create({ ...(isEmpty && { version: 'nil' as const }), ...rest })
    if (tables.length > 0) await someRows(db.client as object, tables)
    const part = comparedPart({ ...(leave && { leave }), ...(only && { only }) })
    return {
      run: async (sql) => {
        for (const one of sentTexts(sql, options.server.dialect)) await db.query(one)
      },
      rows: (sql) => db.query(sql),
      schema: async () => part(await db.schema(db.client)),
      fill: (names) => someRows(db.client as object, names),
      dispose: () => db[Symbol.asyncDispose](),
    }
  }
}
