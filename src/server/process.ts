/** Runs a server as a child process, from embedded or installed binaries. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../migrate/realTime.ts'
import { type Binaries, majorOf, serverUser, type User } from './binaries.ts'
import { keptData, recall, rememberMore } from './kept.ts'
import { TITLES } from './kinds.ts'
import { runtimeFolder } from './places.ts'
import { failed, PROGRAMS, programOf } from './programs.ts'
import { answers } from './ready.ts'
import type { KeptServer, ServerRequest } from './request.ts'

const START_TIMEOUT_MS = 60_000

export interface ProcessOptions {
  readonly key: string
  readonly binaries: Binaries
  readonly request: ServerRequest
  readonly password: string
  readonly how: 'embedded' | 'installed'
  readonly onProgress: (text: string) => void
}

export async function startProcess(options: ProcessOptions): Promise<KeptServer> {
  const { key, binaries, request, password, how, onProgress } = options
  const title = `${TITLES[request.kind]} ${binaries.version}`
  const program = programOf(request.kind)
  const user = serverUser()
  const data = request.keep ? keptData(`${key}-${recall(key)?.id ?? 'own'}-${majorOf(binaries)}`) : dataFolder(key)
  await (request.keep ? endLeftover(data) : stopLeftover(data))
  if (!request.keep || !existsSync(doneFile(data))) {
    onProgress(`making a data directory for ${title}`)
    rmSync(data, { recursive: true, force: true })
    try {
      program.initialize({ binaries, data, password, user })
    } catch (error) {
      rmSync(data, { recursive: true, force: true })
      throw error
    }
    // Marks the data directory as complete. An incomplete one is not used.
    if (request.keep) writeFileSync(doneFile(data), '')
  }
  onProgress(`starting ${title}`)
  const { child, url } = await startListening(options, data, user)
  return {
    url,
    name: `${title} ${how}`,
    ended: new Promise((resolve) => child.once('exit', resolve)),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = new Promise((resolve) => child.once('exit', resolve))
        // If the data is not kept, an immediate shutdown is enough.
        child.kill(request.keep ? program.close : program.quit)
        await Promise.race([ended, sleep(request.keep ? 30_000 : 10_000).then(() => child.kill('SIGKILL'))])
      }
      if (!request.keep) rmSync(data, { recursive: true, force: true })
    },
  }
}

/** Returns the data folder of the server with this key. */
export function dataFolder(key: string): string {
  return join(runtimeFolder(), `data-${key}`)
}

/** Returns the marker file that says that the data directory is complete. It lies beside that directory. */
function doneFile(data: string): string {
  return `${data}.made`
}

/**
 * Returns the server's log file. For MySQL it lies beside the folder of data files, which must be empty to begin with.
 */
function logOf(data: string): string {
  return join(data, 'server.log')
}

/**
 * Stops a server whose keeper was killed, and removes its data. Only ends a process that works in exactly that folder.
 */
export async function stopLeftover(data: string): Promise<void> {
  if (!existsSync(data)) return
  await endLeftover(data)
  rmSync(data, { recursive: true, force: true })
}

/** Stops such a server and keeps its data. */
async function endLeftover(data: string): Promise<void> {
  for (const { pidFile, quit } of Object.values(PROGRAMS)) {
    const pid = Number.parseInt(readTail(join(data, pidFile)), 10)
    if (!(pid > 1) || !worksIn(pid, data)) continue
    endProcess(pid, quit)
    for (let i = 0; i < 200 && worksIn(pid, data); i++) await sleep(25)
  }
}

// --- internal ---

/** Attempts to find a port: one that was free may be taken before the server binds it. */
const PORT_TRIES = 5

async function startListening(
  options: ProcessOptions,
  data: string,
  user: User | undefined,
): Promise<{ child: ChildProcess; url: string }> {
  const program = programOf(options.request.kind)
  for (let tries = 1; ; tries++) {
    const known = tries === 1 && options.request.keep ? recall(options.key)?.port : undefined
    const port = known !== undefined && (await isFree(known)) ? known : await freePort()
    const child = launch(options, data, port, user)
    const url = program.urlAt(options.password, port)
    const deadline = now() + START_TIMEOUT_MS
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null
    while (!hasEnded() && now() < deadline) {
      if (await answers(url)) {
        program.started?.(data)
        if (options.request.keep) rememberMore(options.key, { port })
        return { child, url }
      }
      await sleep(15)
    }
    child.kill('SIGKILL')
    const output = readTail(logOf(data))
    if (tries < PORT_TRIES && /could not bind|Address already in use/i.test(output)) continue
    if (!options.request.keep) rmSync(data, { recursive: true, force: true })
    throw failed(`${TITLES[options.request.kind]} did not start`, output)
  }
}

function launch(
  { binaries, request, password }: ProcessOptions,
  data: string,
  port: number,
  user: User | undefined,
): ChildProcess {
  const { program, args } = programOf(request.kind).command({ binaries, data, port, request, password, user })
  const log = openSync(logOf(data), 'a', 0o600)
  const child = spawn(program, args, {
    cwd: '/',
    env: { PATH: process.env.PATH, TZ: 'UTC' },
    stdio: ['ignore', log, log],
    ...user,
  })
  closeSync(log)
  child.on('error', () => undefined)
  return child
}

function isFree(port: number): Promise<boolean> {
  return freePort(port).then(
    () => true,
    () => false,
  )
}

function freePort(wanted = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(wanted, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Sends a signal. The process may already be gone, since another keeper may be cleaning up the same folder. */
function endProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // The process has already exited.
  }
}

function worksIn(pid: number, data: string): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' })
  if (stdout) return stdout.includes(data)
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(data)
  } catch {
    return false
  }
}

function readTail(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-2000)
  } catch {
    return ''
  }
}
