/**
 * Asks the server's write-ahead log which relations of a database were written since a moment. That a test left all
 * catalogs alone then follows from a few records; otherwise each of their rows has to be looked at.
 *
 * The function that reads the log belongs to an extension, which is created in the administrator's database, so this is
 * for servers that we started. What the log does not contain has to be excluded by the caller: unlogged tables, and
 * sequences whose next numbers are logged already.
 */
import type { Client } from 'pg'
import { HAS_NOTHING_OF_ITS_OWN, othersThan, settingsWrittenSince } from '../aroundDatabase.ts'
import { literal } from '../tables.ts'
import { logPositionOf, type Moment, rowTransactionOf, transactionOf } from './moment.ts'

/** The first version in which the log can be written out on demand. */
export const LOG_SINCE_VERSION = 170_000

export interface Written {
  /** `true` if somebody else is connected, who may go on writing. */
  readonly others: boolean
  /**
   * `true` if the database has nothing of its own outside of it that a fresh copy lacks: see `CleanState`. Its settings
   * have not changed either.
   */
  readonly same: boolean
  /** The file numbers of the relations that were written; `undefined` if the log has grown too long to be read. */
  readonly files: readonly string[] | undefined
  /** The moment up to which this holds. */
  readonly upTo: Moment
}

export class WriteAheadLog {
  readonly #client: Pick<Client, 'query'>
  #latest: Moment | undefined

  private constructor(client: Pick<Client, 'query'>) {
    this.#client = client
  }

  /** Prepares a superuser's session. Returns `undefined` if this server's log cannot be read. */
  static async open(client: Pick<Client, 'query'>): Promise<WriteAheadLog | undefined> {
    const prepare = async () => {
      await client.query(PREPARE)
      return new WriteAheadLog(client)
    }
    try {
      return await prepare()
    } catch {
      // Another process may be creating it, too: then one of the two fails.
      await client.query('CREATE EXTENSION IF NOT EXISTS pg_walinspect').catch(() => undefined)
      return prepare().catch(() => undefined)
    }
  }

  /** The last moment that was seen, which is before anything that happens from now on. */
  get latest(): Moment | undefined {
    return this.#latest
  }

  /**
   * Looks at a database.
   * @param own process ids of our own sessions on it
   */
  async look(name: string, own: readonly number[], since: Moment): Promise<Written> {
    const results = (await this.#client.query(
      `EXECUTE migratest_around(${literal(name)}, ${literal(rowTransactionOf(since))}, '{${own.join()}}'); EXECUTE migratest_flush; ` +
        `EXECUTE migratest_written(${literal(name)}, ${literal(logPositionOf(since))})`,
    )) as unknown as [{ rows: Around[] }, unknown, { rows: Log[] }]
    const [around] = results[0].rows
    const [log] = results[2].rows
    if (!around || !log) throw new Error('the database is not listed')
    const { next, others, same, fresh } = around
    const upTo = `${next} ${log.end}`
    this.#latest = upTo
    // Another database's settings are in the same table: its rows count only if a transaction has begun since.
    const settings = fresh && next !== transactionOf(since)
    return { others, same: same && !settings, files: log.far ? undefined : log.files, upTo }
  }
}

// --- internal ---

interface Around {
  readonly others: boolean
  readonly same: boolean
  readonly fresh: boolean
  readonly next: string
}

interface Log {
  readonly end: string
  readonly far: boolean
  readonly files: string[]
}

/** Bytes of log to read at most; above that, a new copy is faster. */
const MOST_BYTES = 8 * 2 ** 20

/** The records that the server logs when a session only reads: hints, and the removal of rows that nobody sees. */
const READING = "'FPI_FOR_HINT', 'PRUNE_ON_ACCESS'"

/**
 * The log is read only as far as it is written out, and commits do not wait for that. The first statement is the one
 * that fails without the extension.
 */
const PREPARE = `SET jit = off; SET plan_cache_mode = force_generic_plan;
PREPARE migratest_written(name, pg_lsn) AS SELECT upto::text AS end, upto - $2 > ${MOST_BYTES} AS far,
  ARRAY(SELECT DISTINCT relfilenode::text FROM pg_get_wal_block_info($2, CASE WHEN upto - $2 > ${MOST_BYTES} THEN $2 ELSE upto END, false)
    WHERE reldatabase = (SELECT oid FROM pg_database WHERE datname = $1) AND record_type NOT IN (${READING})) AS files
  FROM (SELECT pg_current_wal_flush_lsn() AS upto OFFSET 0) log;
PREPARE migratest_flush AS SELECT pg_logical_emit_message(false, 'migratest', '', true);
PREPARE migratest_around(name, xid, int[]) AS SELECT ${othersThan('a.pid <> ALL ($3)')} AS others, ${settingsWrittenSince('$2')} AS fresh,
  ${HAS_NOTHING_OF_ITS_OWN} AS same, pg_snapshot_xmax(pg_current_snapshot())::text AS next
  FROM pg_database d WHERE d.datname = $1`
