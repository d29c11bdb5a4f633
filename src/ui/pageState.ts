/** The state that every page shows. Each change is told to the pages, only with the parts that are different. */
import type { WatchEvent } from '../watch/events.ts'
import type { Heard, Messages, UiState } from './protocol.ts'

export type Listener = <Name extends keyof Messages>(name: Name, data: Messages[Name]) => void

type About = Pick<UiState, 'folder' | 'dialect' | 'server' | 'mode' | 'why' | 'format'>

export class PageState {
  #now: UiState
  readonly #listeners = new Set<Listener>()

  constructor(about: About) {
    this.#now = { ...EMPTY, ...about }
  }

  get now(): UiState {
    return this.#now
  }

  /** `true` if somebody would see a change. */
  get isSeen(): boolean {
    return this.#listeners.size > 0
  }

  /** Calls the listener with each message for the pages, until the returned function is called. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  change(part: Partial<UiState>): void {
    const before = this.#now
    const keys = Object.keys(part) as (keyof UiState)[]
    const changed = keys.filter((key) => JSON.stringify(part[key]) !== JSON.stringify(before[key]))
    if (changed.length === 0) return
    this.#now = { ...before, ...part }
    const set = Object.fromEntries(changed.map((key) => [key, part[key]])) as Partial<UiState>
    this.#send('change', { set, unset: changed.filter((key) => part[key] === undefined) })
  }

  /** Keeps an event of the watch. */
  hear(event: WatchEvent): void {
    const { events = [] } = this.#now
    const heard: Heard = { id: (events.at(-1)?.id ?? 0) + 1, at: Date.now(), event }
    this.#now = { ...this.#now, events: [...events, heard].slice(-MOST_EVENTS) }
    this.#send('heard', heard)
  }

  // --- internal ---

  #send: Listener = (name, data) => {
    for (const listener of this.#listeners) listener(name, data)
  }
}

// --- internal ---

const MOST_EVENTS = 300

const EMPTY: Omit<UiState, keyof About> = {
  database: undefined,
  at: undefined,
  dirty: false,
  stations: [],
  problems: [],
  failure: undefined,
  unread: undefined,
  question: undefined,
  connected: true,
  running: undefined,
  verified: undefined,
  verifying: undefined,
  unverified: undefined,
  proposed: undefined,
  unwanted: undefined,
  events: [],
  epoch: 0,
}
