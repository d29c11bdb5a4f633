/** Computes a hash of what a database holds: the history of its migrations and an outline of its catalogs. */
import { createHash } from 'node:crypto'
import { ASIDE_SCHEMA } from '../../../database/ownTables.ts'
import { openUrl } from '../../../database/postgres/connection.ts'
import { postgresDriver } from '../../../database/postgres/driver.ts'
import { literal } from '../../../database/postgres/tables.ts'
import type { DatabaseState } from '../../../migrate/driver.ts'
import { patiently } from './connections.ts'

/**
 * Returns the hash of a database, read on a separate connection.
 * @param first SQL to run on that connection before
 */
export async function digestOf(url: string, first?: string): Promise<string> {
  const session = await patiently(() => openUrl(url))
  try {
    if (first !== undefined) await session.query(first)
    const driver = await postgresDriver(session)
    // Beside another tool's migrations, our tables are elsewhere, and a table of that name may be the tool's.
    const aside = `SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ${literal(ASIDE_SCHEMA)}`
    if ((await session.query(aside)).length > 0) driver.standAside?.()
    // A table of that name may be another tool's, and ours be where the test's options put them.
    const { version, dirty, history } = await driver.state().catch(() => NOTHING)
    const [catalogs] = await session.query(OUTLINE)
    const applied = history.map((entry) => [entry.version, entry.name, entry.fingerprint, entry.downFingerprint])
    return createHash('sha256')
      .update(JSON.stringify([version, dirty, applied, catalogs?.outline]))
      .digest('hex')
      .slice(0, 32)
  } finally {
    await session.close().catch(() => undefined)
  }
}

// --- internal ---

const NOTHING: DatabaseState = { version: -1, dirty: false, history: [] }

/** Selects an outline of the catalogs. It may contain oids, since a copy has the same ones. */
const OUTLINE = `SELECT pg_catalog.md5(pg_catalog.concat_ws(' ',
    (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', relname, relkind, relnatts, relchecks, relhasindex, relrowsecurity), ' ' ORDER BY oid) FROM pg_catalog.pg_class WHERE relnamespace <> 'pg_catalog'::pg_catalog.regnamespace),
    (SELECT pg_catalog.concat_ws(',', pg_catalog.count(*), pg_catalog.max(oid::bigint)) FROM pg_catalog.pg_type), (SELECT pg_catalog.concat_ws(',', pg_catalog.count(*), pg_catalog.max(oid::bigint)) FROM pg_catalog.pg_proc),
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute), (SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint), (SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger),
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_enum), (SELECT pg_catalog.count(*) FROM pg_catalog.pg_description))) AS outline`
