import { justBefore } from 'migratest'
import { postgres } from 'migratest/presets/postgres'
import { describeTransitions } from 'migratest/vitest'

const oneOrder = `
  insert into users (first_name, email) values ('Ada', 'ada@example.com');
  insert into products (name, price_cents) values ('Cup', 450);
  insert into orders (user_id) values (1);
  insert into order_lines (order_id, product_id, quantity, price_cents) values (1, 1, 4, 450);
`

describeTransitions({ server: postgres(), migrations: new URL('./migrations', import.meta.url) }, [
  { from: 'nil', to: 'latest' },
  { from: 'latest', to: 'nil' },
  {
    from: justBefore(4),
    to: 4,
    name: 'a full name becomes two',
    given: {
      users: [
        { name: 'Ada Lovelace', email: 'ada@example.com' },
        { name: 'Ludwig van Beethoven', email: 'ludwig@example.com' },
        { name: 'Sappho', email: 'sappho@example.com' },
      ],
    },
    expect: {
      users: [
        { id: 1, first_name: 'Ada', last_name: 'Lovelace' },
        { id: 2, first_name: 'Ludwig', last_name: 'van Beethoven' },
        { id: 3, first_name: 'Sappho', last_name: null },
      ],
    },
  },
  {
    from: 4,
    to: justBefore(4),
    name: 'two names become one again',
    given: {
      users: [
        { first_name: 'Ada', last_name: 'Lovelace', email: 'ada@example.com' },
        { first_name: 'Sappho', last_name: null, email: 'sappho@example.com' },
      ],
    },
    expect: { users: [{ name: 'Ada Lovelace' }, { name: 'Sappho' }] },
  },
  {
    from: 4,
    to: 5,
    name: 'refuses two users with one address',
    given: {
      users: [
        { first_name: 'Ada', email: 'ada@example.com' },
        { first_name: 'Augusta', email: 'ada@example.com' },
      ],
    },
    throws: /users_email_key/,
    expect: { users: [{ first_name: 'Ada' }, { first_name: 'Augusta' }] },
  },
  {
    from: 6,
    to: 7,
    given: { products: [{ title: 'Kettle', price_cents: 3900 }] },
    expect: { products: [{ name: 'Kettle', price_cents: 3900 }] },
  },
  { from: 8, to: 9, given: oneOrder, expect: { order_lines: [{ quantity: 4, total_cents: 1800 }] } },
  {
    from: 10,
    to: 9,
    name: 'what was shipped is paid again',
    given: `${oneOrder} update orders set status = 'shipped'`,
    expect: { orders: [{ id: 1, status: 'paid' }] },
  },
  { from: 10, to: 'latest', given: oneOrder, expect: { order_events: [{ order_id: 1, status: 'open' }] } },
  {
    from: 'latest',
    to: 10,
    name: 'the trigger is gone with the log',
    given: oneOrder,
    expect: async (db, { expect }) => {
      await db.query(`update orders set status = 'paid'`)
      expect(await db.query('select status from orders')).toEqual([{ status: 'paid' }])
    },
  },
])
