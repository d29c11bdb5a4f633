/** Acquires a server: finds its keeper or starts one, waits until the server is ready, and holds a lease on it. */
import { spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { extname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { now } from '../migrate/realTime.ts'
import { ServerUnavailableError } from './errors.ts'
import { readServer, send, stopKey, tryConnect } from './found.ts'
import { type KeeperMessage, logFile } from './protocol.ts'
import { keyOf, type RunningServer, type ServerRequest } from './request.ts'
import { waitingFor } from './waiting.ts'

export interface ServerHandle {
  readonly server: RunningServer
  /** `true` if the keeper has not announced the server to another process of this test run before. */
  readonly first: boolean
  readonly release: () => void
}

export interface AcquireOptions {
  /** Milliseconds without users after which the server stops; default: ten minutes, twenty seconds in CI. */
  readonly idleMs?: number
  readonly onProgress?: (text: string) => void
}

/** Acquires a lease on the requested server. @throws ServerUnavailableError */
export async function acquireServer(request: ServerRequest, options: AcquireOptions = {}): Promise<ServerHandle> {
  const key = keyOf(request)
  // A keeper that is stopping closes the connection. Then we ask again.
  const deadline = now() + PATIENCE_MS
  while (now() < deadline) {
    const socket = await reach(key, request, options)
    const outcome = await waitUntilReady(socket, options.onProgress)
    if (outcome.type === 'failed') throw new ServerUnavailableError(outcome.message)
    if (outcome.type === 'ready') {
      const server = readServer(key)
      if (server) {
        // An open lease must not keep a worker process from ending.
        socket.unref()
        return { server, first: outcome.first, release: () => socket.destroy() }
      }
    }
    socket.destroy()
    await sleep(50)
  }
  throw new ServerUnavailableError('The background process of the server keeps exiting, or does not stop.', {
    hint: `Its output is in ${logFile(key)}.`,
  })
}

/** Stops the server of that request, even if it is in use. Resolves when its keeper has ended. */
export async function stopServer(request: ServerRequest): Promise<void> {
  await stopKey(keyOf(request))
}

// --- internal ---

/**
 * Time to wait for a server that is stopping. Waiting for a server that starts has no limit, since it may have to be
 * downloaded.
 */
const PATIENCE_MS = 60_000

async function reach(key: string, request: ServerRequest, options: AcquireOptions): Promise<Socket> {
  const mayWait = waitingFor(30_000)
  let started = 0
  let crashed: number | undefined
  while (mayWait()) {
    const socket = await tryConnect(key)
    if (socket) {
      send(socket, { type: 'lease', run: runName() })
      return socket
    }
    // Two processes may start a keeper at the same time: the second keeper finds the address taken and ends.
    if (now() - started > 5000) {
      startKeeper(key, request, options, (code) => {
        crashed = code
      })
      started = now()
    }
    if (crashed) break
    await sleep(5)
  }
  const output = readTail(logFile(key))
  if (crashed)
    throw new ServerUnavailableError(`The background process of the server exited with code ${crashed}:\n${output}`)
  throw new ServerUnavailableError('The background process of the server does not start.', {
    hint: `Its output is in ${logFile(key)}.`,
  })
}

function startKeeper(
  key: string,
  request: ServerRequest,
  { idleMs }: AcquireOptions,
  onCrash: (code: number) => void,
): void {
  const program = join(import.meta.dirname, `keeper${extname(import.meta.filename)}`)
  const log = openSync(logFile(key), 'w', 0o600)
  const idle = idleMs ?? (process.env.CI ? 20_000 : 600_000)
  const child = spawn(process.execPath, [program], {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, NODE_OPTIONS: '', MIGRATEST_KEEP: JSON.stringify(request), MIGRATEST_IDLE_MS: String(idle) },
  })
  child.on('error', () => onCrash(-1))
  child.on('exit', (code, signal) => (code || signal) && onCrash(code ?? -1))
  child.unref()
}

type Outcome = Extract<KeeperMessage, { type: 'ready' | 'failed' }> | { readonly type: 'closed' }

function waitUntilReady(socket: Socket, onProgress: ((text: string) => void) | undefined): Promise<Outcome> {
  return new Promise((resolve) => {
    let rest = ''
    socket.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const message = JSON.parse(line) as KeeperMessage
        if (message.type === 'progress') onProgress?.(message.text)
        else if (message.type !== 'seen') resolve(message)
      }
    })
    socket.once('close', () => resolve({ type: 'closed' }))
  })
}

function readTail(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-1500).trim() || '(it printed nothing: is the disk full?)'
  } catch {
    return '(it printed nothing)'
  }
}

/**
 * Returns a name shared by all processes of a test run, so that only one of them prints which server is used. A vitest
 * worker that is a process uses its parent's process id. A worker thread, and vitest itself (where the plugin runs),
 * use the id of their own process.
 */
function runName(): string {
  const isForked = process.env.VITEST_POOL_ID !== undefined && isMainThread
  return String(isForked ? process.ppid : process.pid)
}
