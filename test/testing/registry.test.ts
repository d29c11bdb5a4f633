/** The registry of a server's test databases: which of them a process may take, and which it may drop. */
import { expect } from 'vitest'
import { PostgresRegistry } from '../../src/testing/server/postgres/registry.ts'
import { test } from '../support/database.ts'

/** A sweep leaves twelve free databases for other processes. */
const FREE = 14

/** Makes free databases, of a process that has ended. Returns their names. */
async function leaveFree(url: string, key: string): Promise<string[]> {
  const ended = await PostgresRegistry.open(url, true)
  const names = Array.from({ length: FREE }, () => ended.newName())
  for (const name of names) {
    await ended.admin.query(`CREATE DATABASE "${name}"`)
    await ended.markFree(name, key)
  }
  await expect(ended.admin.query('SELECT pg_terminate_backend(pg_backend_pid())')).rejects.toThrow()
  return names
}

// A process's queries run one after another, so their number before the claim decides how far the sweep is.
for (const queries of [1, 4])
  test(`a sweep drops no database that its own process claims after ${queries} queries`, async ({ db }) => {
    const left = await leaveFree(db.url, 'key')
    const registry = await PostgresRegistry.open(db.url, true)
    try {
      const sweeping = registry.sweep()
      for (let n = 0; n < queries; n++) await registry.admin.query('SELECT 1')
      const claimed = await registry.claim('key')
      await sweeping
      const there = (await registry.list('')).map(({ name }) => name)
      expect(claimed).toBeDefined()
      expect(there).toContain(claimed)
      expect(left.filter((name) => there.includes(name)).length).toBeLessThan(FREE)
    } finally {
      for (const name of left) await registry.drop(name)
    }
  })
