/** SQL about what belongs to a database but is stored outside of it, for `pg_database d`. */

/**
 * True if the database has nothing that a fresh copy lacks: prepared transactions, replication slots, subscriptions, a
 * comment, security labels.
 */
export const HAS_NOTHING_OF_ITS_OWN = `(NOT EXISTS (SELECT FROM pg_prepared_xacts x WHERE x.database = d.datname) AND NOT EXISTS (SELECT FROM pg_replication_slots r WHERE r.database = d.datname)
  AND NOT EXISTS (SELECT FROM pg_subscription b WHERE b.subdbid = d.oid) AND shobj_description(d.oid, 'pg_database') IS NULL
  AND NOT EXISTS (SELECT FROM pg_shseclabel l WHERE l.objoid = d.oid AND l.classoid = 'pg_database'::regclass))`

/** True if its pg_database row or its settings were written by the transaction or a later one. */
export function settingsWrittenSince(transaction: string): string {
  return `(age(d.xmin) <= age(${transaction}) OR EXISTS (SELECT FROM pg_db_role_setting s WHERE s.setdatabase = d.oid AND age(s.xmin) <= age(${transaction})))`
}

/** True if a session other than these is connected. */
export function othersThan(condition: string): string {
  return `EXISTS (SELECT FROM pg_stat_get_activity(NULL) a WHERE a.datid = d.oid AND ${condition} AND a.backend_type <> 'autovacuum worker')`
}
