/** Validating a constraint needs no way back; making it weaker on the way down is another schema. */
import { expect, test } from 'vitest'
import { memory } from '../../src/source/memory.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { anyPostgres } from '../support/servers.ts'

const TABLES = {
  '1_tables.up.sql':
    'create table users (id int primary key); create table orders (id int primary key, user_id int, cents int);',
  '1_tables.down.sql': 'drop table orders; drop table users;',
}

async function rules(files: Readonly<Record<string, string>>): Promise<string[]> {
  const options = { server: anyPostgres, migrations: memory({ ...TABLES, ...files }) } as VerifyOptions<unknown>
  const made = await verification(options)
  const found: string[] = []
  try {
    for (const check of made.checks) found.push(...(await check.examine()).findings.map(({ rule }) => rule))
  } finally {
    await made.dispose()
  }
  return found
}

test.for([
  ['check', 'check (cents >= 0)'],
  ['foreign key', 'foreign key (user_id) references users (id)'],
] as const)('a %s that is validated in a file of its own needs no down', async ([, definition]) => {
  const found = await rules({
    '2_add.up.sql': `alter table orders add constraint proof ${definition} not valid`,
    '2_add.down.sql': 'alter table orders drop constraint proof',
    '3_validate.up.sql': 'alter table orders validate constraint proof',
    '3_validate.down.sql': 'select 1',
  })
  expect(found).toEqual([])
})

test('a down that makes a constraint again without its proof does not restore the schema', async () => {
  const found = await rules({
    '2_drop.up.sql': 'alter table orders add constraint proof check (cents >= 0)',
    '2_drop.down.sql': 'alter table orders drop constraint proof',
    '3_drop.up.sql': 'alter table orders drop constraint proof',
    '3_drop.down.sql': 'alter table orders add constraint proof check (cents >= 0) not valid',
  })
  expect(found).toContain('down-differs')
})

test('the name that the server gave to a NOT NULL is no difference', async () => {
  const found = await rules({
    '2_add.up.sql': 'alter table orders add column state text not null default 1',
    '2_add.down.sql': 'alter table orders drop column state',
    '3_rename.up.sql': 'alter table orders rename column state to status',
    '3_rename.down.sql': 'alter table orders rename column status to state',
    '4_again.up.sql': 'alter table orders drop column status',
    '4_again.down.sql': 'alter table orders add column status text not null default 1',
  })
  expect(found).toEqual([])
})
