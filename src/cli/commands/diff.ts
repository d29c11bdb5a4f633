import { UsageError } from '../../migrate/errors.ts'
import { describeVersion, NIL_VERSION } from '../../migrate/version.ts'
import { diffText } from '../../schema/diff.ts'
import type { Schema } from '../../schema/schema.ts'
import type { Context } from '../context.ts'
import { paintedDiff, plural } from '../render.ts'
import { sideNamed } from '../sideNames.ts'
import { readSides, type Side, sideAt, statementsFrom } from '../sides.ts'
import { optionSide } from '../wanted.ts'

/** Compares two schemas, by default a database with what the migrations build, and returns 1 if something differs. */
export async function run(context: Context, [named]: readonly string[]): Promise<number> {
  const { from: old } = context.options
  const to = await wantedSide(context, named)
  const from = old === undefined ? await usualSide(context, to) : await sideNamed(context, '--from', old)
  const [before, after] = await readSides(context, from, to)
  // By itself, SQL mends a database. Between two sides that were named, it leads from the first to the second.
  const mends = old === undefined && to.kind === 'database'
  return show(context, { from, to, before, after, mends })
}

// --- internal ---

interface Compared {
  readonly from: Side
  readonly to: Side
  readonly before: Schema
  readonly after: Schema
  /** `true` if the SQL makes the new side what the old one is. */
  readonly mends: boolean
}

/** Returns the new side: what `--to`, an argument or the options of a wanted schema name, else the database. */
async function wantedSide(context: Context, named: string | undefined): Promise<Side> {
  const { to } = context.options
  const option = optionSide(context)
  const given = [named, to, option].filter((one) => one !== undefined)
  if (given.length > 1) throw new UsageError('The new side is named twice.', { hint: 'Give --to alone.' })
  if (option) return option
  if (to !== undefined) return sideNamed(context, '--to', to)
  if (named !== undefined) return sideNamed(context, 'diff', named)
  return sideAt.database(context.url)
}

/** Returns the old side if none is named: all migrations, or for a database those up to its version. */
async function usualSide(context: Context, to: Side): Promise<Side> {
  if (to.kind !== 'database') return sideAt.version(context, 'latest')
  const [{ openDatabase }, { Migrator }, options] = await Promise.all([
    import('../../database/open.ts'),
    import('../../migrate/migrator.ts'),
    context.openOptions(),
  ])
  const database = await openDatabase(to.url, options)
  try {
    const source = await context.source()
    const state = await new Migrator({ ...context.migratorOptions, source, database }).version()
    const version = state.version === NIL_VERSION ? 'nil' : state.version
    return {
      ...sideAt.version(context, version),
      label: `the migrations at version ${describeVersion(state.version)}${state.dirty ? ', which is not finished' : ''}`,
    }
  } finally {
    await database.close()
  }
}

async function show(context: Context, { from, to, before, after, mends }: Compared): Promise<number> {
  const difference = after.diff(before)
  const { changes, minor } = difference
  const same = changes.length === 0
  const ways = context.options.sql && !same ? await waysBetween(context, from, before, after) : undefined
  const sql = ways && (mends ? ways.down : ways.up)
  const reverse = ways && (mends ? ways.up : ways.down)
  const notes = minor.length > 0 ? `\nWithout a change of meaning: ${minor.join('; ')}.` : ''
  const legend = `- ${from.label.replace(/^the (?=migrations)/, '')}, + ${to.label}`
  const text = same
    ? `No difference between ${to.label} and ${from.label}.${notes}`
    : ((context.options.reverse ? reverse : sql) ??
      `${paintedDiff(diffText(difference))}\n\n${plural(changes.length, 'object')} ${changes.length === 1 ? 'differs' : 'differ'} (${legend}).${notes}`)
  context.print(text, { same, from: from.label, to: to.label, changes, minor, ...(ways && { sql, reverse }) })
  return same ? 0 : 1
}

async function waysBetween(context: Context, from: Side, before: Schema, after: Schema) {
  const [{ up, down }, { halfText }] = await Promise.all([
    statementsFrom(context, from, before, after),
    import('../../generate/text.ts'),
  ])
  return { up: halfText(up, after.dialect).trimEnd(), down: halfText(down, after.dialect).trimEnd() }
}
