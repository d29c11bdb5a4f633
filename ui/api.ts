/** Where the page's data comes from: a server, or the page's own file if it was exported. */
import type { ErrorDocument, SavedPage, UiState } from '../src/ui/protocol.ts'
import { type Api, ApiError } from './apiError.ts'
import { savedApi } from './saved.ts'

/** Returns the source of data that this page has. */
export function findApi(): Api {
  const saved = document.getElementById('saved')?.textContent
  return saved ? savedApi(JSON.parse(saved) as SavedPage) : live
}

/** Returns the state that the server has put into the page. */
export function stateInPage(): UiState | undefined {
  const text = document.getElementById('state')?.textContent
  return text ? (JSON.parse(text) as UiState) : undefined
}

// --- internal ---

const RETRY_MS = 1000

const live: Api = {
  async get<T>(path: string): Promise<T> {
    const response = await fetch(`api/${path}`, { headers: { Accept: 'application/json' } }).catch(gone)
    return read<T>(response)
  },
  async post(path, body) {
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
    await read(await fetch(`api/${path}`, init).catch(gone))
  },
  listen(on, onLost) {
    const source = new EventSource('api/events')
    source.addEventListener('state', ({ data }) => on.state(JSON.parse(data)))
    source.addEventListener('change', ({ data }) => on.change(JSON.parse(data)))
    source.addEventListener('heard', ({ data }) => on.heard(JSON.parse(data)))
    source.addEventListener('error', () => {
      // A browser waits for seconds before it tries again, and gives up if it is refused.
      const isRefused = source.readyState === EventSource.CLOSED
      source.close()
      onLost(isRefused ? 'refused' : 'gone')
      setTimeout(() => live.listen(on, onLost), RETRY_MS)
    })
  },
}

async function read<T>(response: Response): Promise<T> {
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
  if (response.ok && isJson) return (await response.json()) as T
  if (isJson) throw new ApiError(((await response.json()) as ErrorDocument).error)
  throw new ApiError({ code: 'REFUSED', message: (await response.text()).trim() })
}

function gone(): never {
  throw new ApiError({ code: 'GONE', message: 'The server of this page does not answer.' })
}
