/** Serves the page for a command: `ui`, and `watch --ui`. */
import { resolve } from 'node:path'
import { UsageError } from '../migrate/errors.ts'
import { openInBrowser } from '../ui/browser.ts'
import { Inspector } from '../ui/inspector.ts'
import type { InspectorOptions } from '../ui/options.ts'
import { startUiServer } from '../ui/server.ts'
import { Terms } from '../ui/terms.ts'
import type { Context } from './context.ts'

export interface Page {
  readonly inspector: Inspector
  close(): Promise<void>
}

export type Shown = Pick<InspectorOptions, 'url' | 'server' | 'mode' | 'why' | 'act'>

/**
 * Starts the page's server, prints its address, and opens it in the browser if a person is there to see it.
 * @param passing `true` for a page that is opened once, so that its address must not become the folder's
 */
export async function openPage(context: Context, shown: Shown, passing = false): Promise<Page> {
  const port = portOf(context)
  const inspector = await inspect(context, shown)
  // The address stays the same from start to start, so that a page that is still open comes back.
  const terms = passing ? undefined : Terms.of(resolve(context.folder))
  const server = await startUiServer(inspector, terms?.options(port) ?? { port: port ?? 0 })
  terms?.keep(server.url)
  if (context.options.json) context.printRaw(JSON.stringify({ type: 'page', url: server.url }))
  else context.printLine(`The page is at ${server.url}`)
  const isSeen = process.stdout.isTTY && !context.options.json && !process.env.CI
  if (isSeen && !context.options['no-open']) openInBrowser(server.url)
  return { inspector, close: () => server.close() }
}

/** Makes the inspector of the project that the command line names. */
export async function inspect(context: Context, shown: Shown): Promise<Inspector> {
  return Inspector.open({
    ...shown,
    source: () => context.source(),
    folder: context.folder,
    dialect: context.dialect,
    open: await context.openOptions(),
    migrator: context.migratorOptions,
    testServer: () => context.testServer(),
    async verify(hooks) {
      const [{ verifyForPage }, { verifyOptions }] = await Promise.all([
        import('./verify/forPage.ts'),
        import('./verify/options.ts'),
      ])
      return verifyForPage(await verifyOptions(context), hooks)
    },
  })
}

// --- internal ---

function portOf({ options }: Context): number | undefined {
  const { port: text } = options
  if (text === undefined) return undefined
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw new UsageError(`--port ${text} is not a port: use a number up to 65535, or 0 for a free one.`)
}
