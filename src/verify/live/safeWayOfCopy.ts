/** Writes the safe way for a change of a table on MySQL and MariaDB. Pure. */
import type { Fix } from '../finding.ts'
import { partsAtCommas } from './parts.ts'

/**
 * @param text the statement
 * @param table the table that it changes
 * @param reason why the server does it in no gentler way, in its words
 */
export function safeWayOfCopy(text: string | undefined, table: string, reason = ''): Fix {
  const clauses = text === undefined ? undefined : clausesOf(text)
  if (clauses && clauses.list.length > 1) {
    const isOfType = /column type/i.test(reason)
    const ways = clauses.list.map((clause) => (isOfType ? ofType(clauses, clause) : undefined))
    return {
      text: `One clause that cannot be made in place makes all of them copy. Give each a statement of its own; those that can then cost nothing.${ways.some(Boolean) ? ` ${BESIDE}` : ''}`,
      sql: clauses.list.map((clause, n) => ways[n] ?? `${clauses.head} ${clause};`).join('\n'),
    }
  }
  const [clause = ''] = clauses?.list ?? []
  const key = clauses && FOREIGN_KEY.exec(clause)
  if (clauses && key) {
    const [, column = '', parent = '', referenced = ''] = key
    return {
      text: 'Look for rows that refer to nothing first. Then add the key without its check, which is done in place; nothing but your look has checked the rows.',
      sql: `SELECT COUNT(*) FROM ${clauses.table} AS c LEFT JOIN ${parent} AS p ON p.${referenced} = c.${column} WHERE c.${column} IS NOT NULL AND p.${referenced} IS NULL;
-- if it is 0
SET SESSION foreign_key_checks = 0;
${text?.trimEnd()}, ALGORITHM=INPLACE, LOCK=NONE;
SET SESSION foreign_key_checks = 1;`,
    }
  }
  const sql = clauses && ofType(clauses, clause)
  if (sql) return { text: BESIDE, sql }
  return {
    text: `The server has no gentler way for this change of ${table}. Make it in a quiet hour, or let a tool copy the table in small pieces while it is in use (gh-ost, pt-online-schema-change).`,
  }
}

/** The safe way for a statement that itself asks for an algorithm or a lock: it leaves them to the server. */
export function withoutAsking(text: string | undefined): Fix {
  const sql = text?.replaceAll(ASKED_FIRST, '').replaceAll(ASKED_LAST, '')
  return {
    text: 'The statement itself asks for this. Leave the choice to the server, which takes the gentlest way that there is.',
    ...(sql !== undefined && sql !== text && { sql: `${sql.trimEnd()};` }),
  }
}

// --- internal ---

const ASKED =
  '\\b(?:algorithm\\s*=?\\s*(?:default|instant|nocopy|inplace|copy)|lock\\s*=?\\s*(?:default|none|shared|exclusive))\\b'
const ASKED_FIRST = new RegExp(`${ASKED}\\s*,\\s*`, 'gi')
const ASKED_LAST = new RegExp(`\\s*,?\\s*${ASKED}`, 'gi')

const BESIDE =
  'Add a column of the new type beside the old one, let the application or a trigger write both, fill it in batches, and then switch.'

/** Returns the statements that take the place of a clause which changes a column; undefined for other clauses. */
function ofType({ head, table }: Clauses, clause: string): string | undefined {
  const changed = /^(?:modify|change)\s+(?:column\s+)?(`[^`]+`|[\w$]+)\s+(?:(`[^`]+`|[\w$]+)\s+)?/i.exec(clause)
  if (!changed) return undefined
  const [all, column = '', second = ''] = changed
  // MODIFY names the column once, and then its type.
  const isModified = /^modify/i.test(clause)
  const definition = clause.slice(isModified && second !== '' ? all.length - second.length - 1 : all.length)
  // A second column that is numbered cannot be added, and a key cannot be switched in a moment.
  if (/\bauto_increment\b|\bprimary\s+key\b/i.test(definition)) return undefined
  const name = isModified ? column : second
  const next = suffixed(column, '_new')
  const filled = definition.trim().replaceAll(LATER, ' ').replaceAll(/\s+/g, ' ').trim()
  const required = filled === definition.trim().replaceAll(/\s+/g, ' ')
  const most = required ? '' : `-- in place, while others write\n${head} MODIFY COLUMN ${next} ${definition.trim()};\n`
  return `${head} ADD COLUMN ${next} ${filled};
-- then again and again, until no row is changed
UPDATE ${table} SET ${next} = ${column} WHERE ${next} IS NULL AND ${column} IS NOT NULL LIMIT 1000;
-- when no row is left
${most}${head} RENAME COLUMN ${column} TO ${suffixed(column, '_old')}, RENAME COLUMN ${next} TO ${name};`
}

/** What the new column gets when it is filled: until then, old code gives it no value, and NULL says which rows are left. */
const LATER =
  /\bnot\s+null\b|\bdefault\s+(?:'(?:[^']|'')*'|\([^()]*\)|[^\s,()]+(?:\([^()]*\))?)|\bon\s+update\s+\w+(?:\([^()]*\))?/gi

/** A foreign key of one column. */
const FOREIGN_KEY =
  /^add\s+(?:constraint\s+\S+\s+)?foreign\s+key\s*\S*?\s*\(\s*([^,()\s]+)\s*\)\s*references\s+([^\s(]+)\s*\(\s*([^,()\s]+)\s*\)/i

interface Clauses {
  /** `ALTER TABLE orders` */
  readonly head: string
  readonly table: string
  readonly list: readonly string[]
}

function clausesOf(text: string): Clauses | undefined {
  const found = /^(alter\s+(?:online\s+)?(?:ignore\s+)?table\s+(?:if\s+exists\s+)?(\S+))\s+/i.exec(text)
  if (!found) return undefined
  const [all, head = '', table = ''] = found
  return { head, table, list: partsAtCommas(text.slice(all.length), 'mysql') }
}

function suffixed(name: string, ending: string): string {
  return name.endsWith('`') ? `${name.slice(0, -1)}${ending}\`` : `${name}${ending}`
}
