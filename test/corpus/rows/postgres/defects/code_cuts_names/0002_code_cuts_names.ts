import type { MigrationContext } from 'migratest'

export async function up({ sql }: MigrationContext) {
  await sql('update users set name = left(name, 5) where length(name) > 5')
}

export async function down({ sql }: MigrationContext) {
  await sql('select 1')
}
