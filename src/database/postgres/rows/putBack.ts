/** Puts rows back into tables as they are now: what the migrations wrote wins, and nothing that fails takes others with it. */
import type { LeftRows } from '../../development.ts'
import type { Session } from '../session.ts'
import { literal } from '../tables.ts'
import type { Aside } from './keeper.ts'
import type { RowColumn, RowTable } from './model.ts'

/** Tables before those that refer to them; in circles, as they come. */
export function inOrder(tables: readonly RowTable[]): RowTable[] {
  const byOid = new Map(tables.map((table) => [table.oid, table]))
  const ordered = new Set<RowTable>()
  const under = new Set<RowTable>()
  const visit = (table: RowTable) => {
    if (ordered.has(table) || under.has(table)) return
    under.add(table)
    for (const { table: oid } of table.references) {
      const other = byOid.get(oid)
      if (other) visit(other)
    }
    ordered.add(table)
  }
  for (const table of tables) visit(table)
  return [...ordered]
}

export interface Put {
  readonly rows: number
  readonly left: readonly LeftRows[]
}

export class PutBack {
  readonly #session: Session
  #after: string[] = []
  #checks: boolean | undefined

  constructor(session: Session) {
    this.#session = session
  }

  /** Triggers of users stay quiet, and foreign keys of tables that refer to each other are looked at in the end. */
  async begin(tables: readonly RowTable[]): Promise<void> {
    const before: string[] = []
    this.#after = []
    const place = new Map(inOrder(tables).map(({ oid }, i) => [oid, i]))
    for (const table of tables) {
      for (const { name, state } of table.triggers) {
        before.push(`ALTER TABLE ${table.name} DISABLE TRIGGER ${name};`)
        this.#after.push(`ALTER TABLE ${table.name} ENABLE ${WORDS[state]}TRIGGER ${name};`)
      }
      const own = place.get(table.oid) ?? 0
      for (const { constraint, schema, mode, table: other } of table.references) {
        if ((place.get(other) ?? -1) < own) continue
        before.push(
          `ALTER TABLE ${table.name} ALTER CONSTRAINT ${constraint} DEFERRABLE INITIALLY DEFERRED;`,
          `SET CONSTRAINTS ${schema}.${constraint} DEFERRED;`,
        )
        this.#after.push(`ALTER TABLE ${table.name} ALTER CONSTRAINT ${constraint} ${mode};`)
      }
    }
    // Tables whose rows still wait for a check cannot be altered.
    if (before.length > 0) await this.#script(['SET CONSTRAINTS ALL IMMEDIATE;', ...before].join('\n'))
  }

