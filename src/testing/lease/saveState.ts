/** Saves the state of a test's database, so that later tests can begin with copies of it. */
import { randomBytes } from 'node:crypto'
import { UsageError } from '../../migrate/errors.ts'
import type { Version } from '../../migrate/version.ts'
import { ENDING_MS } from '../ending.ts'
import type { TestDatabase } from '../testServer.ts'
import { poolFor } from './acquire.ts'
import type { DatabaseSnapshot, MigratedDatabaseOptions } from './options.ts'

/**
 * Closes the test's clients and keeps a copy of the database until the file's tests are over.
 * @throws UsageError if other connections are open, or if a copy would be incomplete
 */
export async function saveState<Client>(
  { server }: MigratedDatabaseOptions<Client>,
  database: TestDatabase<Client>,
  clients: readonly Client[],
  version: Version,
): Promise<DatabaseSnapshot> {
  await Promise.all(clients.map((client) => database.disconnect(client).catch(() => undefined)))
  const snapshots = await server.snapshots?.()
  if (!snapshots) throw new UsageError('This server cannot copy databases, so snapshot() is not possible.')
  const [other] = await database.leftOpen([], ENDING_MS.underLoad)
  if (other) {
    const last = other.statement ? ` Its last statement: ${other.statement}` : ''
    throw new UsageError(`A connection is open on this database, so its state cannot be saved.${last}`, {
      hint: 'End the pools and clients that the test opened itself before snapshot().',
    })
  }
  const saved: DatabaseSnapshot = { key: randomBytes(16).toString('hex'), version }
  await snapshots.freeze(database, saved.key, [saved.key])
  const { nearest } = await snapshots.look([saved.key])
  if (nearest !== saved.key) {
    throw new UsageError('This database cannot be copied, so its state was not saved.', {
      hint: 'It is larger than 64 MiB, or it contains something that a copy would lack, such as a replication slot or a comment on the database itself.',
    })
  }
  // The pool drops the snapshot when the file's tests are over, even if none of them uses it.
  await poolFor({ server }, { snapshots, links: [{ ...saved, ofThisProcess: true }] })
  return saved
}
