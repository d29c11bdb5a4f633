/** Runs a command of an old revision, such as its tests, against a database at the new schema. */
import { type ChildProcess, spawn } from 'node:child_process'
import { now } from '../../migrate/realTime.ts'
import { checkOut, SIGNALS } from '../../source/gitCheckout.ts'
import type { Dialect } from '../../sql/dialect.ts'
import type { Check, MakeCheck, Observed } from '../check.ts'
import type { Release } from '../release/release.ts'
import { VerificationError } from '../verificationError.ts'
import type { Verified } from '../verified.ts'
import { WayDatabase } from '../ways/wayDatabase.ts'

/** Returns the check: the command must work on the schema of its own revision, and then on the new one. */
export function oldAppCheck<Client>(verified: Verified<Client>, release: Release, make: MakeCheck): Check | undefined {
  const { app } = verified.options
  if (!app) return undefined
  const name = `${app.command}, of ${release.revision}: works on the new schema`
  return make({ id: 'old-app', group: 'compat', name, version: undefined }, () => check(verified, release))
}

// --- internal ---

const LONGEST_MS = 600_000
const MOST_OUTPUT = 8_000

interface Ended {
  readonly ok: boolean
  /** How it ended, as the end of a sentence: `ended with exit code 1`. */
  readonly how: string
  readonly output: string
  /** The signal by which this process was asked to end meanwhile. */
  readonly stopped: NodeJS.Signals | undefined
}

async function check<Client>(verified: Verified<Client>, release: Release): Promise<Observed> {
  const { command = '', folder: within = process.cwd(), timeoutMs = LONGEST_MS } = verified.options.app ?? {}
  const checkout = checkOut(release.revision, within, 'worktree')
  let stopped: NodeJS.Signals | undefined
  const run = async (isUpgraded: boolean): Promise<Ended> => {
    const database = await WayDatabase.create(verified)
    try {
      await database.move('latest', release.source)
      if (isUpgraded) await database.move('latest', verified.source, LENIENT)
      await database.closeSessions()
      const { url } = database
      if (url === undefined) {
        throw new VerificationError('A command needs a database with a URL, and PGlite has none.')
      }
      const env = { ...process.env, ...variablesOf(url, verified.options.server.dialect) }
      const result = await ended(command, checkout.locate(within), env, timeoutMs)
      stopped = result.stopped
      if (stopped) throw new VerificationError(`Stopped by ${stopped}, while ${command} ran.`)
      return result
    } finally {
      await database.dispose()
    }
  }
  try {
    const begun = now()
    const before = await run(false)
    if (!before.ok) {
      throw new VerificationError(
        `${command} ${before.how} at ${release.revision} on the schema of that revision already, so nothing follows for the new one:\n\n${before.output}`,
      )
    }
    const middle = now()
    const after = await run(true)
    const seconds = [middle - begun, now() - middle].map((ms) => `${(ms / 1000).toFixed(1)} s`)
    if (after.ok) return { remark: `${seconds[0]} on its own schema, ${seconds[1]} on the new one` }
    return {
      observations: [
        {
          rule: 'old-app-fails',
          objects: [command],
          message: `${command} of ${release.revision} ${after.how} on the new schema, and works on its own.`,
          fix: {
            text: 'Find the change that it meets (the group compat names queries that fail), and release it in two steps: first a schema with which both work.',
          },
          evidence: { output: after.output },
        },
      ],
    }
  } finally {
    checkout.dispose()
    // The signal was meant for this process. Others who listen end it in their own way.
    if (stopped && process.listenerCount(stopped) === 0) process.kill(process.pid, stopped)
  }
}

const LENIENT = { edited: 'ignore', missing: 'ignore', outOfOrder: 'apply' } as const

/** Returns the variables by which programs find their database. */
function variablesOf(url: string, dialect: Dialect): Record<string, string> {
  const { hostname, port, username, password, pathname } = new URL(url)
  const [user, secret, database] = [username, password, pathname.slice(1)].map(decodeURIComponent)
  const found =
    dialect === 'mysql'
      ? {
          MYSQL_HOST: hostname,
          MYSQL_TCP_PORT: port,
          MYSQL_PORT: port,
          MYSQL_USER: user,
          MYSQL_PASSWORD: secret,
          MYSQL_PWD: secret,
          MYSQL_DATABASE: database,
        }
      : { PGHOST: hostname, PGPORT: port, PGUSER: user, PGPASSWORD: secret, PGDATABASE: database }
  const set = Object.entries(found).filter((one): one is [string, string] => Boolean(one[1]))
  return { DATABASE_URL: url, ...Object.fromEntries(set) }
}

/** Runs a shell command in a process group of its own, which ends with the time limit or with this process. */
function ended(command: string, cwd: string, env: NodeJS.ProcessEnv, timeoutMs: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, { cwd, env, shell: true, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    let stopped: NodeJS.Signals | undefined
    const end = () => endGroup(child)
    const stop = (signal: NodeJS.Signals) => {
      stopped = signal
      end()
    }
    process.on('exit', end)
    for (const signal of SIGNALS) process.on(signal, stop)
    let output = ''
    const hear = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-MOST_OUTPUT)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      end()
    }, timeoutMs)
    const over = () => {
      clearTimeout(timer)
      process.off('exit', end)
      for (const signal of SIGNALS) process.off(signal, stop)
    }
    child.once('error', (error) => {
      over()
      reject(new VerificationError(`${command} cannot be run: ${error.message}`))
    })
    child.once('close', (code, signal) => {
      over()
      const how = isLate
        ? `was still running after ${Math.round(timeoutMs / 1000)} s`
        : signal
          ? `was ended by ${signal}`
          : `ended with exit code ${code}`
      resolve({ ok: code === 0 && !isLate, how, output: output.trim(), stopped })
    })
  })
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The process has ended already.
  }
}
