/** Asking for a server: finds its keeper or starts one, waits until the server is ready, and holds on to it. */
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

export interface ServerHandle {
  readonly server: RunningServer
  /** Nobody of this run has been told yet which server it uses. */
  readonly first: boolean
  readonly release: () => void
}

export interface AcquireOptions {
  /** Milliseconds without anybody until the server stops; default ten minutes, in CI twenty seconds. */
  readonly idleMs?: number
  readonly onProgress?: (text: string) => void
}

/** @throws ServerUnavailableError */
export async function acquireServer(request: ServerRequest, options: AcquireOptions = {}): Promise<ServerHandle> {
  const key = keyOf(request)
  // A keeper that is just stopping closes the connection: then ask again.
  const deadline = now() + PATIENCE_MS
  while (now() < deadline) {
    const socket = await reach(key, request, options)
    const outcome = await waitUntilReady(socket, options.onProgress)
    if (outcome.type === 'failed') throw new ServerUnavailableError(outcome.message)
    if (outcome.type === 'ready') {
      const server = readServer(key)
      if (server) {
        // A worker must be able to end while it holds a lease.
        socket.unref()
        return { server, first: outcome.first, release: () => socket.destroy() }
      }
    }
    socket.destroy()
    await sleep(50)
  }
  throw new ServerUnavailableError('The process that keeps the server ends again and again, or does not end.', {
    hint: `Its output is in ${logFile(key)}.`,
  })
}

/** Stops the server of that request, whoever uses it. Resolves when its keeper is gone. */
export async function stopServer(request: ServerRequest): Promise<void> {
  await stopKey(keyOf(request))
}

// --- internal ---

/** A server that is stopping is waited for, and one that starts may have to be downloaded: that wait has no limit. */
const PATIENCE_MS = 60_000

async function reach(key: string, request: ServerRequest, options: AcquireOptions): Promise<Socket> {
  const deadline = now() + 30_000
  let started = 0
  let crashed: number | undefined
  while (now() < deadline) {
    const socket = await tryConnect(key)
    if (socket) {
      send(socket, { type: 'lease', run: runName() })
      return socket
    }
    // Two who start one at once are no harm: the second finds the address taken and ends.
    if (now() - started > 5000) {
      startKeeper(key, request, options, (code) => {
        crashed = code
      })
      started = now()
    }
    if (crashed) break
    await sleep(20)
  }
  const output = readTail(logFile(key))
  if (crashed)
    throw new ServerUnavailableError(`The process that keeps the server ended with code ${crashed}:\n${output}`)
  throw new ServerUnavailableError('The process that keeps the server does not start.', {
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
    return readFileSync(path, 'utf8').slice(-1500).trim() || '(it wrote nothing: is the disk full?)'
  } catch {
    return '(it wrote nothing)'
  }
}

/**
 * One name for all processes of a test run, so that one of them says which server is used. A worker of vitest that is a process
 * names its parent; a worker thread, and vitest itself (the plugin runs there), name the process they are in.
 */
function runName(): string {
  const isForked = process.env.VITEST_POOL_ID !== undefined && isMainThread
  return String(isForked ? process.ppid : process.pid)
}
