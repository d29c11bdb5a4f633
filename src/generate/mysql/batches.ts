/** Gives rows a value in batches, each of which commits by itself, so that nobody waits for more than a batch. */
import type { Statement } from '../statement.ts'

/**
 * Returns statements in place of an UPDATE of all rows that have no value, or one that they lose; undefined if it is none.
 * @param inUse plain names of the tables to do this for @param next the statement that follows
 */
export function inBatches(
  { sql, object }: Statement,
  inUse: ReadonlySet<string>,
  next: Statement | undefined,
): Statement[] | undefined {
  const [, table = '', set = '', column = '', where] =
    /^UPDATE `((?:[^`]|``)*)` SET (`((?:[^`]|``)*)` = (?:(?! WHERE ).)*?)(?: WHERE (`\3` (?:IS NULL|= '(?:[^']|'')*')))?;$/s.exec(
      sql,
    ) ?? []
  if (!inUse.has(table.replaceAll('``', '`'))) return undefined
  // All rows of a new column have no value yet. Where one may be left without, the end would not be seen.
  const isRequiredNext = next?.sql.includes(`MODIFY COLUMN \`${column}\``) && next.sql.includes(' NOT NULL')
  // A row that has got its value must not be found again.
  if (where?.includes(' = ') && set === where) return undefined
  if (where === undefined && (!isRequiredNext || set.startsWith(`\`${column}\` = COALESCE(`))) return undefined
  const made = (text: string, does: Statement['does']): Statement => ({ sql: text, does, object })
  return [
    made(`DROP PROCEDURE IF EXISTS ${NAME};`, 'drop'),
    made(
      `DELIMITER //
CREATE PROCEDURE ${NAME}()
REPEAT
  UPDATE \`${table}\` SET ${set} WHERE ${where ?? `\`${column}\` IS NULL`} LIMIT 1000;
UNTIL ROW_COUNT() = 0 END REPEAT//
DELIMITER ;`,
      'create',
    ),
    made(`CALL ${NAME}();`, 'alter'),
    made(`DROP PROCEDURE ${NAME};`, 'drop'),
  ]
}

// --- internal ---

const NAME = '`fill_in_batches`'
