/**
 * A moment in the server's own counting: the first transaction that has not begun yet, and the end of the write-ahead
 * log, such as `764 0/1A2B3C8`. Rows written later have that transaction or a later one, and later log records.
 */
export type Moment = string

/** Selects the present moment. */
export const NOW =
  "pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text || ' ' || pg_catalog.pg_current_wal_insert_lsn()::text"

export function transactionOf(moment: Moment): string {
  return moment.split(' ')[0] ?? '0'
}

/** Returns the transaction in the 32-bit form that rows hold. */
export function rowTransactionOf(moment: Moment): string {
  return String(BigInt(transactionOf(moment)) & 0xffff_ffffn)
}

export function logPositionOf(moment: Moment): string {
  return moment.split(' ')[1] ?? '0/0'
}

export function laterOf(one: Moment, other: Moment): Moment {
  return positionIn(one) < positionIn(other) ? other : one
}

// --- internal ---

function positionIn(moment: Moment): bigint {
  const [high = '0', low = '0'] = logPositionOf(moment).split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}
