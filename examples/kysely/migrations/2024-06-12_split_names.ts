import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('users').addColumn('first_name', 'text').addColumn('last_name', 'text').execute()
  await sql`update users set first_name = split_part(name, ' ', 1), last_name = nullif(split_part(name, ' ', 2), '')`.execute(
    db,
  )
  await db.schema
    .alterTable('users')
    .alterColumn('first_name', (column) => column.setNotNull())
    .dropColumn('name')
    .execute()
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('users').addColumn('name', 'text').execute()
  await sql`update users set name = concat_ws(' ', first_name, last_name)`.execute(db)
  await db.schema
    .alterTable('users')
    .alterColumn('name', (column) => column.setNotNull())
    .dropColumn('first_name')
    .dropColumn('last_name')
    .execute()
}
