/**
 * Puts rows back into the current tables. Values that the migrations wrote take precedence, and a row that fails does
 * not affect the others.
 */

import { NEVER } from '../../../migrate/never.ts'
import type { LeftRows } from '../../development.ts'
import type { Session } from '../session.ts'
import { literal } from '../tables.ts'
import { type Aside, pairing } from './aside.ts'
import type { RowColumn, RowTable } from './model.ts'

/**
 * Orders tables so that each precedes the tables that refer to it. A cycle starts at a table whose references to later
 * tables are nullable and can be filled at the end.
 */
export function inOrder(tables: readonly RowTable[]): RowTable[] {
  const ordered: RowTable[] = []
  const left = new Map(tables.map((table) => [table.oid, table]))
  const waits = ({ references }: RowTable) => references.filter(({ table }) => left.has(table))
  while (left.size > 0) {
    const all = [...left.values()]
    const next =
      all.find((table) => waits(table).length === 0) ??
      all.find((table) => waits(table).every(({ columns }) => columns.every((name) => isNullable(table, name)))) ??
      (all[0] as RowTable)
    left.delete(next.oid)
    ordered.push(next)
  }
  return ordered
}

function isNullable({ columns }: RowTable, name: string): boolean {
  return columns.some((column) => column.name === name && column.nullable)
}

export interface Put {
  readonly rows: number
  readonly left: readonly LeftRows[]
}

/**
 * Puts rows back. `state` of a row in a copy: `new`, must be put back; `present`, was never removed; `met`, the
 * migrations wrote its key again; `done`, was put back.
 */
export class PutBack {
  readonly #session: Session
  readonly #tables: readonly RowTable[]
  readonly #keptTable: string
  /** Columns that refer to tables whose rows come later; they are filled at the end. */
  readonly #late = new Map<RowTable, ReadonlySet<string>>()
  readonly #circling: { readonly aside: Aside; readonly table: RowTable; readonly pairs: readonly Pair[] }[] = []
  #checks: boolean | undefined
  /** Answers of `isSteady`, by expression. */
  readonly #steady = new Map<string, Promise<boolean>>()
  #readers = 0
  #after: string[] = []

  constructor(session: Session, tables: readonly RowTable[], keptTable: string) {
    this.#session = session
    this.#tables = tables
    this.#keptTable = keptTable
  }

