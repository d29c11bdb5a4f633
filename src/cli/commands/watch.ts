import { existsSync, mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { sqlFilesAt, type WantedFrom } from '../../generate/wantedFrom.ts'
import { UsageError } from '../../migrate/errors.ts'
import type { Source } from '../../migrate/source.ts'
import { diffText } from '../../schema/diff.ts'
import type { ServerKind } from '../../server/kinds.ts'
import { allow } from '../../watch/allowed.ts'
import type { WatchEvent } from '../../watch/events.ts'
import type { WatchOptions } from '../../watch/options.ts'
import { ownDatabase } from '../../watch/ownDatabase.ts'
import type { ProposerOptions } from '../../watch/proposer.ts'
import { Watcher } from '../../watch/watcher.ts'
import { fromConfig } from '../config.ts'
import type { Context } from '../context.ts'
import { migrationFiles } from '../drafts.ts'
import { type NewPlace, newPlace } from '../newMigration.ts'
import { printOut } from '../output.ts'
import { paintedDiff } from '../render.ts'
import { writeSchema } from '../schemaFile.ts'
import { configuredFrom, namedFrom } from '../wanted.ts'
import { KEYS, keysText } from '../watch/keys.ts'
import { eventText } from '../watch/lines.ts'
import { openLine } from '../watch/openLine.ts'
import type { WatchPage } from '../watch/page.ts'
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
  // The database and the wanted schema may have a question at the same time, but there is one terminal.
  const inTurn = oneAtATime()
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
  let terminal: Terminal | undefined
  let page: WatchPage | undefined
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
      ask:
        isTyped || withPage
          ? (question, signal) =>
              firstAnswer(signal, [
                isTyped &&
                  ((ended) =>
                    inTurn(async () => {
                      context.printRaw('  y  yes    any other key  no; r asks again')
                      return terminal ? terminal.confirm(ended) : false
                    })),
                page?.ask(question),
              ])
          : undefined,
      proposals: proposalsOf(context, place, own === undefined ? url : undefined),
      answer:
        isTyped || withPage
          ? (asked, signal) =>
              firstAnswer(signal, [
                isTyped &&
                  ((ended) =>
                    inTurn(async () => {
                      if (!terminal || ended.aborted) return undefined
                      if (asked.choices.length === 0) return terminal.line('  SQL expression (q to leave): ', ended)
                      context.printRaw(`  1 to ${asked.choices.length}    any other key  leaves it open`)
                      const number = await terminal.choose(asked.choices.length, ended)
                      return number === undefined ? undefined : asked.choices[number - 1]?.answer
                    })),
                page?.answer(asked),
              ])
          : undefined,
      onEvent: (event) => {
        show(context, event)
        page?.hear(event)
      },
      onStep: (step) => page?.tell(step),
    })
    if (withPage) {
      const { WatchPage } = await import('../watch/page.ts')
      page = new WatchPage(context, { url, server: own?.server ?? '', act: (job) => watcher.do(job) })
    }
    if (isTyped) terminal = new Terminal((key) => KEYS.find((known) => known.key === key)?.run(actions))
    const actions = {
      do: (job: Parameters<Watcher['do']>[0]) => watcher.do(job),
      reset: () => {
        context.printRaw('  Empty the database, including all rows?\n  y  yes    any other key  no')
        void terminal?.confirm(new AbortController().signal).then((yes) => {
          if (yes) watcher.do({ kind: 'reset' })
          else context.printRaw('  Nothing was done.')
        })
      },
      diff: () =>
        void watcher.sinceStart().then((diff) => {
          const text = diff && diffText(diff)
          context.printRaw(text ? paintedDiff(text) : '  Nothing changed in the schema.')
        }),
      psql: () => context.printRaw(`  ${openLine(url)}`),
      help: () => context.printRaw(keysText()),
      quit: () => over(),
    }
    forgetSignals = context.endOnSignal('after the current run', over, (code) => process.exit(code))
    // The first run may wait for a server that never comes back.
    const starting = watcher.start()
    starting.catch(() => undefined)
    await Promise.race([starting, quit])
    await page?.opened().catch(async (error) => {
      await watcher.close()
      throw error
    })
    if (terminal) context.printRaw('Press h for help, q to quit.')
    await quit
    terminal?.close()
    await watcher.close()
    return 0
  } finally {
    terminal?.close()
    await page?.close()
    forgetSignals()
    own?.release()
  }
}

// --- internal ---

/** Returns a function that runs one piece of work after another. */
function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const result = last.then(work)
    last = result.catch(() => undefined)
    return result
  }
}

