/** A snapshot of another process is used only if its digest is that of the copy. No server is needed. */
import { describe, expect, test } from 'vitest'
import { type SnapshotMark, writeMark } from '../../src/testing/server/marks.ts'
import type { Registry } from '../../src/testing/server/registry.ts'
import { type FreezeAbout, SnapshotStore } from '../../src/testing/server/snapshotStore.ts'

const KEY = 'a'.repeat(32)

/** A store on a server that has one snapshot, of another process. */
class Store extends SnapshotStore<Registry> {
  readonly dropped: string[] = []

  constructor(digest: string | undefined) {
    const mark: SnapshotMark = { kind: 'snapshot', bytes: 1, used: new Date().toISOString(), digest, chain: '' }
    const name = `migratest_snapshot_${KEY}`
    const registry: Pick<Registry, 'list' | 'write' | 'dropIfUnused'> = {
      list: async () => [{ name, comment: writeMark(mark), connections: 0, valid: true }],
      write: async () => undefined,
      dropIfUnused: async (dropped) => void this.dropped.push(dropped),
    }
    super(registry as Registry, 1)
  }

  async createEmpty(): Promise<void> {}
  protected async copyOf(): Promise<boolean> {
    return true
  }
  protected async keepCopy(_name: string, _key: string, about: FreezeAbout): Promise<SnapshotMark> {
    return this.markOf(1, about)
  }
  protected isExpected(): boolean {
    return false
  }
  protected isFull(): boolean {
    return false
  }
}

describe('a snapshot of another process', () => {
  test.each<[string, string | undefined, string | undefined, boolean]>([
    ['is used if its digest is that of the copy', 'one', 'one', true],
    ['is dropped if its digest is another', 'one', 'two', false],
    ['is dropped if it has no digest', undefined, 'one', false],
    ['is dropped if the copy has no digest', 'one', undefined, false],
    ['is dropped if neither has a digest', undefined, undefined, false],
  ])('%s', async (_name, stored, copied, expected) => {
    const store = new Store(stored)
    expect((await store.look([KEY])).nearest).toBe(KEY)
    expect(await store.verify(KEY, copied)).toBe(expected)
    expect(store.isVerified(KEY)).toBe(expected)
    expect(store.dropped).toEqual(expected ? [] : [`migratest_snapshot_${KEY}`])
  })
})

test('a snapshot that this process made needs no digest', async () => {
  const store = new Store(undefined)
  await store.freeze('any', KEY, { digest: undefined, keys: [KEY] })
  expect(store.isVerified(KEY)).toBe(true)
})
