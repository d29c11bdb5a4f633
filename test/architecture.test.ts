/** The rule for imports is the table of rooms in docs/architecture.md: down the list only, without circles, types included. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

/** Rooms as the page lists them, from top to bottom: folders end in a slash. */
const rooms = [...read('docs/architecture.md').matchAll(/^\| `([\w./]+)` \|/gm)].map(([, room = '']) => room)

const files = globSync(['index.ts', '{src,fixtures,presets}/**/*.ts'], { cwd: root }).sort()

/** Returns what a file imports, by `import … from`, `export … from`, `import()` and `typeof import()`. */
function importsOf(file: string): string[] {
  const text = read(file).replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
  return [...text.matchAll(/(?:\bfrom\s*|\bimport\s*\(\s*|^import\s+)(['"])([\w@./:-]+)\1/gm)].map(
    ([, , name = '']) => name,
  )
}

const graph = new Map(
  files.map((file) => [
    file,
    importsOf(file)
      .filter((name) => name.startsWith('.'))
      .map((name) => relative(root, join(root, dirname(file), name))),
  ]),
)

/** The index of the room that a file is in; the most exact one counts. */
function roomOf(file: string): number {
  const found = rooms.filter((room) => (room.endsWith('/') ? file.startsWith(room) : file === room))
  return rooms.indexOf(found.sort((a, b) => b.length - a.length)[0] ?? '')
}

describe('the rooms', () => {
  test('every file is in one that the page names', () => {
    expect(rooms.length).toBeGreaterThan(10)
    expect(files.filter((file) => roomOf(file) === -1)).toEqual([])
  })

  test('imports go down the list, never up', () => {
    const up = [...graph].flatMap(([file, imports]) =>
      imports.filter((other) => roomOf(other) < roomOf(file)).map((other) => `${file} imports ${other}`),
    )
    expect(up).toEqual([])
  })

  test('no file imports itself by way of others, not even for a type', () => {
    expect(circles(graph)).toEqual([])
  })

  test('the pure rooms do no input and output, and know no database client', () => {
    const allowed = new Set([
      'node:crypto',
      'node:util',
      'node:perf_hooks',
      'node:timers',
      'node:module',
      'node:assert',
      'node:assert/strict',
      'node:timers/promises',
    ])
    const pure = files.filter((file) => /^src\/(?:sql|schema|migrate)\//.test(file))
    const others = pure.flatMap((file) =>
      importsOf(file)
        .filter((name) => !name.startsWith('.') && !allowed.has(name))
        .map((name) => `${file} imports ${name}`),
    )
    expect(others).toEqual([])
  })

  test('what a test file loads at once has no drivers, formats, generator and checks: those are loaded when first needed', () => {
    const reached = new Set<string>()
    const walk = (file: string) => {
      if (reached.has(file)) return
      reached.add(file)
      // A statement that brings a value, and not `import()`.
      const text = read(file).replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
      const statements = text.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^'"();]*?\bfrom\s*)?'(\.[^']+)'/gm)
      for (const [statement, name = ''] of statements) {
        const named = /\{([^}]*)\}/
          .exec(statement)?.[1]
          ?.split(',')
          .filter((one) => one.trim() !== '')
        if (named?.every((one) => /^\s*type\s/.test(one))) continue
        walk(relative(root, join(root, dirname(file), name)))
      }
    }
    for (const entry of ['index.ts', 'fixtures/vitest.ts']) walk(entry)
    expect(reached.size).toBeGreaterThan(50)
    const late =
      /^src\/(?:database\/(?:postgres|mysql|pglite)\/|source\/(?:formats|module\/loader)|generate\/generate|verify\/verify\.ts|fill\/(?:postgres|mysql))/
    expect([...reached].filter((file) => late.test(file))).toEqual([])
  })

  test("only what migratest/vitest exports imports vitest, and the package's root imports no client", () => {
    const reached = new Set<string>()
    const visit = (file: string) => {
      if (reached.has(file)) return
      reached.add(file)
      for (const other of graph.get(file) ?? []) visit(other)
    }
    visit('index.ts')
    expect([...reached].filter((file) => importsOf(file).some((name) => /^vitest/.test(name)))).toEqual([])
  })
})

/** Strongly connected files (Tarjan), each circle once. */
function circles(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  const visit = (file: string) => {
    index.set(file, index.size)
    low.set(file, index.get(file) ?? 0)
    stack.push(file)
    for (const other of edges.get(file) ?? []) {
      if (!index.has(other)) {
        visit(other)
        low.set(file, Math.min(low.get(file) ?? 0, low.get(other) ?? 0))
      } else if (stack.includes(other)) low.set(file, Math.min(low.get(file) ?? 0, index.get(other) ?? 0))
    }
    if (low.get(file) !== index.get(file)) return
    const circle = stack.splice(stack.indexOf(file))
    if (circle.length > 1) found.push(circle.sort())
  }
  for (const file of edges.keys()) if (!index.has(file)) visit(file)
  return found
}
