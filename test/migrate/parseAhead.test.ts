/** Texts are parsed once, and migrations while the server answers. */
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Language, loadHalf } from '../../src/migrate/load.ts'
import { parseAhead } from '../../src/migrate/run/parseAhead.ts'
import type { Migration, Source } from '../../src/migrate/source.ts'
import { TextMemory } from '../../src/migrate/textMemory.ts'
import { memory } from '../../src/source/memory.ts'

const postgres: Language = { dialect: 'postgres', syntax: {} }

/** Numbers of letters do not matter here, but other tests may have parsed the same texts. */
const unique = (text: string) => `${text} -- ${Math.random()}`

/** A source that notes which halves were read, and returns another body each time. */
function noted(files: Parameters<typeof memory>[0]): { source: Source; read: string[] } {
  const read: string[] = []
  const source = memory(files)
  const noting: Source = {
    ...source,
    read: (migration, half) => {
      read.push(`${migration.version} ${half}`)
      return source.read(migration, half)
    },
  }
  return { source: noting, read }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setTimeout(1)
}

describe('a text', () => {
  test('that is read again is not parsed again', async () => {
    const source = memory({ '1_a.up.sql': unique('select 1') })
    const [migration] = (await source.list()) as [Migration]
    expect(await source.read(migration, 'up')).not.toBe(await source.read(migration, 'up'))
    const half = await loadHalf(source, migration, 'up', postgres)
    expect(half.kind).toBe('sql')
    expect(await loadHalf(source, migration, 'up', postgres)).toBe(half)
  })

  test('is parsed for each dialect, syntax and set of rules', async () => {
    const text = unique(`select 'it\\'s'`)
    const source = memory({ '1_a.up.sql': text })
    const [migration] = (await source.list()) as [Migration]
    const plain = await loadHalf(source, migration, 'up', postgres)
    const escaped = await loadHalf(source, migration, 'up', { dialect: 'postgres', syntax: { backslashEscapes: true } })
    const mysql = await loadHalf(source, migration, 'up', { dialect: 'mysql', syntax: {} })
    expect(plain).toMatchObject({ script: { problem: expect.anything() } })
    expect(escaped).not.toMatchObject({ script: { problem: expect.anything() } })
    expect(mysql).not.toMatchObject({ script: { problem: expect.anything() } })
    const ruled: Source = {
      ...source,
      read: async () => ({ kind: 'sql', text, written: 'select 1' }),
    }
    expect(await loadHalf(ruled, migration, 'up', { dialect: 'mysql', syntax: {} })).toMatchObject({ text: 'select 1' })
  })
})

describe('parsing ahead', () => {
  test('parses ups, the last one first, and leaves code alone', async () => {
    const { source, read } = noted({
      '1_a.up.sql': unique('select 1'),
      '1_a.down.sql': unique('select 2'),
      '2_b.ts': { up: () => undefined },
      '3_c.up.sql': unique('select 3'),
    })
    parseAhead(source, postgres)
    await until(() => read.length === 2)
    await setTimeout(5)
    expect(read).toEqual(['3 up', '1 up'])
  })

  test('ends when it is told, and reports nothing that is wrong', async () => {
    const { source, read } = noted({
      '1_a.up.sql': 'select 1',
      '2_b.up.sql': 'select 1',
      '3_c.up.sql': 'select 1',
    })
    const end = parseAhead({ ...source, read: (...half) => source.read(...half).finally(end) }, postgres)
    await until(() => read.length > 0)
    await setTimeout(20)
    expect(read).toEqual(['3 up'])
    parseAhead({ ...source, list: () => Promise.reject(new Error('no folder')) }, postgres)
    await setTimeout(5)
  })
})

test('a memory of texts forgets the oldest first', () => {
  const kept = new TextMemory<number>(10)
  kept.set('four', 1)
  kept.set('fives', 2)
  kept.set('four', 3)
  expect([kept.get('four'), kept.get('fives')]).toEqual([3, 2])
  kept.set('ab', 4)
  expect([kept.get('four'), kept.get('fives'), kept.get('ab')]).toEqual([undefined, 2, 4])
  kept.set('more than ten', 5)
  expect([kept.get('fives'), kept.get('ab'), kept.get('more than ten')]).toEqual([2, 4, undefined])
})
