import type { MigrationContext } from 'migratest'
import type { Connection } from 'mysql2/promise'

export async function up({ client }: MigrationContext<Connection>) {
  await client.query('alter table orders modify total decimal(14,4) not null;')
}
export async function down({ client }: MigrationContext<Connection>) {
  await client.execute('alter table orders modify total decimal(12,2) not null;')
}
