/** Reads an exported page's own data. */

import type { PlanDocument, SavedPage, SchemaDocument, Station, VersionDetail } from '../src/ui/protocol.ts'
import type { Failure } from '../src/watch/events.ts'
import { type Api, ApiError } from './apiError.ts'

export function savedApi(page: SavedPage): Api {
  const schema = (key: string): SchemaDocument => {
    const indexes = page.schemas[key]
    if (!indexes) throw missing(page.missing[key] ?? 'This file does not contain that schema.')
    return { key, objects: indexes.flatMap((index) => page.objects[index] ?? []) }
  }
  const version = (key: string): VersionDetail => {
    const found = page.versions[key]
    if (!found) throw missing('This file does not contain that migration.')
    return found
  }
  return {
    async get<T>(path: string) {
      const [name = '', query] = path.split('?')
      const params = new URLSearchParams(query)
      const key = params.get('key') ?? ''
      if (name === 'schema') return schema(key) as T
      if (name === 'version') return version(key) as T
      if (name === 'findings' && page.findings) return page.findings as T
      if (name === 'plan') return planOf(page, params.get('from') ?? 'nil', params.get('to') ?? 'nil') as T
      throw missing('An exported page shows migrations and schemas only.')
    },
    post: () => Promise.reject(missing('An exported page changes nothing.')),
    listen: (on) => on.state(page.state),
  }
}

// --- internal ---

function missing(message: string): ApiError {
  return new ApiError({ code: 'NOT_SAVED', message } satisfies Failure)
}

/** The steps between two versions, as the files have them. */
function planOf({ state, versions }: SavedPage, from: string, to: string): PlanDocument {
  const at = (key: string) =>
    key === 'nil' ? -1 : state.stations.findIndex((station) => station.key === (key === 'database' ? state.at : key))
  const [first, last] = [at(from), at(to)]
  const step = ({ key }: Station, direction: 'up' | 'down') => {
    const half = versions[key]?.[direction]
    return {
      key,
      direction,
      origin: 'file' as const,
      statements: half?.statements.length ?? 0,
      code: half?.kind === 'code',
      atomic: half?.transaction !== false,
    }
  }
  const steps =
    first <= last
      ? state.stations.slice(first + 1, last + 1).map((station) => step(station, 'up'))
      : state.stations
          .slice(last + 1, first + 1)
          .reverse()
          .map((station) => step(station, 'down'))
  return { steps, warnings: [] }
}
