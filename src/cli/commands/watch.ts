import { mkdirSync } from 'node:fs'
import { diffText } from '../../schema/diff.ts'
import { allow } from '../../watch/allowed.ts'
import type { WatchEvent } from '../../watch/events.ts'
import { ownDatabase } from '../../watch/ownDatabase.ts'
import { Watcher } from '../../watch/watcher.ts'
import type { Context } from '../context.ts'
import { newPlace } from '../newMigration.ts'
import { printOut } from '../output.ts'
import { paintedDiff } from '../render.ts'
import { writeSchema } from '../schemaFile.ts'
import { askingAt, type Places } from '../watch/asking.ts'
import { type Actions, KEYS, keysText } from '../watch/keys.ts'
import { eventText } from '../watch/lines.ts'
import { openLine } from '../watch/openLine.ts'
import { proposalsOf, wantedFromOf } from '../watch/proposals.ts'
import { settingsOf, wayBack } from '../watch/settings.ts'
import { Terminal, typedLine } from '../watch/terminal.ts'

/** Watches until the user quits. Returns the exit code. */
export function run(context: Context): Promise<number> {
  return watch(context, { withPage: context.options.ui ?? false, marks: true })
}

/**
 * Watches until the user quits. Returns the exit code.
 * @param marks `true` if the database may be marked for development because it was named on the command line, or
 * because the user types its name when asked
 */
export async function watch(
  context: Context,
  { withPage, marks }: { withPage: boolean; marks: boolean },
): Promise<number> {
  const settings = settingsOf(context)
  const { folder } = context
  // The first migration of a new project may be one that is proposed.
  const isWanted = wantedFromOf(context) !== undefined
  if (isWanted && typeof context.migrations === 'string') mkdirSync(folder, { recursive: true })
  const place = await newPlace(context)
  const { source } = place
  // Report problems of the folder before starting a server.
  await source.list()
  const isTyped = hasKeys(context)
  context.busy('starting a server')
  const own = context.hasDatabase
    ? undefined
    : await ownDatabase(context.kind, process.cwd(), (text) => context.busy(text))
  context.idle()
  const url = own?.url ?? context.url
  const open = { ...(await context.openOptions()), applicationName: 'migratest watch' }
  const places: Places = { terminal: undefined, page: undefined }
  let forgetSignals: () => void = () => undefined
  let over: () => void = () => undefined
  const quit = new Promise<void>((resolve) => {
    over = resolve
  })
  try {
    await allow(url, {
      open,
      own: own !== undefined,
      named: marks && context.options.database !== undefined,
      confirmed: context.options.confirm,
      ask: marks && isTyped ? typedLine : undefined,
    })
    const watcher = new Watcher({
      ...settings,
      onIrreversible: wayBack(settings.onIrreversible, source, own !== undefined),
      url,
      server: own?.server ?? '',
      reason: own?.reason ?? '',
      restart: own && (() => own.restart()),
      source,
      folder,
      open,
      // A database that was named is its owner's to prepare.
      before: own ? (source.format?.before() ?? []) : [],
      // Run recorded code without asking: whoever can write to a development database can usually write the migration
      // files, too.
      migrator: { recordedCode: 'run', ...context.migratorOptions },
      onSchema:
        settings.schemaFile === undefined ? undefined : (schema) => writeSchema(settings.schemaFile ?? '', schema),
      proposals: proposalsOf(context, place, own === undefined ? url : undefined),
      ...(isTyped || withPage ? askingAt(places, isTyped, (text) => context.printRaw(text)) : { ask: undefined }),
      onEvent: (event) => {
        show(context, event)
        places.page?.hear(event)
      },
      onStep: (step) => places.page?.tell(step),
    })
    if (withPage) {
      const { WatchPage } = await import('../watch/page.ts')
      places.page = new WatchPage(context, { url, server: own?.server ?? '', act: (job) => watcher.do(job) })
    }
    if (isTyped) {
      const actions = actionsOf(context, watcher, { url, places, quit: over })
      places.terminal = new Terminal((key) => KEYS.find((known) => known.key === key)?.run(actions))
    }
    forgetSignals = context.endOnSignal('after the current run', over, (code) => process.exit(code))
    // The first run may wait for a server that never comes back.
    const starting = watcher.start()
    starting.catch(() => undefined)
    await Promise.race([starting, quit])
    await places.page?.opened().catch(async (error) => {
      await watcher.close()
      throw error
    })
    if (places.terminal) context.printRaw('Press h for help, q to quit.')
    await quit
    places.terminal?.close()
    await watcher.close()
    return 0
  } finally {
    places.terminal?.close()
    await places.page?.close()
    forgetSignals()
    own?.release()
  }
}

// --- internal ---

/** Returns whether the user can press keys and answer questions. */
function hasKeys({ options }: Context): boolean {
  return Boolean(process.stdin.isTTY && process.stdout.isTTY && !options.json)
}

function show(context: Context, event: WatchEvent): void {
  if (context.options.json) {
    printOut(JSON.stringify(event))
    return
  }
  const text = eventText(event, new Date().toTimeString().slice(0, 8), {
    width: process.stdout.columns,
    verbose: context.options.verbose ?? false,
    keys: hasKeys(context),
  })
  if (text) context.printLine(text)
}

/** Returns what the keys do. */
function actionsOf(
  context: Context,
  watcher: Watcher,
  { url, places, quit }: { url: string; places: Places; quit: () => void },
): Actions {
  const reset = async () => {
    context.printRaw('  Empty the database, including all rows?\n  y  yes    any other key  no')
    if (await places.terminal?.confirm(new AbortController().signal)) watcher.do({ kind: 'reset' })
    else context.printRaw('  Nothing was done.')
  }
  const diff = async () => {
    const changes = await watcher.sinceStart()
    const text = changes && diffText(changes)
    context.printRaw(text ? paintedDiff(text) : '  Nothing changed in the schema.')
  }
  return {
    do: (job) => watcher.do(job),
    reset: () => void reset(),
    diff: () => void diff(),
    psql: () => context.printRaw(`  ${openLine(url)}`),
    help: () => context.printRaw(keysText()),
    quit,
  }
}
