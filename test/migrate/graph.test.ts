import { describe, expect, test } from 'vitest'
import { buildGraph, independent } from '../../src/migrate/plan/graph.ts'
import type { Relations } from '../../src/migrate/source.ts'

/** `1 a`, `2 b: a`, `3 c:` (follows nothing): number, title, and what it says it depends on. */
function graphOf(...lines: readonly string[]) {
  const relations = new Map<number, Relations>()
  const migrations = lines.map((line) => {
    const [, number = '', name = '', depends] = /^(\d+) (\w+)(?::(.*))?$/.exec(line) ?? []
    const version = Number(number)
    if (depends !== undefined) relations.set(version, { dependsOn: depends.split(/[ ,]+/).filter(Boolean) })
    return { version, name, up: `migrations/${number.padStart(4, '0')}_${name}.up.sql` }
  })
  return buildGraph(migrations, relations)
}

describe('shape', () => {
  test.each<[string, string[], Record<number, number[]>, number[], number[]]>([
    ['nothing said: a line', ['1 a', '2 b', '3 c'], { 1: [], 2: [1], 3: [2] }, [1], [3]],
    ['two branches', ['1 a', '2 b', '3 c: 1'], { 1: [], 2: [1], 3: [1] }, [1], [2, 3]],
    ['two branches that meet', ['1 a', '2 b', '3 c: 1', '4 d: 2, 3'], { 1: [], 2: [1], 3: [1], 4: [2, 3] }, [1], [4]],
    ['two roots', ['1 a', '2 b:', '3 c: a b'], { 1: [], 2: [], 3: [1, 2] }, [1, 2], [3]],
    [
      'by version, by title, by name, with zeros',
      ['1 a', '2 b', '5 c: 1 b 0002_b 2_b'],
      { 1: [], 2: [1], 5: [1, 2] },
      [1],
      [5],
    ],
    ['none at all', [], {}, [], []],
  ])('%s', (_, lines, parents, roots, heads) => {
    const graph = graphOf(...lines)
    expect(graph.problems).toEqual([])
    expect(Object.fromEntries(graph.nodes.map((node) => [node.version, node.parents]))).toEqual(parents)
    expect([graph.roots, graph.heads]).toEqual([roots, heads])
  })

  test('the order is that of the versions, whatever the order of the files', () => {
    expect(graphOf('10 j', '9 i', '1 a').nodes.map(({ version }) => version)).toEqual([1, 9, 10])
  })
})

describe('problems', () => {
  test.each<[string, string[], string[]]>([
    [
      'a name that is not there',
      ['1 users', '2 b: 0001_user'],
      ['2_b depends on 0001_user: version 1 is called users.'],
    ],
    [
      'a misspelt title',
      ['1 users', '2 b: usres'],
      ['2_b depends on usres: there is no such migration. Did you mean users?'],
    ],
    ['a version that is not there', ['1 users', '2 b: 7'], ['2_b depends on 7: there is no such migration.']],
    [
      'a title that two have',
      ['1 a', '2 a', '3 b: a'],
      ['3_b depends on a: two migrations have this title, 1_a and 2_a; write which one.'],
    ],
    ['itself', ['1 a', '2 b: 2'], ['2_b depends on itself.']],
    [
      'a circle, with the whole way',
      ['1 a: 4', '2 b', '3 c', '4 d'],
      ['Circular dependency: 1_a → 4_d → 3_c → 2_b → 1_a'],
    ],
    ['a circle of two', ['1 a: 2', '2 b: 1'], ['Circular dependency: 1_a → 2_b → 1_a']],
    [
      'one above',
      ['1 a', '2 b: 3', '3 c: 1'],
      [
        '2_b depends on 3_c, which has a higher version: migrations run in the order of their versions. Give 2_b a higher one.',
      ],
    ],
    [
      'all of them at once',
      ['1 a', '2 b: x', '3 c: y'],
      ['2_b depends on x: there is no such migration.', '3_c depends on y: there is no such migration.'],
    ],
  ])('%s', (_, lines, problems) => {
    expect(graphOf(...lines).problems).toEqual(problems)
  })

  test('a chain of ten thousand is no problem', () => {
    const graph = graphOf('1 a: 10000', ...Array.from({ length: 9999 }, (_, i) => `${i + 2} m`))
    expect(graph.problems).toEqual([
      expect.stringMatching(/^Circular dependency: 1_a → 10000_m → 9999_m → .* → 2_m → 1_a$/),
    ])
  })
})

describe('late migrations that may run now', () => {
  test.each<[string, string[], number[], number[], number[]]>([
    ['nothing said: what is above follows', ['1 a', '2 b', '3 c'], [2], [1, 3], []],
    ['a branch of its own', ['1 a', '2 b: 1', '3 c: 1'], [2], [1, 3], [2]],
    ['what is above follows it by saying nothing', ['1 a', '2 b: 1', '3 c'], [2], [1, 3], []],
    ['a branch of two', ['1 a', '2 b: 1', '3 c: 2', '4 d: 1'], [2, 3], [1, 4], [2, 3]],
    ['below a merge that is applied', ['1 a', '2 b: 1', '3 c: 1', '4 d: 2 3'], [2], [1, 3, 4], []],
  ])('%s', (_, lines, late, applied, expected) => {
    expect(independent(graphOf(...lines), late, applied)).toEqual(expected)
  })
})

test('what was squashed is found under the name of what replaces it', () => {
  const migrations = [
    { version: 3, name: 'all' },
    { version: 4, name: 'd' },
    { version: 5, name: 'e' },
  ]
  const graph = buildGraph(
    migrations,
    new Map<number, Relations>([
      [3, { replaces: ['0001_a', '0002_b', '0003_c'] }],
      [4, { dependsOn: ['0002_b'] }],
      [5, { dependsOn: ['0003_c', '4'] }],
    ]),
  )
  expect(graph.problems).toEqual([])
  expect(graph.nodes.map(({ parents }) => parents)).toEqual([[], [3], [3, 4]])
})
