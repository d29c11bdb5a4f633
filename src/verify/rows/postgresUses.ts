/** Uses what has a body or an expression on PostgreSQL and PGlite: views, functions, triggers, rules, defaults, policies. */
import { queryPrepared } from '../../database/postgres/prepared.ts'
import type { Session } from '../../database/postgres/session.ts'
import { literal } from '../../database/postgres/tables.ts'
import type { FillColumn, FillTable } from '../../fill/model.ts'
import type { Unchanged, Use } from './rowReader.ts'

export class PostgresUses {
  readonly #session: Session
  /** Objects whose use did not end in time; they are left out. */
  readonly #endless = new Set<string>()
  /** The objects of the last time, and the outcomes of the views among them. */
  #last: { readonly mark: string; readonly objects: readonly ObjectRow[]; readonly views: Outcomes } | undefined

  /** See {@link Unchanged.types}, of the last time. */
  #types: string | undefined

  constructor(session: Session) {
    this.#session = session
  }

  /**
   * Uses each object once, over the rows that are there, and undoes it. The server looks into most of them only when they
   * run.
   * @param tables the tables whose rows fire triggers and rules
   * @param since what is as it was the last time
   */
  async of(tables: readonly FillTable[], since?: Unchanged): Promise<Use[]> {
    const last = since && this.#last?.mark === since.objects ? this.#last : undefined
    this.#last = undefined
    const areViews = since?.areViews === true
    const objects = last?.objects ?? (await this.#objects(areViews))
    const known: Outcomes = last && since ? outcomesOfSame(objects, last.views, since) : new Map()
    const all = objects.flatMap((row) => attemptsOf(row, tables))
    const attempts = all.filter(({ what }) => !this.#endless.has(what) && !known.has(what))
    // A session goes on with the plan of a body that it has run, even if a label that the body names is gone: others do not.
    const isStale = since === undefined || since.types !== this.#types
    if (attempts.length > 0) this.#types = since?.types
    const first = isStale ? 'DISCARD PLANS; ' : ''
    const made = attempts.length > 0 ? await this.#tried(attempts, first, areViews) : []
    const tried = new Map(attempts.map((attempt, n) => [attempt, made[n]] as const))
    const outcomeOf = (attempt: Attempt) => tried.get(attempt) ?? known.get(attempt.what)
    const views = new Map(all.flatMap((one) => (one.view ? [[one.what, outcomeOf(one)] as const] : [])))
    if (since) this.#last = { mark: since.objects, objects, views }
    return all.flatMap((attempt): Use[] => {
      const outcome = outcomeOf(attempt)
      return outcome === undefined ? [] : [{ what: attempt.what, name: attempt.name, ...failureOf(outcome) }]
    })
  }

  // --- internal ---

  async #objects(areViews: boolean): Promise<readonly ObjectRow[]> {
    const found = areViews
      ? queryPrepared(this.#session, PREPARED_VIEWS, `${VIEWS} ${IN_ORDER}`)
      : queryPrepared(this.#session, PREPARED, OBJECTS)
    return (await found) as unknown as readonly ObjectRow[]
  }

  /** @param first what runs before them */
  async #tried(
    attempts: readonly Attempt[],
    first: string,
    areViews: boolean,
  ): Promise<readonly (Outcome | undefined)[]> {
    if (areViews && (await haveAllWorked(this.#session, attempts, first))) return attempts.map(() => WORKED)
    return tried(this.#session, attempts, first).catch(() => singly(this.#session, attempts, this.#endless))
  }
}

// --- internal ---

const PREPARED = 'migratest_objects'
const PREPARED_VIEWS = 'migratest_views'

interface Attempt {
  readonly what: string
  readonly name: string
  readonly sql: string
  readonly view: boolean
  /** A row with which it begins. Set if the attempt has to write something then. */
  readonly writesFor?: string | undefined
}

/** The state of an error (empty: none), its message, and where in a body it came from. */
type Outcome = readonly [state: string, message: string, where: string]

const WORKED: Outcome = ['', '', '']

/** Outcomes by what was used. */
type Outcomes = ReadonlyMap<string, Outcome | undefined>

interface ObjectRow {
  readonly kind: 'view' | 'function' | 'procedure' | 'expression' | 'fires'
  readonly name: string
  /** Oid of a view; of the table of a trigger or a rule. */
  readonly oid: string | null
  /** Oids of the tables and views that a view reads. */
  readonly reads: readonly string[] | null
  /** What it is, for people. */
  readonly what: string
  /**
   * The query that uses it; for a trigger or a rule, the first letters of the statements that fire it, and small ones for those
   * over which its body never returns a row.
   */
  readonly sql: string
}

const NOT_OURS = (oid: string, schema: string, catalog: string) =>
  `${oid} >= 16384 AND ${schema} !~ '^pg_' AND ${schema} NOT IN ('information_schema', 'migratest_live') AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`

/** A value for an argument of each type, so that the body of a strict function runs, too. */
const ARGUMENT = `CASE WHEN y.typtype = 'e' THEN quote_nullable((SELECT enumlabel FROM pg_enum WHERE enumtypid = y.oid ORDER BY enumsortorder LIMIT 1))
  WHEN y.typtype = 'c' AND y.typrelid <> 0 AND (SELECT relkind FROM pg_class WHERE oid = y.typrelid) IN ('r', 'v', 'p') THEN format('(SELECT r FROM %s r LIMIT 1)', y.typrelid::regclass)
  WHEN y.typcategory = 'N' THEN '1' WHEN y.typcategory = 'S' THEN quote_literal('a') WHEN y.typcategory = 'B' THEN quote_literal('true')
  WHEN y.typcategory = 'D' THEN quote_literal('2024-01-01') WHEN y.typcategory = 'T' THEN quote_literal('1 day') WHEN y.typcategory = 'A' THEN quote_literal('{}')
  WHEN y.typcategory = 'R' THEN quote_literal('empty') WHEN y.typname = 'uuid' THEN quote_literal('00000000-0000-4000-8000-000000000001')
  WHEN y.typname IN ('json', 'jsonb') THEN quote_literal('{}') WHEN y.typname = 'bytea' THEN quote_literal('') ELSE 'NULL' END || '::' || format_type(y.oid, NULL)`

/** PGlite knows no time limit: a function that does not end would end everything. */
const CAN_STOP = "version() !~* 'emscripten|emcc|wasm'"

/**
 * The letters of events over which the body of a BEFORE trigger has no RETURN that could keep the row. One that refuses a DELETE
 * by RETURN NULL may be meant; RETURN NEW, which is NULL there, is not.
 */
const NO_ROW = `(SELECT concat(CASE WHEN body !~* '\\mreturn\\s+(?!(?:null|old)\\M)' THEN 'i' END, CASE WHEN body !~* '\\mreturn\\s+(?!null\\M)' THEN 'u' END,
    CASE WHEN body !~* '\\mreturn\\s+(?!(?:null|new)\\M)' AND body ~* '\\mreturn\\s+new\\M' THEN 'd' END) FROM (SELECT regexp_replace(p.prosrc, '--[^\\n]*|/\\*.*?\\*/', '', 'g') AS body) b)`

const VIEWS = `SELECT 'view' AS kind, c.oid::regclass::text AS name, c.oid::text AS oid, 'the ' || CASE c.relkind WHEN 'm' THEN 'materialized ' ELSE '' END || 'view ' || c.oid::regclass::text AS what,
    CASE WHEN c.relkind = 'v' OR NOT c.relispopulated THEN 'SELECT * FROM ' || c.oid::regclass::text ELSE 'SELECT * FROM (' || rtrim(pg_get_viewdef(c.oid), ';') || ') AS v' END || ' LIMIT 1' AS sql,
    (SELECT json_agg(DISTINCT d.refobjid::text) FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid WHERE r.ev_class = c.oid) AS reads
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND ${NOT_OURS('c.oid', 'n.nspname', 'pg_class')}`
const IN_ORDER = 'ORDER BY 1, 2, 4'

/** Everything that has a body or an expression, with the query that uses it. Expressions count if a function of the user is in them. */
const OBJECTS = `${VIEWS}
UNION ALL
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, p.proname, NULL, CASE p.prokind WHEN 'p' THEN 'the procedure ' ELSE 'the function ' END || p.oid::regprocedure::text,
    CASE p.prokind WHEN 'p' THEN 'CALL ' ELSE 'SELECT ' END || format('%I.%I', n.nspname, p.proname) || '(' || COALESCE(a.list, '') || ')', NULL
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
  LEFT JOIN LATERAL (SELECT string_agg(${ARGUMENT}, ', ' ORDER BY t.nr) AS list, bool_or(y.typtype = 'p') AS "isAny"
    FROM unnest(CASE WHEN p.prokind = 'p' THEN COALESCE(p.proallargtypes, p.proargtypes::oid[]) ELSE p.proargtypes::oid[] END) WITH ORDINALITY AS t (type, nr) JOIN pg_type y ON y.oid = t.type) a ON true
  WHERE p.prokind IN ('f', 'p') AND ${CAN_STOP} AND l.lanname NOT IN ('c', 'internal') AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) AND COALESCE(a."isAny", false) = false
    AND p.prosrc !~* '\\m(pg_sleep|pg_terminate_backend|pg_cancel_backend|dblink|program|http\\w*|setval|pg_advisory_lock\\w*|pg_try_advisory_lock\\w*|pg_reload_conf|pg_create_\\w+_slot)\\M' AND ${NOT_OURS('p.oid', 'n.nspname', 'pg_proc')}
UNION ALL
SELECT 'expression', d.adrelid::regclass::text || '.' || a.attname, NULL, CASE a.attgenerated WHEN '' THEN 'the default of ' ELSE 'the generated column ' END || d.adrelid::regclass::text || '.' || a.attname,
    'SELECT (' || pg_get_expr(d.adbin, d.adrelid) || ')' || CASE a.attgenerated WHEN '' THEN '' ELSE ' FROM ' || d.adrelid::regclass::text || ' LIMIT 1' END, NULL
  FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum JOIN pg_class c ON c.oid = d.adrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${NOT_OURS('c.oid', 'n.nspname', 'pg_class')} AND EXISTS (SELECT FROM pg_depend u WHERE u.classid = 'pg_attrdef'::regclass AND u.objid = d.oid AND u.refclassid = 'pg_proc'::regclass AND u.refobjid >= 16384)
UNION ALL
SELECT 'expression', k.conname, NULL, 'the constraint ' || quote_ident(k.conname) || ' of ' || k.conrelid::regclass::text, 'SELECT (' || pg_get_expr(k.conbin, k.conrelid) || ') FROM ' || k.conrelid::regclass::text || ' LIMIT 1', NULL
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE k.contype = 'c' AND ${NOT_OURS('c.oid', 'n.nspname', 'pg_class')} AND EXISTS (SELECT FROM pg_depend u WHERE u.classid = 'pg_constraint'::regclass AND u.objid = k.oid AND u.refclassid = 'pg_proc'::regclass AND u.refobjid >= 16384)
UNION ALL
SELECT 'expression', p.polname, NULL, 'the policy ' || quote_ident(p.polname) || ' of ' || p.polrelid::regclass::text, 'SELECT (' || pg_get_expr(e.expression, p.polrelid) || ') FROM ' || p.polrelid::regclass::text || ' LIMIT 1', NULL
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL (VALUES (p.polqual), (p.polwithcheck)) AS e (expression)
  WHERE e.expression IS NOT NULL AND ${NOT_OURS('c.oid', 'n.nspname', 'pg_class')} AND EXISTS (SELECT FROM pg_depend u WHERE u.classid = 'pg_policy'::regclass AND u.objid = p.oid AND u.refclassid = 'pg_proc'::regclass AND u.refobjid >= 16384)
UNION ALL
SELECT 'expression', c.relname, NULL, 'the row security of ' || c.oid::regclass::text, 'SET LOCAL ROLE pg_read_all_data; SELECT * FROM ' || c.oid::regclass::text || ' LIMIT 1', NULL
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AND EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_read_all_data') AND ${NOT_OURS('c.oid', 'n.nspname', 'pg_class')}
UNION ALL
SELECT 'fires', t.tgname, c.oid::text, 'the trigger ' || t.tgname || ' of ' || c.oid::regclass::text, concat(CASE WHEN t.tgtype & 4 > 0 THEN 'I' END, CASE WHEN t.tgtype & 16 > 0 THEN 'U' END, CASE WHEN t.tgtype & 8 > 0 THEN 'D' END, CASE WHEN t.tgtype & 3 = 3 AND l.lanname = 'plpgsql' THEN ${NO_ROW} END), NULL
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND ${NOT_OURS('c.oid', 'n.nspname', 'pg_class')}
UNION ALL
SELECT 'fires', r.rulename, c.oid::text, 'the rule ' || r.rulename || ' of ' || c.oid::regclass::text, translate(r.ev_type::text, '234', 'UID'), NULL
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.ev_type <> '1' AND r.ev_enabled <> 'D' AND ${NOT_OURS('c.oid', 'n.nspname', 'pg_class')}
${IN_ORDER}`

/**
 * Returns the outcomes of views that would end as they did: all that they read is the same. Other objects may do anything.
 */
function outcomesOfSame(objects: readonly ObjectRow[], outcomes: Outcomes, { isSame }: Unchanged): Outcomes {
  const views = new Map(objects.flatMap((row) => (row.kind === 'view' && row.oid ? [[row.oid, row] as const] : [])))
  const isKept = (oid: string): boolean => {
    const view = views.get(oid)
    return view ? (view.reads ?? []).every(isKept) : isSame(oid)
  }
  // A materialized view that could not be read may have been filled.
  const hasWorked = (what: string) => outcomes.get(what)?.[0] === ''
  return new Map(
    [...views].flatMap(([oid, { what }]) =>
      isKept(oid) && hasWorked(what) ? [[what, outcomes.get(what)] as const] : [],
    ),
  )
}

function attemptsOf({ kind, name, oid, what, sql }: ObjectRow, tables: readonly FillTable[]): Attempt[] {
  if (kind !== 'fires') return [{ what, name, sql, view: kind === 'view' }]
  const table = tables.find(({ id }) => id === oid)
  return table
    ? firing(table, sql).map((one) => ({
        what: `${what}, on ${one.slice(0, 6)}`,
        name,
        sql: one,
        view: false,
        writesFor: sql.includes(one.charAt(0).toLowerCase()) ? `SELECT FROM ${table.sql} LIMIT 1` : undefined,
      }))
    : []
}

/** Statements that fire triggers and rules of a table, over one of its rows. */
function firing(table: FillTable, events: string): string[] {
  const { sql, columns } = table
  const given = columns.filter(({ generated }) => generated === null)
  const names = given.map((column) => column.sql).join(', ')
  // GENERATED ALWAYS AS IDENTITY refuses to be set, before any trigger fires.
  const first = given.find(({ numbered }) => !numbered) ?? given[0]
  if (!first) return []
  const one = `ctid = (SELECT ctid FROM ${sql} LIMIT 1)`
  const values = given.map((column) => anotherValue(column, table)).join(', ')
  return [
    ...(events.includes('I')
      ? [`INSERT INTO ${sql} (${names}) OVERRIDING SYSTEM VALUE SELECT ${values} FROM ${sql} AS one LIMIT 1`]
      : []),
    ...(events.includes('U') ? [`UPDATE ${sql} SET ${first.sql} = ${first.sql} WHERE ${one}`] : []),
    ...(events.includes('D') ? [`DELETE FROM ${sql} WHERE ${one}`] : []),
  ]
}

/** A row with a key that is there is refused before triggers that fire AFTER, so a copy has other keys where they may be others. */
function anotherValue(
  { name, sql, type }: FillColumn,
  { sql: table, uniques, primaryKey, foreignKeys }: FillTable,
): string {
  const isUnique = [primaryKey, ...uniques].some((columns) => columns.includes(name))
  if (!isUnique || foreignKeys.some(({ columns }) => columns.includes(name))) return `one.${sql}`
  if (type.kind === 'integer')
    return `(SELECT max(${sql}) + 1 FROM ${table} WHERE ${sql} < ${type.max ?? 2n ** 31n - 1n})`
  if (type.kind === 'uuid') return `md5(one.${sql}::text || 'x')::uuid`
  if (type.kind === 'text') return `left(md5(one.${sql} || 'x'), ${Math.min(type.length ?? 32, 32)})`
  if (type.kind === 'date' || type.kind === 'timestamp')
    return `(SELECT max(${sql}) FROM ${table} WHERE ${sql} < 'infinity') - interval '1 second'`
  return `one.${sql}`
}

/**
 * Reads all views, and returns whether none has failed: a view without functions of a user changes nothing that another could
 * meet. The block below takes the server four times as long.
 */
async function haveAllWorked(session: Session, attempts: readonly Attempt[], first: string): Promise<boolean> {
  const all = attempts.map(({ sql }) => sql).join('; ')
  try {
    await session.query(`BEGIN; ${first}SET LOCAL statement_timeout = '${MOST_MS}ms'; ${all}; ROLLBACK`)
    return true
  } catch {
    await session.query('ROLLBACK')
    return false
  }
}

/** Runs all attempts in one message, each in a subtransaction that ends with an error of ours, so that nothing remains. */
async function tried(session: Session, attempts: readonly Attempt[], first = ''): Promise<Outcome[]> {
  const list = attempts.map(({ sql }) => literal(sql)).join(', ')
  const rows = attempts.map(({ writesFor }) => (writesFor === undefined ? 'NULL' : literal(writesFor))).join(', ')
  const body = ATTEMPT.replace('LIST', () => list).replace('ROWS', () => rows)
  try {
    const [row] = await session.query(
      `BEGIN; ${first}SET LOCAL statement_timeout = '${MOST_MS}ms'; DO ${literal(body)};
      SELECT current_setting('migratest.uses') AS outcomes; ROLLBACK`,
    )
    return JSON.parse(String(row?.outcomes)) as Outcome[]
  } catch (error) {
    await session.query('ROLLBACK')
    throw error
  }
}

/** One that does not end must not hide the others. */
async function singly(
  session: Session,
  attempts: readonly Attempt[],
  endless: Set<string>,
): Promise<(Outcome | undefined)[]> {
  const outcomes: (Outcome | undefined)[] = []
  for (const attempt of attempts) {
    const [outcome] = await tried(session, [attempt]).catch((): Outcome[] => [])
    if (outcome === undefined) endless.add(attempt.what)
    outcomes.push(outcome)
  }
  return outcomes
}

const MOST_MS = 2000

const SWALLOWED = 'MT001'

/**
 * The function's errors have a place in its body, those of the statement that calls it have none. A trigger that puts the row
 * elsewhere writes there: counters of all tables tell.
 */
const ATTEMPT = `DECLARE
  attempt text; outcomes jsonb := '[]'; state text; message text; place text; n int := 0; found_rows bigint; written bigint;
  counted text := 'SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_catalog.pg_stat_xact_all_tables'; begins text[] := ARRAY[ROWS]::text[];
BEGIN
  FOREACH attempt IN ARRAY ARRAY[LIST]::text[] LOOP
    n := n + 1;
    BEGIN
      IF begins[n] IS NOT NULL THEN EXECUTE counted INTO written; END IF;
      EXECUTE attempt;
      GET DIAGNOSTICS found_rows = ROW_COUNT;
      IF begins[n] IS NOT NULL AND found_rows = 0 THEN
        EXECUTE counted || ' HAVING sum(n_tup_ins + n_tup_upd + n_tup_del) = ' || written INTO written;
        EXECUTE begins[n];
        GET DIAGNOSTICS found_rows = ROW_COUNT;
        IF written IS NOT NULL AND found_rows > 0 THEN RAISE EXCEPTION USING ERRCODE = '${SWALLOWED}'; END IF;
      END IF;
      RAISE EXCEPTION USING ERRCODE = 'MT000';
    EXCEPTION WHEN OTHERS OR ASSERT_FAILURE THEN
      GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, place = PG_EXCEPTION_CONTEXT;
      IF state = 'MT000' THEN outcomes := outcomes || jsonb_build_array(jsonb_build_array('', '', ''));
      ELSE outcomes := outcomes || jsonb_build_array(jsonb_build_array(state, message, place)); END IF;
    END;
  END LOOP;
  PERFORM set_config('migratest.uses', outcomes::text, true);
END`

/**
 * A column, table, function, type or key that a body names and that is not there, or does not fit; a policy or a trigger
 * that sets itself off without end; a function that ends without RETURN.
 */
const SURE = new Set([
  '2F005',
  '54001',
  '42703',
  '42P01',
  '42883',
  '42804',
  '42803',
  '42702',
  '42725',
  '42846',
  '42P10',
  '42601',
  '42P17',
])

const NOT_POPULATED = '55000'

const SWALLOWS = 'nothing is written, and nobody is told, since its function returns NULL for the row'

/** A body that writes texts which are too long, or NULL where there must be a value, hardly means to refuse a row. */
const NEVER_FIT = new Set(['22001', '23502'])

/**
 * Errors of class 42 say that the statement itself is wrong: a name that is not there, a type that does not fit. Others
 * may come from the values that were tried; where a body raised them and did not before, somebody else's rows would, too.
 */
function failureOf([state, message, where]: Outcome): Omit<Use, 'what' | 'name'> {
  if (state === '') return { error: undefined }
  if (state === SWALLOWED) return { error: SWALLOWS, isSure: true }
  // Policies are asked as a role that may read tables, and nothing else.
  if (state === '42501') return { error: undefined, isByValues: true }
  const place = where.split('\n').filter((line) => !/inline_code_block/.test(line))
  const isInside = place.some((line) => /function/.test(line))
  const error = `${message}${isInside ? ` (${place.findLast((line) => /function/.test(line))})` : ''}`
  // A statement that a body puts together may name what an argument says, and so may a text that is cast to a name.
  const isOurs = place.some((line) => /\bat EXECUTE\b/.test(line)) || /"a"/.test(message)
  if (state.startsWith('42') || SURE.has(state)) return { error, ...(SURE.has(state) && !isOurs && { isSure: true }) }
  // WITH NO DATA: each who reads it meets the error, until somebody refreshes it.
  if (state === NOT_POPULATED && !isInside && message.startsWith('materialized view')) return { error, isUnfit: true }
  const isOurValue = isInside && /^(?:23|22)/.test(state)
  return {
    error: isOurValue ? error : undefined,
    isByValues: true,
    ...(isOurValue && NEVER_FIT.has(state) && { isUnfit: true }),
  }
}
