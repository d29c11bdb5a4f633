/** Runs work that can be cancelled from elsewhere. */

/** The cancellation is waited for: it must not reach the statement after this one. */
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
