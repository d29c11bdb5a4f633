/** A server as a child process, from embedded or installed binaries. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Binaries, serverUser, type User } from './binaries.ts'
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
  const data = dataFolder(key)
  await stopLeftover(data)
  onProgress(`making a data directory for ${title}`)
  try {
    program.initialize({ binaries, data, password, user })
  } catch (error) {
    rmSync(data, { recursive: true, force: true })
    throw error
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
        // Immediate: nothing is to be written for later.
        child.kill(program.quit)
        await Promise.race([ended, sleep(10_000).then(() => child.kill('SIGKILL'))])
      }
      rmSync(data, { recursive: true, force: true })
    },
  }
}

/** Where the data of the server with this key is. */
export function dataFolder(key: string): string {
  return join(runtimeFolder(), `data-${key}`)
}

/** Beside the data: MySQL wants an empty folder to begin with. */
function logOf(key: string): string {
  return join(dataFolder(key), 'server.log')
}

/** Ends a server whose keeper was killed, and removes its data. Only a process that works in that very folder. */
export async function stopLeftover(data: string): Promise<void> {
  if (!existsSync(data)) return
  for (const { pidFile, quit } of Object.values(PROGRAMS)) {
    const pid = Number.parseInt(readTail(join(data, pidFile)), 10)
    if (!(pid > 1) || !worksIn(pid, data)) continue
    endProcess(pid, quit)
    for (let i = 0; i < 200 && worksIn(pid, data); i++) await sleep(25)
  }
  rmSync(data, { recursive: true, force: true })
}

// --- internal ---

/** The port is free when it is looked for; somebody may be faster. */
const PORT_TRIES = 5

async function startListening(
  options: ProcessOptions,
  data: string,
  user: User | undefined,
): Promise<{ child: ChildProcess; url: string }> {
  const program = programOf(options.request.kind)
  for (let tries = 1; ; tries++) {
    const { child, port } = await launch(options, data, user)
    const url = program.urlAt(options.password, port)
    const deadline = Date.now() + START_TIMEOUT_MS
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null
    while (!hasEnded() && Date.now() < deadline) {
      if (await answers(url)) {
        program.started?.(data)
        return { child, url }
      }
      await sleep(15)
    }
    child.kill('SIGKILL')
    const output = readTail(logOf(options.key))
    if (tries < PORT_TRIES && /could not bind|Address already in use/i.test(output)) continue
    rmSync(data, { recursive: true, force: true })
    throw failed(`${TITLES[options.request.kind]} did not start`, output)
  }
}

async function launch(
  { key, binaries, request, password }: ProcessOptions,
  data: string,
  user: User | undefined,
): Promise<{ child: ChildProcess; port: number }> {
  const port = await freePort()
  const { program, args } = programOf(request.kind).command({ binaries, data, port, request, password, user })
  const log = openSync(logOf(key), 'a', 0o600)
  const child = spawn(program, args, {
    cwd: '/',
    env: { PATH: process.env.PATH, TZ: 'UTC' },
    stdio: ['ignore', log, log],
    ...user,
  })
  closeSync(log)
  child.on('error', () => undefined)
  return { child, port }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Another keeper may be sweeping the same, and it may be gone by now. */
function endProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It is gone.
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
