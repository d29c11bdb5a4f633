/** What the keeper of a server and those who use the server say to each other; one JSON object a line. */
import { connect } from 'node:net'
import { join } from 'node:path'
import { keeperAddress, privateFolder } from './places.ts'

/** From the keeper. */
export type KeeperMessage =
  | { readonly type: 'progress'; readonly text: string }
  /** `first`: nobody of this run has been told about the server yet. */
  | { readonly type: 'ready'; readonly first: boolean }
  | { readonly type: 'failed'; readonly message: string }
  /** The answer to `look`: how many hold a lease. */
  | { readonly type: 'seen'; readonly users: number }

/** To the keeper. */
export type ClientMessage =
  | { readonly type: 'lease'; readonly run: string }
  | { readonly type: 'look' }
  | { readonly type: 'stop' }

export function serverFile(key: string): string {
  return join(privateFolder(), `${key}.json`)
}

/** What the keeper's process printed: nothing, unless it crashed. */
export function logFile(key: string): string {
  return join(privateFolder(), `${key}.log`)
}

/** Whether a keeper listens for that key. */
export function isKept(key: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(keeperAddress(key))
    const answer = (kept: boolean) => {
      socket.destroy()
      resolve(kept)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
  })
}
