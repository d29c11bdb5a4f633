/** A PostgreSQL server as a child process, from embedded or installed binaries. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Binaries, majorOf, serverUser, type User } from './binaries.ts'
import { ServerUnavailableError } from './errors.ts'
import { runtimeFolder } from './places.ts'
import { answers } from './ready.ts'
import type { KeptServer, ServerRequest } from './request.ts'
import { settingArguments } from './settings.ts'

const START_TIMEOUT_MS = 60_000

export interface ProcessOptions {
  readonly key: string
  readonly binaries: Binaries
  readonly request: ServerRequest
  readonly password: string
  readonly how: 'embedded' | 'installed'
  readonly onProgress: (text: string) => void
}

export async function startProcess({
  key,
  binaries,
  request,
  password,
  how,
  onProgress,
}: ProcessOptions): Promise<KeptServer> {
  const user = serverUser()
  const data = dataFolder(key)
  await stopLeftover(data)
  onProgress(`making a data directory for PostgreSQL ${binaries.version}`)
  initialize(binaries, data, password, user)
  onProgress(`starting PostgreSQL ${binaries.version}`)
  const { child, url } = await startListening(binaries, data, request, user, password)
  return {
    url,
    name: `PostgreSQL ${binaries.version} ${how}`,
    ended: new Promise((resolve) => child.once('exit', resolve)),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = new Promise((resolve) => child.once('exit', resolve))
        // Immediate: nothing is to be written for later.
        child.kill('SIGQUIT')
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

/** Ends a server whose keeper was killed, and removes its data. Only a process that works in that very folder. */
export async function stopLeftover(data: string): Promise<void> {
  if (!existsSync(data)) return
  const pid = Number.parseInt(readTail(join(data, 'postmaster.pid')), 10)
  if (pid > 1 && worksIn(pid, data)) {
    endProcess(pid)
    for (let i = 0; i < 200 && worksIn(pid, data); i++) await sleep(25)
  }
  rmSync(data, { recursive: true, force: true })
}

// --- internal ---

/** The port is free when it is looked for; somebody may be faster. */
const PORT_TRIES = 5

async function startListening(
  binaries: Binaries,
  data: string,
  request: ServerRequest,
  user: User | undefined,
  password: string,
): Promise<{ child: ChildProcess; url: string }> {
  for (let tries = 1; ; tries++) {
    const { child, port } = await launch(binaries, data, request, user)
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
    const deadline = Date.now() + START_TIMEOUT_MS
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null
    while (!hasEnded() && Date.now() < deadline) {
      if (await answers(url)) return { child, url }
      await sleep(15)
    }
    child.kill('SIGKILL')
    const output = readTail(join(data, 'server.log'))
    if (tries < PORT_TRIES && /could not bind|Address already in use/.test(output)) continue
    rmSync(data, { recursive: true, force: true })
    throw failed('postgres did not start', output)
  }
}

function initialize({ folder, version }: Binaries, data: string, password: string, user: User | undefined): void {
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const passwordFile = join(data, '..', `${data.slice(data.lastIndexOf('/') + 1)}.pw`)
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (user) for (const path of [data, passwordFile]) chownSync(path, user.uid, user.gid)
  const locale =
    majorOf({ folder, version }) >= 17
      ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
      : ['--locale=C']
  const args = [
    '-D',
    data,
    '-U',
    'postgres',
    '-E',
    'UTF8',
    '-A',
    'scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--no-sync',
    '--no-instructions',
    ...locale,
  ]
  // Not our environment: PGDATA, PGPORT and the like would be obeyed.
  const { status, stderr } = spawnSync(join(folder, 'initdb'), args, {
    cwd: '/',
    encoding: 'utf8',
    env: { PATH: process.env.PATH, TZ: 'UTC' },
    ...user,
  })
  rmSync(passwordFile, { force: true })
  if (status !== 0) {
    rmSync(data, { recursive: true, force: true })
    throw failed('initdb failed', stderr)
  }
}

async function launch(
  { folder }: Binaries,
  data: string,
  request: ServerRequest,
  user: User | undefined,
): Promise<{ child: ChildProcess; port: number }> {
  const port = await freePort()
  const args = [
    '-D',
    data,
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    `port=${port}`,
    '-c',
    'unix_socket_directories=',
    ...settingArguments(request.flags),
  ]
  const log = openSync(join(data, 'server.log'), 'a', 0o600)
  const child = spawn(join(folder, 'postgres'), args, {
    cwd: '/',
    env: { PATH: process.env.PATH, TZ: 'UTC' },
    stdio: ['ignore', log, log],
    ...user,
  })
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
function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGQUIT')
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

function failed(what: string, output: string): ServerUnavailableError {
  return new ServerUnavailableError(`${what}:\n${output.trim()}`)
}
