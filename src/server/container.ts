/** Runs a server in a container, through testcontainers and its module for that kind of server. */
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GenericContainer } from 'testcontainers'
import { NotInstalledError, NotLoadedError } from '../migrate/errors.ts'
import { loadPackage } from '../migrate/loadPackage.ts'
import { now } from '../migrate/realTime.ts'
import { recall, rememberMore } from './kept.ts'
import { type ServerKind, TITLES } from './kinds.ts'
import { folderId, userId } from './places.ts'
import { answers, speaks } from './ready.ts'
import type { KeptServer, ServerRequest } from './request.ts'
import { settingArguments } from './settings.ts'

const LABEL_KEY = 'migratest.key'
const LABEL_HOST = 'migratest.host'
const LABEL_FOLDER = 'migratest.folder'
const START_TIMEOUT_MS = 180_000

export interface ContainerOptions {
  readonly key: string
  readonly request: ServerRequest
  readonly password: string
  readonly onProgress: (text: string) => void
  /** Returns whether a keeper on this machine owns the server with that key. */
  readonly isKept: (key: string) => Promise<boolean>
}

/** The reason why a server cannot be started in one way. */
export interface Refusal {
  /** The reason, without a capital letter or full stop. */
  readonly why: string
  /** Advice for the user, in the imperative. */
  readonly advice?: string | undefined
}

/** Returns `true` if a Docker engine answers and has the image, or pulls it; otherwise the reason. */
export async function findEngine(request: Pick<ServerRequest, 'kind' | 'image' | 'version'>): Promise<true | Refusal> {
  const name = imageOf(request)
  try {
    const { getContainerRuntimeClient, ImageName } = await loadTestcontainers()
    const engine = await getContainerRuntimeClient()
    const wanted = ImageName.fromString(name)
    if (await engine.image.exists(wanted)) return true
    return await engine.image.pull(wanted).then(
      () => true as const,
      (error: Error) => ({
        why: `the image ${wanted.string} cannot be pulled (${brief(error)})`,
        advice: `pull the image where Docker can reach its registry (docker pull ${wanted.string})`,
      }),
    )
  } catch (error) {
    const { module } = KINDS[request.kind]
    if (error instanceof NotInstalledError) {
      return {
        why: `testcontainers and ${module} are not installed`,
        advice: `npm install --save-dev testcontainers ${module}`,
      }
    }
    if (error instanceof NotLoadedError) return { why: error.message.split('\n')[0] ?? '' }
    const { DOCKER_HOST } = process.env
    return {
      why: `no Docker engine answers${DOCKER_HOST ? ` at DOCKER_HOST=${DOCKER_HOST}` : ''}`,
      advice: DOCKER_HOST ? 'start Docker, or correct DOCKER_HOST' : 'start Docker',
    }
  }
}

/** Begins to load what starting a container needs. A failure is reported when it is used. */
export function preload({ kind }: Pick<ServerRequest, 'kind'>): void {
  loadTestcontainers().catch(() => undefined)
  KINDS[kind].load().catch(() => undefined)
}

