/** The page's server: on loopback only, for the browser that has the token. */
import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { UsageError } from '../migrate/errors.ts'
import { readAssets } from './assets.ts'
import { createHandler } from './handler.ts'
import type { Inspector } from './inspector.ts'

export interface UiServer {
  /** The address to open, with the token. */
  readonly url: string
  close(): Promise<void>
}

export interface UiServerOptions {
  /** The port; default 0, which means a free one. */
  readonly port?: number
  /** `true` takes a free port if that one is taken. */
  readonly elsewhere?: boolean
  /** The token in the address; default: a random one. */
  readonly token?: string
  /** Folder of the built page; default: the one in this package. */
  readonly page?: string
}

/** Starts the server. @throws UsageError if the port is taken or the page has not been built */
export async function startUiServer(
  inspector: Inspector,
  { port = 0, elsewhere = false, token = randomBytes(24).toString('base64url'), page }: UiServerOptions = {},
): Promise<UiServer> {
  const handler = createHandler(inspector, readAssets(page), { token, base: '/' })
  const server = createServer((request, response) => void handler.handle(request, response))
  await listen(server, port).catch((error) => (elsewhere ? listen(server, 0) : Promise.reject(error)))
  const { port: actual } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${actual}/?token=${token}`,
    async close() {
      handler.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

// --- internal ---

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException) => reject(notListening(port, cause))
    server.once('error', fail)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', fail)
      resolve()
    })
  })
}

function notListening(port: number, cause: NodeJS.ErrnoException): UsageError {
  const why = cause.code === 'EADDRINUSE' ? 'it is taken' : cause.message
  return new UsageError(`The page cannot use port ${port}: ${why}.`, {
    hint: 'Leave --port out, and a free one is found.',
    cause,
  })
}
