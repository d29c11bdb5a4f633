import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { connect } from '../../src/database/postgres/connection.ts'
import { acquireServer, stopServer } from '../../src/server/acquire.ts'
import { ServerUnavailableError } from '../../src/server/errors.ts'
import { keeperAddress } from '../../src/server/places.ts'
import { dataFolder } from '../../src/server/process.ts'
import { isKept, serverFile } from '../../src/server/protocol.ts'
import { answers } from '../../src/server/ready.ts'
import { keyOf, type ServerRequest } from '../../src/server/request.ts'
import { failure } from '../support/database.ts'
import { describeOnServers } from '../support/servers.ts'

let requests = 0

/** A request of this test's own: its servers are shared with nobody. */
function request(from: ServerRequest['from'], more: Partial<ServerRequest> = {}): ServerRequest {
  const flags = { 'migratest.test': `${process.pid}-${requests++}`, shared_buffers: '16MB' }
  const own: ServerRequest = { kind: 'postgres', from, version: undefined, image: undefined, flags, setup: [], ...more }
  onTestFinished(() => stopServer(own))
  return own
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (await condition()) return
    await sleep(50)
  }
  throw new Error(`This did not come true within 30 s: ${condition}`)
}

/** Sends lines to the server's keeper and waits for its answer to `look`: it has then read all of them. */
async function tellKeeper(own: ServerRequest, lines = ''): Promise<{ readonly users: number }> {
  const socket = connectSocket(keeperAddress(keyOf(own)))
  try {
    socket.write(`${lines}{"type":"look"}\n`)
    const [answer] = await once(socket, 'data')
    return JSON.parse(String(answer))
  } finally {
    socket.destroy()
  }
}

/** Milliseconds after which the keeper of `otherProcess` stops a server that nobody uses. */
const IDLE_MS = 500

