/** The page beside a watch. It opens as soon as the watch has the database, and hears everything from then on. */
import type { AskedOfGenerate, Question, WatchEvent } from '../../watch/events.ts'
import type { Context } from '../context.ts'
import { openPage, type Page, type Shown } from '../page.ts'

export class WatchPage {
  readonly #open: () => Promise<Page>
  #opening: Promise<Page> | undefined
  #page: Page | undefined
  /** Events from before the page was open. */
  readonly #unheard: WatchEvent[] = []

  constructor(context: Context, shown: Pick<Shown, 'url' | 'server' | 'act'>) {
    this.#open = () => openPage(context, { ...shown, mode: 'watching' })
  }

  /** Resolves when the page is open, or at once if the watch has no database yet. @throws UsageError */
  async opened(): Promise<void> {
    await this.#opening
  }

  hear(event: WatchEvent): void {
    // From this event on, the database is ours: another watch would have been refused before it.
    if (event.type === 'opened') {
      this.#opening ??= this.#start()
      this.#opening.catch(() => undefined)
    }
    if (this.#page) this.#page.inspector.hear(event)
    else this.#unheard.push(event)
  }

  tell(running: string | undefined): void {
    this.#page?.inspector.tell({ running })
  }

  /** Returns a function that asks for yes or no on the page. */
  ask(question: Question): (signal: AbortSignal) => Promise<boolean> {
    return (signal) => this.#asking(signal, false, ({ inspector }) => inspector.ask(question, signal))
  }

  /** Returns a function that asks a question of `generate` on the page. */
  answer(question: AskedOfGenerate): (signal: AbortSignal) => Promise<string | undefined> {
    return (signal) => this.#asking(signal, undefined, ({ inspector }) => inspector.answer(question, signal))
  }

  async close(): Promise<void> {
    const page = await this.#opening?.catch(() => undefined)
    await page?.close()
  }

  // --- internal ---

  /** Asks on the page. Without one nobody answers here, which must not be an answer while somebody may in the terminal. */
  async #asking<T>(signal: AbortSignal, none: T, ask: (page: Page) => Promise<T>): Promise<T> {
    const page = await this.#opening?.catch(() => undefined)
    if (page) return ask(page)
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(none), { once: true })
      if (signal.aborted) resolve(none)
    })
  }

  async #start(): Promise<Page> {
    const page = await this.#open()
    this.#page = page
    for (const event of this.#unheard.splice(0)) page.inspector.hear(event)
    return page
  }
}
