/**
 * What a copy was like when it was made, so that after a test it can be told whether only rows changed, and then be put back.
 *
 * Told from the tables themselves: each row of each catalog, and of each table that had rows, must be there still and no
 * other with it (by the transaction that wrote it), and a table that never had a page must have none. Statistics would not
 * see everything. What is not rows makes it different: DDL and TRUNCATE are seen in pg_class, large objects in their own
 * catalog, settings of the database in theirs.
 */
import type { Client } from 'pg'
import { identifier, literal } from './tables.ts'

/** Of a snapshot: all its copies are held against it. */
export class CleanState {
  readonly #counted: readonly Counted[]
  readonly #bare: readonly Bare[]
  readonly #sequences: readonly Sequence[]
  readonly #statements: string
  readonly #facts: Facts

  private constructor(
    counted: readonly Counted[],
    bare: readonly Bare[],
    sequences: readonly Sequence[],
    facts: Facts,
  ) {
    this.#counted = counted
    this.#bare = bare
    this.#sequences = sequences
    this.#statements = prepare(counted, bare, sequences)
    this.#facts = facts
  }

  /**
   * Of a copy that nobody has used yet, on a session of its own. Undefined where that cannot be told (an administrator who
   * may not read everything, tables elsewhere) or would take longer than a new copy.
   */
  static async read(client: Client): Promise<CleanState | undefined> {
    try {
      await client.query(SETTINGS)
      const { rows: tables } = await client.query<Table>(TABLES)
      const { rows: others } = await client.query<{ elsewhere: boolean }>(ELSEWHERE)
      if (others[0]?.elsewhere) return undefined
      const isBare = (table: Table) => table.kind !== 'S' && !table.system && Number(table.size) === 0
      const counted = tables.filter((table) => table.kind !== 'S' && !isBare(table))
      const bytes = counted.reduce((sum, { size, system }) => sum + (system ? 0 : Number(size)), 0)
      if (bytes > MOST_BYTES) return undefined
      const named = (table: Table) => `${identifier(table.schema)}.${identifier(table.name)}`
      const bare = tables.filter(isBare).map((table) => ({
        oid: table.oid,
        name: named(table),
        referencing: table.referencing,
      }))
      const sequences = tables
        .filter(({ kind }) => kind === 'S')
        .map((table) => ({ name: named(table), last: '', called: false }))
      const blank = new CleanState(
        counted.map((table) => ({ oid: table.oid, name: named(table), system: table.system, rows: 0 })),
        bare,
        sequences,
        { statistics: '', bytes: 0 },
      )
      await client.query(blank.#statements)
      const { database, last } = await blank.#askFirst(client, '3')
      const { rows, none } = await blank.#askRows(client, '3')
      if (none.length > 0) return undefined
      return new CleanState(
        blank.#counted.map((table, i) => ({ ...table, rows: Number(rows[i]?.count) })),
        bare,
        sequences.map(({ name }, i) => ({ name, last: last[i]?.last ?? '', called: last[i]?.called ?? false })),
        database.facts,
      )
    } catch {
      return undefined
    }
  }

  /** Gets another session ready to ask. */
  async prepare(client: Client): Promise<void> {
    await client.query(SETTINGS)
    await client.query(this.#statements)
  }

  /**
   * Puts a copy back, if only rows were added; nobody else may be connected.
   * @param since the first transaction after it was made, or put back
   * @returns the same for the next time; undefined where it is another database by now
   */
  async restore(client: Client, since: string): Promise<string | undefined> {
    const { database, last } = await this.#askFirst(client, short(since))
    const { statistics, bytes } = database.facts
    if (database.others) throw new OthersConnected()
    if (!database.same || statistics !== this.#facts.statistics || bytes > this.#facts.bytes + MOST_MORE_BYTES)
      return undefined
    // Nothing on the whole server has written: only what needs no transaction is left to look at.
    const untouched = database.next === since
    const { rows, none } = untouched ? { rows: [], none: [] } : await this.#askRows(client, short(since))
    const changed = rows.map(({ count, fresh }, i) => ({
      table: this.#counted[i],
      count: Number(count),
      fresh: Number(fresh),
    }))
    // Rows that were there must be there still, and in a catalog no others.
    const differs = changed.some(
      ({ table, count, fresh }) => count - fresh !== table?.rows || (table.system && fresh > 0),
    )
    if (differs || (!untouched && database.fresh)) return undefined
    const truncate = this.#withReferencing(none.map(({ oid }) => oid))
    if (truncate === undefined) return undefined
    const moved = this.#sequences.filter(
      (sequence, i) => sequence.last !== last[i]?.last || sequence.called !== last[i]?.called,
    )
    const added = changed.flatMap(({ table, fresh }) => (table && fresh > 0 ? [table.name] : []))
    // No transaction from before this look can write any more: nobody is connected.
    if (truncate.length === 0 && moved.length === 0 && added.length === 0) return database.next
    const results = (await client.query(
      [
        'BEGIN',
        ...(truncate.length > 0 ? [`TRUNCATE ONLY ${truncate.join(', ')}`] : []),
        ...added.map((name) => `DELETE FROM ONLY ${name} WHERE age(xmin) <= age(${literal(short(since))}::xid)`),
        ...moved.map(({ name, last, called }) => `SELECT setval(${literal(name)}, ${last}, ${called})`),
        'COMMIT',
        NEXT_TRANSACTION,
      ].join(';\n'),
    )) as unknown as { rows: { next: string }[] }[]
    return results.at(-1)?.rows[0]?.next
  }

  async #askFirst(client: Client, since: string): Promise<{ database: DatabaseFacts; last: readonly SequenceRow[] }> {
    const sequences = this.#sequences.length === 0 ? 'SELECT WHERE false' : 'EXECUTE migratest_sequences'
    const results = (await client.query(`EXECUTE migratest_database(${literal(since)}); ${sequences}`)) as unknown as [
      { rows: (Omit<DatabaseFacts, 'facts'> & { statistics: string; bytes: string })[] },
      { rows: SequenceRow[] },
    ]
    const [found, last] = results
    const [row] = found.rows
    if (!row) throw new Error('the database is not listed')
    const { statistics, bytes, ...rest } = row
    return { database: { ...rest, facts: { statistics, bytes: Number(bytes) } }, last: last.rows }
  }

  async #askRows(
    client: Client,
    since: string,
  ): Promise<{ rows: readonly RowCount[]; none: readonly { oid: string }[] }> {
    const results = (await client.query(
      `EXECUTE migratest_rows(${literal(since)}); EXECUTE migratest_sizes`,
    )) as unknown as [{ rows: RowCount[] }, { rows: { oid: string }[] }]
    return { rows: results[0].rows, none: results[1].rows }
  }