/** Another process that leases the server, says its URL and stays. */
function otherProcess(own: ServerRequest): { child: ChildProcess; url: Promise<string> } {
  const program = `import { acquireServer } from ${JSON.stringify(new URL('../../src/server/acquire.ts', import.meta.url).href)}
    const lease = await acquireServer(JSON.parse(process.argv[1]), { idleMs: ${IDLE_MS} })
    console.log(lease.server.url)
    setTimeout(() => {}, 60_000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, JSON.stringify(own)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const url = new Promise<string>((resolve) => child.stdout.once('data', (text) => resolve(String(text).trim())))
  return { child, url }
}

const keeperPid = (own: ServerRequest) => {
  const found = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n')
  const mine = found.filter((line) => line.includes('keeper.ts')).map((line) => Number.parseInt(line, 10))
  return mine.find((pid) => environmentOf(pid).includes(String(own.flags['migratest.test'])))
}

const environmentOf = (pid: number) => {
  try {
    return execFileSync('cat', [`/proc/${pid}/environ`], { encoding: 'utf8' })
  } catch {
    return ''
  }
}

describeOnServers(['embedded', 'container'], 'a server on demand', (from) => {
  test('is exactly one for all who ask at once, in all processes', async () => {
    const own = request(from)
    const others = [otherProcess(own), otherProcess(own), otherProcess(own)]
    const leases = await Promise.all([acquireServer(own), acquireServer(own), acquireServer(own)])
    const urls = new Set([...leases.map((lease) => lease.server.url), ...(await Promise.all(others.map((o) => o.url)))])
    expect(urls.size).toBe(1)
    expect(leases.filter((lease) => lease.first)).toHaveLength(1)
    for (const lease of leases) lease.release()
  })

  test('stops by itself when nobody uses it, and leaves nothing', async () => {
    const own = request(from)
    const key = keyOf(own)
    const lease = await acquireServer(own, { idleMs: 300 })
    expect(await answers(lease.server.url)).toBe(true)
    lease.release()
    await until(async () => !(await isKept(key)))
    expect(await answers(lease.server.url)).toBe(false)
    expect([existsSync(dataFolder(key)), existsSync(serverFile(key))]).toEqual([false, false])
  })

  test('stays while somebody uses it, and stops when their process is killed', async () => {
    const own = request(from)
    const { child, url } = otherProcess(own)
    const address = await url
    // Nothing can be awaited here: the test shows that nothing happens in this time.
    await sleep(2 * IDLE_MS)
    expect(await answers(address)).toBe(true)
    child.kill('SIGKILL')
    await until(async () => !(await answers(address)))
    await until(async () => !(await isKept(keyOf(own))))
  })

  test('of a keeper that was killed is swept by the next, which starts another', async () => {
    const own = request(from)
    const first = await acquireServer(own)
    const pid = keeperPid(own)
    expect(pid).toBeGreaterThan(1)
    process.kill(pid as number, 'SIGKILL')
    await until(async () => !(await isKept(keyOf(own))))
    const second = await acquireServer(own)
    expect(second.server.url).not.toBe(first.server.url)
    expect(await answers(first.server.url)).toBe(false)
    expect(await answers(second.server.url)).toBe(true)
  })

  test('that dies is not handed out again', async () => {
    const own = request(from)
    const first = await acquireServer(own)
    const client = await connect(first.server.url)
    await client
      .query('select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()')
      .catch(() => undefined)
    await client.end()
    if (from === 'embedded')
      process.kill(
        Number.parseInt(
          execFileSync('head', ['-1', `${dataFolder(keyOf(own))}/postmaster.pid`], { encoding: 'utf8' }),
          10,
        ),
        'SIGKILL',
      )
    else
      execFileSync('docker', [
        'kill',
        ...execFileSync('docker', ['ps', '-q', '--filter', `label=migratest.key=${keyOf(own)}`], { encoding: 'utf8' })
          .split(/\s+/)
          .filter(Boolean),
      ])
    await until(async () => !(await isKept(keyOf(own))))
    const second = await acquireServer(own)
    expect(await answers(second.server.url)).toBe(true)
  })

  test('is not disturbed by nonsense', async () => {
    const own = request(from)
    const { server } = await acquireServer(own)
    expect(await tellKeeper(own, 'nonsense\n{"type":"unknown"}\n[]\nnull\n')).toEqual({ type: 'seen', users: 1 })
    expect(await answers(server.url)).toBe(true)
    expect(await isKept(keyOf(own))).toBe(true)
  })

  test('may be asked to stay for years', async () => {
    const own = request(from)
    const lease = await acquireServer(own, { idleMs: 30 * 365 * 86_400_000 })
    lease.release()
    await until(async () => (await tellKeeper(own)).users === 0)
    // Node fires a timer that is too long after one millisecond.
    await sleep(50)
    expect(await answers(lease.server.url)).toBe(true)
  })

  test('gets its settings and its setup', async () => {
    const own = request(from, { setup: ['create role painter'] })
    const { server } = await acquireServer(own)
    const client = await connect(server.url)
    const { rows } = await client.query(
      "select current_setting('fsync') as fsync, current_setting('shared_buffers') as buffers, 'painter'::regrole::text as role",
    )
    await client.end()
    expect(rows).toEqual([{ fsync: 'off', buffers: '16MB', role: 'painter' }])
  })
})

describeOnServers(['embedded'], 'a server as a process', (from) => {
  test('listens on loopback only, and its password is in no argument list and no readable file', async () => {
    const own = request(from)
    const { server } = await acquireServer(own)
    const url = new URL(server.url)
    expect(url.hostname).toBe('127.0.0.1')
    expect(url.password).toMatch(/^[0-9a-f]{36}$/)
    expect(execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' })).not.toContain(url.password)
    expect(statSync(serverFile(keyOf(own))).mode & 0o077).toBe(0)
    url.password = 'wrong'
    expect((await failure(connect(url.href))).message).toMatch(/password authentication failed/)
  })

  test.runIf(process.getuid?.() === 0)('started by root, it runs as an unprivileged user (needs root)', async () => {
    const own = request(from)
    await acquireServer(own)
    const processes = execFileSync('ps', ['-eo', 'user:20=,args='], { encoding: 'utf8' }).split('\n')
    const server = processes.find((line) => line.includes(dataFolder(keyOf(own))) && !line.includes('keeper'))
    expect(server).toMatch(/^nobody /)
  })
})

describe('a server that cannot be had', () => {
  const path = process.env.PATH
  beforeEach(() => {
    process.env.DOCKER_HOST = 'tcp://127.0.0.1:1'
  })
  afterEach(() => {
    process.env.PATH = path
    delete process.env.DOCKER_HOST
  })

  test('names every way that was tried, why it failed, and what to do', async () => {
    const error = await failure(acquireServer(request('auto', { version: 9 })))
    expect(error).toBeInstanceOf(ServerUnavailableError)
    expect(error.message).toMatch(
      /^Cannot start a PostgreSQL 9 server:\n {2}container: .*\n {2}embedded: .*\n {2}installed: .*/,
    )
    expect(error.message).toMatch(/, or set MIGRATEST_SERVER_URL to an administrator's URL of a server for tests\.$/)
  })

  test('an image is not replaced by something else', async () => {
    const error = await failure(acquireServer(request('auto', { image: 'postgis/postgis:17' })))
    expect(error.message).toMatch(/embedded: an image was asked for\n {2}installed: an image was asked for/)
  })
})
