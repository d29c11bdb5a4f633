/** Runs work that can be cancelled from elsewhere. */

/**
 * Runs `work` and calls `cancel` if the signal aborts. Waits for the cancellation, so that it cannot hit the statement
 * after this one.
 */
export async function cancellable<T>(
  signal: AbortSignal,
  work: () => Promise<T>,
  cancel: () => Promise<void>,
): Promise<T> {
  signal.throwIfAborted()
  let cancelling: Promise<void> | undefined
  const listener = () => {
    cancelling = cancel()
  }
  signal.addEventListener('abort', listener)
  try {
    return await work()
  } finally {
    signal.removeEventListener('abort', listener)
    await cancelling
  }
}
