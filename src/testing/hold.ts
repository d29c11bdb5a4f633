/** Idle connections do not keep a process from ending; work on them that is under way does. */
export async function whileWorking<T>(work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => undefined, 2 ** 30)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}