  /** Truncating asks for all tables that refer to one of them; undefined where one of those has rows to keep. */
  #withReferencing(oids: readonly string[]): string[] | undefined {
    const byOid = new Map(this.#bare.map((table) => [table.oid, table]))
    const all = new Set(oids)
    for (const oid of all) {
      for (const referencing of byOid.get(oid)?.referencing ?? []) {
        if (!byOid.has(referencing)) return undefined
        all.add(referencing)
      }
    }
    return [...all].map((oid) => byOid.get(oid)?.name ?? '')
  }
}

/** The first transaction that has not begun yet, of the whole server. */
export async function nextTransaction(client: Pick<Client, 'query'>): Promise<string> {
  const { rows } = await client.query<{ next: string }>(NEXT_TRANSACTION)
  return rows[0]?.next ?? '0'
}

/** Whoever is connected may go on writing: they have to go first. */
export class OthersConnected extends Error {}

// --- internal ---

const NEXT_TRANSACTION = 'SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text AS next'

/** Rows to count anew after each test; above, a new copy is sooner there. */
const MOST_BYTES = 8 * 2 ** 20
/** What may be left of deleted rows. */
const MOST_MORE_BYTES = 2 ** 19

interface Table {
  readonly oid: string
  readonly schema: string
  readonly name: string
  readonly kind: 'r' | 'm' | 'S'
  readonly size: string
  readonly system: boolean
  /** Tables that have a foreign key to it. */
  readonly referencing: readonly string[]
}

interface Counted {
  readonly oid: string
  readonly name: string
  /** A catalog: rows of it that are new cannot just be deleted. */
  readonly system: boolean
  readonly rows: number
}

interface Bare {
  readonly oid: string
  readonly name: string
  readonly referencing: readonly string[]
}

interface Sequence {
  readonly name: string
  readonly last: string
  readonly called: boolean
}

interface RowCount {
  readonly count: string
  readonly fresh: string
}

interface SequenceRow {
  readonly last: string
  readonly called: boolean
}

interface DatabaseFacts {
  /** Somebody else is connected. */
  readonly others: boolean
  /** Nothing is there that only the database itself has. */
  readonly same: boolean
  /** What it has itself was written since. */
  readonly fresh: boolean
  /** The first transaction that has not begun yet. */
  readonly next: string
  readonly facts: Facts
}

