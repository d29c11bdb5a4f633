/** A diagram shows tables and their references in places that are computed without a browser. */
import { describe, expect, test } from 'vitest'
import type { ObjectKind, SchemaObject } from '../../src/schema/model.ts'
import { around, relationsOf } from '../../src/ui/relations.ts'
import { type Arranged, arrange } from '../../ui/layout.ts'

function object(kind: ObjectKind, name: string, more: Partial<SchemaObject> = {}): SchemaObject {
  return { kind, name, table: null, head: '', members: [], tail: '', more: [], columns: [], ...more }
}

function table(name: string, ...columns: string[]): SchemaObject {
  return object('table', name, {
    members: [{ key: 'constraint p', text: `CONSTRAINT p PRIMARY KEY (${columns[0]})` }],
    columns: columns.map((column) => ({
      name: column,
      type: 'integer',
      nullable: false,
      default: null,
      generated: null,
      identity: null,
      comment: null,
    })),
  })
}

const key = (table: string, text: string) =>
  object('foreign-key', 'k', { table, head: `ALTER TABLE ${table} ADD CONSTRAINT k ${text}` })

describe('relations', () => {
  test('a foreign key leads from its table to the one that it references', () => {
    const { boxes, lines } = relationsOf(
      [
        table('users', 'id'),
        table('orders', 'id', 'user_id'),
        key('orders', 'FOREIGN KEY (user_id) REFERENCES users(id)'),
      ],
      undefined,
      'postgres',
    )
    expect(lines).toEqual([{ from: 'orders', to: 'users', kind: 'key', columns: ['user_id'] }])
    expect(boxes.map(({ name, columns }) => [name, columns.map((column) => column.key)])).toEqual([
      ['users', ['primary']],
      ['orders', ['primary', 'foreign']],
    ])
  })

  test.for([
    ['names with a schema', 'postgres', 'app.users', 'app.users'],
    ['quoted names', 'postgres', '"a.b""c"', '"a.b""c"'],
    ['names that only one side quotes', 'postgres', 'users', '"users"'],
    ['backticks', 'mysql', '`users`', '`users`'],
    ['backticks on one side', 'mysql', 'users', '`users`'],
    ['the name of the database before the table', 'mysql', 'users', '`shop`.`users`'],
  ] as const)('%s', ([, dialect, name, reference]) => {
    const { lines } = relationsOf(
      [table(name, 'id'), table('orders', 'id'), key('orders', `FOREIGN KEY (a, b) REFERENCES ${reference} (x, y)`)],
      undefined,
      dialect,
    )
    expect(lines).toEqual([{ from: 'orders', to: name, kind: 'key', columns: ['a', 'b'] }])
  })

  test('a view reads what stands after FROM and JOIN, not a column of that name', () => {
    const view = object('view', 'v', {
      head: 'CREATE VIEW v AS SELECT a.orders FROM users a JOIN (lines) ON true, only items',
    })
    const { lines } = relationsOf(
      [table('users', 'id'), table('orders', 'id'), table('lines', 'id'), table('items', 'id'), view],
      undefined,
      'postgres',
    )
    expect(lines.map(({ to }) => to)).toEqual(['users', 'lines', 'items'])
  })

  test('what a migration touched: by itself, by an index, by being gone; and one ring more', () => {
    const before = [table('a', 'id'), table('b', 'id'), table('c', 'id'), table('gone', 'id')]
    const keys = [key('b', 'FOREIGN KEY (id) REFERENCES a (id)')]
    const index = object('index', 'i', { table: 'b', head: 'CREATE INDEX i ON b (id)' })
    const all = relationsOf(
      [...before.slice(0, 3), table('added', 'id'), ...keys, index],
      [...before, ...keys],
      'postgres',
    )
    expect(all.boxes.map(({ name, change }) => [name, change])).toEqual([
      ['a', undefined],
      ['b', 'changed'],
      ['c', undefined],
      ['added', 'added'],
      ['gone', 'removed'],
    ])
    expect(around(all, false).boxes.map(({ name }) => name)).toEqual(['b', 'added', 'gone'])
    expect(around(all, true).boxes.map(({ name }) => name)).toEqual(['a', 'b', 'added', 'gone'])
  })
})

describe('layout', () => {
  const sizes = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ id: `t${i}`, width: 90 + (i % 7) * 20, height: 28 + (i % 5) * 18 }))

  test.for([
    ['nothing', 0, []],
    ['one box that references itself', 1, [[0, 0]]],
    ['boxes without lines', 50, []],
    ['a chain', 20, Array.from({ length: 19 }, (_, i) => [i + 1, i])],
    [
      'two lines between the same boxes, and a circle',
      3,
      [
        [0, 1],
        [0, 1],
        [1, 2],
        [2, 0],
      ],
    ],
    ['a star of 120', 120, Array.from({ length: 119 }, (_, i) => [i + 1, 0])],
    ['a tree of 300 with lines across', 300, Array.from({ length: 299 }, (_, i) => [i + 1, Math.floor(i / 4)])],
  ] as const)('%s: every box has a place, none covers another, nothing is outside', ([, count, lines]) => {
    const all = sizes(count)
    const links = lines.map(([from, to]) => ({ from: `t${from}`, to: `t${to}` }))
    const arranged = arrange(all, links)
    expect(Object.keys(arranged.places)).toHaveLength(count)
    expect(arranged.ways).toHaveLength(links.length)
    expect(overlaps(all, arranged)).toEqual([])
    for (const { id, width, height } of all) {
      const { x, y } = arranged.places[id] ?? { x: -1, y: -1 }
      expect(x).toBeGreaterThanOrEqual(-0.01)
      expect(y).toBeGreaterThanOrEqual(-0.01)
      expect(x + width).toBeLessThanOrEqual(arranged.width + 0.01)
      expect(y + height).toBeLessThanOrEqual(arranged.height + 0.01)
    }
    // A screen is about as wide as this, or as high.
    if (count > 100) expect(arranged.height / arranged.width).toBeLessThan(3)
  })
})

function overlaps(sizes: readonly { id: string; width: number; height: number }[], { places }: Arranged): string[] {
  return sizes.flatMap((a, i) =>
    sizes.slice(i + 1).flatMap((b) => {
      const [first, second] = [places[a.id], places[b.id]]
      if (!first || !second) return []
      const apart =
        first.x + a.width <= second.x + 0.01 ||
        second.x + b.width <= first.x + 0.01 ||
        first.y + a.height <= second.y + 0.01 ||
        second.y + b.height <= first.y + 0.01
      return apart ? [] : [`${a.id} and ${b.id}`]
    }),
  )
}
