/** Keeps the state of the page as signals: the state that the server sends, and documents that were asked for. */
import { computed, type Signal, signal } from '@preact/signals'
import type { FindingsDocument, Station, UiState } from '../src/ui/protocol.ts'
import type { Failure } from '../src/watch/events.ts'
import { findApi, stateInPage } from './api.ts'
import { type Api, ApiError } from './apiError.ts'

/** A document that was asked for. While a newer one is being read, the older one stays. */
export interface Loaded<T> {
  readonly data: T | undefined
  readonly failure: Failure | undefined
  readonly loading: boolean
}

/** Undefined until the server has sent the first one. */
export const state = signal<UiState | undefined>(undefined)
/** The reason why the server cannot be reached. */
export const lost = signal<'gone' | 'refused' | undefined>(undefined)

/** Counts how often the server came back: what was read before may then be out of date, or may have failed. */
const returns = signal(0)
const epoch = computed(() => `${returns.value} ${state.value?.epoch ?? 0}`)

const stationsByKey = computed(() => new Map(state.value?.stations.map((station) => [station.key, station])))

export function connect(): void {
  api = findApi()
  state.value = stateInPage()
  api.listen(
    {
      state(next) {
        if (lost.peek() !== undefined) returns.value++
        lost.value = undefined
        state.value = next
      },
      change({ set, unset }) {
        const now = state.value
        const gone = Object.fromEntries(unset.map((key) => [key, undefined]))
        if (now) state.value = { ...now, ...set, ...gone } as UiState
      },
      heard(heard) {
        const now = state.value
        if (now?.events) state.value = { ...now, events: [...now.events, heard].slice(-MOST_EVENTS) }
      },
    },
    (why) => {
      lost.value = why
    },
  )
  document.addEventListener('visibilitychange', () => {
    // Nobody tells the server that a database was changed by something else.
    if (document.visibilityState === 'visible' && state.value?.mode === 'reading') void post('refresh', {})
  })
}

/**
 * Returns the document at a path. A component that shows it is rendered again when files or the database have changed,
 * and the document is then read again.
 */
export function documentAt<T>(path: string): Loaded<T> {
  const now = epoch.value
  let known = documents.get(path)
  if (!known) {
    known = { signal: signal<Loaded<unknown>>(UNREAD), epoch: '' }
    documents.set(path, known)
    if (documents.size > MOST_KNOWN) documents.delete(documents.keys().next().value ?? '')
  }
  if (known.epoch !== now) {
    const stale = known
    stale.epoch = now
    // A signal must not change while a component that reads it is rendered.
    queueMicrotask(() => load(path, stale))
  }
  return known.signal.value as Loaded<T>
}

/** Returns what `verify` found; undefined if it has not run. */
export function foundByVerify(): Loaded<FindingsDocument> | undefined {
  const verified = state.value?.verified
  return verified && documentAt<FindingsDocument>(`findings?at=${verified.at}`)
}

/** Asks for a change; returns the failure, if it was refused. */
export async function post(path: string, body: object): Promise<Failure | undefined> {
  try {
    await api?.post(path, body)
    return undefined
  } catch (error) {
    return failureOf(error)
  }
}

/** Returns the station of a key, and undefined for `nil` and `database`. */
export function stationOf(key: string): Station | undefined {
  return stationsByKey.value.get(key)
}

// --- internal ---

interface Known {
  readonly signal: Signal<Loaded<unknown>>
  /** The state of files and database for which it was read. */
  epoch: string
}

const MOST_KNOWN = 60
const MOST_EVENTS = 300
let api: Api | undefined
const documents = new Map<string, Known>()

const UNREAD: Loaded<unknown> = { data: undefined, failure: undefined, loading: true }

function load(path: string, known: Known): void {
  const asked = known.epoch
  const { data } = known.signal.peek()
  known.signal.value = { data, failure: undefined, loading: true }
  const settle = (loaded: Partial<Loaded<unknown>>) => {
    if (known.epoch === asked) known.signal.value = { data: undefined, failure: undefined, loading: false, ...loaded }
  }
  api?.get(path).then(
    (found) => settle({ data: found }),
    (error) => settle({ failure: failureOf(error) }),
  )
}

function failureOf(error: unknown): Failure {
  return error instanceof ApiError ? error.failure : { code: 'PAGE', message: String(error) }
}
