/**
 * Connection to the watched database: opens it when needed, waits while it is unavailable, and restores it if a run was
 * interrupted.
 */
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

  /** The open database; undefined if it is not open. */
  get current(): DevelopmentDatabase | undefined {
    return this.#development
  }

  /** Opens the database, if it is not open, and registers this watch. @throws ConnectionError, AlreadyWatchedError */
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

  /** Restores the database from the copy that an interrupted run left, if there is one. */
  async recover(): Promise<void> {
    const fallback = await openFallback(this.#url, this.#options)
    if (!(await fallback.wasCutOff().catch(notThere))) return
    await fallback.restore()
    const message = 'The last run was cut off halfway. The database was restored to its state before that run.'
    this.#onEvent({ type: 'warning', message })
  }

  /**
   * Waits until the server is back. Returns `false` if the error is not a lost connection, or if `end` is aborted.
   * @throws the error that prevents a restart of the watch's own server, after 5 attempts; any error other than a lost
   * connection
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
        // Nothing else restarts the watch's own server.
        await this.#restart?.()
        await this.recover()
        await this.open()
        this.#onEvent({ type: 'reconnected' })
        return true
      } catch (again) {
        const { code } = again as MigratestError
        // Files and processes of a killed server may take a moment to disappear.
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

/**
 * Returns `false` for a connection error and rethrows any other. A role that cannot connect to look for a copy cannot
 * have made one. If the database is unreachable, opening it reports that.
 */
function notThere(error: MigratestError): false {
  if (error.code === 'MIGRATEST_CONNECTION') return false
  throw error
}
