/** Runs a server in a container, through testcontainers and its module for that kind of server. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { GenericContainer } from 'testcontainers'
import { now } from '../migrate/realTime.ts'
import { CONTAINERS } from './containerKinds.ts'
import { findLeftovers, imageOf, labelsOf, openEngine, removeContainer } from './engine.ts'
import { begunWith, type Initialized, InitializedData } from './initializedData.ts'
import { recall, rememberMore } from './kept.ts'
import { TITLES } from './kinds.ts'
import { errorOf, isRefusal, speaks } from './ready.ts'
import type { KeptServer, ServerRequest } from './request.ts'
import { settingArguments } from './settings.ts'

const START_TIMEOUT_MS = 180_000

/** Milliseconds for which a server may refuse the password: an image's script may set it while the server runs. */
const REFUSED_MS = 5000

const SILENT = new Error('no answer')

export interface ContainerOptions {
  readonly key: string
  readonly request: ServerRequest
  readonly password: string
  readonly onProgress: (text: string) => void
  /** Returns whether a keeper on this machine owns the server with that key. */
  readonly isKept: (key: string) => Promise<boolean>
}

export async function startContainer(options: ContainerOptions): Promise<KeptServer> {
  const { key, request, onProgress, isKept } = options
  const { docker, host, ImageName } = await openEngine()
  const image = imageOf(request)
  const settings = settingArguments(request)
  const name = ImageName.fromString(image).string
  const data = new InitializedData(docker, { kind: request.kind, image: name, settings })
  const [own, leftovers, found] = await Promise.all([
    docker
      .getImage(name)
      .inspect()
      .catch(() => undefined),
    findLeftovers(docker, key, isKept),
    request.keep ? undefined : data.find().catch(() => undefined),
  ])
  const removing = Promise.all(leftovers.map((id) => removeContainer(docker, id)))
  // One with our own key may hold the port or the volume.
  if (request.keep) await removing
  onProgress(`getting the image ${image} and starting a container`)
  const volume = request.keep ? volumeOf(key, image) : undefined
  const fixed = { host, image, environment: own?.Config.Env ?? [] }
  const start = (from?: Initialized) => launch({ ...options, ...fixed, settings, volume, from })
  const container = await start(found).catch(async (error) => {
    if (!found) throw error
    // Somebody may have changed the volume. Without it, the image makes its data as for the first server.
    await data.forget(found)
    return start()
  })
  await removing
  if (request.keep) rememberMore(key, { port: container.port })
  return {
    url: container.url,
    name: `${TITLES[request.kind]} in Docker (${container.started.getLabels()['org.opencontainers.image.ref.name'] ?? image})`,
    ended: docker
      .getContainer(container.started.getId())
      .wait()
      .catch(() => undefined),
    stop: async () => {
      await container.started.stop({ timeout: request.keep ? 30_000 : 0, remove: true, removeVolumes: true })
    },
    ...(!request.keep && {
      prepareNext: (signal) =>
        data.keep(signal, async (into) => {
          const { started } = await launch({ ...options, ...fixed, ...into, signal })
          await started.stop({ timeout: 30_000, remove: false })
          return started.getId()
        }),
    }),
  }
}

// --- internal ---

interface Launch extends Pick<ContainerOptions, 'key' | 'request' | 'password'> {
  readonly host: string
  readonly image: string
  /** The image's variables, as `NAME=value`. */
  readonly environment: readonly string[]
  readonly settings: readonly string[]
  /** The volume that holds the data; undefined: in memory. */
  readonly volume: string | undefined
  /** The data to begin with, if the image need not make it. */
  readonly from?: Initialized | undefined
  /** Ends the wait for an answer. */
  readonly signal?: AbortSignal
}

/** Starts a container and waits until its server answers. If that fails, the container is removed. */
async function launch({ key, request, password, host, image, environment, settings, volume, from, signal }: Launch) {
  const { port, data, urlAt: at, make } = CONTAINERS[request.kind]
  const local = host === 'localhost'
  const known = from?.password ?? password
  const urlAt = (mapped: number) => at(known, `${local ? '127.0.0.1' : host}:${mapped}`)
  const made = await make({ name: image, environment }, known, settings, volume)
  if (from) begunWith(made, from, data)
  const usual = request.keep ? recall(key)?.port : undefined
  if (local || usual !== undefined) bindPort(made, port, local ? '127.0.0.1' : '', usual)
  const started = await made
    .withLabels(labelsOf(key))
    // The module's own health check would start a process in the container four times a second, as long as it runs.
    .withHealthCheck({ test: ['CMD', 'true'], interval: 86_400_000, timeout: 1000, retries: 1 })
    .withWaitStrategy(new UntilItAnswers(port, urlAt, signal))
    .start()
  const mapped = started.getMappedPort(port)
  return { started, port: mapped, url: urlAt(mapped) }
}

/** Polls with real queries. An open port proves nothing, since Docker opens it before the server listens. */
class UntilItAnswers {
  readonly #port: number
  readonly #urlAt: (port: number) => string
  readonly #signal: AbortSignal | undefined
  constructor(port: number, urlAt: (port: number) => string, signal: AbortSignal | undefined) {
    this.#port = port
    this.#urlAt = urlAt
    this.#signal = signal
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
    let refusedUntil: number | undefined
    for (let tries = 0; ; tries++) {
      const error = (await speaks(url)) ? await errorOf(url) : SILENT
      if (error === undefined) return
      this.#signal?.throwIfAborted()
      if (isRefusal(error)) refusedUntil ??= now() + REFUSED_MS
      if (isRefusal(error) && now() > (refusedUntil ?? deadline)) {
        throw new Error(
          `the server in the container refuses the password that it was given (${error.message}): the image sets one of its own`,
        )
      }
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

/** Returns the volume's name, which contains the version: a server cannot read data of another version. */
function volumeOf(key: string, image: string): string {
  return `migratest-${key}-${recall(key)?.id ?? 'own'}-${image.replace(/.*:/, '').replace(/[^\w.-]/g, '_')}`
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