interface Facts {
  /** What the planner goes by. */
  readonly statistics: string
  /** Of tables that had rows: what was deleted from them still takes room. */
  readonly bytes: number
}

/** As a replica: triggers of the test's tables do not fire when they are emptied. */
const SETTINGS = `SET search_path = pg_catalog; SET jit = off; SET plan_cache_mode = force_generic_plan; SET row_security = off; SET statement_timeout = '20s'; SET lock_timeout = '1s';
SET session_replication_role = replica; SET client_min_messages = error; SET default_transaction_read_only = off; SET standard_conforming_strings = on`

const TABLES = `SELECT c.oid::text, nspname AS schema, relname AS name, relkind AS kind, pg_relation_size(c.oid)::text AS size,
    nspname IN ('pg_catalog', 'information_schema') AS system,
    ARRAY(SELECT DISTINCT conrelid::text FROM pg_constraint f WHERE f.confrelid = c.oid AND f.contype = 'f' AND f.conrelid <> c.oid) AS referencing
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind IN ('r', 'm', 'S') AND NOT relisshared AND nspname <> 'pg_toast' AND relpersistence <> 't' ORDER BY c.oid`

/** Rows on other servers, triggers and rules that fire for a replica too when rows go, settings that a test could reset. */
const ELSEWHERE = `SELECT EXISTS (SELECT FROM pg_class WHERE relkind = 'f') OR EXISTS (SELECT FROM pg_db_role_setting s, pg_database d WHERE s.setdatabase = d.oid AND d.datname = current_database())
  OR EXISTS (SELECT FROM pg_trigger WHERE tgenabled IN ('A', 'R') AND tgtype & 40 <> 0)
  OR EXISTS (SELECT FROM pg_rewrite WHERE ev_enabled IN ('A', 'R') AND ev_type = '4') AS elsewhere`

/** As rows carry it. */
function short(transaction: string): string {
  return String(BigInt(transaction) & 0xffff_ffffn)
}

function prepare(counted: readonly Counted[], bare: readonly Bare[], sequences: readonly Sequence[]): string {
  const rows = counted.map(
    ({ name }) => `SELECT count(*), count(*) FILTER (WHERE age(xmin) <= age($1)) AS fresh FROM ONLY ${name}`,
  )
  const last = sequences.map(({ name }) => `SELECT last_value::text AS last, is_called AS called FROM ${name}`)
  return [
    `PREPARE migratest_rows(xid) AS ${rows.join(' UNION ALL ')}`,
    `PREPARE migratest_sizes AS SELECT oid::text FROM unnest('{${bare.map(({ oid }) => oid).join()}}'::oid[]) oid WHERE pg_relation_size(oid) > 0`,
    last.length > 0 ? `PREPARE migratest_sequences AS ${last.join(' UNION ALL ')}` : 'SELECT',
    `PREPARE migratest_database(xid) AS SELECT age(d.xmin) <= age($1) OR EXISTS (SELECT FROM pg_db_role_setting s WHERE s.setdatabase = d.oid AND age(s.xmin) <= age($1)) AS fresh,
       EXISTS (SELECT FROM pg_stat_get_activity(NULL) a WHERE a.datid = d.oid AND a.pid <> pg_backend_pid() AND a.backend_type <> 'autovacuum worker') AS others,
       pg_snapshot_xmax(pg_current_snapshot())::text AS next,
       NOT EXISTS (SELECT FROM pg_prepared_xacts x WHERE x.database = d.datname) AND NOT EXISTS (SELECT FROM pg_replication_slots r WHERE r.database = d.datname)
       AND NOT EXISTS (SELECT FROM pg_subscription b WHERE b.subdbid = d.oid) AND shobj_description(d.oid, 'pg_database') IS NULL
       AND NOT EXISTS (SELECT FROM pg_shseclabel l WHERE l.objoid = d.oid AND l.classoid = 'pg_database'::regclass) AS same,
       (SELECT concat_ws(' ', sum(reltuples::numeric), sum(relpages), sum(relallvisible)) FROM pg_class WHERE relkind IN ('r', 'm')) AS statistics,
       (SELECT coalesce(sum(pg_relation_size(oid)), 0) FROM unnest('{${counted
         .filter(({ system }) => !system)
         .map(({ oid }) => oid)
         .join()}}'::oid[]) oid) AS bytes
     FROM pg_database d WHERE datname = current_database()`,
  ].join(';\n')
}
