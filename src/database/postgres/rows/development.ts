/** The SQL of the two tables that only development databases have. */
import { readScript } from '../../../sql/script.ts'
import type { Statement } from '../../../sql/statements.ts'
import { ownTables } from '../../ownTables.ts'
import { identifier, literal, type Tables } from '../tables.ts'

export interface OwnDevelopment {
  readonly developmentTable: string
  readonly keptTable: string
  /** Names of all our tables. */
  readonly own: readonly string[]
  /** SQL that creates them. */
  readonly create: string
  /** SQL that adds what a table of an earlier version of migratest lacks. */
  readonly upgrade: string
  /** SQL that saves the tables before a step that may remove ours; `restore` runs after it. */
  readonly save: readonly string[]
  readonly restore: string
  /** Returns SQL that records what we know about rows written by these migrations; `updated` holds oids of tables. */
  readonly remember: (migrations: readonly Remembered[]) => string
  /** Returns the query for `xid`, `up`, `updated` and `derives` of each version. */
  readonly makers: (versions: readonly number[]) => string
}

interface Remembered {
  readonly version: number
  /** Oids of tables in which it updated existing rows; undefined if that was not observed. */
  readonly updated?: readonly string[] | undefined
  /** `true` if rows that it inserted may be derived from others. */
  readonly derives?: boolean
}

/** @param others names of another tool's tables, which count as ours: their rows are not carried */
export function developmentTables(
  { schema, version, historyTable }: Tables,
  others: readonly string[] = [],
): OwnDevelopment {
  const [, , development, kept] = ownTables(version)
  const own = [...ownTables(version), ...others]
  const developmentTable = `${identifier(schema)}.${identifier(development)}`
  const keptTable = `${identifier(schema)}.${identifier(kept)}`
  const create = `CREATE TABLE IF NOT EXISTS ${developmentTable} (key text PRIMARY KEY, value jsonb NOT NULL);
CREATE TABLE IF NOT EXISTS ${keptTable} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tab text NOT NULL, whole boolean NOT NULL, line jsonb NOT NULL, why text);`
  return {
    developmentTable,
    keptTable,
    own,
    create,
    upgrade: `ALTER TABLE ${keptTable} ADD COLUMN IF NOT EXISTS why text;`,
    save: [
      `CREATE TEMPORARY TABLE ${SAVED_DEVELOPMENT} ON COMMIT DROP AS SELECT * FROM ${developmentTable};`,
      `CREATE TEMPORARY TABLE ${SAVED_KEPT} ON COMMIT DROP AS SELECT * FROM ${keptTable};`,
    ],
    restore: `${create}
INSERT INTO ${developmentTable} SELECT * FROM pg_temp.${SAVED_DEVELOPMENT} ON CONFLICT DO NOTHING;
INSERT INTO ${keptTable} (tab, whole, line, why) SELECT tab, whole, line, why FROM pg_temp.${SAVED_KEPT} WHERE NOT EXISTS (SELECT FROM ${keptTable}) ORDER BY id;`,
    // If a migration's record is written again, its xmin differs from that of the rows the migration wrote.
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

/** Returns whether a migration touches no rows, so that nothing needs to be recorded about it. */
export function isQuiet(up: string): boolean {
  if (!/\b(?:insert|update|delete|merge|copy|truncate|alter|do|call|select|execute)\b/i.test(up)) return true
  const { statements, problem, source } = readScript(up, 'postgres')
  return problem === undefined && statements.every((statement) => isQuietStatement(statement, source))
}

/**
 * Returns whether rows that a migration inserts may be derived from others, which do not exist when it runs again. For
 * code the answer is always yes.
 */
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

/**
 * Returns whether a statement only makes a table, a view or an index: a view says SELECT, and a foreign key
 * ON DELETE. A function in an expression that is computed for rows may do anything, so an index must be on columns.
 */
function isQuietStatement({ words: [first, ...more], start, end }: Statement, source: string): boolean {
  if (first === 'comment') return true
  if (first !== 'create') return false
  const kind = more.find((word) => !['or', 'replace', 'unique', 'unlogged', 'if', 'not', 'exists'].includes(word))
  const text = source.slice(start, end)
  if (kind === 'view') return true
  if (kind === 'table') return !/\bas\s*\(?\s*(?:with|select|table|values|execute)\b/i.test(text)
  return kind === 'index' && /^[^(]*\([\w\s,"]+\)\s*$/.test(text)
}

const SAVED_DEVELOPMENT = '"migratest kept development"'
const SAVED_KEPT = '"migratest kept rows"'

const PLAIN = ['comment', 'grant', 'revoke', 'set', 'reset', 'delete', 'truncate', 'drop', 'alter', 'update', 'copy']

/** Matches reading from a table, as opposed to a series or a list. */
const READS = /\bfrom\s+(?!generate_series\b|unnest\b|\(\s*values\b|jsonb?_\w+\s*\()/i
