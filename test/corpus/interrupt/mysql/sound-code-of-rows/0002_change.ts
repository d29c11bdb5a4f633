import type { MigrationContext } from 'migratest'

export async function up({ sql }: MigrationContext) {
  await sql("insert into teams (name) values ('core')")
  const [row] = await sql("select id from teams where name = 'core'")
  await sql('insert into users (team_id, name, email) values (?, ?, ?)', [row?.id, 'root', 'root@example.com'])
}
export async function down({ sql }: MigrationContext) {
  await sql("delete from users where email = 'root@example.com'")
  await sql("delete from teams where name = 'core'")
}
