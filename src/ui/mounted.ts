/** The page as a part of another server, such as vite's. It costs nothing until somebody opens it. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AskedOfGenerate, WatchEvent } from '../watch/events.ts'
import type { Handler } from './handler.ts'
import type { Inspector } from './inspector.ts'
import type { InspectorOptions } from './options.ts'

export class MountedPage {
  readonly #options: InspectorOptions
  readonly #token = randomBytes(24).toString('base64url')
  #opened: Promise<{ readonly handler: Handler; readonly inspector: Inspector }> | undefined
  #inspector: Inspector | undefined
  /** Events from before the page was opened. */
  #unheard: WatchEvent[] = []

  constructor(options: InspectorOptions) {
    this.#options = options
  }

  /** Returns the path to open, which contains the token. */
  get path(): string {
    return `${BASE}?token=${this.#token}`
  }

  /** Answers a request if it is for the page; returns `false` if it is not. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const { pathname } = new URL(request.url ?? '/', 'http://page')
    if (pathname === BASE.slice(0, -1)) {
      response.writeHead(308, { Location: BASE }).end()
      return true
    }
    if (!pathname.startsWith(BASE)) return false
    this.#opened ??= this.#open()
    try {
      await (await this.#opened).handler.handle(request, response)
    } catch (error) {
      // Nothing of it is sent: the request has not been judged.
      this.#opened = undefined
      console.error(`migratest: the page cannot be shown. ${(error as Error).message}`)
      response.writeHead(500, { 'Content-Type': 'text/plain' }).end('The page cannot be shown; see the terminal.\n')
    }
    return true
  }

  hear(event: WatchEvent): void {
    if (this.#inspector) this.#inspector.hear(event)
    else this.#unheard = [...this.#unheard, event].slice(-MOST_KEPT)
  }

  /** Asks a question of `generate` on the page. Resolves with undefined if nobody has opened it: then it stays open. */
  async answer(question: AskedOfGenerate, signal: AbortSignal): Promise<string | undefined> {
    return this.#inspector?.answer(question, signal)
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined)
    opened?.handler.close()
  }

  // --- internal ---

  async #open(): Promise<{ handler: Handler; inspector: Inspector }> {
    const [{ Inspector }, { readAssets }, { createHandler }] = await Promise.all([
      import('./inspector.ts'),
      import('./assets.ts'),
      import('./handler.ts'),
    ])
    const inspector = await Inspector.open(this.#options)
    const handler = createHandler(inspector, readAssets(), { token: this.#token, base: BASE })
    this.#inspector = inspector
    for (const event of this.#unheard.splice(0)) inspector.hear(event)
    return { handler, inspector }
  }
}

// --- internal ---

const BASE = '/__migratest/'
const MOST_KEPT = 100
