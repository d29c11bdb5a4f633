/** Asks the layout worker. */
import type { Arranged, Link, Size } from './layout.ts'
import LayoutWorker from './layout.worker.ts?worker&inline'

/** Resolves with the places; the worker is started when it is first needed. */
export function arranged(sizes: readonly Size[], links: readonly Link[]): Promise<Arranged> {
  worker ??= started()
  const id = ++last
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject })
    worker?.postMessage({ id, sizes, links })
  })
}

// --- internal ---

interface Answer {
  readonly id: number
  readonly arranged?: Arranged
  readonly problem?: string
}

let worker: Worker | undefined
let last = 0
const waiting = new Map<number, { resolve(arranged: Arranged): void; reject(error: Error): void }>()

function started(): Worker {
  const made = new LayoutWorker()
  made.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
    const asked = waiting.get(data.id)
    waiting.delete(data.id)
    if (data.arranged) asked?.resolve(data.arranged)
    else asked?.reject(new Error(data.problem))
  })
  made.addEventListener('error', ({ message }) => {
    for (const { reject } of waiting.values()) reject(new Error(message))
    waiting.clear()
  })
  return made
}
