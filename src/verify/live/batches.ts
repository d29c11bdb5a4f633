/** Writes a statement that changes many rows as one that changes some of them. Pure. */
import type { Effects } from '../../database/effects.ts'
import type { Dialect } from '../../sql/dialect.ts'
import type { Fix } from '../finding.ts'
import { partsAtCommas } from './parts.ts'

/** Returns the statement in batches, if it is one that changes many rows. */
export function batched(
  { written, isMysql = false }: Pick<Effects, 'written' | 'isMysql'>,
  text: string | undefined,
): Fix | undefined {
  const isWritten = written.some(({ isOld, updated, deleted }) => isOld && updated + deleted > 0)
  // On the copy, no row may fit the condition.
  if (!isWritten && !/^(?:update|delete)\b/i.test(text ?? '')) return undefined
  const how = 'Change the rows in batches, each in a transaction of its own.'
  const dialect = isMysql ? 'mysql' : 'postgres'
  const sql = text === undefined ? undefined : (ofUpdate(text, dialect) ?? ofDelete(text, dialect))
  return { text: how, ...(sql !== undefined && { sql }) }
}

// --- internal ---

const REPEAT = '-- again and again, each time in a transaction of its own, until no row is changed'
const REPEAT_WITH = `${REPEAT}: let the condition leave out the rows that are done`

function ofUpdate(text: string, dialect: Dialect): string | undefined {
  const [, table, set, where] =
    /^update\s+(?:only\s+)?(\S+)\s+set\s+([\s\S]+?)(?:\s+where\s+([\s\S]+?))?;?\s*$/i.exec(text) ?? []
  if (!table || !set || !isPlain(text)) return undefined
  const left = undone(set, dialect)
  const both = where && left ? `(${where}) AND ${left}` : (left ?? where)
  return `${left ? REPEAT : REPEAT_WITH}\nUPDATE ${table} SET ${set} ${some(table, both, dialect)};`
}

function ofDelete(text: string, dialect: Dialect): string | undefined {
  const [, table, where] = /^delete\s+from\s+(?:only\s+)?(\S+)(?:\s+where\s+([\s\S]+?))?;?\s*$/i.exec(text) ?? []
  if (!table || !isPlain(text.replace(/^delete\s+from/i, ''))) return undefined
  return `${REPEAT}\nDELETE FROM ${table} ${some(table, where, dialect)};`
}

/**
 * Returns the condition that leaves out the rows which have their new values; undefined where a row that is done cannot be
 * told from others: a value follows from itself, or is another each time.
 */
function undone(set: string, dialect: Dialect): string | undefined {
  const parts = partsAtCommas(set, dialect).map((part) => /^([`"]?[\w$]+[`"]?)\s*=\s*([\s\S]+)$/.exec(part))
  const columns = parts.flatMap((part) => part?.[1]?.replaceAll(/[`"]/g, '') ?? [])
  const mentions = new RegExp(`(?<![\\w$'])(?:${columns.join('|')})(?![\\w$])`, 'i')
  const conditions = parts.map((part) => {
    const [, column, value] = part ?? []
    if (!column || !value || mentions.test(value) || CHANGES.test(value)) return undefined
    return dialect === 'mysql' ? `NOT (${column} <=> (${value}))` : `${column} IS DISTINCT FROM (${value})`
  })
  if (conditions.includes(undefined)) return undefined
  return conditions.length > 1 ? `(${conditions.join(' OR ')})` : conditions[0]
}

/** Functions that give another value each time, and values that somebody else gives. */
const CHANGES =
  /\b(?:now|sysdate|current_\w+|local\w*time\w*|clock_\w+|\w*random\w*|rand|\w*uuid\w*|nextval|default|unix_timestamp)\b|\?/i

/** A statement with another table, an alias or a subquery is not taken apart. */
function isPlain(text: string): boolean {
  return !/\b(?:from|using|select|returning)\b/i.test(text)
}

/** Returns the rest of a statement that concerns some of the rows. */
function some(table: string, where: string | undefined, dialect: Dialect): string {
  const which = where ? `WHERE ${where} ` : ''
  if (dialect === 'mysql') return `${which}LIMIT 1000`
  return `WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} ${which}LIMIT 1000))`
}
