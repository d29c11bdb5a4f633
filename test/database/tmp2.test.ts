import { afterAll, describe, expect, test as base } from 'vitest'
import { mysql } from '../../presets/mysql.ts'
import { mariadb } from '../../presets/mariadb.ts'
import { withMigratedDatabase } from '../../fixtures/withMigratedDatabase.ts'
import { migrateTo } from '../../fixtures/migrateTo.ts'
import { memory } from '../../src/source/memory.ts'
const files = {
  '1_users.up.sql': 'create table users (id int primary key auto_increment, name varchar(200) not null)',
  '1_users.down.sql': 'drop table users',
  '2_split.up.sql': "alter table users add column first_name varchar(100); update users set first_name = substring_index(name, ' ', 1)",
  '2_split.down.sql': 'alter table users drop column first_name',
}
for (const [name, preset] of Object.entries({ mysql, mariadb })) describe(name, () => {
  const test = base.extend('db', withMigratedDatabase({ server: preset(), migrations: memory(files), version: 1 }))
  for (let i = 0; i < 6; i++)
  test('splits ' + i, async ({ db }) => {
    expect(await db.query('select * from users')).toEqual([])
    await db.query("insert into users (name) values ('Ada Lovelace')")
    if (i < 2) {
    await migrateTo(db, 2)
    expect(await db.query('select id, first_name from users')).toEqual([{ id: 1, first_name: 'Ada' }])
    }
    console.log(db.name, String(await db.schema()))
  })
})
