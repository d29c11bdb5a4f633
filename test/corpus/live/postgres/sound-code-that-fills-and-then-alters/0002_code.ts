import type { MigrationContext } from 'migratest'

/** Reads all customers, and only then takes a lock on them, for the blink that it needs. */
export async function up({ sql, log }: MigrationContext) {
  const customers = await sql<{ email: string }>('select email from customers')
  log(`${customers.length} customers`)
  await sql('alter table customers add column region text')
}
