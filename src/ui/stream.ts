/** Sends what happens to every open page, as server-sent events. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Inspector } from './inspector.ts'
import type { Messages } from './protocol.ts'

export class Stream {
  readonly #inspector: Inspector
  readonly #pages = new Set<ServerResponse>()
  readonly #stop: () => void

  constructor(inspector: Inspector) {
    this.#inspector = inspector
    this.#stop = inspector.listen((name, data) => {
      const text = messageOf(name, data)
      for (const page of this.#pages) page.write(text)
    })
  }

  /** Sends a page the whole state, and from then on every change. */
  add(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
    response.write(messageOf('state', this.#inspector.state))
    this.#pages.add(response)
    request.socket.setNoDelay(true)
    response.once('close', () => this.#pages.delete(response))
  }

  close(): void {
    this.#stop()
    for (const page of this.#pages) page.end()
    this.#pages.clear()
  }
}

// --- internal ---

function messageOf<Name extends keyof Messages>(name: Name, data: Messages[Name]): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
