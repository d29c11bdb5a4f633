/** A signal that never aborts, for work that cannot be cancelled. */
export const NEVER: AbortSignal = new AbortController().signal
