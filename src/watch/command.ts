/**
 * Runs the user's command after a schema change. Only one command runs at a time: a new change stops the running one
 * and starts it again.
 */
import { type ChildProcess, spawn } from 'node:child_process'

export interface Finished {
  readonly command: string
  readonly code: number
  /** The last 20 000 characters of the command's output. */
  readonly output: string
}

export class Command {
  readonly #command: string
  readonly #url: string
  readonly #onEnd: (finished: Finished) => void
  #child: ChildProcess | undefined

  /** @param url the value of `DATABASE_URL` for the command */
  constructor(command: string, url: string, onEnd: (finished: Finished) => void) {
    this.#command = command
    this.#url = url
    this.#onEnd = onEnd
  }

  /** Starts the command, after stopping one that is still running. */
  start(): void {
    this.stop()
    const child = spawn(this.#command, {
      shell: true,
      // Use a separate process group, so that `stop` also ends the processes that the shell started.
      detached: process.platform !== 'win32',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, DATABASE_URL: this.#url },
    })
    this.#child = child
    let output = ''
    const hear = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-MOST_OUTPUT)
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    const end = (code: number, text: string) => {
      if (this.#child !== child) return
      this.#child = undefined
      this.#onEnd({ command: this.#command, code, output: text.trim() })
    }
    child.once('error', (error) => end(-1, error.message))
    child.once('close', (code) => end(code ?? -1, output))
  }

  stop(): void {
    const child = this.#child
    this.#child = undefined
    if (!child?.pid) return
    child.stdout?.destroy()
    child.stderr?.destroy()
    try {
      process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGTERM')
    } catch {
      // The process has already exited.
    }
  }
}

// --- internal ---

const MOST_OUTPUT = 20_000
