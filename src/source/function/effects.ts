/** Notices what a function does besides its work on the database, as far as neither its text nor its variables show it. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { shorten } from '../folder.ts'

/**
 * Runs `work`, and returns what it returned with the first effect: a file of the project was loaded, a package sent a
 * request over HTTP, or a variable of the environment has another value than before.
 */
export async function noticingEffects<T>(
  work: () => T,
): Promise<{ readonly result: Awaited<T>; readonly effect: string | undefined }> {
  let effect: string | undefined
  const hooks = registerHooks({
    load(url, context, next) {
      if (url.startsWith('file:') && !url.includes('/node_modules/') && !url.startsWith(HOME)) {
        effect ??= `it loads ${shorten(fileURLToPath(url))} while it runs`
      }
      return next(url, context)
    },
  })
  // Other work of this process sends requests, too.
  const working = new AsyncLocalStorage<true>()
  const request = () => {
    if (working.getStore()) effect ??= 'it uses the network'
  }
  const before = { ...process.env }
  for (const channel of REQUESTS) subscribe(channel, request)
  try {
    const result = await working.run(true, work)
    const names = new Set([...Object.keys(before), ...Object.keys(process.env)])
    const changed = [...names].find((name) => before[name] !== process.env[name])
    if (changed !== undefined) effect ??= `its run changes process.env.${changed}`
    return { result, effect }
  } finally {
    for (const channel of REQUESTS) unsubscribe(channel, request)
    hooks.deregister()
  }
}

// --- internal ---

/** Where this package's own files are, which it loads when they are needed. */
const HOME = new URL(import.meta.url.endsWith('.ts') ? '../../../' : './', import.meta.url).href

/** Channels of Node and of undici, which `fetch` uses, too. */
const REQUESTS = ['http.client.request.start', 'http2.client.stream.created', 'undici:request:create']
