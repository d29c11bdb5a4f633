/** What a preset asks for, and what it gets. Plain data: it crosses a process boundary and is hashed into a key. */
import { createHash } from 'node:crypto'
import { embeddedRoot } from './binaries.ts'
import { type ServerKind, TITLES } from './kinds.ts'
import { keptFolder } from './places.ts'

/** Where a server may come from. `auto`: the first of the others that can be had. */
export type From = 'auto' | 'container' | 'embedded' | 'installed'

export interface ServerRequest {
  readonly kind: ServerKind
  readonly from: From
  /** As 18 or '8.4'; undefined: whatever comes first. */
  readonly version: number | string | undefined
  /** Docker image, with tag. */
  readonly image: string | undefined
  /** Server settings, as `{ shared_preload_libraries: 'pg_stat_statements' }`. */
  readonly flags: Readonly<Record<string, string>>
  /** SQL run once on the new server, before anyone uses it: roles and other things of the whole cluster. */
  readonly setup: readonly string[]
  /** Makes it a server that nobody else asks for. */
  readonly own?: string
  /** Its data outlives it, and a crash. */
  readonly keep?: true
}

/** A server that runs. */
export interface RunningServer {
  /** An administrator's URL, password included. */
  readonly url: string
  /** As `PostgreSQL 18.4 embedded`. */
  readonly name: string
  /** Why this one and not another, as a sentence. */
  readonly reason: string
  /** Milliseconds from asking to ready. */
  readonly startedIn: number
  /** Milliseconds since 1970. */
  readonly startedAt: number
}

/** What runs inside the process that keeps a server: it can also be stopped. */
export interface KeptServer extends Omit<RunningServer, 'startedIn' | 'startedAt' | 'reason'> {
  readonly stop: () => Promise<void>
  /** Resolves when it ended without being asked to. */
  readonly ended: Promise<unknown>
}

/** Equal requests share a server, unless their environments name different engines or the protocol is another. */
export function keyOf(request: ServerRequest): string {
  const engine = Object.entries(process.env).filter(([name]) => /^(DOCKER|TESTCONTAINERS)_/.test(name))
  const plain = {
    engine: engine.sort(),
    // Another project's binaries may be of another version, and may go away with it.
    embedded:
      request.kind === 'postgres' && ['auto', 'embedded'].includes(request.from)
        ? embeddedRoot(process.cwd())
        : undefined,
    // Whose data it keeps.
    home: request.keep ? keptFolder() : undefined,
    protocol: 4,
    ...request,
    flags: Object.entries(request.flags).sort(),
  }
  return createHash('sha256').update(JSON.stringify(plain)).digest('hex').slice(0, 16)
}

export function describeRequest({ kind, version, image }: ServerRequest): string {
  const title = TITLES[kind]
  return image ? `a ${title} server from image ${image}` : `a ${title}${version ? ` ${version}` : ''} server`
}
