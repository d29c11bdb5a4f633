/** Reads the rows of the catalogs that make up a schema: all of them, or again only those of what has changed. */
import type { Hidden } from '../../../migrate/source.ts'
import type { Session } from '../session.ts'
import { literal } from '../tables.ts'
import type { CatalogRow } from './facts.ts'
import { type MarkRow, marksQuery } from './marks.ts'
import { familiesToRead, isThere, type Memory, marksOf, remembered } from './memory.ts'
import { catalogQuery, changedQuery, type Extent } from './query.ts'
import { HAS_RARE } from './rare.ts'
import { HAS_SMALL_KINDS } from './smallKinds.ts'

export interface CatalogOptions {
  /**
   * For repeated reads: keeps the settings and the prepared queries on the session, since planning them takes longer than
   * running them, and from the third time on reads only what has changed. On a borrowed session only the queries stay. Not
   * for a session that a pooler may hand to somebody else.
   */
  readonly keep?: boolean
  /** The objects to leave out: the migrations' own tables, in any schema. */
  readonly exclude: Hidden
  /**
   * `true` if nobody writes meanwhile, and whoever wrote to the catalogs has reported it (`SessionSettings.report`): with
   * `keep`, nothing is read then if the server has counted nothing.
   */
  readonly isCounted?: boolean
}

/**
 * Reads with `search_path` set to `public`, so that names are written the same way whatever the session's path is. On a
 * borrowed session all settings are restored; on one of ours nothing outlives the message unless `keep` is set. If nothing
 * has changed since the last reading, the rows are the same array.
 */
export async function readRows(
  session: Session,
  { exclude, keep = false, isCounted = false }: CatalogOptions,
): Promise<Rows> {
  if (session.borrowed) return readOnBorrowed(session, exclude, keep)
  if (!keep) return readInTransaction(session, exclude)
  if (!kept.has(session)) await keepQuery(session, exclude, await extentOf(session, set(SETTINGS)))
  return readAgain(session, isCounted)
}

// --- internal ---

type Rows = readonly CatalogRow[]

/** The state that stays on a session between reads. */
interface Kept {
  readonly exclude: Hidden
  /** The kinds of objects that the whole query asks for. */
  readonly extent: Extent
  /** Readings so far. */
  readonly readings: number
  /** The queries for what has changed that are prepared. */
  readonly prepared: ReadonlySet<string>
  /** Families that were read together with one that had something rare. */
  readonly rare: ReadonlySet<number>
  /** The last reading, if it can be continued. */
  readonly last: Memory | undefined
}

const kept = new WeakMap<Session, Kept>()

const NONE: ReadonlySet<string> = new Set()
const NO_FAMILIES: ReadonlySet<number> = new Set()

