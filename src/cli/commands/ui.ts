import { serverKindOf } from '../../server/kinds.ts'
import { findKept, listKept } from '../../testing/server/kept.ts'
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
  if (context.options.kept !== undefined) return lookAtKept(context, context.options.kept)
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
  if (context.hasDatabase) return show(context, { url: context.url, server: '', why })
  context.busy('starting a server')
  const own = await ownDatabase(context.kind, process.cwd(), (text) => context.busy(text))
  context.idle()
  try {
    return await show(context, { ...own, why })
  } finally {
    own.release()
  }
}

async function lookAtKept(context: Context, name: string): Promise<number> {
  const { url, test, file, server } = findKept(await listKept(context.options.server), name)
  context.answeredBy(serverKindOf(url))
  const of = [file, test].filter(Boolean).join(' > ')
  return show(context, { url, server, why: `this database was kept from a failed test${of && `, ${of}`}.` })
}

async function show(context: Context, shown: { url: string; server: string; why: string | undefined }) {
  const { folder } = context
  const { url, server, why } = shown
  const page = await openPage(context, { url, server, mode: 'reading', why }, context.options.kept !== undefined)
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
}
