/**
 * The keeper: a background process that owns one server for all processes on this machine that request the same. It
 * starts the server, reports progress, and stops the server when it has been unused for a while. The first process that
 * needs the server starts the keeper, which outlives it.
 *
 * Users of the server hold a connection to the keeper, so it notices a user that dies without timers or process ids.
 * Only progress crosses the connection. The URL with its password goes through a file that only this user may read.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import module from 'node:module'
import { createServer, type Server, type Socket } from 'node:net'
import { type Chosen, chooseAndStart } from './choose.ts'
import { preload } from './engine.ts'
import { recall, remember } from './kept.ts'
import { keeperAddress, mutexAddress, runtimeFolder } from './places.ts'
import { dataFolder, stopLeftover } from './process.ts'
import { type ClientMessage, isKept, type KeeperMessage, logFile, serverFile } from './protocol.ts'
import { isUsed, runSetup } from './ready.ts'
import { keyOf, type RunningServer, type ServerRequest } from './request.ts'

class Keeper {
  readonly #key: string
  readonly #request: ServerRequest
  readonly #idleMs: number
  readonly #listener: Server
  readonly #leases = new Set<Socket>()
  readonly #told = new Set<string>()
  #state: KeeperMessage = { type: 'progress', text: 'looking for a way to start a server' }
  #chosen: Chosen | undefined
  #idle: NodeJS.Timeout | undefined
  #rest: NodeJS.Timeout | undefined
  /** Ends when the data for the next server is prepared, which begins once at most. */
  #preparing: Promise<void> | undefined
  readonly #ending = new AbortController()
  #stopping: Promise<void> | undefined
  #starting: Promise<void> | undefined

  constructor(key: string, request: ServerRequest, idleMs: number, listener: Server) {
    this.#key = key
    this.#request = request
    this.#idleMs = idleMs
    this.#listener = listener
  }

  async run(): Promise<void> {
    this.#starting = this.#start()
    await this.#starting
  }

  async #start(): Promise<void> {
    const begun = performance.now()
    this.#listener.on('connection', (socket) => this.#greet(socket))
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void this.#stop())
    try {
      rmSync(serverFile(this.#key), { force: true })
      await removeLeftovers(this.#key)
      const known = this.#request.keep && recall(this.#key)
      const { password } = known || { password: randomBytes(18).toString('hex') }
      if (this.#request.keep && !known) remember(this.#key, { password, id: randomBytes(4).toString('hex') })
      const onProgress = (text: string) => this.#tell({ type: 'progress', text })
      this.#chosen = await chooseAndStart({ key: this.#key, request: this.#request, password, onProgress, isKept })
      await runSetup(this.#chosen.url, this.#request.setup)
      const { url, name, reason } = this.#chosen
      const server: RunningServer = {
        url,
        name,
        reason,
        startedIn: Math.round(performance.now() - begun),
        startedAt: Date.now(),
      }
      writeFileSync(serverFile(this.#key), JSON.stringify(server), { mode: 0o600 })
      this.#tell({ type: 'ready', first: false })
      // A keeper may be killed, and would then keep nothing of what it has compiled.
      module.flushCompileCache?.()
      // A server that died is not reused: the next request starts another.
      void this.#chosen.ended.then(() => this.#stop())
      this.#watchIdle()
    } catch (error) {
      this.#tell({ type: 'failed', message: (error as Error).message })
      // The process that started the keeper may not have connected yet, and must learn the reason.
      setTimeout(() => void this.#stop(), FAILURE_TOLD_MS)
    }
  }

  #greet(socket: Socket): void {
    // The keeper is stopping. The client asks again until this process has ended, and then starts a new keeper.
    if (this.#stopping) {
      socket.destroy()
      return
    }
    socket.setEncoding('utf8')
    socket.on('error', () => undefined)
    let run = ''
    let rest = ''
    socket.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const message = parse(line)
        if (message?.type === 'stop') void this.#stop()
        else if (message?.type === 'look') this.#send(socket, { type: 'seen', users: this.#leases.size })
        else if (message?.type === 'lease') {
          run = message.run
          this.#leases.add(socket)
          runs.set(socket, run)
          this.#send(socket, this.#state)
          this.#watchIdle()
        }
      }
    })
    socket.on('close', () => {
      // Clients that only check for a keeper hold no lease and do not delay its end.
      if (this.#leases.delete(socket)) this.#watchIdle()
    })
  }

  #tell(state: KeeperMessage): void {
    this.#state = state
    for (const socket of this.#leases) this.#send(socket, state)
  }

  #send(socket: Socket, state: KeeperMessage): void {
    const run = runs.get(socket) ?? ''
    const message = state.type === 'ready' ? { ...state, first: !this.#told.has(run) } : state
    if (state.type === 'ready') this.#told.add(run)
    socket.write(`${JSON.stringify(message)}\n`)
  }

  #watchIdle(): void {
    clearTimeout(this.#idle)
    clearTimeout(this.#rest)
    if (this.#leases.size > 0 || !this.#chosen || this.#stopping) return
    this.#idle = setTimeout(() => void this.#stopUnlessUsed(), Math.min(this.#idleMs, LONGEST_TIMER))
    this.#rest = setTimeout(() => this.#prepareNext(), REST_MS)
  }

  #prepareNext(): void {
    this.#preparing ??= this.#chosen?.prepareNext?.(this.#ending.signal).catch(() => undefined)
  }

  /**
   * Stops the server unless somebody is connected to it. An application that was given the URL holds no lease, so
   * connections to a server that keeps its data count as use.
   */
  async #stopUnlessUsed(): Promise<void> {
    if (this.#request.keep && this.#chosen && (await isUsed(this.#chosen.url))) this.#watchIdle()
    else await this.#stop()
  }

  #stop(): Promise<void> {
    this.#stopping ??= this.#end()
    return this.#stopping
  }

  async #end(): Promise<void> {
    rmSync(serverFile(this.#key), { force: true })
    clearTimeout(this.#idle)
    clearTimeout(this.#rest)
    this.#ending.abort()
    // A server has to finish starting before it can be stopped.
    await this.#starting
    await Promise.all([this.#chosen?.stop().catch(() => undefined), this.#preparing])
    for (const socket of this.#leases) socket.end()
    // Clients have already received any error. Only a crashed keeper leaves its log.
    rmSync(logFile(this.#key), { force: true })
    this.#listener.close()
    setTimeout(() => process.exit(0), 100)
  }
}

const FAILURE_TOLD_MS = 2000

/** A run that begins right after the last one should not find the processors busy. */
const REST_MS = 2000

/** A timer with a longer delay fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1

function parse(line: string): ClientMessage | undefined {
  try {
    return JSON.parse(line) as ClientMessage
  } catch {
    return undefined
  }
}

const runs = new WeakMap<Socket, string>()

/** Claims the key for this process; returns undefined if another keeper has it. */
async function claim(key: string): Promise<Server | undefined> {
  const mutex = mutexAddress(key)
  // Held until this process ends. Nobody needs to connect to it.
  const held = mutex === undefined ? undefined : await listen(mutex)
  if (mutex !== undefined && !held) return undefined
  held?.on('connection', (socket) => socket.destroy())
  // There may also be a keeper that shares our folder but not our mutex, for example in another network namespace.
  if (await isKept(key)) {
    held?.close()
    return undefined
  }
  const address = keeperAddress(key)
  // A socket file without a listener was left by a keeper that was killed.
  if (process.platform !== 'win32') rmSync(address, { force: true })
  const listener = await listen(address)
  if (!listener) held?.close()
  return listener
}

/**
 * Listens on an address; returns undefined if another process does. Any other error ends this process, and its log says
 * why.
 */
function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    )
    server.listen(address, () => resolve(server))
  })
}

/** Stops servers whose keeper was killed: one with our own key, and any other without a keeper. */
async function removeLeftovers(ownKey: string): Promise<void> {
  for (const name of readdirSync(runtimeFolder())) {
    const key = /^data-([0-9a-f]{16})$/.exec(name)?.[1]
    if (key && (key === ownKey || !(await isKept(key)))) await stopLeftover(dataFolder(key))
  }
  if (existsSync(serverFile(ownKey))) rmSync(serverFile(ownKey), { force: true })
}

/** Runs until the server is stopped. Returns at once if another keeper was first. */
async function keep(request: ServerRequest, idleMs: number): Promise<void> {
  const key = keyOf(request)
  // Its packages are loaded while we look who else keeps servers here.
  if (request.from === 'auto' || request.from === 'container') preload(request)
  const listener = await claim(key)
  if (!listener) return
  await new Keeper(key, request, idleMs, listener).run()
}

// The request comes through the environment, not as an argument: it may contain passwords of roles, and every user can
// list arguments.
process.umask(0o022)
// Compiling testcontainers and what it needs takes a third of the time that loading it takes.
module.enableCompileCache?.()
const { MIGRATEST_KEEP = '', MIGRATEST_IDLE_MS = '' } = process.env
await keep(JSON.parse(MIGRATEST_KEEP) as ServerRequest, Number(MIGRATEST_IDLE_MS))
