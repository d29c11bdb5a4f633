/**
 * `migratest/vite`: gives `vite dev` a database that follows every save, and shows a failing migration in the browser.
 */
import { relative, resolve } from 'node:path'
import type { CLIShortcut, Plugin, ViteDevServer } from 'vite'
import { migrationFiles } from '../src/cli/drafts.ts'
import type { NewPlace } from '../src/cli/newMigration.ts'
import { eventText } from '../src/cli/watch/lines.ts'
import { openBeside } from '../src/database/beside.ts'
import { type WantedSetting, wantedFrom } from '../src/generate/wanted/wantedFrom.ts'
import { dialectOf, type ServerKind, serverKindOf } from '../src/server/kinds.ts'
import { pathOf } from '../src/source/folder.ts'
import { openFolder } from '../src/source/open.ts'
import { MountedPage } from '../src/ui/mounted.ts'
import { allow } from '../src/watch/allowed.ts'
import type { Failure, WatchEvent } from '../src/watch/events.ts'
import { ownDatabase } from '../src/watch/ownDatabase.ts'
import type { ProposerOptions } from '../src/watch/proposer.ts'
import { Watcher } from '../src/watch/watcher.ts'

export interface VitePluginOptions {
  /** The migration folder, relative to vite's root; default `migrations`. */
  readonly migrations?: string | URL
  /**
   * URL of a database that is on this machine or marked for development. Default: a database of the project's own, on a
   * server that is started on demand and keeps its data.
   */
  readonly database?: string
  /** The kind of server to start if `database` is not set; default `postgres`. */
  readonly dialect?: ServerKind
  /** The environment variable that receives the URL; default `DATABASE_URL`. */
  readonly env?: string
  /**
   * The wanted schema: SQL files or folders of them, relative to vite's root, or a command that prints SQL. A save proposes
   * the migration that leads there, and `g` with Enter in vite's terminal writes it.
   */
  readonly wanted?: WantedSetting
  /** SQL files, relative to vite's root, to run in a new database. */
  readonly seeds?: string | readonly string[]
  /** Shell command to run after each schema change. */
  readonly exec?: string
  /**
   * The reaction to a migration that cannot be undone: `stop` (default) leaves the database unchanged and reports it;
   * `rebuild` empties the database and applies everything, carrying the rows.
   */
  readonly onIrreversible?: 'rebuild' | 'stop'
  /** Maximum number of rows to carry; default 100 000. */
  readonly carryRows?: number
  /** Check the files ten times a second instead of waiting for events; default: vite's `server.watch.usePolling`. */
  readonly poll?: boolean
  /** `false` does not reload the page after a change; default `true`. */
  readonly reload?: boolean
}

/** Returns the plugin for `plugins` in vite's configuration. It does nothing in builds and test runs. */
export function migratest(options: VitePluginOptions = {}): Plugin {
  let database: Database | undefined
  return {
    name: 'migratest',
    apply: (_, { command, isPreview }) => command === 'serve' && !isPreview && !process.env.VITEST,
    async config({ root = process.cwd(), server }) {
      const poll = server?.watch?.usePolling === true
      // Prepare the database before any code of the app is loaded, since that may read the URL at once.
      database = await Database.of(resolve(root), { poll, ...options })
    },
    configureServer(server) {
      database?.attach(server)
      server.httpServer?.once('close', () => database?.detach(server))
    },
    async closeBundle() {
      await database?.closeUnlessUsed()
    },
  }
}

// --- internal ---

/**
 * The followed databases, with one watch each. On a restart, vite creates the new server before it closes the old one,
 * so both share the database. If the plugin's options have changed, the old watch ends before the new one begins.
 */
const running = new Map<string, { readonly options: string; readonly database: Promise<Database> }>()

class Database {
  readonly #key: string
  readonly #watcher: Watcher
  readonly #release: () => void
  readonly #reload: boolean
  readonly #proposes: boolean
  readonly #servers = new Set<ViteDevServer>()
  /** The page at `/__migratest/`. */
  readonly #page: MountedPage
  /** Events from before a server was attached, which will print them. */
  #unsaid: WatchEvent[] = []
  #failure: Failure | undefined
  #isOver = false