export async function startContainer({
  key,
  request,
  password,
  onProgress,
  isKept,
}: ContainerOptions): Promise<KeptServer> {
  const { port, module, urlAt: at, make } = KINDS[request.kind]
  const { getContainerRuntimeClient } = await loadTestcontainers()
  const engine = await getContainerRuntimeClient()
  const { dockerode } = engine.container as unknown as { dockerode: Docker }
  const leftovers = await findLeftovers(dockerode, key, isKept)
  const removing = Promise.all(leftovers.map((id) => remove(dockerode, id)))
  // One with our own key may hold the port or the volume.
  if (request.keep) await removing
  const image = imageOf(request)
  const { host } = engine.info.containerRuntime
  const local = host === 'localhost'
  const urlAt = (mapped: number) => at(password, `${local ? '127.0.0.1' : host}:${mapped}`)
  onProgress(`getting the image ${image} and starting a container`)
  const volume = request.keep ? volumeOf(key, image) : undefined
  const made = await loadPackage(module, `${TITLES[request.kind]} in Docker`, () =>
    make(image, password, settingArguments(request), volume),
  )
  const known = request.keep ? recall(key)?.port : undefined
  if (local || known !== undefined) bindPort(made, port, local ? '127.0.0.1' : '', known)
  const container = await made
    .withLabels({ [LABEL_KEY]: key, [LABEL_HOST]: hostLabel(), [LABEL_FOLDER]: folderId() })
    // The module's own health check would start a process in the container four times a second, as long as it runs.
    .withHealthCheck({ test: ['CMD', 'true'], interval: 86_400_000, timeout: 1000, retries: 1 })
    .withWaitStrategy(new UntilItAnswers(port, urlAt))
    .start()
  await removing
  if (request.keep) rememberMore(key, { port: container.getMappedPort(port) })
  return {
    url: urlAt(container.getMappedPort(port)),
    name: `${TITLES[request.kind]} in Docker (${container.getLabels()['org.opencontainers.image.ref.name'] ?? image})`,
    ended: dockerode
      .getContainer(container.getId())
      .wait()
      .catch(() => undefined),
    stop: async () => {
      await container.stop({ timeout: request.keep ? 30_000 : 0, remove: true, removeVolumes: true })
    },
  }
}

// --- internal ---

/** Returns the ids of this machine's containers whose keeper was killed, and of any with our own key. */
async function findLeftovers(
  dockerode: Docker,
  ownKey: string,
  isKept: (key: string) => Promise<boolean>,
): Promise<string[]> {
  const filters = { label: [`${LABEL_HOST}=${hostLabel()}`] }
  const ids: string[] = []
  for (const { Id, Labels, State } of await dockerode.listContainers({ all: true, filters })) {
    const key = Labels[LABEL_KEY]
    // A running container may belong to a keeper with another folder, which we cannot reach. A stopped container has no
    // users.
    if (!key || (State === 'running' && Labels[LABEL_FOLDER] !== folderId())) continue
    if (key === ownKey || !(await isKept(key))) ids.push(Id)
  }
  return ids
}

async function remove(dockerode: Docker, id: string): Promise<void> {
  const options = { force: true, v: true }
  await dockerode
    .getContainer(id)
    .remove(options)
    .catch(() => undefined)
}

/** The part of dockerode that we use. */
interface Docker {
  listContainers(options: object): Promise<{ Id: string; State: string; Labels: Record<string, string> }[]>
  getContainer(id: string): { remove(options: object): Promise<unknown>; wait(): Promise<unknown> }
}

/** Polls with real queries. An open port proves nothing, since Docker opens it before the server listens. */
class UntilItAnswers {
  readonly #port: number
  readonly #urlAt: (port: number) => string
  constructor(port: number, urlAt: (port: number) => string) {
    this.#port = port
    this.#urlAt = urlAt
  }
  async waitUntilReady(
    container: {
      inspect(): Promise<{ State: { Running: boolean } }>
      logs(options: object): Promise<Buffer | NodeJS.ReadableStream>
    },
    ports: { getBinding(port: number): number },
  ): Promise<void> {
    const url = this.#urlAt(ports.getBinding(this.#port))
    const deadline = now() + START_TIMEOUT_MS
    for (let tries = 0; !((await speaks(url)) && (await answers(url))); tries++) {
      if (now() > deadline) throw new Error(`no answer from the container within ${START_TIMEOUT_MS / 1000} s`)
      if (tries % 100 === 99 && !(await container.inspect()).State.Running) {
        const logs = await container.logs({ stdout: true, stderr: true, tail: 20 })
        throw new Error(`the container stopped: ${Buffer.isBuffer(logs) ? logs.toString() : ''}`)
      }
      await sleep(5)
    }
  }
  withStartupTimeout(): this {
    return this
  }
  isStartupTimeoutSet(): boolean {
    return true
  }
  getStartupTimeout(): number {
    return START_TIMEOUT_MS
  }
}

function imageOf({ kind, image, version }: Pick<ServerRequest, 'kind' | 'image' | 'version'>): string {
  return image ?? `${kind}:${version ?? KINDS[kind].version}`
}

