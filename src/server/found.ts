/** Finds, inspects and stops the servers that keepers own on this machine. */
import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { keeperAddress, privateFolder } from './places.ts'
import { type ClientMessage, type KeeperMessage, serverFile } from './protocol.ts'
import type { RunningServer } from './request.ts'

export interface FoundServer extends RunningServer {
  /** Hash of the request, 16 hex digits. */
  readonly key: string
  /** Number of processes that hold a lease on it. */
  readonly users: number
}

/** Returns this user's servers that are ready, oldest first. */
export async function listServers(): Promise<FoundServer[]> {
  const keys = readdirSync(privateFolder()).flatMap((name) => /^([0-9a-f]{16})\.json$/.exec(name)?.[1] ?? [])
  const found = await Promise.all(keys.map(look))
  return found.filter((server) => server !== undefined).sort((a, b) => a.startedAt - b.startedAt)
}

/** Stops a server, even if it is in use. Resolves when its keeper has ended. */
export async function stopKey(key: string): Promise<void> {
  const socket = await tryConnect(key)
  if (!socket) return
  send(socket, { type: 'stop' })
  await new Promise((resolve) => socket.once('close', resolve).resume())
}

export function tryConnect(key: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(keeperAddress(key))
    socket.setEncoding('utf8')
    socket.once('connect', () => resolve(socket))
    socket.once('error', () => resolve(undefined))
    socket.on('error', () => undefined)
  })
}

export function send(socket: Socket, message: ClientMessage): void {
  socket.write(`${JSON.stringify(message)}\n`)
}

export function readServer(key: string): RunningServer | undefined {
  try {
    return JSON.parse(readFileSync(serverFile(key), 'utf8')) as RunningServer
  } catch {
    return undefined
  }
}

// --- internal ---

const ANSWER_MS = 2000

/** Returns a server and its number of users; undefined if its keeper is gone or does not answer. */
async function look(key: string): Promise<FoundServer | undefined> {
  const server = readServer(key)
  const socket = server && (await tryConnect(key))
  if (!server || !socket) return undefined
  const users = await new Promise<number | undefined>((resolve) => {
    socket.setTimeout(ANSWER_MS, () => resolve(undefined))
    socket.once('close', () => resolve(undefined))
    socket.once('data', (line) => {
      const message = JSON.parse(String(line).split('\n')[0] ?? '') as KeeperMessage
      resolve(message.type === 'seen' ? message.users : undefined)
    })
    send(socket, { type: 'look' })
  })
  socket.destroy()
  return users === undefined ? undefined : { ...server, key, users }
}
