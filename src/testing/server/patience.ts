import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../../migrate/realTime.ts'

/**
 * Opens a connection. If all are taken, tries again until one becomes free because another test is over.
 * @param codes the error codes that mean "all connections are taken"
 * @throws ConnectionError
 */
export async function patiently<T>(open: () => Promise<T>, codes: readonly string[]): Promise<T> {
  const deadline = now() + PATIENCE_MS
  for (;;) {
    try {
      return await open()
    } catch (error) {
      const { code } = (error as { cause?: { code?: string } }).cause ?? {}
      if (!codes.includes(code ?? '') || now() > deadline) throw error
      await sleep(20 + Math.random() * 20)
    }
  }
}

// --- internal ---

const PATIENCE_MS = 30_000