  /**
   * Disables the users' triggers and rules. Constraints are checked with each statement, so that we know which rows
   * fail.
   */
  async begin(): Promise<void> {
    const before = ['SET CONSTRAINTS ALL IMMEDIATE;']
    const deferred: string[] = []
    const place = new Map(inOrder(this.#tables).map(({ oid }, i) => [oid, i]))
    for (const table of this.#tables) {
      for (const { table: on, kind, name, state } of table.firing) {
        before.push(`ALTER TABLE ${on} DISABLE ${kind} ${name};`)
        this.#after.push(`ALTER TABLE ${on} ENABLE ${WORDS[state]}${kind} ${name};`)
      }
      if (table.forced) {
        before.push(`ALTER TABLE ${table.name} NO FORCE ROW LEVEL SECURITY;`)
        this.#after.push(`ALTER TABLE ${table.name} FORCE ROW LEVEL SECURITY;`)
      }
      const own = place.get(table.oid) ?? 0
      const round = table.references.filter(({ table: other }) => (place.get(other) ?? -1) >= own)
      const late = round.filter(({ columns }) => columns.every((name) => isNullable(table, name)))
      if (late.length > 0) this.#late.set(table, new Set(late.flatMap(({ columns }) => columns)))
      deferred.push(...round.filter((one) => one.deferrable && !late.includes(one)).map(({ constraint }) => constraint))
    }
    await this.#script(before.join('\n'))
    for (const constraint of deferred) await this.#tries(`SET CONSTRAINTS ${constraint} DEFERRED;`)
  }

  async end(): Promise<void> {
    for (const { aside, table, pairs } of this.#circling) {
      const late = this.#late.get(table)
      await this.#fill(aside, table, pairs, "'done'", (column) => late?.has(column.name) === true && 'null')
    }
    await this.#script(['SET CONSTRAINTS ALL IMMEDIATE;', ...this.#after].join('\n'))
  }

  async table(table: RowTable, asides: readonly Aside[]): Promise<Put> {
    const left: LeftRows[] = []
    let rows = 0
    for (const aside of asides) {
      if (aside.origin === 'values') {
        await this.#values(aside, table)
        continue
      }
      const put = await this.#rows(aside, table)
      rows += put.rows
      if (aside.origin === 'table') left.push(...put.left)
    }
    return { rows, left }
  }

  /** Keeps all rows of a copy until their table exists again. @returns how many rows */
  async leaveWhole(aside: Aside): Promise<number> {
    return this.#keepLines(aside, true, aside.columns, "state = 'new'", 'its table is gone')
  }

  // --- internal ---

  async #rows(aside: Aside, table: RowTable): Promise<Put> {
    const pairs = await this.#pairs(aside, table)
    const keyed = isKeyed(table, pairs)
    const [{ empty, fresh, present } = {}] = await this.#query(
      `SELECT NOT EXISTS (SELECT FROM ${table.name}) AS empty, count(*) FILTER (WHERE state = 'new')::int AS fresh, count(*) FILTER (WHERE state = 'present')::int AS present FROM ${aside.copy}`,
    )
    const tells = keyed || aside.survived
    let refused: string | undefined
    let rows = 0
    if (Number(fresh) > 0) {
      if (keyed && !empty) await this.#meet(aside, table, pairs)
      refused = this.#refusal(table, pairs, tells || empty === true)
      if (refused === undefined) {
        // Usually all rows fit, and nothing has to be recorded for each row.
        const simple = empty === true && Number(present) === 0 && aside.origin === 'table' && !this.#late.has(table)
        if (simple && (await this.#tries(`${this.#inserting(aside, table, pairs)};`)) === undefined) {
          return {
            rows: Number(fresh),
            left: await this.#leaveValues(
              aside,
              table,
              'true',
              pairs.every(({ plain }) => plain),
            ),
          }
        }
        rows = await this.#insert(aside, table, pairs)
      }
    }
    if (keyed && !empty && aside.origin === 'table')
      await this.#fill(aside, table, pairs, "'met'", (column) => !aside.changed.has(column.name) && 'default')
    if (Number(present) > 0) {
      await this.#fill(aside, table, pairs, "'present'", (column) =>
        aside.changed.has(column.name) ? 'untouched' : !aside.lasting.has(column.name) && 'any default',
      )
    }
    return { rows, left: await this.#leave(aside, table, refused) }
  }

