/** The SQL of the two tables that only databases in development have. */
import { ownTables } from '../../ownTables.ts'
import { identifier, literal, type Tables } from '../tables.ts'

export interface OwnDevelopment {
  readonly developmentTable: string
  readonly keptTable: string
  /** Names of all our tables. */
  readonly own: readonly string[]
  /** Makes them. */
  readonly create: string
  readonly remember: (versions: readonly number[]) => string
  /** Gives `xid` and `up` of each. */
  readonly makers: (versions: readonly number[]) => string
}

export function developmentTables({ schema, version, historyTable }: Tables): OwnDevelopment {
  const own = ownTables(version)
  const [, , development, kept] = own
  const developmentTable = `${identifier(schema)}.${identifier(development)}`
  const keptTable = `${identifier(schema)}.${identifier(kept)}`
  return {
    developmentTable,
    keptTable,
    own,
    create: `CREATE TABLE IF NOT EXISTS ${developmentTable} (key text PRIMARY KEY, value jsonb NOT NULL);
CREATE TABLE IF NOT EXISTS ${keptTable} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tab text NOT NULL, whole boolean NOT NULL, line jsonb NOT NULL);`,
    // A record that is written anew has another xmin than the rows that came with it.
    remember: (versions) =>
      versions.length === 0
        ? ''
        : `INSERT INTO ${developmentTable} (key, value)
SELECT 'xid ' || version, pg_catalog.jsonb_build_object('xid', xmin::text, 'at', applied_at) FROM ${historyTable} WHERE version IN (${versions.join(', ')})
ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE ${developmentTable}.value->'at' <> excluded.value->'at';`,
    makers: (versions) => `SELECT coalesce(d.value->>'xid', h.xmin::text) AS xid, h.up FROM ${historyTable} h
LEFT JOIN ${developmentTable} d ON d.key = 'xid ' || h.version AND d.value->'at' = pg_catalog.to_jsonb(h.applied_at)
WHERE h.version IN (${versions.map((version) => literal(version)).join(', ')})`,
  }
}
