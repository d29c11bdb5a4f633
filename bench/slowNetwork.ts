/** A network between: a process that passes TCP on, and delays each packet both ways. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** How long the network of the bench takes, there and back. */
export const ROUND_TRIP_MS = 5

/** Returns the URL of a database as the proxy has it. */
export function throughProxy(url: string, proxy: string): string {
  const { hostname, port } = new URL(proxy)
  return Object.assign(new URL(url), { hostname, port }).href
}

/** Starts a proxy to the server of a URL. @param roundTripMs how much later each answer comes */
export async function slowNetwork(url: string, roundTripMs: number): Promise<{ url: string; stop: () => void }> {
  const { hostname, port } = new URL(url)
  const child = fork(import.meta.filename, [hostname, port, String(roundTripMs / 2)], { execArgv: [] })
  const [own] = await once(child, 'message')
  const slow = new URL(url)
  slow.hostname = '127.0.0.1'
  slow.port = String(own)
  return { url: slow.href, stop: () => void child.kill() }
}

// --- internal ---

/** Passes on what one side sends, `ms` later. A timer wakes up to a millisecond early, so we look again until then. */
function delay(from: Socket, to: Socket, ms: number): void {
  const waiting: { due: number; chunk: Buffer | undefined }[] = []
  let isAwake = false
  const pass = () => {
    while (waiting[0] && waiting[0].due <= performance.now()) {
      const { chunk } = waiting.shift() ?? {}
      if (chunk) to.write(chunk)
      else to.end()
    }
    const left = (waiting[0]?.due ?? 0) - performance.now()
    isAwake = waiting.length > 0
    if (isAwake && left > 1.5) setTimeout(pass, left - 1)
    else if (isAwake) setImmediate(pass)
  }
  const add = (chunk?: Buffer) => {
    waiting.push({ due: performance.now() + ms, chunk })
    if (!isAwake) pass()
  }
  from.on('data', add).on('end', () => add())
  from.on('error', () => to.destroy())
}

if (process.send) {
  const [host = '', port = '', ms = ''] = process.argv.slice(2)
  const server = createServer((client) => {
    const upstream = connect(Number(port), host)
    for (const socket of [client, upstream]) socket.setNoDelay(true)
    delay(client, upstream, Number(ms))
    delay(upstream, client, Number(ms))
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.on('disconnect', () => process.exit())
}
