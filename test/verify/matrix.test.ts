/** The matrix says of each pair of versions whether the move was run, follows from single steps, is impossible or unknown. */
import { expect, test } from 'vitest'
import { memory } from '../../src/source/memory.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { anyPostgres } from '../support/servers.ts'

async function verified(files: Readonly<Record<string, string>>, options: Partial<VerifyOptions<unknown>> = {}) {
  const made = await verification({
    server: anyPostgres,
    migrations: memory(files),
    groups: ['schema', 'paths'],
    ...options,
  } as VerifyOptions<unknown>)
  try {
    const before = made.matrix()
    const results = Object.fromEntries(
      await made.checks.reduce(
        async (done, check) => [...(await done), [check.id, await check.examine()] as const],
        Promise.resolve([] as (readonly [string, Awaited<ReturnType<(typeof made.checks)[number]['examine']>>])[]),
      ),
    )
    return { before, after: made.matrix(), results }
  } finally {
    await made.dispose()
  }
}

const table = (n: number) => ({
  [`${n}_t.up.sql`]: `create table t${n} (id int)`,
  [`${n}_t.down.sql`]: `drop table t${n}`,
})

const FIVE = { ...table(1), ...table(2), ...table(3), ...table(4), ...table(5) }

test('single steps, the whole way and a sample are run, and the rest follows', async () => {
  const { before, after, results } = await verified(FIVE)
  expect(before.rows.every((row) => /^[-?]+$/.test(row))).toBe(true)
  expect(after.versions).toEqual(['nil', '1_t', '2_t', '3_t', '4_t', '5_t'])
  const letters = after.rows.join('')
  // 5 steps up and down, up and down all the way, and 3 moves of the sample, which may be one of those.
  expect(letters.match(/R/g)?.length).toBeGreaterThanOrEqual(13)
  expect(letters.match(/R/g)?.length).toBeLessThanOrEqual(15)
  expect(letters).not.toMatch(/[?X]/)
  expect(after.rows[0]?.[5]).toBe('R')
  expect(after.rows.join('')).toContain('F')
  expect(results.sample).toMatchObject({ ok: true, findings: [], remark: undefined })
})

test('with all pairs nothing has to follow', async () => {
  const { after } = await verified(FIVE, { pairs: 'all' })
  expect(after.rows).toEqual(['-RRRRR', 'R-RRRR', 'RR-RRR', 'RRR-RR', 'RRRR-R', 'RRRRR-'])
})

test('below a migration that cannot be undone no move leads, and the sample makes none', async () => {
  const files = { ...FIVE, '3_t.down.sql': '-- migrate: irreversible the rows are gone' }
  const { after, results } = await verified(files)
  for (const from of [3, 4, 5]) for (const to of [0, 1, 2]) expect(after.rows[from]?.[to]).toBe('X')
  expect(results.sample).toMatchObject({ ok: true, findings: [] })
})

test('nothing follows from a step that is not as it should be', async () => {
  const files = { ...FIVE, '3_t.down.sql': 'select 1' }
  const { after, results } = await verified(files)
  expect(after.rows[1]?.[4]).toBe('?')
  expect(after.rows[0]?.[2]).toMatch(/[RF]/)
  expect(results.sample?.remark).toBe('not run, since a single step is not as it should be')
})

test('a long move that leads elsewhere is told with both ends', async () => {
  const files = {
    ...FIVE,
    '2_t.up.sql': 'create table t2 (id int); create temporary table left_here (id int)',
    '3_t.up.sql':
      "do $$ begin if to_regclass('pg_temp.left_here') is null then create table t3 (id int); else create table t3 (id bigint); end if; end $$",
  }
  const { results } = await verified(files, { groups: ['paths'], pairs: 'all' })
  expect(results.sample?.findings).toMatchObject([
    {
      rule: 'paths-differ',
      message: expect.stringMatching(/^The move from nil to 3_t leads to another schema/),
      evidence: { diff: expect.stringContaining('bigint') },
    },
  ])
})
