/** Idle connections do not keep a process from ending; work on them that is under way does. */
export async function whileWorking<T>(work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => undefined, 2 ** 30)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}

/** When the process ends by itself, since nothing is left to do. */
export function atProcessEnd(work: () => Promise<void>): void {
  if (works.size === 0) process.once('beforeExit', () => void Promise.all([...works].map((each) => each())))
  works.add(work)
}

// --- internal ---

const works = new Set<() => Promise<void>>()
