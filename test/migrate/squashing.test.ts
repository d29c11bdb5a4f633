import { describe, expect, test } from 'vitest'
import { buildGraph } from '../../src/migrate/plan/graph.ts'
import { squash } from '../../src/migrate/plan/squashing.ts'
import { memory } from '../../src/source/memory.ts'

/** Squashes all of these but those of version 1, which they may follow. */
async function squashed(files: Record<string, string>) {
  const source = memory(files)
  const migrations = await source.list()
  const graph = buildGraph(migrations, (await source.relations?.()) ?? new Map())
  const parts = await Promise.all(
    migrations
      .filter(({ version }) => version > 1)
      .map(async (migration) => ({
        migration,
        up: await source.read(migration, 'up'),
        down: await source.read(migration, 'down'),
      })),
  )
  return squash(parts, graph, 'postgres')
}

const RESET = 'RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL;'

describe('the text', () => {
  test.each<[string, Record<string, string>, string]>([
    [
      'one after another, each ended',
      { '2_b.up.sql': 'select 2 -- x;', '3_c.up.sql': 'select 3;\n' },
      '-- 2_b\nselect 2 -- x;\n;\n\n-- 3_c\nselect 3;',
    ],
    [
      'without the transactions around files',
      { '2_b.up.sql': 'begin;\nselect 2;\ncommit;', '3_c.up.sql': 'select 3' },
      '-- 2_b\nselect 2;\n\n-- 3_c\nselect 3;',
    ],
    [
      'what one sets ends with it, also behind one that may call a function that sets',
      { '2_b.up.sql': "set local search_path = 'a'", '3_c.up.sql': 'select 3' },
      `-- 2_b\nset local search_path = 'a';\n${RESET}\n\n-- 3_c\nselect 3;\n${RESET}`,
    ],
    [
      'without directives of files, and with what only looks like one',
      {
        '2_b.up.sql': "-- migrate: no-transaction\nselect '\n-- migrate: no-transaction\n'",
        '3_c.up.sql': 'select 3; -- migrate: depends-on 2',
      },
      "-- 2_b\nselect '\n-- migrate: no-transaction\n';\n\n-- 3_c\nselect 3;",
    ],
    [
      'without CONCURRENTLY, where it is the word',
      {
        '2_b.up.sql': 'create index /* concurrently */ concurrently i on a (b)',
        '3_c.up.sql': 'create function concurrently() returns int as $$ select 1 $$',
      },
      '-- 2_b\ncreate index /* concurrently */ i on a (b);\n\n-- 3_c\ncreate function concurrently() returns int as $$ select 1 $$;',
    ],
    ['nothing of an empty one', { '2_b.up.sql': '-- nothing', '3_c.up.sql': 'select 3' }, '-- 3_c\nselect 3;'],
  ])('%s', async (_, files, text) => {
    const { up } = await squashed({ '1_a.up.sql': '', ...files })
    expect(up.split('\n\n').slice(1).join('\n\n').trimEnd()).toBe(text)
  })
})

describe('the head', () => {
  test.each<[string, Record<string, string>, string]>([
    [
      'a line: nothing is said',
      { '1_a.up.sql': '', '2_b.up.sql': '', '3_c.up.sql': '' },
      '-- migrate: replaces 2_b, 3_c',
    ],
    [
      'what any of them follows outside',
      { '1_a.up.sql': '', '2_b.up.sql': '-- migrate: depends-on nothing', '3_c.up.sql': '' },
      '-- migrate: depends-on nothing\n-- migrate: replaces 2_b, 3_c',
    ],
    [
      'names that need quotes',
      { '1_a.up.sql': '', '2_b c.up.sql': '', '3_d,"e.up.sql': '' },
      '-- migrate: replaces "2_b c", "3_d,""e"',
    ],
    [
      'what a squashed one stands for',
      { '1_a.up.sql': '', '4_s.up.sql': '-- migrate: replaces 2_b, 4_d', '5_e.up.sql': '' },
      '-- migrate: replaces 2_b, 4_d, 4_s, 5_e',
    ],
  ])('%s', async (_, files, head) => {
    expect((await squashed(files)).up.split('\n\n')[0]?.trimEnd()).toBe(head)
  })

  test('is read as it was written', async () => {
    const { up } = await squashed({ '1_a.up.sql': '', '2_b c.up.sql': '', '3_d,"e.up.sql': '' })
    const relations = await memory({ '3_s.up.sql': up }).relations?.()
    expect(relations?.get(3)?.replaces).toEqual(['2_b c', '3_d,"e'])
  })
})

describe('the down', () => {
  test.each<[string, Record<string, string>, string | undefined]>([
    [
      'is that of each, the last first',
      { '2_b.down.sql': 'drop table b', '3_c.down.sql': 'drop table c' },
      '-- 3_c\ndrop table c;\n\n-- 2_b\ndrop table b;\n',
    ],
    ['is none where one has none', { '3_c.down.sql': 'drop table c' }, undefined],
    [
      'says why there is none',
      { '2_b.down.sql': '-- migrate: irreversible gone', '3_c.down.sql': 'drop table c' },
      '-- migrate: irreversible 2_b: gone\n',
    ],
  ])('%s', async (_, downs, text) => {
    expect(
      (
        await squashed({
          '1_a.up.sql': '',
          '2_b.up.sql': 'create table b ()',
          '3_c.up.sql': 'create table c ()',
          ...downs,
        })
      ).down,
    ).toBe(text)
  })
})

test.each([
  ['code', { '3_c.ts': { up: () => undefined } }, /3_c\.ts is code/],
  [
    'transactions of its own',
    { '3_c.up.sql': '-- migrate: no-transaction\nbegin; select 1; commit' },
    /3_c\.up\.sql begins and ends transactions/,
  ],
])('%s is refused', async (_, files, message) => {
  await expect(squashed({ '2_b.up.sql': '', ...(files as Record<string, string>) })).rejects.toThrow(message)
})