  async end(): Promise<void> {
    if (this.#after.length > 0) await this.#script(['SET CONSTRAINTS ALL IMMEDIATE;', ...this.#after].join('\n'))
  }

  async table(aside: Aside, table: RowTable): Promise<Put> {
    const left: LeftRows[] = []
    const pairs = await this.#pairs(aside, table, left)
    const keyed = table.key.length > 0 && table.key.every((name) => pairs.some(({ column }) => column.name === name))
    if (keyed) await this.#meet(aside, table, pairs)
    const missing = table.columns.filter(
      ({ name, required }) => required && !pairs.some(({ column }) => column.name === name),
    )
    let refused: string | undefined
    if (!keyed && !(await this.#isEmpty(aside, table))) {
      refused = aside.survived ? undefined : 'it has no key, and the migrations fill it'
      if (aside.survived) await this.#query(`UPDATE ${aside.copy} SET state = 'present'`)
    } else if (pairs.length === 0) {
      refused = 'it has none of their columns any more'
    } else if (missing.length > 0) {
      refused = `column ${missing.map(({ name }) => name).join(', ')} is NOT NULL and has no default`
    } else await this.#insert(aside, table, pairs, keyed)
    if (keyed) await this.#fill(aside, table, pairs)
    left.push(...(await this.#leftOf(aside, table, refused)))
    const [row] = await this.#query(`SELECT count(*)::int AS rows FROM ${aside.copy} WHERE state = 'done'`)
    return { rows: Number(row?.rows ?? 0), left }
  }

  // --- internal ---

  /** Columns that were kept and are there now, each with what its values are read from. */
  async #pairs(aside: Aside, table: RowTable, left: LeftRows[]): Promise<Pair[]> {
    const pairs: Pair[] = []
    for (const column of table.columns) {
      const index = aside.columns.indexOf(column.name)
      if (index === -1 || column.generated) continue
      const was = aside.was?.columns.find(({ name }) => name === column.name)
      const kept = `k.c${index}`
      const plain = `${kept}::${column.type}`
      if (was && was.typeId === column.typeId) {
        pairs.push({ column, kept, value: plain })
        continue
      }
      const checked = await this.#checked(kept, column)
      const valid = checked ?? plain
      const lost = await this.#lost(aside, kept, valid, checked !== undefined)
      if (lost > 0) {
        const why = `${lost === 1 ? 'a value' : 'values'} that ${column.type} cannot hold`
        left.push({ table: table.shown, column: column.name, rows: lost, why })
        if (checked === undefined) continue
      }
      pairs.push({ column, kept, value: valid })
    }
    return pairs
  }

  /** PostgreSQL 16 and later can say of a text whether a type takes it. */
  async #checked(kept: string, { type }: RowColumn): Promise<string | undefined> {
    if (this.#checks === undefined) {
      const [row] = await this.#query("SELECT to_regproc('pg_catalog.pg_input_is_valid') IS NOT NULL AS there")
      this.#checks = row?.there === true
    }
    return this.#checks
      ? `CASE WHEN pg_catalog.pg_input_is_valid(${kept}, ${literal(type)}) THEN ${kept}::${type} END`
      : undefined
  }

  /** How many values cannot be read; where one of them fails the query, all. */
  async #lost(aside: Aside, kept: string, value: string, checks: boolean): Promise<number> {
    const count = `SELECT count(*)::int AS lost FROM ${aside.copy} k WHERE ${kept} IS NOT NULL`
    if (checks) {
      const [row] = await this.#query(`${count} AND (${value}) IS NULL`)
      return Number(row?.lost)
    }
    const readable = await this.#tries(`SELECT count(${value}) FROM ${aside.copy} k;`)
    if (readable === undefined) return 0
    const [row] = await this.#query(count)
    return Number(row?.lost)
  }

  /** Rows whose key is there already: written by the migrations, or never gone. */
  async #meet(aside: Aside, table: RowTable, pairs: readonly Pair[]): Promise<void> {
    await this.#query(
      `UPDATE ${aside.copy} k SET state = 'met' FROM ${table.name} t WHERE state IN ('new', 'waited') AND ${matching(table, pairs)}`,
    )
  }

  async #isEmpty({ copy }: Aside, table: RowTable): Promise<boolean> {
    const [row] = await this.#query(
      `SELECT NOT EXISTS (SELECT FROM ${table.name}) AND EXISTS (SELECT FROM ${copy}) AS empty`,
    )
    return row?.empty === true
  }

  async #insert(aside: Aside, table: RowTable, pairs: readonly Pair[], keyed: boolean): Promise<void> {
    const names = pairs.map(({ column }) => column.name).join(', ')
    const values = pairs.map(({ value }) => value).join(', ')
    const into = `INSERT INTO ${table.name} (${names}) OVERRIDING SYSTEM VALUE`
    const rows = `SELECT ${values} FROM ${aside.copy} k WHERE state IN ('new', 'waited') ORDER BY n`
    const failed = await this.#tries(`${into} ${rows} ON CONFLICT DO NOTHING;`)
    if (failed !== undefined) {
      // One by one: what is wrong with some is not wrong with all.
      await this.#script(`DO $migratest$ DECLARE r record; BEGIN
FOR r IN SELECT n FROM ${aside.copy} WHERE state IN ('new', 'waited') ORDER BY n LOOP
  BEGIN
    ${into} SELECT ${values} FROM ${aside.copy} k WHERE k.n = r.n ON CONFLICT DO NOTHING;
    ${keyed ? '' : `UPDATE ${aside.copy} SET state = 'done' WHERE n = r.n;`}
  EXCEPTION WHEN OTHERS THEN UPDATE ${aside.copy} SET error = SQLERRM WHERE n = r.n;
  END;
END LOOP; END $migratest$;`)
    } else if (!keyed) await this.#query(`UPDATE ${aside.copy} SET state = 'done' WHERE state IN ('new', 'waited')`)
    if (!keyed) return
    await this.#query(
      `UPDATE ${aside.copy} k SET state = 'done' FROM ${table.name} t WHERE state IN ('new', 'waited') AND ${matching(table, pairs)}`,
    )
  }

  /** Of rows that are there, only what is null or as it comes by default is filled in. */
  async #fill(aside: Aside, table: RowTable, pairs: readonly Pair[]): Promise<void> {
    const fillable = pairs.filter(({ column }) => !table.key.includes(column.name) && !column.identity)
    const groups: [states: string, some: readonly Pair[]][] = [
      ["'present'", fillable.filter(({ column }) => !aside.lasting.has(column.name))],
      ["'met', 'values'", fillable],
    ]
    for (const [states, some] of groups) {
      if (some.length === 0) continue
      const [any] = await this.#query(`SELECT EXISTS (SELECT FROM ${aside.copy} WHERE state IN (${states})) AS any`)
      if (!any?.any) continue
      const open = new Map<Pair, string>()
      for (const pair of some) open.set(pair, await this.#isOpen(pair))
      const set = some.map((pair) => {
        const { column, value } = pair
        return `${column.name} = CASE WHEN ${open.get(pair)} THEN ${value} ELSE t.${column.name} END`
      })
      const where = `k.state IN (${states}) AND ${matching(table, pairs)} AND (${[...open.values()].join(' OR ')})`
      const failed = await this.#tries(
        `UPDATE ${table.name} t SET ${set.join(', ')} FROM ${aside.copy} k WHERE ${where};`,
      )
      if (failed === undefined) continue
      await this.#script(`DO $migratest$ DECLARE r record; BEGIN
FOR r IN SELECT n FROM ${aside.copy} WHERE state IN (${states}) LOOP
  BEGIN
    UPDATE ${table.name} t SET ${set.join(', ')} FROM ${aside.copy} k WHERE k.n = r.n AND ${where};
  EXCEPTION WHEN OTHERS THEN UPDATE ${aside.copy} SET error = SQLERRM WHERE n = r.n;
  END;
END LOOP; END $migratest$;`)
    }
  }

  /** Whether a column of a row is to be filled. A default that is another each time cannot be told from what was written. */
  async #isOpen({ column, kept, value }: Pair): Promise<string> {
    const now = `t.${column.name}::text`
    const different = `(${value}) IS NOT NULL AND ${now} IS DISTINCT FROM ${kept}`
    if (column.default === null) return `(${different} AND t.${column.name} IS NULL)`
    const preset = `(${column.default})::text`
    const steady =
      !/\bnextval\b/i.test(column.default) &&
      (await this.#query(`SELECT ${preset} IS NOT DISTINCT FROM ${preset} AS steady`))[0]?.steady === true
    return steady ? `(${different} AND (t.${column.name} IS NULL OR ${now} = ${preset}))` : `(${different})`
  }

  async #leftOf(aside: Aside, table: RowTable, refused: string | undefined): Promise<LeftRows[]> {
    const rows = await this.#query(
      `SELECT count(*)::int AS rows, (array_agg(error) FILTER (WHERE error IS NOT NULL))[1] AS why FROM ${aside.copy} WHERE state IN ('new', 'waited')`,
    )
    const why = (row: (typeof rows)[number] | undefined) =>
      refused ?? (row?.why ? String(row.why) : 'other rows have what must be there only once')
    const left: LeftRows[] = rows.map((row) => ({ table: table.shown, rows: Number(row.rows), why: why(row) }))
    const gone = aside.columns.filter((name) => !table.columns.some((column) => column.name === name))
    if (gone.length === 0) return left
    const [counts] = await this.#query(
      `SELECT ${gone.map((name, i) => `count(c${aside.columns.indexOf(name)})::int AS g${i}`).join(', ')} FROM ${aside.copy} WHERE state NOT IN ('new', 'waited')`,
    )
    return [
      ...left,
      ...gone.map((name, i) => ({
        table: table.shown,
        column: name,
        rows: Number(counts?.[`g${i}`] ?? 0),
        why: 'its column is gone',
      })),
    ]
  }

  /** What the server says where it fails, which then did nothing. */
  async #tries(sql: string): Promise<string | undefined> {
    await this.#script(`SAVEPOINT ${ROWS}`)
    try {
      await this.#script(`${sql}\nRELEASE ${ROWS};`)
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

const NEVER = new AbortController().signal
const ROWS = '"migratest rows"'
const WORDS = { O: '', A: 'ALWAYS ', R: 'REPLICA ' } as const

interface Pair {
  readonly column: RowColumn
  /** The text. */
  readonly kept: string
  /** The value, in the type that the column has now. */
  readonly value: string
}

function matching(table: RowTable, pairs: readonly Pair[]): string {
  return table.key
    .map((name) => `t.${name} = ${pairs.find(({ column }) => column.name === name)?.value ?? 'NULL'}`)
    .join(' AND ')
}
