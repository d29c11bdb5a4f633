import type { MigrationContext } from 'migratest'

export async function up({ sql }: MigrationContext) {
  await sql('alter table invoices add column serial_number bigserial')
}
