/** Migrations that a watch proposes: for the wanted schema that options or the configuration name. */
import type { WantedFrom } from '../../generate/wanted/wantedFrom.ts'
import { UsageError } from '../../migrate/errors.ts'
import type { ServerKind } from '../../server/kinds.ts'
import type { ProposerOptions } from '../../watch/proposer.ts'
import type { Context } from '../context.ts'
import { migrationFiles } from '../drafts.ts'
import type { NewPlace } from '../newMigration.ts'
import { configuredFrom, namedFrom } from '../wanted.ts'

/**
 * Returns what is needed to propose migrations, if options or the configuration name a wanted schema.
 * @param url the database, if it is not the watch's own: MariaDB answers at URLs of MySQL, too
 */
export function proposalsOf(context: Context, place: NewPlace, url: string | undefined): ProposerOptions | undefined {
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
export function wantedFromOf(context: Context): WantedFrom | undefined {
  if (context.options.schema?.includes('-')) {
    throw new UsageError('--schema -: a watch follows files, and standard input has the keys.')
  }
  const isOff = context.config.watch?.generate === false
  return namedFrom(context) ?? (isOff ? undefined : configuredFrom(context.found))
}

// --- internal ---

async function kindAt(url: string): Promise<ServerKind | undefined> {
  const { openSchemaReader } = await import('../../database/open.ts')
  const reader = await openSchemaReader(url)
  try {
    return await reader.server?.()
  } finally {
    await reader.close()
  }
}
