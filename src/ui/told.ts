/** Derives the state of the page from the events of the watch. Pure, but for paths. */
import type { WatchEvent } from '../watch/events.ts'
import { located } from './failure.ts'
import type { UiState } from './protocol.ts'

/** Returns the parts of the state that are different after an event. */
export function toldBy(event: WatchEvent): Partial<UiState> {
  switch (event.type) {
    case 'failed':
      return { failure: located(event.error), running: undefined }
    case 'skipped':
      return { failure: { code: 'MIGRATEST_SKIPPED', message: event.why }, running: undefined }
    case 'applied':
    case 'unchanged':
      return { failure: undefined, running: undefined }
    case 'proposed':
    case 'questions':
    case 'drafted':
      return { proposed: event, unwanted: undefined }
    case 'withdrawn':
    case 'finished':
      return { proposed: undefined, unwanted: undefined }
    case 'unreadable':
      return { unwanted: located(event.error) }
    case 'disconnected':
      return { connected: false }
    case 'reconnected':
      return { connected: true }
    default:
      return {}
  }
}

/** Events after which files or database may differ from what was last seen. */
export const LOOKS: ReadonlySet<WatchEvent['type']> = new Set([
  'ready',
  'applied',
  'unchanged',
  'failed',
  'skipped',
  'drifted',
  'seeded',
  'reconnected',
])