/**
 * Returns the end of an engine's error message. The message lists the whole chain of calls; its end says what happened.
 */
function brief(error: Error): string {
  return error.message.trim().split(': ').at(-1)?.slice(0, 120) ?? ''
}

function hostLabel(): string {
  return `${hostname()}-${userId()}`
}

async function loadTestcontainers(): Promise<typeof import('testcontainers')> {
  return loadPackage('testcontainers', 'A server in Docker', () => import('testcontainers'))
}

interface ContainerKind {
  /** The version if the request names none. */
  readonly version: string
  readonly port: number
  readonly module: string
  /** Returns an administrator's URL. */
  readonly urlAt: (password: string, address: string) => string
  /** Loads the package that `make` uses. */
  readonly load: () => Promise<unknown>
  /** Creates the container, with its data in memory or in a volume. @param settings arguments of the server */
  readonly make: (
    image: string,
    password: string,
    settings: readonly string[],
    volume: string | undefined,
  ) => Promise<GenericContainer>
}

const KINDS: Readonly<Record<ServerKind, ContainerKind>> = {
  postgres: {
    version: '18',
    port: 5432,
    module: '@testcontainers/postgresql',
    urlAt: (password, address) => `postgres://postgres:${password}@${address}/postgres`,
    load: () => import('@testcontainers/postgresql'),
    make: async (image, password, settings, volume) => {
      const { PostgreSqlContainer } = await import('@testcontainers/postgresql')
      const container = new PostgreSqlContainer(image).withDatabase('postgres').withUsername('postgres')
      return (
        // Outside the image's volume, whose place depends on the version.
        holding(container.withPassword(password), '/migratest', volume)
          .withEnvironment({ PGDATA: '/migratest/data', POSTGRES_INITDB_ARGS: '--no-sync' })
          .withCommand(['postgres', ...settings])
      )
    },
  },
  mysql: {
    version: '9.7',
    port: 3306,
    module: '@testcontainers/mysql',
    urlAt: mysqlUrl,
    load: () => import('@testcontainers/mysql'),
    make: async (image, password, settings, volume) => {
      const { MySqlContainer } = await import('@testcontainers/mysql')
      const container = new MySqlContainer(image).withRootPassword(password).withUserPassword(password)
      return holding(container, MYSQL_DATA, volume).withCommand(['mysqld', ...settings])
    },
  },
  mariadb: {
    version: '11.8',
    port: 3306,
    module: '@testcontainers/mariadb',
    urlAt: mysqlUrl,
    load: () => import('@testcontainers/mariadb'),
    make: async (image, password, settings, volume) => {
      const { MariaDbContainer } = await import('@testcontainers/mariadb')
      const container = new MariaDbContainer(image).withRootPassword(password).withUserPassword(password)
      return holding(container, MYSQL_DATA, volume).withCommand(['mariadbd', ...settings])
    },
  },
}

const MYSQL_DATA = '/var/lib/mysql'

function holding<C extends GenericContainer>(container: C, data: string, volume: string | undefined): C {
  return volume === undefined
    ? container.withTmpFs({ [data]: 'rw' })
    : container.withBindMounts([{ source: volume, target: data, mode: 'rw' }])
}

/** Returns the volume's name, which contains the version: a server cannot read data of another version. */
function volumeOf(key: string, image: string): string {
  return `migratest-${key}-${recall(key)?.id ?? 'own'}-${image.replace(/.*:/, '').replace(/[^\w.-]/g, '_')}`
}

function mysqlUrl(password: string, address: string): string {
  return `mysql://root:${password}@${address}/mysql`
}

/**
 * Binds the port to one address, since only this machine needs to reach it. testcontainers would bind it to all
 * addresses.
 * @param known the port that existing URLs name
 */
function bindPort(container: GenericContainer, port: number, host: string, known = 0): void {
  const inside = container as unknown as {
    hostConfig: { PortBindings?: object }
    beforeContainerCreated?: () => Promise<void>
  }
  inside.beforeContainerCreated = async () => {
    inside.hostConfig.PortBindings = { [`${port}/tcp`]: [{ HostIp: host, HostPort: String(known) }] }
  }
}
