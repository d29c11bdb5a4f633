/** The shop's dealings with its database, as of the newest migration. */
import type { ClientBase } from 'pg'

export interface Line {
  readonly productId: number
  readonly quantity: number
}

export interface Order {
  readonly id: number
  readonly status: 'open' | 'paid' | 'shipped' | 'cancelled'
  readonly totalCents: number
}

export class OutOfStockError extends Error {}

/** Takes the goods out of stock and gives the order's number; all of it or nothing. */
export function placeOrder(client: ClientBase, userId: number, lines: readonly Line[]): Promise<number> {
  return inTransaction(client, async () => {
    const placed = await client.query<{ id: number }>('insert into orders (user_id) values ($1) returning id', [userId])
    const [order] = placed.rows
    if (!order) throw new Error('The database gave the order no number.')
    for (const { productId, quantity } of lines) {
      const taken = await client.query<{ price_cents: number }>(
        'update products set stock = stock - $2 where id = $1 and stock >= $2 returning price_cents',
        [productId, quantity],
      )
      const [product] = taken.rows
      if (!product) throw new OutOfStockError(`Fewer than ${quantity} of product ${productId} are left.`)
      // The price of today: a later one must not change this order.
      await client.query(
        'insert into order_lines (order_id, product_id, quantity, price_cents) values ($1, $2, $3, $4)',
        [order.id, productId, quantity, product.price_cents],
      )
    }
    return order.id
  })
}

/** Puts the goods back. False where it is too late: the order is shipped, or cancelled already. */
export function cancelOrder(client: ClientBase, orderId: number): Promise<boolean> {
  return inTransaction(client, async () => {
    const cancelled = await client.query(
      `update orders set status = 'cancelled' where id = $1 and status in ('open', 'paid')`,
      [orderId],
    )
    if (cancelled.rowCount === 0) return false
    await client.query(
      `update products set stock = stock + quantity from order_lines
       where order_lines.product_id = products.id and order_lines.order_id = $1`,
      [orderId],
    )
    return true
  })
}

/** Newest first. */
export async function ordersOf(client: ClientBase, userId: number): Promise<Order[]> {
  const { rows } = await client.query<Order>(
    'select id, status, total_cents as "totalCents" from order_totals where user_id = $1 order by id desc',
    [userId],
  )
  return rows
}

/** What became of an order, first thing first. */
export async function historyOf(client: ClientBase, orderId: number): Promise<Order['status'][]> {
  const { rows } = await client.query<Pick<Order, 'status'>>(
    'select status from order_events where order_id = $1 order by id',
    [orderId],
  )
  return rows.map(({ status }) => status)
}

async function inTransaction<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('begin')
  try {
    const result = await work()
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}
