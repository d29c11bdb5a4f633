/** The SQL of the two tables that only databases in development have. */
import { readScript } from '../../../sql/script.ts'
import { ownTables } from '../../ownTables.ts'
import { identifier, literal, type Tables } from '../tables.ts'

export interface OwnDevelopment {
  readonly developmentTable: string
  readonly keptTable: string
  /** Names of all our tables. */
  readonly own: readonly string[]
  /** Makes them. */
  readonly create: string
  /** Around steps that may remove our tables. */
  readonly save: readonly string[]
  readonly restore: string
  /** Writes down what is known of rows that came with these migrations, of which `updated` names tables by oid. */
  readonly remember: (migrations: readonly Remembered[]) => string
  /** Gives `xid`, `up`, `updated` and `derives` of each. */
  readonly makers: (versions: readonly number[]) => string
}

export interface Remembered {
  readonly version: number
  /** Tables of which it changed rows that were there; undefined where that was not looked at. */
  readonly updated?: readonly string[] | undefined
  /** Whether rows that it inserted may have been made of others. */
  readonly derives?: boolean
}

export function developmentTables({ schema, version, historyTable }: Tables): OwnDevelopment {
  const own = ownTables(version)
  const [, , development, kept] = own
  const developmentTable = `${identifier(schema)}.${identifier(development)}`
  const keptTable = `${identifier(schema)}.${identifier(kept)}`
  const create = `CREATE TABLE IF NOT EXISTS ${developmentTable} (key text PRIMARY KEY, value jsonb NOT NULL);
CREATE TABLE IF NOT EXISTS ${keptTable} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tab text NOT NULL, whole boolean NOT NULL, line jsonb NOT NULL);`
  return {
    developmentTable,
    keptTable,
    own,
    create,
    save: [
      `CREATE TEMPORARY TABLE ${SAVED_DEVELOPMENT} ON COMMIT DROP AS SELECT * FROM ${developmentTable};`,
      `CREATE TEMPORARY TABLE ${SAVED_KEPT} ON COMMIT DROP AS SELECT * FROM ${keptTable};`,
    ],
    restore: `${create}
INSERT INTO ${developmentTable} SELECT * FROM pg_temp.${SAVED_DEVELOPMENT} ON CONFLICT DO NOTHING;
INSERT INTO ${keptTable} (tab, whole, line) SELECT tab, whole, line FROM pg_temp.${SAVED_KEPT} WHERE NOT EXISTS (SELECT FROM ${keptTable}) ORDER BY id;`,
    // A record of a migration that is written anew has another xmin than the rows that came with it.
    remember: (migrations) =>
      migrations.length === 0
        ? ''
        : `INSERT INTO ${developmentTable} (key, value)
SELECT 'rows ' || h.version, pg_catalog.jsonb_build_object('xid', h.xmin::text, 'at', h.applied_at, 'updated', r.updated, 'derives', r.derives)
FROM ${historyTable} h JOIN (VALUES ${migrations
            .map(
              ({ version, updated, derives }) =>
                `(${version}::bigint, ${updated ? `'${JSON.stringify(updated)}'::jsonb` : 'NULL::jsonb'}, ${derives ?? 'NULL'}::boolean)`,
            )
            .join(', ')}) r (version, updated, derives) ON r.version = h.version
ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE ${developmentTable}.value->'at' <> excluded.value->'at';`,
    makers: (
      versions,
    ) => `SELECT coalesce(d.value->>'xid', h.xmin::text) AS xid, h.up, d.value->'updated' AS updated, d.value->'derives' AS derives
FROM ${historyTable} h LEFT JOIN ${developmentTable} d ON d.key = 'rows ' || h.version AND d.value->'at' = pg_catalog.to_jsonb(h.applied_at)
WHERE h.version IN (${versions.map((version) => literal(version)).join(', ')})`,
  }
}

/** Whether a migration touches no rows: then nothing of it has to be looked at. */
export function isQuiet(up: string): boolean {
  return !/\b(?:insert|update|delete|merge|copy|truncate|alter|do|call|select|execute)\b/i.test(up)
}

/** Whether rows that it inserts may be made of others, which are not there when it runs again. Code may do anything. */
export function derives(up: string): boolean {
  const { statements, problem, source } = readScript(up, 'postgres')
  if (problem) return true
  return statements.some(({ words: [first = ''], start, end }) => {
    if (PLAIN.includes(first)) return false
    const text = source.slice(start, end)
    if (first === 'create')
      return (
        /\bas\s+(?:with|select|table)\b/i.test(text) && READS.test(text) && !/\bfunction|procedure|view\b/i.test(text)
      )
    return first !== 'insert' || READS.test(text)
  })
}

// --- internal ---

const SAVED_DEVELOPMENT = '"migratest kept development"'
const SAVED_KEPT = '"migratest kept rows"'

const PLAIN = ['comment', 'grant', 'revoke', 'set', 'reset', 'delete', 'truncate', 'drop', 'alter', 'update', 'copy']

/** From a table, as opposed to a series or a list. */
const READS = /\bfrom\s+(?!generate_series\b|unnest\b|\(\s*values\b|jsonb?_\w+\s*\()/i
