/** The protocol between a keeper and its clients: one JSON object per line. */
import { connect } from 'node:net'
import { join } from 'node:path'
import { keeperAddress, privateFolder } from './places.ts'

/** Messages from the keeper. */
export type KeeperMessage =
  | { readonly type: 'progress'; readonly text: string }
  /** `first`: no process of this test run has been told about the server yet. */
  | { readonly type: 'ready'; readonly first: boolean }
  | { readonly type: 'failed'; readonly message: string }
  /** The answer to `look`: the number of leases. */
  | { readonly type: 'seen'; readonly users: number }

/** Messages to the keeper. */
export type ClientMessage =
  | { readonly type: 'lease'; readonly run: string }
  | { readonly type: 'look' }
  | { readonly type: 'stop' }

export function serverFile(key: string): string {
  return join(privateFolder(), `${key}.json`)
}

/** Returns the keeper's log file, which stays empty unless the keeper crashes. */
export function logFile(key: string): string {
  return join(privateFolder(), `${key}.log`)
}

/** Returns whether a keeper listens for that key. */
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
