/** Notices what a function does besides its work on the database, as far as neither its text nor its variables show it. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { registerHooks } from 'node:module'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { shorten } from '../folder.ts'

/**
 * Runs `work`, and returns what it returned with the first effect: a file of the project was loaded, a package sent a
 * request over HTTP or connected to another server, or a variable of the environment has another value than before.
 * @param database the URL of the database that it works on, if that has one
 */
export async function noticingEffects<T>(
  work: () => T,
  database?: string,
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
  const connection = (message: unknown) => {
    if (!working.getStore()) return
    const { socket } = message as { socket: Socket }
    socket.once('connectionAttempt', (address: string, port: number) => {
      if (!isOf(database, address, port)) effect ??= 'it uses the network'
    })
  }
  const before = { ...process.env }
  for (const channel of REQUESTS) subscribe(channel, request)
  subscribe(CONNECTIONS, connection)
  try {
    const result = await working.run(true, work)
    const names = new Set([...Object.keys(before), ...Object.keys(process.env)])
    const changed = [...names].find((name) => before[name] !== process.env[name])
    if (changed !== undefined) effect ??= `its run changes process.env.${changed}`
    return { result, effect }
  } finally {
    for (const channel of REQUESTS) unsubscribe(channel, request)
    unsubscribe(CONNECTIONS, connection)
    hooks.deregister()
  }
}

// --- internal ---

/** Where this package's own files are, which it loads when they are needed. */
const HOME = new URL(import.meta.url.endsWith('.ts') ? '../../../' : './', import.meta.url).href

/** Channels of Node and of undici, which `fetch` uses, too. */
const REQUESTS = ['http.client.request.start', 'http2.client.stream.created', 'undici:request:create']

/** Node's channel for connections, such as those of clients of Redis, message queues and mail servers. */
const CONNECTIONS = 'net.client.socket'

const LOOPBACK = /^(?:localhost|127\.|\[?::1\]?$|\[?::ffff:127\.)/

/** Returns whether an address is that of the database's server, to which a function may open connections of its own. */
function isOf(database: string | undefined, address: string, port: number): boolean {
  if (database === undefined) return false
  const { protocol, hostname, port: own } = new URL(database)
  const isPort = port === Number(own || (protocol.startsWith('postgres') ? 5432 : 3306))
  // A name may mean any address but this machine's own.
  return isPort && LOOPBACK.test(hostname) === LOOPBACK.test(address)
}