  private constructor(
    key: string,
    reload: boolean,
    release: () => void,
    options: Omit<ConstructorParameters<typeof Watcher>[0], 'onEvent'>,
    kind: ServerKind,
  ) {
    this.#key = key
    this.#reload = reload
    this.#proposes = options.proposals !== undefined
    this.#release = release
    this.#watcher = new Watcher({
      ...options,
      answer: (asked, signal) => this.#page.answer(asked, signal),
      onEvent: (event) => this.#hear(event),
    })
    const { url, server, folder, open, migrator } = options
    this.#page = new MountedPage({
      source: async () => openFolder(folder),
      folder: relative(process.cwd(), folder) || '.',
      dialect: dialectOf(kind),
      url,
      open,
      migrator,
      server,
      mode: 'watching',
      testServer: async () => (await import('../src/testing/server/anyServer.ts')).anyServer(kind),
      async verify(hooks) {
        const [{ verifyForPage }, { anyServer }, { GROUPS }] = await Promise.all([
          import('../src/cli/verify/forPage.ts'),
          import('../src/testing/server/anyServer.ts'),
          import('../src/verify/rules.ts'),
        ])
        return verifyForPage({ server: anyServer(kind), migrations: folder, groups: GROUPS }, hooks)
      },
      act: (job) => this.#watcher.do(job),
    })
  }

  static async of(root: string, options: VitePluginOptions): Promise<Database> {
    const { database: named, dialect = 'postgres' } = options
    const key = JSON.stringify(named === undefined ? [root, dialect] : [named])
    const told = JSON.stringify([root, options])
    const before = running.get(key)
    if (before?.options === told) return before.database
    const database = Database.#replace(before?.database, key, root, options)
    const entry = { options: told, database }
    running.set(key, entry)
    database.catch(() => running.get(key) === entry && running.delete(key))
    return database
  }

  static async #replace(
    before: Promise<Database> | undefined,
    key: string,
    root: string,
    options: VitePluginOptions,
  ): Promise<Database> {
    const old = await before?.catch(() => undefined)
    await old?.end()
    return Database.#start(key, root, options)
  }

  static async #start(key: string, root: string, options: VitePluginOptions): Promise<Database> {
    const {
      migrations = 'migrations',
      database: named,
      dialect = 'postgres',
      env = 'DATABASE_URL',
      seeds = [],
    } = options
    const folder = resolve(root, pathOf(migrations))
    const own = named === undefined ? await patiently((tell) => ownDatabase(dialect, root, tell)) : undefined
    const url = own?.url ?? named ?? ''
    const source = openFolder(folder)
    // The folder is listed first, since a format may know its rules only then; the watch reports what is wrong with it.
    await source.list().catch(() => [])
    const open = openBeside(source, dialectOf(serverKindOf(url) ?? dialect), { applicationName: 'vite, migratest' })
    try {
      await allow(url, { open, own: own !== undefined, named: true, confirmed: undefined, ask: undefined })
      const database = new Database(
        key,
        options.reload ?? true,
        () => own?.release(),
        {
          url,
          server: own?.server ?? '',
          reason: own?.reason ?? '',
          restart: own && (() => own.restart()),
          poll: options.poll ?? false,
          source,
          folder,
          open,
          migrator: { recordedCode: 'run' },
          carryRows: options.carryRows ?? 100_000,
          onIrreversible: options.onIrreversible ?? 'stop',
          before: own ? (source.format?.before() ?? []) : [],
          seeds: [seeds].flat().map((file) => resolve(root, file)),
          command: options.exec,
          onSchema: undefined,
          ask: undefined,
          proposals:
            options.wanted === undefined
              ? undefined
              : proposalsOf(options.wanted, root, { folder, source }, serverKindOf(url) ?? dialect),
        },
        serverKindOf(url) ?? dialect,
      )
      await database.#watcher.start()
      process.env[env] = url
      return database
    } catch (error) {
      own?.release()
      throw error
    }
  }

  attach(server: ViteDevServer): void {
    this.#servers.add(server)
    server.middlewares.use((request, response, next) => {
      this.#page.handle(request, response).then((isAnswered) => isAnswered || next(), next)
    })
    server.httpServer?.once('listening', () => this.#tellPage(server))
    if (this.#proposes) server.bindCLIShortcuts({ customShortcuts: this.#shortcuts() })
    server.ws.on('connection', () => {
      if (this.#failure) server.ws.send({ type: 'error', err: overlay(this.#failure) })
    })
    for (const event of this.#unsaid) this.#say(server, event)
    this.#unsaid = []
  }

  detach(server: ViteDevServer): void {
    this.#servers.delete(server)
    void this.closeUnlessUsed()
  }

  async closeUnlessUsed(): Promise<void> {
    if (this.#servers.size > 0) return
    const entry = running.get(this.#key)
    if ((await entry?.database.catch(() => undefined)) === this) running.delete(this.#key)
    await this.end()
  }

  async end(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    await this.#watcher.close()
    await this.#page.close()
    this.#release()
  }

  // --- internal ---

  #hear(event: WatchEvent): void {
    this.#page.hear(event)
    const failed = this.#failure !== undefined
    if (event.type === 'failed') this.#failure = event.error
    if (event.type === 'skipped') this.#failure = { code: 'MIGRATEST_SKIPPED', message: event.why }
    if (event.type === 'applied' || event.type === 'unchanged') this.#failure = undefined
    if (this.#servers.size === 0) this.#unsaid.push(event)
    for (const server of this.#servers) {
      this.#say(server, event)
      if (this.#failure) server.ws.send({ type: 'error', err: overlay(this.#failure) })
      else if ((event.type === 'applied' && this.#reload) || failed) server.ws.send({ type: 'full-reload' })
    }
  }

  #shortcuts(): CLIShortcut<ViteDevServer>[] {
    const does = (kind: 'generate' | 'finish') => () => this.#watcher.do({ kind })
    return [
      { key: 'g', description: 'write the migration that is proposed for the wanted schema', action: does('generate') },
      { key: 'f', description: 'finish the draft of a migration', action: does('finish') },
    ]
  }

  #tellPage(server: ViteDevServer): void {
    const address = server.httpServer?.address()
    if (typeof address !== 'object' || address === null) return
    const scheme = server.config.server.https ? 'https' : 'http'
    server.config.logger.info(`migratest: the page is at ${scheme}://localhost:${address.port}${this.#page.path}`)
  }

  #say(server: ViteDevServer, event: WatchEvent): void {
    const text = eventText(event, new Date().toTimeString().slice(0, 8), {
      keys: process.stdin.isTTY && 'with Enter',
    })
    if (text) server.config.logger.info(text)
  }
}

function proposalsOf(
  wanted: WantedSetting,
  root: string,
  { folder, source }: Pick<NewPlace, 'folder' | 'source'>,
  kind: ServerKind,
): ProposerOptions {
  const from = wantedFrom(wanted, root, (path) => relative(process.cwd(), resolve(root, path)) || '.')
  return {
    from,
    schema: 'command' in from ? from.command : from.paths.join(', '),
    server: async () => (await import('../src/testing/server/anyServer.ts')).anyServer(kind),
    place: {},
    files: migrationFiles({
      folder: relative(process.cwd(), folder) || '.',
      source,
      dialect: dialectOf(kind),
      timestamp: false,
      base: undefined,
      isBaseNamed: false,
    }),
  }
}

const PATIENCE_MS = 1000

/** Prints what `work` is waiting for, if that takes long: an image may have to be downloaded. */
async function patiently<T>(work: (tell: (text: string) => void) => Promise<T>): Promise<T> {
  let doing = 'looking for a server'
  const timer = setInterval(() => {
    if (doing) console.info(`migratest: ${doing}`)
    doing = ''
  }, PATIENCE_MS)
  try {
    return await work((text) => {
      doing = text
    })
  } finally {
    clearInterval(timer)
  }
}

/** Converts a failure for vite's error overlay. */
function overlay({ message, file, line, column }: Failure) {
  const [head = '', ...rest] = message.split('\n')
  return {
    message: head,
    stack: '',
    plugin: 'migratest',
    frame: `${rest.join('\n').trim()}\n\nThe page at /__migratest/ shows more.`.trim(),
    ...(file !== undefined && { id: file, loc: { file, line: line ?? 1, column: column ?? 1 } }),
  }
}
