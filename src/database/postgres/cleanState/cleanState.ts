/**
 * Records the state of a fresh copy, so that after a test we can tell whether only rows changed and then restore it.
 *
 * This is read from the tables themselves: each row of each catalog, and of each table that had rows, must still exist,
 * with no new rows beside it (by the transaction that wrote them), and a table that never had a page must have none.
 * Statistics would not see everything. Other changes make the copy different: DDL and TRUNCATE show in pg_class, large
 * objects in their own catalog, database settings in theirs.
 */
import type { Client } from 'pg'
import { HAS_NOTHING_OF_ITS_OWN, othersThan, settingsWrittenSince } from '../aroundDatabase.ts'
import { identifier, literal } from '../tables.ts'
import { type Moment, NOW, rowTransactionOf, transactionOf } from './moment.ts'

/** The clean state of a snapshot, with which all its copies are compared. */
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
   * Reads the state of an unused copy in a session of its own, which has {@link INSPECTOR_SETTINGS}. Returns undefined if it cannot be determined (an
   * administrator who may not read everything, tables on other servers) or if it would take longer than making a new
   * copy.
   */
  static async read(client: Client): Promise<CleanState | undefined> {
    try {
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

  /** Prepares another session for `restore`. */
  async prepare(client: Client): Promise<void> {
    await client.query(this.#statements)
  }

  /**
   * Restores a copy if only rows were added; nobody else may be connected.
   * @param since the moment at which the copy was made or last restored
   * @returns the same value for the next time; undefined if more than that has changed
   */
  async restore(client: Client, since: Moment): Promise<Moment | undefined> {
    const { database, last } = await this.#askFirst(client, rowTransactionOf(since))
    const { statistics, bytes } = database.facts
    if (database.others) throw new OthersConnected()
    if (!database.same || statistics !== this.#facts.statistics || bytes > this.#facts.bytes + MOST_MORE_BYTES)
      return undefined
    // If nothing on the whole server has written, only changes that need no transaction remain to be checked.
    const untouched = transactionOf(database.now) === transactionOf(since)
    const { rows, none } = untouched ? { rows: [], none: [] } : await this.#askRows(client, rowTransactionOf(since))
    const changed = rows.map(({ count, fresh }, i) => ({
      table: this.#counted[i],
      count: Number(count),
      fresh: Number(fresh),
    }))
    // The original rows must still exist, and catalogs must have no new ones.
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
    // No transaction older than this check can still write, since nobody else is connected.
    if (truncate.length === 0 && moved.length === 0 && added.length === 0) return database.now
    const results = (await client.query(
      [
        'BEGIN',
        ...(truncate.length > 0 ? [`TRUNCATE ONLY ${truncate.join(', ')}`] : []),
        ...added.map(
          (name) => `DELETE FROM ONLY ${name} WHERE age(xmin) <= age(${literal(rowTransactionOf(since))}::xid)`,
        ),
        ...moved.map(({ name, last, called }) => `SELECT setval(${literal(name)}, ${last}, ${called})`),
        'COMMIT',
        `SELECT ${NOW} AS now`,
      ].join(';\n'),
    )) as unknown as { rows: { now: Moment }[] }[]
    return results.at(-1)?.rows[0]?.now
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

  /**
   * Adds the tables that refer to one of these, which TRUNCATE requires; undefined if one of those has rows to keep.
   */
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

/** Returns the server's present moment. */
export async function presentMoment(client: Pick<Client, 'query'>): Promise<Moment> {
  const { rows } = await client.query<{ now: Moment }>(`SELECT ${NOW} AS now`)
  return rows[0]?.now ?? '0'
}

/** Others are connected to the copy: they may go on writing, so they must disconnect first. */
export class OthersConnected extends Error {}

// --- internal ---

/** Bytes of rows to count after each test; above that, making a new copy is faster. */
export const MOST_BYTES = 8 * 2 ** 20
/** Bytes that deleted rows may leave behind. */
export const MOST_MORE_BYTES = 2 ** 19

interface Table {
  readonly oid: string
  readonly schema: string
  readonly name: string
  readonly kind: 'r' | 'm' | 'S'
  readonly size: string
  readonly system: boolean
  /** Other tables that have a foreign key to this one. */
  readonly referencing: readonly string[]
}

interface Counted {
  readonly oid: string
  readonly name: string
  /** `true` for a catalog, from which new rows cannot simply be deleted. */
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
  /** `true` if somebody else is connected. */
  readonly others: boolean
  /**
   * `true` if the database has nothing of its own that a fresh copy lacks: prepared transactions, replication slots,
   * subscriptions, a comment, security labels.
   */
  readonly same: boolean
  /** `true` if its pg_database row or its settings were written since. */
  readonly fresh: boolean
  readonly now: Moment
  readonly facts: Facts
}

interface Facts {
  /** The table statistics that the planner uses. */
  readonly statistics: string
  /** Size of the tables that had rows: deleted rows still take space. */
  readonly bytes: number
}

/**
 * Session settings. With session_replication_role = replica, the triggers of the test's tables do not fire when they
 * are emptied.
 */
export const INSPECTOR_SETTINGS = `SET search_path = pg_catalog; SET jit = off; SET plan_cache_mode = force_generic_plan; SET row_security = off; SET statement_timeout = '20s'; SET lock_timeout = '1s';
SET session_replication_role = replica; SET client_min_messages = error; SET default_transaction_read_only = off; SET standard_conforming_strings = on`

const TABLES = `SELECT c.oid::text, nspname AS schema, relname AS name, relkind AS kind, pg_relation_size(c.oid)::text AS size,
    nspname IN ('pg_catalog', 'information_schema') AS system,
    ARRAY(SELECT DISTINCT conrelid::text FROM pg_constraint f WHERE f.confrelid = c.oid AND f.contype = 'f' AND f.conrelid <> c.oid) AS referencing
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind IN ('r', 'm', 'S') AND NOT relisshared AND nspname <> 'pg_toast' AND relpersistence <> 't' ORDER BY c.oid`

/**
 * A query for anything that restoring rows cannot cover: foreign tables, triggers and rules that fire on deletes even
 * for a replica, triggers that fire when we connect, and settings of the database that a test could reset.
 */
export const ELSEWHERE = `SELECT EXISTS (SELECT FROM pg_class WHERE relkind = 'f') OR EXISTS (SELECT FROM pg_db_role_setting s, pg_database d WHERE s.setdatabase = d.oid AND d.datname = current_database())
  OR EXISTS (SELECT FROM pg_trigger WHERE tgenabled IN ('A', 'R') AND tgtype & 40 <> 0)
  OR EXISTS (SELECT FROM pg_rewrite WHERE ev_enabled IN ('A', 'R') AND ev_type = '4')
  OR EXISTS (SELECT FROM pg_event_trigger WHERE evtevent = 'login') AS elsewhere`

function prepare(counted: readonly Counted[], bare: readonly Bare[], sequences: readonly Sequence[]): string {
  const rows = counted.map(
    ({ name }) => `SELECT count(*), count(*) FILTER (WHERE age(xmin) <= age($1)) AS fresh FROM ONLY ${name}`,
  )
  const last = sequences.map(({ name }) => `SELECT last_value::text AS last, is_called AS called FROM ${name}`)
  return [
    `PREPARE migratest_rows(xid) AS ${rows.join(' UNION ALL ')}`,
    `PREPARE migratest_sizes AS SELECT oid::text FROM unnest('{${bare.map(({ oid }) => oid).join()}}'::oid[]) oid WHERE pg_relation_size(oid) > 0`,
    last.length > 0 ? `PREPARE migratest_sequences AS ${last.join(' UNION ALL ')}` : 'SELECT',
    `PREPARE migratest_database(xid) AS SELECT ${settingsWrittenSince('$1')} AS fresh, ${othersThan('a.pid <> pg_backend_pid()')} AS others,
       ${NOW} AS now, ${HAS_NOTHING_OF_ITS_OWN} AS same,
       (SELECT concat_ws(' ', sum(reltuples::numeric), sum(relpages), sum(relallvisible)) FROM pg_class WHERE relkind IN ('r', 'm')) AS statistics,
       (SELECT coalesce(sum(pg_relation_size(oid)), 0) FROM unnest('{${counted
         .filter(({ system }) => !system)
         .map(({ oid }) => oid)
         .join()}}'::oid[]) oid) AS bytes
     FROM pg_database d WHERE datname = current_database()`,
  ].join(';\n')
}
