/** The settings of `watch`, from the command line and the configuration. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { sqlFilesAt } from '../../generate/wanted/wantedFrom.ts'
import { UsageError } from '../../migrate/errors.ts'
import type { Source } from '../../migrate/source.ts'
import type { WatchOptions } from '../../watch/options.ts'
import { fromConfig } from '../config.ts'
import type { Context } from '../context.ts'
import { wantedFromOf } from './proposals.ts'

/** Returns the settings of the watch, from the command line and the configuration. @throws UsageError */
export function settingsOf(context: Context): Pick<
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

/**
 * Chooses what to do with a migration that cannot be undone. Without downs, a rebuild is the only way, so there is
 * nothing to ask, if the database is the watch's own. A named database may have its platform from elsewhere, which a
 * rebuild would drop.
 * @throws UsageError
 */
export function wayBack(
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

// --- internal ---

/** Returns the file to write the schema into. One that is wanted is the user's: it is read, and not written. */
function schemaFileOf(context: Context): string | undefined {
  const { schemaFile, watch } = context.config
  if (schemaFile === undefined || watch?.schemaFile === false) return undefined
  const file = fromConfig(context.found, schemaFile)
  const from = wantedFromOf(context)
  const wanted = from && 'paths' in from ? from.paths.flatMap(sqlFilesAt) : []
  return wanted.some((path) => resolve(path) === resolve(file)) ? undefined : file
}
