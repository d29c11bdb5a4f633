/** Gives rows a value in batches, each in a transaction of its own, so that nobody waits for more than a batch. */

/**
 * Returns the statement; it cannot run inside of a transaction.
 * @param value an expression @param hasChildren `true` if the table has partitions, or other tables inherit from it
 */
export function backfill(table: string, column: string, value: string, hasChildren: boolean): string {
  const update = `UPDATE ${table} SET ${column} = ${value}`
  // Pages count within one table only.
  return hasChildren
    ? `DO ${tag(update)}
BEGIN
  LOOP
    ${update}
    WHERE ${column} IS NULL AND (tableoid, ctid) IN (SELECT tableoid, ctid FROM ${table} WHERE ${column} IS NULL LIMIT 1000);
    EXIT WHEN NOT FOUND;
    COMMIT;
  END LOOP;
END
${tag(update)};`
    : `DO ${tag(update)}
BEGIN
  FOR batch_page IN 0 .. pg_relation_size('${table.replaceAll("'", "''")}') / current_setting('block_size')::bigint BY 100 LOOP
    ${update}
    WHERE ${column} IS NULL AND ctid >= format('(%s,0)', batch_page)::tid AND ctid < format('(%s,0)', batch_page + 100)::tid;
    COMMIT;
  END LOOP;
END
${tag(update)};`
}

// --- internal ---

function tag(text: string): string {
  let name = ''
  while (text.includes(`$${name}$`)) name += 'x'
  return `$${name}$`
}
