/** The Docker engine: whether one answers, what we ask it beside testcontainers, and what keepers that were killed left on it. */
import { hostname } from 'node:os'
import { NotInstalledError, NotLoadedError } from '../migrate/errors.ts'
import { loadPackage } from '../migrate/loadPackage.ts'
import { CONTAINERS } from './containerKinds.ts'
import { folderId, userId } from './places.ts'
import type { ServerRequest } from './request.ts'

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
    const { module } = CONTAINERS[request.kind]
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
  // It loads testcontainers, too.
  CONTAINERS[kind].load().catch(() => undefined)
  loadTestcontainers().catch(() => undefined)
}

/** Returns what this machine's engine answers, through testcontainers, and dockerode, on which testcontainers is built. */
export async function openEngine() {
  const { getContainerRuntimeClient, ImageName } = await loadTestcontainers()
  const engine = await getContainerRuntimeClient()
  const { dockerode } = engine.container as unknown as { dockerode: Docker }
  return { docker: dockerode, host: engine.info.containerRuntime.host, ImageName }
}

/** The part of dockerode that we use. */
export interface Docker {
  listContainers(options: object): Promise<{ Id: string; State: string; Labels: Record<string, string> }[]>
  getContainer(id: string): {
    inspect(): Promise<{ State: { ExitCode: number } }>
    remove(options: object): Promise<unknown>
    wait(): Promise<unknown>
  }
  getImage(name: string): {
    inspect(): Promise<{ Id: string; Config: { Entrypoint?: string[] | string | null; Env?: string[] | null } }>
  }
  createVolume(options: { Name: string; Labels: Record<string, string> }): Promise<unknown>
  getVolume(name: string): { inspect(): Promise<Volume>; remove(): Promise<unknown> }
  listVolumes(options: { filters: { label: string[] } }): Promise<{ Volumes: Volume[] | null }>
}

/** Returns the name of the image, as the request or our default names it. */
export function imageOf({ kind, image, version }: Pick<ServerRequest, 'kind' | 'image' | 'version'>): string {
  return image ?? `${kind}:${version ?? CONTAINERS[kind].version}`
}

/** Returns the labels of the containers that belong to this machine's keeper of `key`. */
export function labelsOf(key: string): Record<string, string> {
  return { [LABEL_KEY]: key, [LABEL_HOST]: hostLabel(), [LABEL_FOLDER]: folderId() }
}

/** Returns the ids of this machine's containers whose keeper was killed, and of any with our own key. */
export async function findLeftovers(
  docker: Docker,
  ownKey: string,
  isKept: (key: string) => Promise<boolean>,
): Promise<string[]> {
  const filters = { label: [`${LABEL_HOST}=${hostLabel()}`] }
  const ids: string[] = []
  for (const { Id, Labels, State } of await docker.listContainers({ all: true, filters })) {
    const key = Labels[LABEL_KEY]
    // A running container may belong to a keeper with another folder, which we cannot reach. A stopped container has no
    // users.
    if (!key || (State === 'running' && Labels[LABEL_FOLDER] !== folderId())) continue
    if (key === ownKey || !(await isKept(key))) ids.push(Id)
  }
  return ids
}

export async function removeContainer(docker: Docker, id: string): Promise<void> {
  const options = { force: true, v: true }
  await docker
    .getContainer(id)
    .remove(options)
    .catch(() => undefined)
}

// --- internal ---

interface Volume {
  readonly Name: string
  readonly CreatedAt: string
  readonly Labels: Record<string, string> | null
}

const LABEL_KEY = 'migratest.key'
const LABEL_HOST = 'migratest.host'
const LABEL_FOLDER = 'migratest.folder'

async function loadTestcontainers(): Promise<typeof import('testcontainers')> {
  return loadPackage('testcontainers', 'A server in Docker', () => import('testcontainers'))
}

function hostLabel(): string {
  return `${hostname()}-${userId()}`
}

/**
 * Returns the end of an engine's error message. The message lists the whole chain of calls; its end says what happened.
 */
function brief(error: Error): string {
  return error.message.trim().split(': ').at(-1)?.slice(0, 120) ?? ''
}
