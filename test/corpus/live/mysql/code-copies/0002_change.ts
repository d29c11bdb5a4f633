import type { MigrationContext } from 'migratest'

export async function up({ sql }: MigrationContext) {
  await sql('alter table orders modify total decimal(14,4) not null')
}
export async function down({ sql }: MigrationContext) {
  await sql('alter table orders modify total decimal(12,2) not null')
}
