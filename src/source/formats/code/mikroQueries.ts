/** Asks a migration of MikroORM for the SQL that it collects, without a database. */
import type { Direction } from '../../../migrate/source.ts'

export interface MikroMigration {
  up(): unknown
  down(): unknown
  addSql(sql: unknown): void
  getQueries(): unknown[]
  reset(): void
  setTransactionContext(transaction: unknown): void
  isTransactional?(): boolean
  /** Only in versions up to 6. */
  getKnex?: unknown
}

export interface MikroMigrationClass {
  new (driver: unknown, config: unknown): MikroMigration
  readonly prototype: MikroMigration
}

/**
 * The outcome of asking a migration for its queries. `driver`: it wants to use a connection, or collects more than
 * texts. `failed`: it threw an error of its own.
 */
export type Asked =
  | { readonly kind: 'queries'; readonly isTransactional: boolean; readonly queries: readonly Query[] }
  | { readonly kind: 'driver'; readonly isTransactional: boolean }
  | { readonly kind: 'failed'; readonly isTransactional: boolean; readonly error: unknown }

interface Query {
  readonly sql: string
  /** Has the stack of the call of addSql. */
  readonly at: Error
}

export async function askForQueries(migration: MikroMigrationClass, direction: Direction): Promise<Asked> {
  let isUsed = false
  const nothing: object = new Proxy(
    {},
    {
      get() {
        isUsed = true
        throw new Error('There is no database yet.')
      },
    },
  )
  let isTransactional = true
  try {
    const instance = new migration(nothing, nothing)
    isTransactional = instance.isTransactional?.() ?? true
    const places = rememberPlaces(instance)
    await instance[direction]()
    const queries = instance.getQueries()
    if (isUsed || !queries.every((query) => typeof query === 'string')) return { kind: 'driver', isTransactional }
    return {
      kind: 'queries',
      isTransactional,
      queries: queries.map((sql, i) => ({ sql, at: places[i] ?? new Error() })),
    }
  } catch (error) {
    return isUsed ? { kind: 'driver', isTransactional } : { kind: 'failed', isTransactional, error }
  }
}

/** Lets a migration remember where it adds each of its queries. Returns an error with the place, by the query's index. */
export function rememberPlaces(instance: MikroMigration): Error[] {
  const places: Error[] = []
  const { addSql } = instance
  instance.addSql = (sql) => {
    places.push(new Error('addSql'))
    addSql.call(instance, sql)
  }
  return places
}
