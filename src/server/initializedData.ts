/**
 * Data as an image makes it at the first start of a server, kept in a Docker volume. A later server of the same image and
 * settings begins with a copy of it in memory, which takes a tenth of the time.
 *
 * A second, empty volume describes the data: its name says for which image and settings, its labels say where the data
 * is. It is created when the data is complete, so nobody uses data that is still being made, and nothing has to be
 * remembered on a machine that may be a container itself.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { GenericContainer } from 'testcontainers'
import { now } from '../migrate/realTime.ts'
import type { Docker } from './engine.ts'
import type { ServerKind } from './kinds.ts'

/** Complete data in a volume. */
export interface Initialized {
  readonly volume: string
  /** The administrator's password in it. */
  readonly password: string
  /** The command that the image itself would run. */
  readonly entrypoint: readonly string[]
}

/** The volume in which a server makes its data, and the settings for that. */
export interface Making {
  readonly volume: string
  readonly password: string
  readonly settings: readonly string[]
}

export class InitializedData {
  readonly #docker: Docker
  readonly #kind: ServerKind
  readonly #image: string
  readonly #settings: readonly string[]

  /** @param of the image with the prefix that the engine knows it by, and the server's arguments */
  constructor(docker: Docker, of: { kind: ServerKind; image: string; settings: readonly string[] }) {
    this.#docker = docker
    this.#kind = of.kind
    this.#image = of.image
    this.#settings = of.settings
  }

  async find(): Promise<Initialized | undefined> {
    const { id, entrypoint } = await this.#look()
    const { [DATA]: volume, [PASSWORD]: password } = (await this.#labelsOf(this.#nameFor(id))) ?? {}
    if (!volume || !password) return undefined
    if ((await this.#labelsOf(volume))?.[IMAGE_ID] === id) return { volume, password, entrypoint }
    // Somebody has removed the data alone. Docker would make an empty volume of that name.
    await this.#remove(this.#nameFor(id))
    return undefined
  }

  /** Removes the data, so that the next server makes its own. */
  async forget({ volume }: Initialized): Promise<void> {
    const { id } = await this.#look()
    await this.#remove(this.#nameFor(id), volume)
  }

  /**
   * Makes the data and keeps it, unless it is there.
   * @param make starts a server on the volume, stops it cleanly, and returns the container's id
   */
  async keep(signal: AbortSignal, make: (into: Making) => Promise<string>): Promise<void> {
    if (await this.find()) return
    const { id } = await this.#look()
    await this.#removeOld(id)
    if (signal.aborted) return
    const password = randomBytes(18).toString('hex')
    const volume = `${this.#nameFor(id)}-${randomBytes(4).toString('hex')}`
    const labels = { [IMAGE]: this.#image, [IMAGE_ID]: id }
    await this.#docker.createVolume({ Name: volume, Labels: labels })
    try {
      await this.#fill({ volume, password, settings: this.#durable() }, make)
      signal.throwIfAborted()
      const Labels = { ...labels, [DATA]: volume, [PASSWORD]: password }
      await this.#docker.createVolume({ Name: this.#nameFor(id), Labels })
      // If another keeper was first, the engine has kept its labels.
      if ((await this.find())?.volume !== volume) await this.#remove(volume)
    } catch (error) {
      await this.#remove(volume)
      throw error
    }
  }

  // --- internal ---

  async #fill(into: Making, make: (into: Making) => Promise<string>): Promise<void> {
    const container = this.#docker.getContainer(await make(into))
    const { ExitCode } = (await container.inspect()).State
    await container.remove({ force: true, v: true })
    if (ExitCode !== 0) throw new Error(`The server that made the data ended with code ${ExitCode}.`)
  }

  /** The machine may crash later: what is kept has to be on disk. */
  #durable(): readonly string[] {
    return this.#kind === 'postgres' ? [...this.#settings, '-c', 'fsync=on'] : this.#settings
  }

  async #labelsOf(volume: string): Promise<Record<string, string> | undefined> {
    const found = await this.#docker
      .getVolume(volume)
      .inspect()
      .catch(() => undefined)
    return found && (found.Labels ?? {})
  }

  async #look(): Promise<{ id: string; entrypoint: readonly string[] }> {
    const { Id, Config } = await this.#docker.getImage(this.#image).inspect()
    return { id: Id, entrypoint: [Config.Entrypoint ?? []].flat() }
  }

  /** The image's scripts may depend on settings, and MySQL fixes some of them when it makes its data. */
  #nameFor(imageId: string): string {
    const subject = JSON.stringify([FORM, this.#kind, imageId, this.#settings])
    return `migratest-initialized-${createHash('sha256').update(subject).digest('hex').slice(0, 16)}`
  }

  /** Removes what was made of an older image of that name, what nobody completed, and the oldest beyond a number. */
  async #removeOld(imageId: string): Promise<void> {
    const { Volumes } = await this.#docker.listVolumes({ filters: { label: [IMAGE] } })
    const all = (Volumes ?? []).map(({ Name, CreatedAt, Labels }) => ({
      name: Name,
      data: Labels?.[DATA],
      isOurs: Labels?.[IMAGE] === this.#image,
      isOld: Labels?.[IMAGE_ID] !== imageId,
      created: Date.parse(CreatedAt),
    }))
    const complete = all.filter(({ data }) => data !== undefined).sort((a, b) => b.created - a.created)
    const known = new Set(complete.map(({ data }) => data))
    const ours = complete.filter(({ isOurs }) => isOurs)
    const spare = ours.filter(({ isOld }, i) => isOld || i >= MOST_KEPT - 1)
    const left = all.filter(
      ({ name, data, created }) => data === undefined && !known.has(name) && now() - created > LONGEST_MAKING_MS,
    )
    for (const { name, data } of spare) await this.#remove(name, ...(data === undefined ? [] : [data]))
    for (const { name } of left) await this.#remove(name)
  }

  /** Removes volumes; one that a container uses stays. */
  async #remove(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      await this.#docker
        .getVolume(name)
        .remove()
        .catch(() => undefined)
    }
  }
}

/** Lets a container begin with a copy of the data. @param folder where its server keeps data */
export function begunWith(container: GenericContainer, { volume, entrypoint }: Initialized, folder: string): void {
  container
    .withBindMounts([{ source: volume, target: PLACE, mode: 'ro' }])
    .withEntrypoint(['sh', '-c', COPY, PLACE, folder, ...entrypoint])
}

/** Version of what is in the volumes: of what this package gives an image when it makes data. */
const FORM = 2

const IMAGE = 'migratest.initialized'
const IMAGE_ID = 'migratest.image'
const DATA = 'migratest.data'
const PASSWORD = 'migratest.password'
const LONGEST_MAKING_MS = 3_600_000

/** An image has data for so many sets of settings at most. */
const MOST_KEPT = 4

/** The folder at which a container that copies the volume has it. */
const PLACE = '/migratest-initialized'

/** Copies from $0 to $1 and runs the rest. Where that fails, the image's own script finds nothing and makes the data. */
const COPY = 'cp -a "$0/." "$1/" || rm -rf "$1"/* ; shift; exec "$@"'
