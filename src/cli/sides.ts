/** The sides that `diff` compares: a database, SQL that describes a schema, or what migrations build. */

import { ownTables } from '../database/ownTables.ts'
import { CannotGenerateError } from '../generate/errors.ts'
import { readWantedFrom, type WantedFrom } from '../generate/wanted/wantedFrom.ts'
import { UsageError } from '../migrate/errors.ts'
import type { Hidden, Source } from '../migrate/source.ts'
import { describeTarget, type Target } from '../migrate/version.ts'
import type { Schema } from '../schema/schema.ts'
import { type ServerKind, serverKindOf } from '../server/kinds.ts'
import { folderAtRevision } from '../source/folderAtRevision.ts'
import { memory } from '../source/memory.ts'
import type { Context } from './context.ts'
import { schemaFileText } from './schemaFile.ts'
import { hiddenFor, leftOutText, toolTables } from './toolTables.ts'

export type Side =
  | { readonly kind: 'database'; readonly label: string; readonly url: string }
  | { readonly kind: 'sql'; readonly label: string; readonly from: WantedFrom }
  | {
      readonly kind: 'migrations'
      readonly label: string
      readonly source: () => Promise<Source>
      readonly version: Target
    }

/** Makes sides of what was named. */
export const sideAt = {
  database: (url: string, label = 'the database'): Side => ({ kind: 'database', label, url }),
  sql: (from: WantedFrom): Side => ({
    kind: 'sql',
    label: 'command' in from ? `the output of "${from.command}"` : from.paths.map(nameOfPath).join(', '),
    from,
  }),
  /** The migrations of the project. */
  version: (context: Context, version: Target): Side => ({
    kind: 'migrations',
    label: version === 'latest' ? 'the migrations' : `the migrations at version ${describeTarget(version)}`,
    source: () => context.source(),
    version,
  }),
  revision: (context: Context, revision: string, version: Target = 'latest'): Side => ({
    kind: 'migrations',
    label: `the migrations of ${revision}${version === 'latest' ? '' : ` at ${describeTarget(version)}`}`,
    source: async () => folderAtRevision(revision, context.folder),
    version,
  }),
  folder: (path: string, version: Target = 'latest'): Side => ({
    kind: 'migrations',
    label: `the folder ${path}${version === 'latest' ? '' : ` at ${describeTarget(version)}`}`,
    source: async () => (await import('../source/open.ts')).openFolder(path),
    version,
  }),
}

/**
 * Reads both sides. Databases come first: which server answers there decides on which one the others are built.
 * @throws UsageError if they are of different kinds of servers, and what reading throws
 */
export async function readSides(context: Context, from: Side, to: Side): Promise<[Schema, Schema]> {
  const read = new Map<Side, Schema>()
  const kinds = new Set<ServerKind>()
  for (const side of [from, to]) {
    if (side.kind !== 'database') continue
    const { schema, kind } = await readDatabase(context, side.url)
    read.set(side, schema)
    if (kind) kinds.add(kind)
  }
  const isMixed = kinds.has('mysql') && kinds.has('mariadb')
  if (isMixed) throw new UsageError('MySQL and MariaDB write the same schema differently: they cannot be compared.')
  for (const side of [from, to]) if (side.kind !== 'database') read.set(side, await schemaOfSide(context, side))
  const [before, after] = [
    await withoutTools(context, from, read.get(from) as Schema, read.get(to)),
    await withoutTools(context, to, read.get(to) as Schema, read.get(from)),
  ]
  if (before.dialect !== after.dialect) {
    throw new UsageError('A schema of PostgreSQL and one of MySQL or MariaDB cannot be compared.')
  }
  return [before, after]
}

/**
 * Returns the schema of a database without the tables of migration tools, and says which; others stay as they are.
 * @param other what it is compared with: a table that is there, too, stays
 */
export async function withoutTools(
  context: Context,
  side: Side,
  schema: Schema,
  other: Schema | undefined,
): Promise<Schema> {
  const left = side.kind === 'database' ? toolTables(schema).filter(({ table }) => !other?.table(table)) : []
  if (side.kind !== 'database' || left.length === 0) return schema
  context.tell(leftOutText(left))
  return (await readDatabase(context, side.url, hiddenFor(schema, left))).schema
}

/** @throws what connecting, running the migrations or running the SQL throws */
export async function schemaOfSide(context: Context, side: Side): Promise<Schema> {
  if (side.kind === 'database') return (await readDatabase(context, side.url)).schema
  const [{ readWanted }, { MigratedDatabase }, place] = await Promise.all([
    import('../generate/wanted/wantedSchema.ts'),
    import('../testing/lease/migratedDatabase.ts'),
    placeOf(context),
  ])
  if (side.kind === 'sql') {
    const { sql } = await readWantedFrom(side.from)
    context.busy('running the SQL in an empty database')
    return readWanted({ ...place, migrations: await context.source() }, sql)
  }
  context.busy('applying the migrations to an empty database')
  const { source, version } = await originOf(side)
  const db = await MigratedDatabase.create({ ...place, migrations: source, version })
  try {
    return await db.schema()
  } finally {
    await db[Symbol.asyncDispose]()
  }
}

/** Returns the statements that lead from one side to another schema, and back, both tried on a test server. */
export async function statementsFrom(context: Context, side: Side, from: Schema, to: Schema) {
  const [{ statementsBetween }, place] = await Promise.all([import('../generate/generate.ts'), placeOf(context)])
  // A schema that no migrations have made is one migration.
  const origin =
    side.kind === 'migrations'
      ? await originOf(side)
      : { source: memory({ '1_schema.up.sql': schemaFileText(from) }, side.label), version: 'latest' as const }
  const ways = await statementsBetween({ ...place, migrations: origin.source, version: origin.version }, to)
  const [lost] = from.diff(ways.from).changes
  if (lost && side.kind !== 'migrations') {
    throw new CannotGenerateError(`${lost.object} cannot be made on the test server as it is in ${side.label}.`)
  }
  return ways
}

// --- internal ---

async function originOf({
  source,
  version,
}: Extract<Side, { kind: 'migrations' }>): Promise<{ source: Source; version: Target }> {
  const opened = await source()
  // Before the first migration, there is no latest version.
  const isEmpty = version === 'latest' && (await opened.list()).length === 0
  return { source: opened, version: isEmpty ? 'nil' : version }
}

async function placeOf(context: Context) {
  const { table, schema } = context.config
  return {
    server: await context.testServer(),
    ...(table !== undefined && { table }),
    ...(schema !== undefined && { schema }),
  }
}

/** @param more what is hidden besides the tables of migratest, and of the tool whose folder it is */
async function readDatabase(
  context: Context,
  url: string,
  more?: Hidden,
): Promise<{ schema: Schema; kind: ServerKind | undefined }> {
  const { openSchemaReader } = await import('../database/open.ts')
  context.answeredBy(serverKindOf(url))
  const options = await context.openOptions()
  const usual = options.hidden ?? { tables: ownTables(options.table), schemas: [] }
  const hidden = more && { tables: [...usual.tables, ...more.tables], schemas: [...usual.schemas, ...more.schemas] }
  const reader = await openSchemaReader(url, { ...options, ...(hidden && { hidden }) })
  try {
    const kind = (await reader.server?.()) ?? serverKindOf(url)
    context.answeredBy(kind)
    return { schema: await reader.read(), kind }
  } finally {
    await reader.close()
  }
}

function nameOfPath(path: string): string {
  return path === '-' ? 'standard input' : path
}
