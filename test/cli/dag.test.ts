import { describe, expect, test } from 'vitest'
import { dagDocument, dagMermaid } from '../../src/cli/dag/formats.ts'
import { dagSvg } from '../../src/cli/dag/svg.ts'
import { dagText } from '../../src/cli/dag/text.ts'
import { buildGraph, type Graph } from '../../src/migrate/plan/graph.ts'
import type { Relations } from '../../src/migrate/source.ts'

/** `[[1], [2, 1], [3, 1, 2]]`: a version and what it follows. */
function graphOf(lines: readonly (readonly number[])[]): Graph {
  const relations = new Map<number, Relations>(
    lines.map(([version = 0, ...parents]) => [version, { dependsOn: parents.map(String) }]),
  )
  return buildGraph(
    lines.map(([version = 0]) => ({ version, name: 'm' })),
    relations,
  )
}

const draw = (lines: readonly (readonly number[])[]) =>
  dagText(graphOf(lines), ({ version }) => String(version)).split('\n')

describe('text', () => {
  test.each<[string, number[][], string[]]>([
    ['a line', [[1], [2, 1], [3, 2]], ['* 3', '* 2', '* 1']],
    ['two heads', [[1], [2, 1], [3, 1]], ['* 3', '| * 2', '|/', '* 1']],
    ['a merge', [[1], [2, 1], [3, 1], [4, 2, 3]], ['* 4', '|\\', '* | 3', '| * 2', '|/', '* 1']],
    [
      'three that meet',
      [[1], [2, 1], [3, 1], [4, 1], [5, 2, 3, 4]],
      ['* 5', '|\\', '| |\\', '* | | 4', '| * | 3', '| | * 2', '| |/', '|/', '* 1'],
    ],
    ['three that follow one', [[1], [2, 1], [3, 1], [4, 1]], ['* 4', '| * 3', '| | * 2', '| |/', '|/', '* 1']],
    ['a root beside a line', [[1], [2], [3, 1]], ['* 3', '| * 2', '* 1']],
    [
      'one that begins under the end of another',
      [[1], [2, 1], [3], [4, 1]],
      ['* 4', '| * 3', '|', '| * 2', '|/', '* 1'],
    ],
    ['two roots', [[1], [2], [3, 1, 2]], ['* 3', '|\\', '* | 2', '  * 1']],
    ['lines that have nothing in common', [[1], [2]], ['* 2', '', '* 1']],
    ['nothing', [], ['']],
  ])('%s', (_, lines, drawn) => {
    expect(draw(lines)).toEqual(drawn)
  })
})

test('JSON holds everything, the same each time', () => {
  const graph = graphOf([[1], [2, 1]])
  expect(dagDocument(graph, (version) => (version === 1 ? 'applied' : undefined))).toEqual({
    format: 1,
    migrations: [
      { version: 1, name: 'm', parents: [], explicit: true, state: 'applied' },
      { version: 2, name: 'm', parents: [1], explicit: true },
    ],
    roots: [1],
    heads: [2],
    problems: [],
  })
})

test('Mermaid has a box a migration and an arrow for each it follows', () => {
  expect(dagMermaid(graphOf([[1], [2, 1], [3, 1, 2]]), () => undefined)).toBe(
    'flowchart TB\n  m1["1_m"]\n  m2["2_m"]\n  m3["3_m"]\n  m1 --> m2\n  m1 --> m3\n  m2 --> m3',
  )
})

test('SVG has a dot a migration and a line for each it follows, and is well-formed', () => {
  const graph = buildGraph(
    [
      { version: 1, name: 'a<b>&"c"' },
      { version: 2, name: 'd' },
    ],
    new Map(),
  )
  const svg = dagSvg(graph, () => 'pending')
  expect(svg.match(/<circle/g)).toHaveLength(2)
  expect(svg.match(/<path /g)).toHaveLength(1)
  expect(svg).toContain('1_a&lt;b&gt;&amp;"c"')
  const open = [...svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)].reduce<string[]>((stack, [, close, name = '', self]) => {
    if (close) expect(stack.pop()).toBe(name)
    else if (!self) stack.push(name)
    return stack
  }, [])
  expect(open).toEqual([])
})
