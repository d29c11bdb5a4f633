import type { MigrationContext } from 'migratest'

export async function up({ sql }: MigrationContext) {
  await sql('create table tags (id int primary key auto_increment, label varchar(30) not null)')
  await sql("insert into tags (label) values ('new')")
}
export async function down({ sql }: MigrationContext) {
  await sql('drop table tags')
}
