/**
 * Looks inside of DO blocks, functions and code: event triggers note the state before and after each command that changes
 * the schema. They and their table are in a schema of their own, which no snapshot has.
 */
import { LIVE_SCHEMA, parseSnapshot, type Query, type Snapshot, snapshotSql } from './snapshot.ts'

/** A command that ran inside of a statement, and the state before and after it. */
export interface Inner {
  /** Such as `ALTER TABLE`. */
  readonly tag: string
  readonly before: Snapshot
  readonly after: Snapshot
}

/**
 * Makes the triggers. Only a superuser may, and PGlite runs none: then nothing is noted.
 * @param own names of tables that are not the migrations'
 */
export async function prepareInner(query: Query, own: readonly string[]): Promise<void> {
  await query(`CREATE SCHEMA ${LIVE_SCHEMA};
CREATE TABLE ${LIVE_SCHEMA}.seen (n bigint GENERATED ALWAYS AS IDENTITY, event text, tag text, snapshot text);
CREATE FUNCTION ${LIVE_SCHEMA}.look() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $look$
BEGIN
  IF pg_catalog.current_setting('${FLAG}', true) = 'on' THEN
    INSERT INTO ${LIVE_SCHEMA}.seen (event, tag, snapshot) SELECT tg_event, tg_tag, ${snapshotSql(own)}::text;
  END IF;
END $look$;
CREATE FUNCTION ${LIVE_SCHEMA}.why() RETURNS event_trigger LANGUAGE plpgsql AS $why$
BEGIN
  PERFORM pg_catalog.set_config('${REWRITES}', pg_catalog.concat_ws(',', NULLIF(pg_catalog.current_setting('${REWRITES}', true), ''),
    pg_catalog.concat(pg_catalog.pg_event_trigger_table_rewrite_oid()::int8, ':', pg_catalog.pg_event_trigger_table_rewrite_reason())), false);
END $why$;
CREATE EVENT TRIGGER ${LIVE_SCHEMA}_rewrite ON table_rewrite EXECUTE FUNCTION ${LIVE_SCHEMA}.why();
CREATE EVENT TRIGGER ${LIVE_SCHEMA}_before ON ddl_command_start EXECUTE FUNCTION ${LIVE_SCHEMA}.look();
CREATE EVENT TRIGGER ${LIVE_SCHEMA}_after ON ddl_command_end EXECUTE FUNCTION ${LIVE_SCHEMA}.look()`)
}

/** Runs a statement and returns the commands that it ran. */
export async function withInner(query: Query, run: () => Promise<void>): Promise<Inner[]> {
  await query(`SELECT pg_catalog.set_config('${FLAG}', 'on', false)`)
  await run()
  await query(`SELECT pg_catalog.set_config('${FLAG}', 'off', false)`)
  const [there] = await query(`SELECT pg_catalog.to_regclass('${LIVE_SCHEMA}.seen') IS NOT NULL AS seen`)
  if (!there?.seen) return []
  const rows = (await query(`WITH gone AS (DELETE FROM ${LIVE_SCHEMA}.seen RETURNING n, event, tag, snapshot)
    SELECT event, tag, snapshot FROM gone ORDER BY n`)) as unknown as Seen[]
  return paired(rows)
}

/** Returns why tables were rewritten since it was asked last, by their oid. */
export async function takeRewrites(query: Query): Promise<Map<number, string>> {
  const [row] = await query(`SELECT pg_catalog.current_setting('${REWRITES}', true) AS noted`)
  const noted = String(row?.noted ?? '')
  if (noted === '') return new Map()
  await query(`SELECT pg_catalog.set_config('${REWRITES}', '', false)`)
  return new Map(
    noted.split(',').map((one) => {
      const [oid = 0, bits = 0] = one.split(':').map(Number)
      return [oid, REASONS.flatMap(([bit, text]) => (bits & bit ? [text] : [])).join(', and ')] as const
    }),
  )
}

// --- internal ---

/** The bits of `pg_event_trigger_table_rewrite_reason()`. */
const REASONS: readonly (readonly [bit: number, text: string])[] = [
  [1, 'it becomes logged or unlogged'],
  [2, 'a new column has a value of its own in each row'],
  [4, 'the values of a column are stored in another form'],
  [8, 'its access method changes'],
]

const REWRITES = 'migratest.rewrites'
const FLAG = 'migratest.live'

interface Seen {
  readonly event: string
  readonly tag: string
  readonly snapshot: string
}

/** Pairs the notes of each command. One that ran others is told by those alone. */
function paired(rows: readonly Seen[]): Inner[] {
  return rows.flatMap((row, i) => {
    const next = rows[i + 1]
    if (row.event !== 'ddl_command_start' || next?.event !== 'ddl_command_end') return []
    return [{ tag: row.tag, before: parseSnapshot(row.snapshot), after: parseSnapshot(next.snapshot) }]
  })
}
