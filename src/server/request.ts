/**
 * The request of a preset and the server that it gets. Plain data: it crosses a process boundary and is hashed into a
 * key.
 */
import { createHash } from 'node:crypto'
import { embeddedRoot } from './binaries.ts'
import { canBeLoaded } from './containerKinds.ts'
import { type ServerKind, TITLES } from './kinds.ts'
import { keptFolder } from './places.ts'
import { settingArguments } from './settings.ts'

/** The ways in which a server can be started. `auto`: the first of the others that works. */
export type From = 'auto' | 'container' | 'embedded' | 'installed'

export interface ServerRequest {
  readonly kind: ServerKind
  readonly from: From
  /** The version, such as 18 or '8.4'; undefined: any. */
  readonly version: number | string | undefined
  /** The Docker image, with its tag. */
  readonly image: string | undefined
  /** Server settings, such as `{ shared_preload_libraries: 'pg_stat_statements' }`. */
  readonly flags: Readonly<Record<string, string>>
  /** SQL to run once on the new server before anyone uses it: roles and other objects of the whole server. */
  readonly setup: readonly string[]
  /** Distinguishes the request from all others, so that the server is not shared. */
  readonly own?: string
  /** Set if the data survives the server, and a crash. */
  readonly keep?: true
}

/** A running server. */
export interface RunningServer {
  /** An administrator's URL, password included. */
  readonly url: string
  /** The server's name, such as `PostgreSQL 18.4 embedded`. */
  readonly name: string
  /** The reason for choosing this server. */
  readonly reason: string
  /** Milliseconds from the request until the server was ready. */
  readonly startedIn: number
  /** Time of the start, in milliseconds since 1970. */
  readonly startedAt: number
}

/** A server inside its keeper, which can also stop it. */
export interface KeptServer extends Omit<RunningServer, 'startedIn' | 'startedAt' | 'reason'> {
  readonly stop: () => Promise<void>
  /** Resolves when the server ends, for whatever reason. */
  readonly ended: Promise<unknown>
  /**
   * Prepares what lets the next server like this start faster. Called once, while nobody uses the server.
   * @param signal ends it when the keeper ends
   */
  readonly prepareNext?: (signal: AbortSignal) => Promise<void>
}

/**
 * Returns the key of a request. Equal requests share a server, unless their environments name different Docker engines,
 * their projects can start different servers, or their versions of the protocol or the settings that we give to servers differ.
 */
export function keyOf(request: ServerRequest): string {
  const engine = Object.entries(process.env).filter(([name]) => /^(DOCKER|TESTCONTAINERS)_/.test(name))
  const plain = {
    engine: engine.sort(),
    // Another project's embedded binaries may have another version, and may be deleted with it.
    embedded:
      request.kind === 'postgres' && ['auto', 'embedded'].includes(request.from)
        ? embeddedRoot(process.cwd(), request.keep)
        : undefined,
    protocol: 4,
    ...(request.keep
      ? // The folder in which the server keeps its data. They are found again after packages were updated.
        { home: keptFolder() }
      : {
          // The server of a project that cannot start containers may be of another version.
          container: request.from === 'auto' ? canBeLoaded(request.kind) : undefined,
          // A server that an earlier version of this package has started may have other settings.
          settings: settingArguments(request),
        }),
    ...request,
    flags: Object.entries(request.flags).sort(),
  }
  return createHash('sha256').update(JSON.stringify(plain)).digest('hex').slice(0, 16)
}

export function describeRequest({ kind, version, image }: ServerRequest): string {
  const title = TITLES[kind]
  return image ? `a ${title} server from image ${image}` : `a ${title}${version ? ` ${version}` : ''} server`
}
