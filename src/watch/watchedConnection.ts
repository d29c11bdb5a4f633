/** The database that is watched: opened when it is needed, waited for when it is away, put back where a run was cut off. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DevelopmentDatabase } from '../database/development.ts'
import { type OpenOptions, openDevelopment, openFallback } from '../database/open.ts'
import type { MigratestError } from '../migrate/errors.ts'
import type { OnWatchEvent } from './events.ts'
import type { WatchOptions } from './options.ts'

export class WatchedConnection {
  readonly #url: string
  readonly #options: OpenOptions
  readonly #onEvent: OnWatchEvent
  readonly #onLost: () => void
  readonly #restart: (() => Promise<void>) | undefined
  #development: DevelopmentDatabase | undefined

  constructor(
    { url, open, onEvent, restart }: Pick<WatchOptions, 'url' | 'open' | 'onEvent' | 'restart'>,
    onLost: () => void,
  ) {
    this.#url = url
    this.#options = open
    this.#onEvent = onEvent
    this.#onLost = onLost
    this.#restart = restart
  }

  /** Where it is open. */
  get current(): DevelopmentDatabase | undefined {
    return this.#development
  }

  /** @throws ConnectionError, AlreadyWatchedError */
  async open(): Promise<DevelopmentDatabase> {
    if (this.#development) return this.#development
    const development = await openDevelopment(this.#url, this.#options)
    try {
      await development.watch()
    } catch (error) {
      await development.close()
      throw error
    }
    this.#development = development
    void development.lost.then(() => {
      if (this.#development === development) this.#onLost()
    })
    return development
  }

  async close(): Promise<void> {
    const development = this.#development
    this.#development = undefined
    await development?.close()
  }

  /** A run that was cut off left the copy that it would have gone back to. */
  async recover(): Promise<void> {
    const fallback = await openFallback(this.#url, this.#options)
    if (!(await fallback.wasCutOff().catch(notThere))) return
    await fallback.restore()
    const message = 'The last run was cut off half-way: the database is again as it was before it.'
    this.#onEvent({ type: 'warning', message })
  }

  /**
   * Waits until the server is back. False where the error is another, or it is ended meanwhile.
   * @throws what keeps the watch's own server from being started, after some tries
   */
  async reconnect(error: unknown, end: AbortSignal): Promise<boolean> {
    if ((error as MigratestError).code !== 'MIGRATEST_CONNECTION') return false
    this.#onEvent({
      type: 'disconnected',
      why: (error as Error).message.split('\n')[0] ?? '',
      restarts: this.#restart !== undefined,
    })
    await this.close()
    let tries = 0
    while (!end.aborted) {
      try {
        // Nobody else would start the watch's own server.
        await this.#restart?.()
        await this.recover()
        await this.open()
        this.#onEvent({ type: 'reconnected' })
        return true
      } catch (again) {
        const { code } = again as MigratestError
        // A killed server's files and processes may take a moment to go.
        const isStarting = code === 'MIGRATEST_SERVER_UNAVAILABLE' && ++tries < MOST_STARTS
        if (code !== 'MIGRATEST_CONNECTION' && !isStarting) throw again
        await sleep(isStarting ? START_AGAIN_MS : RETRY_MS, undefined, { signal: end }).catch(() => undefined)
      }
    }
    return false
  }
}

// --- internal ---

const RETRY_MS = 250
const START_AGAIN_MS = 1000
const MOST_STARTS = 5

/** Who may not look beside the database made no copy either. Whether the database can be reached is told by opening it. */
function notThere(error: MigratestError): false {
  if (error.code === 'MIGRATEST_CONNECTION') return false
  throw error
}
