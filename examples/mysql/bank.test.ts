/** A bank's schema on MySQL: tests at a version, its transitions, and the whole suite that comes by itself. */
import { fileURLToPath } from 'node:url'
import { migrateTo, withMigratedDatabase } from 'migratest'
import { mysql } from 'migratest/presets/mysql'
import { describeMigrations, describeTransitions } from 'migratest/vitest'
import { test as base, expect } from 'vitest'

const bank = { server: mysql(), migrations: fileURLToPath(new URL('./migrations', import.meta.url)) }
const test = base.extend('db', withMigratedDatabase({ ...bank, version: 2 }))

test('a transfer moves money, and never into debt', async ({ db }) => {
  await db.query("insert into accounts (owner, balance) values ('Ada', 100), ('Grace', 0)")
  await db.query('insert into transfers (source, target, amount) values (1, 2, 30)')
  expect(await db.query('select balance from accounts order by id')).toEqual([
    { balance: '70.00' },
    { balance: '30.00' },
  ])
  // `db.client` is mysql2's own connection.
  await expect(db.client.query('insert into transfers (source, target, amount) values (1, 2, 71)')).rejects.toThrow(
    /never_in_debt/,
  )
})

test('3 knows a currency of every account that was there', async ({ db }) => {
  await db.query("insert into accounts (owner, balance) values ('Ada', 2000)")
  await migrateTo(db, 3)
  expect(await db.query('select * from rich')).toEqual([{ owner: 'Ada', balance: '2000.00', currency: 'EUR' }])
})

describeTransitions(bank, [
  { from: 'nil', to: 'latest' },
  {
    from: 3,
    to: 4,
    name: 'gives ten euros, or eleven of anything else',
    given: {
      accounts: [
        { owner: 'Ada', currency: 'EUR' },
        { owner: 'Grace', currency: 'USD' },
      ],
    },
    expect: {
      accounts: [
        { owner: 'Ada', balance: '10.00' },
        { owner: 'Grace', balance: '11.00' },
      ],
    },
  },
  {
    from: 4,
    to: 3,
    name: 'takes no more than there is',
    given: "insert into accounts (owner, balance) values ('Ada', 4)",
    expect: { accounts: [{ balance: '0.00' }] },
  },
])

describeMigrations(bank)
