/** A database to develop on, on a server of our own that keeps its data. */
import { createHash } from 'node:crypto'
import { basename, resolve } from 'node:path'
import { createIfMissing } from '../database/open.ts'
import type { ServerKind } from '../server/kinds.ts'
import { type LeaseOptions, leaseServer } from '../server/lease.ts'

export interface OwnDatabase {
  readonly url: string
  /** As a person would say where it comes from. */
  readonly server: string
  /** The server stops when nobody has used it for a while. */
  readonly release: () => void
}

/** @param folder of the project: each has a database of its own, and so has each worktree */
export async function ownDatabase(
  kind: ServerKind,
  folder: string,
  onProgress: NonNullable<LeaseOptions['onProgress']>,
): Promise<OwnDatabase> {
  const { server, release } = await leaseServer(
    { kind, from: 'auto', version: undefined, image: undefined, flags: {}, setup: [], keep: true },
    { onProgress },
  )
  try {
    const url = await createIfMissing(server.url, nameOf(folder))
    return { url, server: `${server.name}: ${server.reason}`, release }
  } catch (error) {
    release()
    throw error
  }
}

// --- internal ---

/** Two folders may be called the same. */
function nameOf(folder: string): string {
  const path = resolve(folder)
  const plain = basename(path)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 30)
  return `${plain || 'dev'}_${createHash('sha256').update(path).digest('hex').slice(0, 6)}`
}
