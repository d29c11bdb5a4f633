/** Reads the wanted schema that options or the configuration name: files, a database, a revision, or what a command prints. */
import { existsSync } from 'node:fs'
import type { Wanted } from '../generate/generateOptions.ts'
import { readWantedFrom, type WantedFrom, wantedFrom } from '../generate/wanted/wantedFrom.ts'
import { UsageError } from '../migrate/errors.ts'
import type { Schema } from '../schema/schema.ts'
import { type FoundConfig, fromConfig } from './config.ts'
import type { Context } from './context.ts'
import { type Side, schemaOfSide, sideAt, withoutTools } from './sides.ts'
import { toolTables } from './toolTables.ts'

/** @throws UsageError if nothing says what is wanted, or several options do; WantedCommandError */
export async function wantedOf(context: Context): Promise<Wanted> {
  const from = configuredFrom(context.found)
  const side = optionSide(context) ?? (from && sideAt.sql(from))
  if (side) return side.kind === 'sql' ? readWantedFrom(side.from) : { schema: await wantedSchema(context, side) }
  throw new UsageError('Which schema is wanted? Nothing says it.', {
    hint: "Give --schema FILE, --from-database URL, --from-command 'npx drizzle-kit export' or --from-revision REVISION, or set wanted in migratest.config.ts.",
  })
}

/** Returns the side that the options of a wanted schema name; `undefined` if none does. @throws UsageError if several do */
export function optionSide(context: Context): Side | undefined {
  const { schema, 'from-database': url, 'from-command': command, 'from-revision': revision } = context.options
  if ([schema, url, command, revision].filter((option) => option !== undefined).length > 1) {
    throw new UsageError('--schema, --from-database, --from-command and --from-revision exclude each other.')
  }
  if (schema) return sideAt.sql({ paths: schema })
  if (command !== undefined) return sideAt.sql({ command, cwd: process.cwd(), inputs: [] })
  if (revision !== undefined) return sideAt.revision(context, revision)
  return url === undefined ? undefined : sideAt.database(url)
}

/** Returns where the text is that options name. */
export function namedFrom(context: Context): WantedFrom | undefined {
  const side = optionSide(context)
  return side?.kind === 'sql' ? side.from : undefined
}

/** Returns where the text is that the configuration names. */
export function configuredFrom(found: FoundConfig): WantedFrom | undefined {
  const { wanted } = found.config
  if (wanted === undefined) return undefined
  return wantedFrom(wanted, found.folder, (path) => fromConfig(found, path))
}

// --- internal ---

/** The wanted schema of a database is without the tables of migration tools, unless the migrations make them. */
async function wantedSchema(context: Context, side: Side): Promise<Schema> {
  const schema = await schemaOfSide(context, side)
  if (side.kind !== 'database' || toolTables(schema).length === 0) return schema
  const { migrations } = context
  const isNew = typeof migrations === 'string' && !existsSync(migrations)
  const made = isNew ? undefined : await schemaOfSide(context, sideAt.version(context, 'latest'))
  return withoutTools(context, side, schema, made)
}
