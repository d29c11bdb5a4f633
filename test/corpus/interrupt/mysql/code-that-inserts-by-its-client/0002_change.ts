import type { MigrationContext } from 'migratest'
import type { Connection } from 'mysql2/promise'

export async function up({ client }: MigrationContext<Connection>) {
  await client.query('create table tags (id int primary key auto_increment, label varchar(30) not null)')
  await client.execute('insert into tags (label) values (?)', ['new'])
}
export async function down({ client }: MigrationContext<Connection>) {
  await client.query('drop table tags')
}
