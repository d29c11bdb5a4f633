/** Lists and drops the test databases of a server, on a connection of its own that is closed after it. */
import type { FoundDatabase } from './registry.ts'

export interface Administration {
  list(prefix: string): Promise<Pick<FoundDatabase, 'name' | 'comment' | 'connections'>[]>
  /** Returns the size of a database in bytes. */
  sizeOf(name: string): Promise<number>
  /** Drops a database. @throws if a session is connected to it */
  dropIfUnused(name: string): Promise<void>
  close(): Promise<void>
}

/** How a dialect's servers are administered. */
export interface Administered {
  /** Returns a server's URL in a form that `new URL` accepts. */
  plainUrl(url: string): string
  /** @param url a server's URL; its database does not matter */
  open(url: string): Promise<Administration>
}
