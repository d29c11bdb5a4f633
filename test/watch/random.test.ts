/** A hundred edits in a random order of kinds: in the end the schema is that of the files, and every row that could live does. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { WatchEvent } from '../../src/watch/events.ts'
import { test, type Watched } from '../support/watch.ts'

const EDITS = 100
const TABLES = [1, 2, 3, 4, 5, 6] as const

/** The same numbers for the same seed (mulberry32). */
function randomly(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

interface Text {
  readonly up: string
  readonly down: string
}

/** With a table that refers to it, and a row of the migration's own. */
function table(n: number, columns: string): Text {
  return {
    up: `create table t${n} (\n  id int primary key,\n  v text${columns}\n);\ninsert into t${n} values (${1000 + n}, 'made');
create table c${n} (id int generated always as identity primary key, t int not null references t${n});\n`,
    down: `drop table c${n};\ndrop table t${n};\n`,
  }
}

const COLUMNS = ['', ",\n  w text default 'w'", ',\n  at timestamptz default now()', ',\n  x int, y int'] as const

for (const seed of [1, 2, 3]) {
  test(`${EDITS} edits, seed ${seed}`, { timeout: 180_000 }, async ({ watched, db }) => {
    const random = randomly(seed)
    const below = (n: number) => Math.floor(random() * n)
    /** The tables of the files, by version, with their columns. */
    let state = new Map(TABLES.map((n) => [n * 10, { n: n as number, columns: '' }]))
    const name = (version: number, n: number, half: string) => `${String(version).padStart(4, '0')}_t${n}.${half}.sql`
    const put = async (version: number, { n, columns }: { n: number; columns: string }, slowly = false) => {
      const { up, down } = table(n, columns)
      watched.write(name(version, n, 'down'), down)
      if (!slowly) return watched.write(name(version, n, 'up'), up)
      const half = below(up.length)
      watched.write(name(version, n, 'up'), up.slice(0, half))
      await sleep(5 + below(76))
      watched.write(name(version, n, 'up'), up)
    }
    const remove = (version: number, n: number) => {
      watched.remove(name(version, n, 'up'))
      watched.remove(name(version, n, 'down'))
    }
    const write = async (next: typeof state) => {
      for (const [version, { n }] of state) if (next.get(version)?.n !== n) remove(version, n)
      for (const [version, file] of next) await put(version, file)
      state = next
    }
    for (const [version, file] of state) await put(version, file)
    await watched.start({ onIrreversible: 'rebuild' })
    for (const n of TABLES) await db.rows(`insert into t${n} select i, 'mine ' || i from generate_series(1, 20) i`)
    for (const n of TABLES) await db.rows(`insert into c${n} (t) select i from generate_series(1, 20) i`)
    await db.rows("update t1 set v = 'changed' where id = 1001")

    const versions = () => [...state.keys()]
    const any = () => versions()[below(state.size)] as number
    const kinds: Record<string, () => Promise<void> | void> = {
      async columns() {
        const version = any()
        state.set(version, {
          ...(state.get(version) as { n: number; columns: string }),
          columns: COLUMNS[below(COLUMNS.length)] ?? '',
        })
        await put(version, state.get(version) as { n: number; columns: string })
      },
      typo() {
        const version = any()
        const { n } = state.get(version) as { n: number }
        watched.write(name(version, n, 'up'), `create tabel t${n} (id int primary key);`)
      },
      async fix() {
        for (const [version, file] of state) await put(version, file)
      },
      async halves() {
        const version = any()
        state.set(version, {
          ...(state.get(version) as { n: number; columns: string }),
          columns: COLUMNS[below(COLUMNS.length)] ?? '',
        })
        await put(version, state.get(version) as { n: number; columns: string }, true)
      },
      async rename() {
        const version = any()
        const to = version + 1 + below(4)
        if (state.has(to)) return
        const file = state.get(version) as { n: number; columns: string }
        watched.rename(name(version, file.n, 'up'), name(to, file.n, 'up'))
        await sleep(below(30))
        watched.rename(name(version, file.n, 'down'), name(to, file.n, 'down'))
        state.delete(version)
        state.set(to, file)
      },
      async reorder() {
        const [a, b] = [any(), any()]
        const next = new Map(state)
        next.set(a, state.get(b) as { n: number; columns: string })
        next.set(b, state.get(a) as { n: number; columns: string })
        await write(next)
      },
      async remove() {
        if (state.size < 4) return
        const version = any()
        remove(version, (state.get(version) as { n: number }).n)
        state.delete(version)
      },
      async branch() {
        const some = TABLES.filter(() => random() < 0.7)
        await write(new Map(some.map((n) => [n * 10 + below(5), { n, columns: COLUMNS[below(COLUMNS.length)] ?? '' }])))
        if (state.size === 0) await write(new Map([[10, { n: 1, columns: '' }]]))
      },
      comment() {
        const version = any()
        const { n, columns } = state.get(version) as { n: number; columns: string }
        watched.write(name(version, n, 'up'), `-- ${random()}\n${table(n, columns).up}`)
      },
    }
    const names = Object.keys(kinds)
    for (let edit = 0; edit < EDITS; edit++) {
      await kinds[names[below(names.length)] as string]?.()
      // Some come while the last one runs, some after it.
      await sleep(random() < 0.5 ? below(15) : 60 + below(60))
    }
    // In the end every table is there again. The first is another than ever, so that its migration runs again and makes its own
    // row anew: on a busy machine, the watch may have seen no edit of it that was not taken back by the next.
    await write(new Map(TABLES.map((n) => [n * 10, { n, columns: n === 1 ? ',\n  last int' : '' }])))
    await settled(watched)
    expect(String(await watched.schema())).toBe(String(await watched.fresh()))
    for (const n of TABLES) {
      const rows = await db.rows(`select id, v from t${n} order by id`)
      expect(rows.slice(0, 20), `t${n}`).toEqual(
        Array.from({ length: 20 }, (_, i) => ({ id: i + 1, v: `mine ${i + 1}` })),
      )
      const [children] = await db.rows(
        `insert into c${n} (t) values (1) returning id, (select count(*)::int from c${n} c join t${n} t on t.id = c.t)`,
      )
      expect(children, `c${n}`).toEqual({ id: 21, count: 20 })
      // A row of a migration that nothing has undone is as somebody has changed it.
      const stood = n === 1 && !watched.of('applied').some((event) => undoes(event, 't1'))
      expect(rows.slice(20), `t${n}`).toEqual([{ id: 1000 + n, v: stood ? 'changed' : 'made' }])
    }
  })
}

function undoes({ how, steps }: Extract<WatchEvent, { type: 'applied' }>, name: string): boolean {
  return how === 'rebuilt' || steps.some((step) => step.direction === 'down' && step.name === name)
}

/** Waits until the watch has seen all files: a run that sees the last one that was written sees those before it. */
async function settled(watched: Watched): Promise<void> {
  watched.write('9000_end.down.sql', 'drop table ended;')
  watched.write('9000_end.up.sql', 'create table ended (id int);')
  const outcome = () =>
    watched.events.findLast(({ type }) => type === 'failed' || type === 'applied' || type === 'skipped')
  // The machine may be busy with other tests.
  await expect.poll(outcome, { timeout: 60_000 }).toMatchObject({ type: 'applied', to: 9000 })
  await watched.quiet()
  expect(outcome()).toMatchObject({ type: 'applied', to: 9000 })
}