/**
 * Returns what is needed to propose migrations, if options or the configuration name a wanted schema.
 * @param url the database, if it is not the watch's own: MariaDB answers at URLs of MySQL, too
 */
function proposalsOf(context: Context, place: NewPlace, url: string | undefined): ProposerOptions | undefined {
  const { table, schema } = context.config
  const from = wantedFromOf(context)
  if (from === undefined) return undefined
  return {
    from,
    schema: 'command' in from ? from.command : from.paths.join(', '),
    server: async () => {
      if (url !== undefined && context.kind === 'mysql') context.answeredBy(await kindAt(url))
      return context.testServer()
    },
    place: { ...(table !== undefined && { table }), ...(schema !== undefined && { schema }) },
    files: migrationFiles(place),
  }
}

/** Returns where the wanted schema is that migrations are proposed for. */
function wantedFromOf(context: Context): WantedFrom | undefined {
  if (context.options.schema?.includes('-')) {
    throw new UsageError('--schema -: a watch follows files, and standard input has the keys.')
  }
  const isOff = context.config.watch?.generate === false
  return namedFrom(context) ?? (isOff ? undefined : configuredFrom(context.found))
}

async function kindAt(url: string): Promise<ServerKind | undefined> {
  const { openSchemaReader } = await import('../../database/open.ts')
  const reader = await openSchemaReader(url)
  try {
    return await reader.server?.()
  } finally {
    await reader.close()
  }
}

/** Asks in several places at once. The first answer counts, and ends the other questions. */
async function firstAnswer<T>(
  signal: AbortSignal,
  places: readonly (((signal: AbortSignal) => Promise<T>) | false | undefined)[],
): Promise<T> {
  const answered = new AbortController()
  const ended = AbortSignal.any([signal, answered.signal])
  try {
    return await Promise.race(places.flatMap((ask) => (ask ? [ask(ended)] : [])))
  } finally {
    answered.abort()
  }
}

/**
 * Chooses what to do with a migration that cannot be undone. Without downs, a rebuild is the only way, so there is
 * nothing to ask, if the database is the watch's own. A named database may have its platform from elsewhere, which a
 * rebuild would drop.
 * @throws UsageError
 */
function wayBack(
  said: WatchOptions['onIrreversible'],
  { format }: Source,
  isOwn: boolean,
): WatchOptions['onIrreversible'] {
  if (!format || format.downs) return said
  if (isOwn) return said === 'ask' ? 'rebuild' : said
  if (format.before().length === 0) return said
  if (said !== 'rebuild') return 'stop'
  throw new UsageError(`A rebuild would drop what ${format.tool} has in this database besides the migrations.`, {
    hint: 'Leave --database out: the watch then has a database of its own, which it prepares.',
  })
}

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

/** Returns the settings of the watch, from the command line and the configuration. @throws UsageError */
function settingsOf(context: Context): Pick<
  WatchOptions,
  'carryRows' | 'onIrreversible' | 'seeds' | 'command' | 'poll'
> & {
  schemaFile: string | undefined
} {
  const { watch = {} } = context.config
  const { 'carry-rows': rows, 'on-irreversible': what = watch.onIrreversible ?? 'ask', seeds, exec } = context.options
  const carryRows = rows === undefined ? (watch.carryRows ?? 100_000) : Number(rows)
  if (!(carryRows >= 0)) throw new UsageError(`--carry-rows ${rows} is not a number of rows.`)
  if (what !== 'ask' && what !== 'rebuild' && what !== 'stop') {
    throw new UsageError(`Unknown --on-irreversible ${what}: use ask, rebuild or stop.`)
  }
  for (const file of seeds === undefined ? [] : [seeds]) {
    if (!existsSync(file)) throw new UsageError(`--seeds ${file}: there is no such file.`)
  }
  const configured = [watch.seeds ?? []].flat().map((file) => fromConfig(context.found, file))
  return {
    carryRows,
    onIrreversible: what,
    seeds: seeds === undefined ? configured : [seeds],
    command: exec ?? watch.exec,
    poll: context.options.poll ?? watch.poll ?? false,
    schemaFile: schemaFileOf(context),
  }
}

/** Returns the file to write the schema into. One that is wanted is the user's: it is read, and not written. */
function schemaFileOf(context: Context): string | undefined {
  const { schemaFile, watch } = context.config
  if (schemaFile === undefined || watch?.schemaFile === false) return undefined
  const file = fromConfig(context.found, schemaFile)
  const from = wantedFromOf(context)
  const wanted = from && 'paths' in from ? from.paths.flatMap(sqlFilesAt) : []
  return wanted.some((path) => resolve(path) === resolve(file)) ? undefined : file
}
