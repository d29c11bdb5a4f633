/** The run of vitest that this process belongs to: what its workers may share, and what they cannot. */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { isMainThread } from 'node:worker_threads'
import { fingerprintOf } from '../../sql/script.ts'

/** The variable of the environment in which vitest's plugin writes what identifies the run, for its workers. */
export const RUN_VARIABLE = 'MIGRATEST_RUN'

/**
 * Returns a text that is the same in all processes of this run that have the same environment; undefined if nothing
 * tells which run it is.
 */
export function runText(): string | undefined {
  const run = process.env[RUN_VARIABLE] ?? parentOfWorkers()
  return run === undefined ? undefined : fingerprintOf(['run', run, ...environment()])
}

/**
 * Says once that each test file has to run a seed, if that takes time.
 * @param shown the option or the file
 */
export function tellUnshared(shown: string, because: string | undefined, ms: number, hint = ''): void {
  if (ms < WORTH_TELLING_MS || because === undefined || told.has(shown)) return
  told.add(shown)
  process.stderr.write(
    `migratest: ${shown}: ${because}, so it runs once in each test file (${Math.round(ms)} ms).${hint}\n`,
  )
}

export const WITH_PLUGIN = ' With the plugin of migratest/vitest/plugin it runs once in a run.'

// --- internal ---

/** Milliseconds of a seed above which it is worth a line that every test file runs it. */
const WORTH_TELLING_MS = 100

const told = new Set<string>()

/**
 * Identifies vitest's own process where that makes one run only (not when it watches), by its id and the time at which
 * it began. Only Linux tells the latter.
 */
function parentOfWorkers(): string | undefined {
  if (process.env.VITEST_MODE !== 'RUN') return undefined
  const id = isMainThread ? process.ppid : process.pid
  try {
    const state = readFileSync(`/proc/${id}/stat`, 'utf8')
    // The name of the program, in parentheses, may contain spaces. The 20th value after it is the time.
    const began = state.slice(state.lastIndexOf(')') + 2).split(' ')[19]
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return began === undefined ? undefined : `${hostname()} ${boot} ${id} ${began}`
  } catch {
    return undefined
  }
}

/** Returns the environment, which vitest's projects may set differently, without what differs from worker to worker. */
function environment(): string[] {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(?:VITEST|MIGRATEST|TEST$|NODE_V8_COVERAGE$)/.test(name),
  )
  return own.map(([name, value]) => `${name}=${value}`).sort()
}