  /** Fills in kept values of rows that were never removed. */
  async #values(aside: Aside, table: RowTable): Promise<void> {
    const pairs = await this.#pairs(aside, table)
    // Values whose column does not exist yet are kept.
    if (!isKeyed(table, pairs) || pairs.length < aside.columns.length) return
    await this.#fill(aside, table, pairs, "'new'", () => 'any default')
    await this.#query(`DELETE FROM ${this.#keptTable} WHERE id IN (SELECT n FROM ${aside.copy} WHERE bad = '{}')`)
  }

  #refusal(table: RowTable, pairs: readonly Pair[], hasPlace: boolean): string | undefined {
    const missing = table.columns.filter(
      ({ name, required }) => required && !pairs.some(({ column }) => column.name === name),
    )
    if (!hasPlace) return 'it has no key, and the migrations fill it'
    if (pairs.length === 0) return 'it has none of their columns any more'
    if (missing.length === 0) return undefined
    return `column ${missing.map(({ name }) => name).join(', ')} is NOT NULL and has no default`
  }

  /** Returns the columns that were kept and exist now, each with the expression that reads its values. */
  async #pairs(aside: Aside, table: RowTable): Promise<Pair[]> {
    const pairs: Pair[] = []
    for (const column of table.columns) {
      const index = aside.indexOf(column.name)
      if (index === -1 || column.generated) continue
      const kept = `k.c${index}`
      const was = aside.was?.columns.find(({ name }) => name === column.name)
      if (was?.typeId === column.typeId) {
        pairs.push({ column, kept, value: aside.isText(column.name) ? `${kept}::${column.type}` : kept, plain: true })
        continue
      }
      const text = aside.isText(column.name) ? kept : `${kept}::text`
      const value = await this.#reading(text, column)
      await this.#query(
        `UPDATE ${aside.copy} k SET bad = bad || ${literal(column.name)}::text WHERE ${kept} IS NOT NULL AND (${value}) IS NULL`,
      )
      pairs.push({ column, kept, value, plain: false })
    }
    return pairs
  }

  /**
   * Returns an expression that reads a text as the column's type, null if the type rejects it. From PostgreSQL 16 on
   * the server can check that (pg_input_is_valid); before, a function tries the cast.
   */
  async #reading(text: string, { type }: RowColumn): Promise<string> {
    if (this.#checks === undefined) {
      const [row] = await this.#query("SELECT to_regproc('pg_catalog.pg_input_is_valid') IS NOT NULL AS there")
      this.#checks = row?.there === true
    }
    if (this.#checks)
      return `CASE WHEN pg_catalog.pg_input_is_valid(${text}, ${literal(type)}) THEN ${text}::${type} END`
    const reader = `pg_temp.${`migratest_read_${this.#readers++}`}`
    await this.#script(
      `CREATE FUNCTION ${reader}(t text) RETURNS ${type} LANGUAGE plpgsql AS $migratest$ BEGIN RETURN t::${type}; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $migratest$;`,
    )
    // The function would prevent dropping the type later in the session.
    this.#after.push(`DROP FUNCTION ${reader}(text);`)
    return `${reader}(${text})`
  }

  /** Marks rows whose key the migrations have written as `met`. */
  async #meet(aside: Aside, table: RowTable, pairs: readonly Pair[]): Promise<void> {
    await this.#query(
      `UPDATE ${aside.copy} k SET state = 'met' FROM ${table.from} t WHERE state = 'new' AND ${matching(table, pairs)}`,
    )
  }

  #inserting(aside: Aside, table: RowTable, pairs: readonly Pair[]): string {
    const columns = pairs.map(({ column }) => column.name).join(', ')
    const values = pairs.map(({ value }) => value).join(', ')
    return `INSERT INTO ${table.name} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${values} FROM ${aside.copy} k`
  }

  /** Inserts the rows that are `new`. @returns how many rows were put back */
  async #insert(aside: Aside, table: RowTable, pairs: readonly Pair[]): Promise<number> {
    const late = this.#late.get(table)
    const now = pairs.filter(({ column }) => !late?.has(column.name))
    const into = this.#inserting(aside, table, now)
    const failed = await this.#tries(`${into} WHERE state = 'new' ORDER BY n;`)
    if (failed === undefined) await this.#query(`UPDATE ${aside.copy} SET state = 'done' WHERE state = 'new'`)
    // Insert row by row, since a failing row says nothing about the others. Repeat as long as a pass inserts rows that
    // others may refer to.
    else {
      await this.#script(`DO $migratest$ DECLARE r record; more boolean := true; BEGIN
WHILE more LOOP
  more := false;
  FOR r IN SELECT n FROM ${aside.copy} WHERE state = 'new' ORDER BY n LOOP
    BEGIN
      ${into} WHERE k.n = r.n;
      UPDATE ${aside.copy} SET state = 'done' WHERE n = r.n;
      more := true;
    EXCEPTION WHEN OTHERS THEN UPDATE ${aside.copy} SET error = SQLERRM WHERE n = r.n;
    END;
  END LOOP;
END LOOP; END $migratest$;`)
    }
    if (late && isKeyed(table, pairs)) this.#circling.push({ aside, table, pairs })
    const [row] = await this.#query(`SELECT count(*)::int AS rows FROM ${aside.copy} WHERE state = 'done'`)
    if (aside.origin === 'waited') {
      await this.#query(`DELETE FROM ${this.#keptTable} WHERE id IN (SELECT n FROM ${aside.copy} WHERE state = 'done')`)
    }
    return Number(row?.rows)
  }

  /**
   * Fills in values of existing rows, only where `#isOpen` allows it. Values that cannot be written are recorded in
   * `bad`.
   */
  async #fill(
    aside: Aside,
    table: RowTable,
    pairs: readonly Pair[],
    state: string,
    openTo: (column: RowColumn) => OpenTo | false,
  ): Promise<void> {
    const some = pairs.flatMap((pair) => {
      const to = !table.key.includes(pair.column.name) && !pair.column.identity && openTo(pair.column)
      return to ? [{ ...pair, to }] : []
    })
    const found = isKeyed(table, pairs)
      ? { from: `${aside.copy} k`, where: matching(table, pairs) }
      : await this.#byPlace(aside, table)
    if (some.length === 0 || !found) return
    const open: { readonly pair: Pair; readonly when: string }[] = []
    for (const pair of some) open.push({ pair, when: await this.#isOpen(aside, pair, pair.to) })
    const set = open.map(
      ({ pair: { column, value }, when }) =>
        `${column.name} = CASE WHEN ${when} THEN ${value} ELSE t.${column.name} END`,
    )
    const update = (assignments: readonly string[], when: string, row: string) =>
      `UPDATE ${table.from} t SET ${assignments.join(', ')} FROM ${found.from} WHERE k.state = ${state} ${row} AND ${found.where} AND (${when});`
    if ((await this.#tries(update(set, open.map(({ when }) => when).join(' OR '), ''))) === undefined) return
    const each = open.map(
      ({ pair, when }, i) => `BEGIN ${update([set[i] as string], when, 'AND k.n = r.n')}
  EXCEPTION WHEN OTHERS THEN UPDATE ${aside.copy} SET bad = bad || ${literal(pair.column.name)}::text, error = SQLERRM WHERE n = r.n; END;`,
    )
    await this.#script(`DO $migratest$ DECLARE r record; BEGIN
FOR r IN SELECT n FROM ${aside.copy} WHERE state = ${state} LOOP
  ${each.join('\n  ')}
END LOOP; END $migratest$;`)
  }

  /**
   * Finds rows in a table without a key by all their values; undefined if the table has a key or the rows cannot be
   * paired.
   */
  async #byPlace(aside: Aside, table: RowTable): Promise<{ from: string; where: string } | undefined> {
    const pairs = aside.survived ? pairing(aside, table, [...aside.lasting]) : undefined
    if (!pairs || table.key.length > 0) return undefined
    const paired = `(SELECT k.n, t."migratest table" AS "table", t."migratest place" AS place FROM ${aside.copy} k, ${pairs.from} WHERE ${pairs.where}) w`
    return { from: `${aside.copy} k, ${paired}`, where: 'w.n = k.n AND t.tableoid = w."table" AND t.ctid = w.place' }
  }

  /**
   * Returns the SQL condition under which we may overwrite a column. A volatile default (now(), random()) is
   * indistinguishable from a value the migration wrote. For rows that were never removed, only the column is new, so we
   * may; for rows the migration re-inserted, we may not.
   */
  async #isOpen(aside: Aside, { column, kept, value }: Pair, to: OpenTo): Promise<string> {
    const now = `t.${column.name}::text`
    const different = `(${value}) IS NOT NULL AND ${now} IS DISTINCT FROM ${kept}::text`
    if (to === 'untouched') {
      const made = `k.d${aside.indexOf(column.name)}::${column.type}::${column.whole}`
      return `(${different} AND (t.${column.name} IS NULL OR t.${column.name}::text IS NOT DISTINCT FROM (${made})::text))`
    }
    const isNull = `t.${column.name} IS NULL`
    if (column.default === null || to === 'null') return `(${different} AND ${isNull})`
    const preset = `(${column.default})::${column.whole}::text`
    const asks =
      /\b(?:nextval|now|clock_timestamp|timeofday|random\w*|gen_random\w*|uuid\w*|txid_current|pg_backend_pid)\s*\(|\bcurrent_|\blocaltime/i
    if (to === 'any default' && asks.test(column.default)) return `(${different})`
    // A user's function may have side effects or raise an error; if it raises, the default cannot be compared with.
    const steady = !/\bnextval\b/i.test(column.default) && (await this.#isSteady(preset))
    if (!steady) return to === 'any default' ? `(${different})` : `(${different} AND ${isNull})`
    return `(${different} AND (${isNull} OR ${now} = ${preset}))`
  }

  /** Returns whether the expression gives the same value twice. All its side effects are rolled back. */
  #isSteady(expression: string): Promise<boolean> {
    const steady = this.#steady.get(expression) ?? this.#asksIfSteady(expression)
    this.#steady.set(expression, steady)
    return steady
  }

  async #asksIfSteady(expression: string): Promise<boolean> {
    const back = `ROLLBACK TO ${ROWS}; RELEASE ${ROWS};`
    const ask = `SELECT ${expression} IS NOT DISTINCT FROM ${expression} AS steady`
    try {
      const [row] = await this.#query(`SAVEPOINT ${ROWS}; ${ask}; ${back}`)
      return row?.steady === true
    } catch {
      await this.#script(back)
      return false
    }
  }

  /** Keeps the rows and values that could not be put back. @returns how many, and why */
  async #leave(aside: Aside, table: RowTable, refused: string | undefined): Promise<LeftRows[]> {
    if (aside.origin === 'waited') {
      // They wait for another reason now than before.
      const why = `coalesce(c.error, ${literal(refused ?? null)}, k.why)`
      await this.#query(
        `UPDATE ${this.#keptTable} k SET why = ${why} FROM ${aside.copy} c WHERE c.n = k.id AND c.state = 'new' AND k.why IS DISTINCT FROM ${why}`,
      )
    }
    if (aside.origin !== 'table') return []
    const [row] = await this.#query(
      `SELECT count(*)::int AS fresh, (array_agg(error))[1] AS why FROM ${aside.copy} WHERE state = 'new'`,
    )
    const values = await this.#leaveValues(aside, table, "state <> 'new'", false)
    if (Number(row?.fresh) === 0) return values
    const why = refused ?? String(row?.why ?? 'no reason was given')
    const rows = await this.#keepLines(aside, true, aside.columns, "state = 'new'", why)
    return [{ table: table.shown, rows, why }, ...values]
  }

  /**
   * Keeps values of existing rows whose column is gone or rejects them.
   * @param plain `true` if no column changed its type
   */
  async #leaveValues(aside: Aside, table: RowTable, placed: string, plain: boolean): Promise<LeftRows[]> {
    const { copy, columns } = aside
    const keyed = table.key.length > 0 && table.key.every((name) => columns.includes(name))
    const left: LeftRows[] = []
    const gone = columns.filter((name) => !table.columns.some((column) => column.name === name))
    const [counts] =
      gone.length === 0
        ? []
        : await this.#query(
            `SELECT ${gone.map((name, i) => `count(c${aside.indexOf(name)})::int AS g${i}`).join(', ')} FROM ${copy} WHERE ${placed}`,
          )
    for (const [i, name] of gone.entries()) {
      const rows = Number(counts?.[`g${i}`])
      if (rows === 0) continue
      const why = keyed ? 'its column is gone' : 'its column is gone, and without a key they cannot be kept'
      left.push({ table: table.shown, column: name, rows, why })
      if (keyed) {
        const has = `${placed} AND c${aside.indexOf(name)} IS NOT NULL`
        await this.#keepLines(aside, false, [...table.key, name], has, why)
      }
    }
    if (plain) return left
    const bad = await this.#query(
      `SELECT name, count(*)::int AS rows, (array_agg(error))[1] AS why FROM ${copy}, unnest(bad) name WHERE ${placed} GROUP BY 1 ORDER BY 1`,
    )
    for (const { name, rows, why } of bad) {
      const column = table.columns.find((one) => one.name === name)
      const words = why ? String(why) : `${rows === 1 ? 'a value' : 'values'} that ${column?.type ?? 'it'} cannot hold`
      left.push({ table: table.shown, column: String(name), rows: Number(rows), why: words })
      const has = `${placed} AND ${literal(String(name))} = ANY (bad)`
      if (keyed) await this.#keepLines(aside, false, [...table.key, String(name)], has, words)
    }
    return left
  }

  /**
   * Writes lines to the table of kept rows.
   * @param whole `true` for whole rows, `false` for values of existing rows.
   * @param why the reason, where the row itself has none
   * @returns how many
   */
  async #keepLines(
    { name, copy, indexOf, isText }: Aside,
    whole: boolean,
    columns: readonly string[],
    where: string,
    why: string,
  ): Promise<number> {
    const text = (column: string) => `c${indexOf(column)}${isText(column) ? '' : '::text'}`
    const parts: string[] = []
    for (let i = 0; i === 0 || i < columns.length; i += MOST_COLUMNS) {
      const pairs = columns.slice(i, i + MOST_COLUMNS).map((column) => `${literal(column)}, ${text(column)}`)
      parts.push(`jsonb_build_object(${pairs.join(', ')})`)
    }
    const [row] = await this.#query(
      `WITH kept AS (INSERT INTO ${this.#keptTable} (tab, whole, line, why) SELECT ${literal(name)}, ${whole}, ${parts.join(' || ')}, coalesce(error, ${literal(why)}) FROM ${copy} WHERE ${where} ORDER BY n RETURNING 1) SELECT count(*)::int AS rows FROM kept`,
    )
    return Number(row?.rows)
  }

  /** Runs SQL in a savepoint. @returns the server's error message if it failed, in which case it had no effect */
  async #tries(sql: string): Promise<string | undefined> {
    try {
      await this.#script(`SAVEPOINT ${ROWS};\n${sql}\nRELEASE ${ROWS};`)
      return undefined
    } catch (error) {
      await this.#script(`ROLLBACK TO ${ROWS}; RELEASE ${ROWS};`)
      return (error as Error).message
    }
  }

  #query(sql: string): Promise<Record<string, unknown>[]> {
    return this.#session.query(sql)
  }

  #script(sql: string): Promise<void> {
    return this.#session.script(sql, NEVER)
  }
}

// --- internal ---
const ROWS = '"migratest rows"'
const WORDS = { O: '', A: 'ALWAYS ', R: 'REPLICA ' } as const

/** Columns per jsonb_build_object: a function takes at most 100 arguments, two per column. */
const MOST_COLUMNS = 40

/**
 * The condition under which we may overwrite a column: it is null; it is null or its default; or it still holds what a
 * down's type change made of the value.
 */
type OpenTo = 'null' | 'default' | 'any default' | 'untouched'

interface Pair {
  readonly column: RowColumn
  readonly kept: string
  /** Expression that gives the value in the column's current type. */
  readonly value: string
  /** `true` if the column's type has not changed. */
  readonly plain: boolean
}

function isKeyed({ key }: RowTable, pairs: readonly Pair[]): boolean {
  return key.length > 0 && key.every((name) => pairs.some(({ column }) => column.name === name))
}

function matching({ key }: RowTable, pairs: readonly Pair[]): string {
  return key
    .map((name) => `t.${name} = ${pairs.find(({ column }) => column.name === name)?.value ?? 'NULL'}`)
    .join(' AND ')
}
