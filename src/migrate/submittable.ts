/** Queries of `pg` that send their own messages: `pg-cursor`, `pg-query-stream`, `pg-copy-streams`. */

export interface Submittable {
  submit(connection: unknown): unknown
}

/** Returns `true` for a query that `client.query` returns itself, and not a promise of its result. */
export function isSubmittable(asked: unknown): asked is Submittable {
  return typeof (asked as Partial<Submittable> | null)?.submit === 'function'
}
