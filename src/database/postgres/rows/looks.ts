/**
 * Records which tables the ups of a shared transaction update. The server writes it down at the end of each up, in the up's
 * own message, so that the next one can be sent before the answer.
 */
import type { Session } from '../session.ts'

const TABLE = 'pg_temp."migratest looks"'

/** SQL that removes what was written down. */
export const endLooks = `DROP TABLE IF EXISTS ${TABLE};`

/** SQL before the ups. Code that has committed half-way may have left the table. */
export const beginLooks = `${endLooks} CREATE TEMPORARY TABLE ${TABLE} (n integer, version bigint, seen text); ${look(0, 'NULL')};`

/** Returns the statement after the `n`th up, counted from 1. */
export function lookAfter(version: number, n: number): string {
  return look(n, String(version))
}

/** Returns the oids of the tables that each up has updated or rewritten, in the order of the ups. */
export async function readLooks(session: Session): Promise<{ version: number; updated: readonly string[] }[]> {
  const rows = await session.query(`SELECT version::text, seen FROM ${TABLE} ORDER BY n`)
  let before = new Map<string, Written>()
  return rows.flatMap(({ version, seen }) => {
    const was = before
    before = writtenIn(String(seen ?? ''))
    if (version === null) return []
    const updated = [...before].filter(([oid, now]) => {
      const then = was.get(oid)
      return then === undefined ? now.updated > 0 : then.updated !== now.updated || then.file !== now.file
    })
    return { version: Number(version), updated: updated.map(([oid]) => oid) }
  })
}

// --- internal ---

/** The number of rows updated in the open transaction, and the file. */
interface Written {
  readonly updated: number
  readonly file: string
}

function look(n: number, version: string): string {
  return `INSERT INTO ${TABLE} SELECT ${n}, ${version}, pg_catalog.string_agg(pg_catalog.concat_ws(' ', oid, pg_catalog.pg_stat_get_xact_tuples_updated(oid), coalesce(pg_catalog.pg_relation_filenode(oid), 0)), ',') FROM pg_catalog.pg_class WHERE relkind = 'r' AND oid >= 16384`
}

function writtenIn(seen: string): Map<string, Written> {
  const lines = seen === '' ? [] : seen.split(',').map((line) => line.split(' '))
  return new Map(lines.map(([oid = '', updated, file = '']) => [oid, { updated: Number(updated), file }]))
}
