import { collect } from '../../watch/collect.ts'
import { ownDatabase } from '../../watch/ownDatabase.ts'
import type { Context } from '../context.ts'
import { exportPage } from '../exportPage.ts'
import { openPage } from '../page.ts'
import { watch } from './watch.ts'

/** Shows the page until the user quits: with a watch if the database may be watched, otherwise only looking. */
export async function run(context: Context): Promise<number> {
  const { export: target } = context.options
  if (target !== undefined) return exportPage(context, target)
  if (context.options['read-only']) return look(context, undefined)
  try {
    return await watch(context, { withPage: true, marks: false })
  } catch (error) {
    // A database that nobody has said is for development is not changed, but it may be looked at.
    const { code = '', message } = error as Error & { code?: string }
    const why = REASONS[code]?.(message)
    if (why === undefined) throw error
    return look(context, why)
  }
}

// --- internal ---

const LATER_MS = 1500

/** Errors of a watch that may not begin: nothing has been changed by then. What the page says instead. */
const REASONS: Readonly<Record<string, (message: string) => string>> = {
  MIGRATEST_NOT_FOR_DEVELOPMENT: (message) =>
    /marked as|production/.test(message)
      ? (message.split('\n')[0] ?? '')
      : 'the database is not marked for development. "migratest mark development" changes that.',
  MIGRATEST_ALREADY_WATCHED: (message) => message.split('\n')[0] ?? '',
}

/** @param why the reason for changing nothing, unless the user asked for that */
async function look(context: Context, why: string | undefined): Promise<number> {
  const { folder } = context
  context.busy('starting a server')
  const own = context.hasDatabase
    ? undefined
    : await ownDatabase(context.kind, process.cwd(), (text) => context.busy(text))
  context.idle()
  try {
    const url = own?.url ?? context.url
    const page = await openPage(context, { url, server: own?.server ?? '', mode: 'reading', why })
    if (why !== undefined) context.tell(`Only looking: ${why}`)
    const collector = collect(folder, { poll: context.options.poll ?? false, onPolling: () => undefined }, () => {
      void page.inspector.saved()
      // Another watch may follow the files, and takes a moment.
      setTimeout(() => void page.inspector.saved(), LATER_MS).unref()
    })
    await new Promise<void>((resolve) => context.endOnSignal('now', resolve))
    await collector.close()
    await page.close()
    return 0
  } finally {
    own?.release()
  }
}