/**
 * Settings that change how the server writes names, values and expressions. `pg_temp` comes last, or temporary tables
 * would hide others. JIT-compiling such a large query would take longer than running it.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  search_path: 'public, pg_temp',
  TimeZone: 'UTC',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  extra_float_digits: '1',
  bytea_output: 'hex',
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  jit: 'off',
  // See EXECUTE_WHOLE.
  enable_nestloop: 'off',
  enable_seqscan: 'on',
  // A plan for the very families would take longer than reading them.
  plan_cache_mode: 'force_generic_plan',
}

/** Reads in one transaction: a pooler keeps it on one session, and settings made within it end with it. */
async function readInTransaction(session: Session, exclude: Hidden): Promise<Rows> {
  // Both queries see the same moment.
  const begin = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${set(SETTINGS, true)}`
  try {
    return await rowsOf(session, catalogQuery(exclude, await extentOf(session, begin)))
  } finally {
    await session.query('ROLLBACK')
  }
}

async function readOnBorrowed(session: Session, exclude: Hidden, keep: boolean): Promise<Rows> {
  const names = Object.keys(SETTINGS)
  const [before] = await session.query(
    `SELECT json_object(ARRAY[${names.map((name) => `${literal(name)}, current_setting(${literal(name)})`).join(', ')}]) AS settings`,
  )
  try {
    if (kept.has(session)) await session.query(set(SETTINGS))
    else {
      const extent = await extentOf(session, set(SETTINGS))
      if (!keep) return await rowsOf(session, catalogQuery(exclude, extent))
      await keepQuery(session, exclude, extent)
    }
    return await readAgain(session, false)
  } finally {
    await session.query(set(before?.settings as Record<string, string>))
  }
}

/** Prepares the whole query for the readings of a session. */
async function keepQuery(session: Session, exclude: Hidden, extent: Extent): Promise<void> {
  await session.query(prepareWhole(exclude, extent))
  kept.set(session, { exclude, extent, readings: 0, prepared: NONE, rare: NO_FAMILIES, last: undefined })
}

function set(settings: Readonly<Record<string, string>>, local = false): string {
  const calls = Object.entries(settings).map(
    ([name, value]) => `pg_catalog.set_config(${literal(name)}, ${literal(value)}, ${local})`,
  )
  return `SELECT ${calls.join(', ')};`
}

/** The names under which the queries are prepared on a session. */
const WHOLE = 'migratest_schema'
const CHANGED = 'migratest_schema_changed'
const PLAIN = 'migratest_schema_plain'
const MARKS = 'migratest_schema_marks'
const USUAL_MARKS = 'migratest_schema_usual_marks'

function prepareWhole(exclude: Hidden, extent: Extent): string {
  return `PREPARE ${WHOLE} AS ${catalogQuery(exclude, extent)}`
}

/** @param before statements to run first, in the same message */
async function extentOf(session: Session, before = ''): Promise<Extent> {
  const [row] = await session.query(`${before}SELECT (${HAS_SMALL_KINDS}) AS small, (${HAS_RARE}) AS rare`)
  return { small: row?.small === true, rare: row?.rare === true }
}

/**
 * The whole query. Its plan is often made while there are few objects, and lives on when there are many: loops over whole
 * catalogs, and reading one from end to end for each object, would then take the square of their number. The server may plan
 * it anew at any time. The other queries follow few objects through many catalogs, by loops.
 */
const EXECUTE_WHOLE = `SET enable_nestloop = off; SET enable_seqscan = off; EXECUTE ${WHOLE}; SET enable_seqscan = on; SET enable_nestloop = on`

function readWhole(session: Session): Promise<Rows> {
  return rowsOf(session, EXECUTE_WHOLE)
}

async function rowsOf(session: Session, sql: string): Promise<Rows> {
  return (await session.query(sql)) as unknown as Rows
}

/**
 * Reads on a session that has the settings and the query. The first time, everything: most sessions read only once, but those
 * that go by what is counted. The second time, the marks, too; from then on, what has changed.
 */
async function readAgain(session: Session, isCounted: boolean): Promise<Rows> {
  const before = kept.get(session) as Kept
  // If this reading fails, the next one begins anew.
  kept.set(session, { ...before, last: undefined, readings: before.readings + 1 })
  if (before.readings === 0 && !isCounted) return readWhole(session)
  const last = await readMarked(session, before.last, isCounted)
  kept.set(session, { ...(kept.get(session) as Kept), last })
  return last.rows
}

/** Reads the marks and what has changed, both of the same moment. */
async function readMarked(session: Session, last: Memory | undefined, isCounted: boolean): Promise<Memory> {
  if (isCounted) return readSince(session, last, await askCounted(session, last), true)
  // The caller's own transaction may be open on a borrowed session.
  if (session.borrowed) {
    const marks = await askMarks(session, null)
    const memory = await readSince(session, last, marks, false)
    const isSame = JSON.stringify(await askMarks(session, null)) === JSON.stringify(marks)
    return isSame ? memory : readMarked(session, undefined, false)
  }
  try {
    const marks = await askMarks(session, null, MARKS, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ')
    return await readSince(session, last, marks, false, 'COMMIT')
  } catch (error) {
    await session.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** Asks for the marks in the catalogs to which was written. */
async function askCounted(session: Session, last: Memory | undefined): Promise<MarkRow> {
  if (!last?.counted) return askMarks(session, '')
  const usual = await askMarks(session, last.counted, USUAL_MARKS)
  return beyondUsual(usual.counted) === beyondUsual(last.counted) ? usual : askMarks(session, '')
}

/** Returns what of the count is not about the usual catalogs. */
function beyondUsual(counted: string | null): string | undefined {
  return counted?.replace(/^\S+ /, '')
}

/** @param counted what the server had counted at the last reading, if that is said */
async function askMarks(
  session: Session,
  counted: string | null,
  name: typeof MARKS | typeof USUAL_MARKS = MARKS,
  before = '',
): Promise<MarkRow> {
  await prepare(session, name, `PREPARE ${name} (text) AS ${marksQuery(name === USUAL_MARKS)}`)
  const parameter = counted === null ? 'NULL' : literal(counted)
  const [row] = (await session.query(`${before}EXECUTE ${name} (${parameter})`)) as unknown as [MarkRow]
  return row
}

/** @param end a statement to run at the end, in the message of the last query */
async function readSince(
  session: Session,
  last: Memory | undefined,
  row: MarkRow,
  isCounted: boolean,
  end = '',
): Promise<Memory> {
  if (last && row.families === null) return last
  const { counted } = row
  const marks = marksOf(row, last?.marks)
  const families = last && familiesToRead(last, marks)
  if (!last || !families) {
    await widen(session)
    return { marks, counted, rows: await rowsOf(session, [EXECUTE_WHOLE, end].filter(Boolean).join('; ')) }
  }
  // An object that was dropped has no rows to read.
  const there = [...families].filter((family) => isThere(marks, family))
  if (there.length === 0 && end) await session.query(end)
  const fresh = there.length > 0 ? await readFamilies(session, there, end) : []
  if (!fresh) return readMarked(session, last, isCounted)
  return { marks, counted, rows: families.size > 0 ? remembered(last, families, fresh) : last.rows }
}

/**
 * Reads some families: as plain ones, if none is known to have anything rare. Returns undefined if one turns out to have.
 * @param end as for {@link readSince}
 */
async function readFamilies(session: Session, families: readonly number[], end: string): Promise<Rows | undefined> {
  const { rare, exclude } = kept.get(session) as Kept
  const isPlain = !families.some((family) => rare.has(family))
  const name = isPlain ? PLAIN : CHANGED
  await prepare(session, name, `PREPARE ${name} (oid[]) AS ${changedQuery(exclude, isPlain)}`)
  const rows = await rowsOf(session, [`EXECUTE ${name} ('{${families.join(',')}}')`, end].filter(Boolean).join('; '))
  if (!isPlain || !rows.some(({ kind }) => (kind as string) === 'rare')) return rows
  const before = kept.get(session) as Kept
  kept.set(session, { ...before, rare: new Set([...before.rare, ...families]) })
  return undefined
}

/** Has the whole query ask for more from now on, if there is more than before. */
async function widen(session: Session): Promise<void> {
  const before = kept.get(session)
  if (!before || (before.extent.small && before.extent.rare)) return
  const { small, rare } = await extentOf(session)
  const extent = { small: small || before.extent.small, rare: rare || before.extent.rare }
  if (extent.small === before.extent.small && extent.rare === before.extent.rare) return
  await session.query(`DEALLOCATE ${WHOLE}; ${prepareWhole(before.exclude, extent)}`)
  kept.set(session, { ...before, extent })
}

/** Prepares a query, unless it is. */
async function prepare(session: Session, name: string, sql: string): Promise<void> {
  const before = kept.get(session) as Kept
  if (before.prepared.has(name)) return
  await session.query(sql)
  kept.set(session, { ...before, prepared: new Set([...before.prepared, name]) })
}
