import { describeVersion, NIL_VERSION, type Version } from '../../migrate/version.ts'
import { diffText, type SchemaDiff } from '../../schema/diff.ts'
import type { Schema } from '../../schema/schema.ts'
import type { Context } from '../context.ts'
import { paintedDiff, plural } from '../render.ts'
import { namedWanted } from '../wanted.ts'

/** Compares with what the migrations build, and returns 1 if something differs. */
export async function run(context: Context): Promise<number> {
  const wanted = await namedWanted(context, false)
  return wanted && context.options['from-database'] === undefined ? ofWanted(context, wanted) : ofDatabase(context)
}

// --- internal ---

type Wanted = NonNullable<Awaited<ReturnType<typeof namedWanted>>>

async function ofWanted(context: Context, wanted: Wanted): Promise<number> {
  const { readWanted } = await import('../../generate/generate.ts')
  const place = await placeOf(context)
  context.busy('applying the migrations to an empty database')
  const to = 'schema' in wanted ? wanted.schema : await readWanted(place, wanted.sql)
  const from = await built(context, undefined)
  return show(context, { from, to, what: 'the wanted schema', at: 'latest' })
}

/** The live database against the migrations at its own version: what is pending is no difference. */
async function ofDatabase(context: Context): Promise<number> {
  const url = context.options['from-database'] ?? context.url
  const [{ openSchemaReader, openDatabase }, options] = await Promise.all([
    import('../../database/open.ts'),
    context.openOptions(),
  ])
  const { Migrator } = await import('../../migrate/migrator.ts')
  const database = await openDatabase(url, options)
  let state: Awaited<ReturnType<InstanceType<typeof Migrator>['version']>>
  try {
    state = await new Migrator({ ...context.migratorOptions, source: await context.source(), database }).version()
  } finally {
    await database.close()
  }
  const reader = await openSchemaReader(url, options)
  try {
    const to = await reader.read()
    context.answeredBy(await reader.server?.())
    context.busy('applying the migrations to an empty database')
    const version = state.version === NIL_VERSION ? 'nil' : state.version
    const from = await built(context, version)
    const dirty = state.dirty ? ', which is not finished' : ''
    return show(context, {
      from,
      to,
      what: 'the database',
      at: `version ${describeVersion(state.version)}${dirty}`,
      version,
    })
  } finally {
    await reader.close()
  }
}

async function placeOf(context: Context) {
  const { table, schema } = context.config
  return {
    server: await context.testServer(),
    migrations: await context.source(),
    ...(table !== undefined && { table }),
    ...(schema !== undefined && { schema }),
  }
}

async function built(context: Context, version: Version | 'nil' | undefined): Promise<Schema> {
  const { MigratedDatabase } = await import('../../testing/lease/migratedDatabase.ts')
  const db = await MigratedDatabase.create({
    ...(await placeOf(context)),
    ...(version !== undefined && { version }),
  })
  try {
    return await db.schema()
  } finally {
    await db[Symbol.asyncDispose]()
  }
}

interface Sides {
  readonly from: Schema
  readonly to: Schema
  readonly what: string
  readonly at: string
  /** The version of the database; omitted for a wanted schema. */
  readonly version?: Version | 'nil'
}

async function show(context: Context, sides: Sides): Promise<number> {
  const { from, to, what, at } = sides
  const difference: SchemaDiff = to.diff(from)
  const { changes, minor } = difference
  const sql = context.options.sql && changes.length > 0 ? await mending(context, sides) : undefined
  const same = changes.length === 0
  const notes = minor.length > 0 ? `\nWithout a change of meaning: ${minor.join('; ')}.` : ''
  const text = same
    ? `No difference between ${what} and the migrations at ${at}.${notes}`
    : (sql ??
      `${paintedDiff(diffText(difference))}\n\n${plural(changes.length, 'object')} ${changes.length === 1 ? 'differs' : 'differ'} (- migrations at ${at}, + ${what}).${notes}`)
  context.print(text, { same, at, changes, minor, ...(sql !== undefined && { sql }) })
  return same ? 0 : 1
}

/** For a database, SQL that makes it what the migrations build; for a wanted schema, SQL that leads there. */
async function mending(context: Context, { to, version }: Sides): Promise<string> {
  const [{ statementsBetween }, { halfText }, place] = await Promise.all([
    import('../../generate/generate.ts'),
    import('../../generate/text.ts'),
    placeOf(context),
  ])
  const { up, down } = await statementsBetween({ ...place, ...(version !== undefined && { version }) }, to)
  return halfText(version === undefined ? up : down, to.dialect).trimEnd()
}
