/** Writes a statement that changes many rows as one that changes some of them. Pure. */
import type { Effects } from '../../database/effects.ts'
import type { Fix } from '../finding.ts'

/** Returns the statement in batches, if it is one that changes many rows. */
export function batched(
  { written, isMysql = false }: Pick<Effects, 'written' | 'isMysql'>,
  text: string | undefined,
): Fix | undefined {
  const isWritten = written.some(({ isOld, updated, deleted }) => isOld && updated + deleted > 0)
  // On the copy, no row may fit the condition.
  if (!isWritten && !/^(?:update|delete)\b/i.test(text ?? '')) return undefined
  const how = 'Change the rows in batches, each in a transaction of its own.'
  const some = isMysql ? limited : chosen
  const sql = text === undefined ? undefined : (ofUpdate(text, some) ?? ofDelete(text, some))
  return { text: how, ...(sql !== undefined && { sql: `${REPEAT}\n${sql};` }) }
}

// --- internal ---

const REPEAT = '-- again and again, until no row is left: let the condition leave out the rows that are done'

/** Returns the rest of a statement that concerns some of the rows. */
type Some = (table: string, where: string | undefined) => string

function ofUpdate(text: string, some: Some): string | undefined {
  const [, table, set, where] =
    /^update\s+(?:only\s+)?(\S+)\s+set\s+([\s\S]+?)(?:\s+where\s+([\s\S]+?))?;?\s*$/i.exec(text) ?? []
  if (!table || !set || !isPlain(text)) return undefined
  return `UPDATE ${table} SET ${set} ${some(table, where)}`
}

function ofDelete(text: string, some: Some): string | undefined {
  const [, table, where] = /^delete\s+from\s+(?:only\s+)?(\S+)(?:\s+where\s+([\s\S]+?))?;?\s*$/i.exec(text) ?? []
  if (!table || !isPlain(text.replace(/^delete\s+from/i, ''))) return undefined
  return `DELETE FROM ${table} ${some(table, where)}`
}

/** A statement with another table, an alias or a subquery is not taken apart. */
function isPlain(text: string): boolean {
  return !/\b(?:from|using|select|returning)\b/i.test(text)
}

function chosen(table: string, where: string | undefined): string {
  return `WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table}${where ? ` WHERE ${where}` : ''} LIMIT 1000))`
}

/** MySQL, MariaDB. */
function limited(_: string, where: string | undefined): string {
  return `${where ? `WHERE ${where} ` : ''}LIMIT 1000`
}
