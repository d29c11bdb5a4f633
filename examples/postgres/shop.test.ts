import { migrateTo, withMigratedDatabase } from 'migratest'
import { postgres } from 'migratest/presets/postgres'
import { test as base, describe, expect } from 'vitest'
import { cancelOrder, historyOf, OutOfStockError, ordersOf, placeOrder } from './shop.ts'

const shop = { server: postgres(), migrations: new URL('./migrations', import.meta.url) }

const ada = 1
const kettle = 1
const cup = 2

const test = base.extend(
  'db',
  withMigratedDatabase({
    ...shop,
    seeds: {
      12: {
        users: [{ first_name: 'Ada', last_name: 'Lovelace', email: 'ada@example.com' }],
        products: [
          { name: 'Kettle', price_cents: 3900, stock: 2 },
          { name: 'Cup', price_cents: 450, stock: 10 },
        ],
      },
    },
  }),
)

describe('placing an order', () => {
  test('adds up its lines and takes the goods out of stock', async ({ db }) => {
    const id = await placeOrder(db.client, ada, [
      { productId: kettle, quantity: 1 },
      { productId: cup, quantity: 4 },
    ])
    expect(await ordersOf(db.client, ada)).toEqual([{ id, status: 'open', totalCents: 5700 }])
    expect(await db.query('select stock from products order by id')).toEqual([{ stock: 1 }, { stock: 6 }])
  })

  test('leaves nothing behind where one line is out of stock', async ({ db }) => {
    const lines = [
      { productId: cup, quantity: 1 },
      { productId: kettle, quantity: 3 },
    ]
    await expect(placeOrder(db.client, ada, lines)).rejects.toThrow(OutOfStockError)
    expect(await ordersOf(db.client, ada)).toEqual([])
    expect(await db.query('select stock from products order by id')).toEqual([{ stock: 2 }, { stock: 10 }])
  })

  test('keeps its price when the product gets dearer', async ({ db }) => {
    const id = await placeOrder(db.client, ada, [{ productId: kettle, quantity: 1 }])
    await db.query('update products set price_cents = price_cents * 2')
    expect(await ordersOf(db.client, ada)).toEqual([{ id, status: 'open', totalCents: 3900 }])
  })
})

describe('cancelling an order', () => {
  test('puts the goods back, once', async ({ db }) => {
    const id = await placeOrder(db.client, ada, [{ productId: kettle, quantity: 2 }])
    expect(await cancelOrder(db.client, id)).toBe(true)
    expect(await cancelOrder(db.client, id)).toBe(false)
    expect(await db.query('select stock from products where id = $1', [kettle])).toEqual([{ stock: 2 }])
    expect(await historyOf(db.client, id)).toEqual(['open', 'cancelled'])
  })

  test('is too late once it is shipped', async ({ db }) => {
    const id = await placeOrder(db.client, ada, [{ productId: cup, quantity: 1 }])
    await db.query(`update orders set status = 'shipped' where id = $1`, [id])
    expect(await cancelOrder(db.client, id)).toBe(false)
    expect(await historyOf(db.client, id)).toEqual(['open', 'shipped'])
  })
})

const beforeTheLog = base.extend('db', withMigratedDatabase({ ...shop, version: 10 }))

beforeTheLog('an order from before 0011 has a history too', async ({ db }) => {
  await db.query(`
    insert into users (first_name, email) values ('Ada', 'ada@example.com');
    insert into products (name, price_cents, stock) values ('Kettle', 3900, 1);
  `)
  const id = await placeOrder(db.client, ada, [{ productId: kettle, quantity: 1 }])

  await migrateTo(db, 11)

  await cancelOrder(db.client, id)
  expect(await historyOf(db.client, id)).toEqual(['open', 'cancelled'])
})
