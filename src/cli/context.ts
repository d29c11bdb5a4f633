/** The services that commands share: options, configuration, the database, printing, and stopping on a signal. */

import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { openBeside } from '../database/beside.ts'
import { type OpenOptions, openDatabase } from '../database/open.ts'
import type { Driver } from '../migrate/driver.ts'
import { UsageError } from '../migrate/errors.ts'
import type { MigrateEvent } from '../migrate/events.ts'
import { Migrator, type MigratorOptions } from '../migrate/migrator.ts'
import { parseAhead } from '../migrate/run/parseAhead.ts'
import type { Source } from '../migrate/source.ts'
import { isVersion, labelOf, NIL_VERSION, type Target, type Version } from '../migrate/version.ts'
import { dialectOf, type ServerKind, serverKindOf } from '../server/kinds.ts'
import { isUrl, pathOf } from '../source/folder.ts'
import { openAnyFolder } from '../source/openAny.ts'
import { findProjectFolder, type ProjectFolder } from '../source/project.ts'
import type { Dialect } from '../sql/dialect.ts'
import type { TestServer } from '../testing/testServer.ts'
import { type FoundConfig, fromConfig } from './config.ts'
import type { Options } from './options.ts'
import { printOut } from './output.ts'
import { Progress } from './progress.ts'
import { plural, stepLine } from './render.ts'

export class Context {
  /** The name of the command, such as `up`. */
  readonly command: string
  readonly options: Options
  readonly found: FoundConfig
  /** The exit code for the signal that stopped the run; undefined if none did. */
  stoppedBy: number | undefined
  readonly #cancel = new AbortController()
  readonly #progress: Progress
  readonly #version: () => string
  #answering: ServerKind | undefined
  #source: Promise<Source> | undefined
  /** The folder that a tool's own configuration names, if the project has no folder of ours. */
  #projectFolder: ProjectFolder | 'none' | undefined
  #driver: Driver | undefined
  #closing: Promise<void> | undefined
  #stopParsing: () => void = () => undefined
  /** File of the migration that is running. */
  #running: string | undefined

  /** @param version returns the version of migratest */
  constructor(command: string, options: Options, found: FoundConfig, version: () => string) {
    this.command = command
    this.options = options
    this.found = found
    this.#version = version
    this.#progress = new Progress(!options.json && !options.quiet && process.stderr.isTTY)
    process.once('exit', (code) => {
      if (this.#running === undefined || this.stoppedBy !== undefined) return
      if (code === 0) process.exitCode = 1
      console.error(
        `${this.#running} ended the program while it ran (process.exit, code ${code}). The server rolls back its open transaction; check "migratest status".`,
      )
    })
  }

  get config(): FoundConfig['config'] {
    return this.found.config
  }

  get version(): string {
    return this.#version()
  }

  get url(): string {
    const url = this.#named
    if (url) return url
    throw new UsageError('Which database? Neither --database nor DATABASE_URL is given.', {
      hint: `npx migratest ${this.command} --database postgres://user@localhost:5432/shop\nThere is none yet? npx migratest watch starts a server and makes one for development.`,
    })
  }

  /** `true` if an option, the configuration or the environment names a database. */
  get hasDatabase(): boolean {
    return Boolean(this.#named)
  }

  /**
   * The SQL dialect. Without an open database it comes from `--dialect` or the configuration, else from the configured
   * test server, else from the database's URL.
   */
  get dialect(): Dialect {
    if (this.#driver) return this.#driver.dialect
    const said = this.options.dialect ?? this.config.dialect
    return said === undefined && this.config.server ? this.config.server.dialect : dialectOf(this.kind)
  }

  /** The kind of server, from `--dialect` or the configuration, else from the database's URL, else `postgres`. */
  get kind(): ServerKind {
    const said = this.options.dialect ?? this.config.dialect
    if (said === undefined) {
      return this.#answering ?? serverKindOf(this.options['from-database'] ?? this.#named ?? '') ?? 'postgres'
    }
    if (said === 'postgres' || said === 'mysql' || said === 'mariadb') return said
    throw new UsageError(`Unknown --dialect ${said}: use postgres, mysql or mariadb.`)
  }

  /** Notes which server answered at the database's URL, since MariaDB does so at URLs of MySQL, too. */
  answeredBy(kind: ServerKind | undefined): void {
    this.#answering = kind
  }

  /** The path of the migration folder, or the source that the configuration sets. */
  get migrations(): string | Source {
    if (this.options.path !== undefined) return this.options.path
    const { migrations = this.#project?.path ?? 'migrations' } = this.config
    if (typeof migrations !== 'string' && !isUrl(migrations)) return migrations
    return fromConfig(this.found, pathOf(migrations))
  }

  /** The path of the migration folder, for commands that need files. @throws UsageError */
  get folder(): string {
    const { migrations } = this
    if (typeof migrations === 'string') return migrations
    if (migrations.folder !== undefined) return relative(process.cwd(), migrations.folder) || '.'
    throw new UsageError('This command needs a folder of migrations, but the configuration sets a source.', {
      hint: 'Name the folder with --path.',
    })
  }

  get #project(): ProjectFolder | undefined {
    const isNamed = this.options.path !== undefined || this.config.migrations !== undefined
    if (isNamed || existsSync('migrations')) return undefined
    this.#projectFolder ??= findProjectFolder(process.cwd()) ?? 'none'
    return this.#projectFolder === 'none' ? undefined : this.#projectFolder
  }

  /** The migrations. It is the same source each time, so that what it has read is not read again. */
  source(): Promise<Source> {
    this.#source ??= this.#openSource()
    return this.#source
  }

  /** The options for opening the database. Beside another tool's migrations, our tables are elsewhere. */
  async openOptions(): Promise<OpenOptions> {
    const { table, schema, lock } = this.config
    const given = { ...(table && { table }), ...(schema && { schema }), ...(lock && { lock }) }
    return openBeside(await this.source(), this.dialect, given)
  }

  /** The options of the Migrator, from the command line and the configuration. @throws UsageError */
  get migratorOptions(): Omit<MigratorOptions, 'source' | 'database' | 'onEvent'> {
    const { 'lock-timeout': text } = this.options
    const lockTimeoutMs =
      text === undefined ? (this.config.lockTimeoutMs ?? 15_000) : parseSeconds('--lock-timeout', text)
    const { outOfOrder, edited, missing, record } = this.config
    const recordedCode = this.options['run-recorded-code'] ? 'run' : this.config.recordedCode
    return {
      lockTimeoutMs,
      ...(outOfOrder && { outOfOrder }),
      ...(edited && { edited }),
      ...(missing && { missing }),
      ...(record && { record }),
      ...(recordedCode && { recordedCode }),
      signal: this.#cancel.signal,
    }
  }

  /** @param reads what of the files the command is going to look at: it is read while the server answers */
  async migrator(reads: 'texts' | 'relations' | 'nothing' = 'relations'): Promise<Migrator> {
    const { url } = this
    const opening = this.openOptions().then((options) => openDatabase(url, options))
    opening.catch(() => undefined)
    if (reads !== 'nothing') await this.#readAhead()
    const migrator = await this.#migratorOn(opening, (event) => this.#show(event))
    this.#driver = await opening
    if (reads === 'texts') this.#stopParsing = parseAhead(await this.source(), this.#driver)
    this.endOnSignal('after the running migration', () => migrator.stop())
    return migrator
  }

  /** Returns a Migrator with the same options on another database. Its events are not printed. */
  migratorOn(database: Driver): Promise<Migrator> {
    return this.#migratorOn(Promise.resolve(database), () => undefined)
  }

  /** Returns a Migrator for the files alone, as if the database were empty. */
  async offlineMigrator(): Promise<Migrator> {
    const [{ offlineDatabase }, source] = await Promise.all([import('../migrate/offline.ts'), this.source()])
    return new Migrator({ source, database: offlineDatabase(this.dialect), onEvent: (event) => this.#show(event) })
  }

  /** The server on which test databases are created. @param roles those that it gets if it is started for this */
  async testServer(roles: readonly string[] = []): Promise<TestServer<unknown>> {
    const { server: url } = this.options
    if (url === undefined && this.config.server) return this.config.server
    const { anyServer } = await import('../testing/server/anyServer.ts')
    return anyServer((url && serverKindOf(url)) || this.kind, url, roles)
  }

  /** The display name of the open database; empty if none is open. */
  get database(): string {
    return this.#driver?.database ?? ''
  }

  /** Prints data to stdout: as text, or with --json as one document. */
  print(text: string, data: unknown): void {
    this.#progress.clear()
    if (this.options.json) printOut(JSON.stringify(data))
    else if (!this.options.quiet && text) printOut(text)
  }

  /** Prints data in a format that the user requested, such as Mermaid or SVG. */
  printRaw(text: string): void {
    this.#progress.clear()
    if (!this.options.quiet) printOut(text)
  }

  /**
   * Prints a line of data while the command is still running. With --json it prints nothing, because the output is one
   * document at the end.
   */
  printLine(text: string): void {
    this.#progress.clear()
    if (!this.options.json && !this.options.quiet) printOut(text)
  }

  /** Prints everything that is not data, to stderr. */
  tell(text: string): void {
    this.#progress.clear()
    if (!this.options.quiet) console.error(text)
  }

  /** Shows `text` if the work takes long; only on a terminal, and not with --json or --quiet. */
  busy(text: string): void {
    this.#progress.start(text)
  }

  idle(): void {
    this.#progress.clear()
  }

  /** Cancels the running statement. */
  cancel(): void {
    this.#cancel.abort()
  }

  /**
   * Handles SIGINT and SIGTERM: the first signal calls `stop`, the second calls `cancel`, the third ends the program.
   * @param when for the message: when the program stops, such as "after the running migration"
   * @returns a function that ends this, for a command that goes on with something else
   */
  endOnSignal(when: string, stop: () => void, cancel: (code: number) => void = () => this.cancel()): () => void {
    let cancelled = false
    const listeners = (
      [
        ['SIGINT', 130],
        ['SIGTERM', 143],
      ] as const
    ).map(([signal, code]) => {
      const listener = () => {
        // A code migration may wait for something that cannot be cancelled. When the program ends, the server rolls
        // back its open transaction.
        if (cancelled) process.exit(code)
        if (this.stoppedBy) {
          cancelled = true
          this.tell('Cancelling. A third Ctrl-C ends the program.')
          return cancel(code)
        }
        this.stoppedBy = code
        this.tell(`Stopping ${when}. A second Ctrl-C cancels it.`)
        stop()
      }
      process.on(signal, listener)
      return () => process.off(signal, listener)
    })
    return () => {
      for (const forget of listeners) forget()
    }
  }

  /** Records that the running migration has failed. The caller prints its error. */
  failed(): void {
    this.#running = undefined
  }

  /** Closes the database. A command that does not need it any more may call this before it prints. */
  close(): Promise<void> {
    this.#progress.clear()
    this.#stopParsing()
    this.#closing ??= this.#driver?.close()
    return this.#closing ?? Promise.resolve()
  }

  // --- internal ---

  get #named(): string | undefined {
    return this.options.database ?? this.config.database ?? process.env.DATABASE_URL
  }

  async #openSource(): Promise<Source> {
    const { migrations } = this
    if (typeof migrations !== 'string') return migrations
    const source = await openAnyFolder(migrations)
    if (source.format) {
      const because = this.#project ? `, ${this.#project.because}` : ''
      const count = plural((await source.list()).length, 'migration')
      this.tell(`${source.name}: ${source.format.tool}, ${count}${because}`)
    }
    return source
  }

  /** Reads the files while the server lets us in. An error is reported by whoever needs what could not be read. */
  async #readAhead(): Promise<void> {
    try {
      await (await this.source()).relations?.()
    } catch {}
  }

  async #migratorOn(opening: Promise<Driver>, onEvent: (event: MigrateEvent) => void): Promise<Migrator> {
    const source = await this.source()
    return new Migrator({ ...this.migratorOptions, source, database: await opening, onEvent })
  }

  #show(event: MigrateEvent): void {
    if (event.type === 'planned') this.#stopParsing()
    if (event.type === 'started') this.#running = event.step.file
    if (event.type === 'finished') this.#running = undefined
    if (event.type === 'started') this.busy(`${event.step.direction.padEnd(4)}  ${labelOf(event.step)}`)
    if (event.type === 'finished') this.printLine(stepLine(event.step, event.ms))
    if (event.type === 'warning') this.tell(`warning: ${event.message}`)
    if (event.type === 'log') this.tell(`${event.step.name}: ${event.message}`)
    if (!this.options.verbose) return
    if (event.type === 'notice') this.tell(`${event.step.name}: ${event.severity}: ${event.message}`)
    if (event.type === 'planned') this.tell(`planned: ${event.plan.steps.length} steps on ${this.database}`)
    if (event.type === 'started') this.tell(`running: ${event.step.file}, ${event.step.statements} statements`)
  }
}

/** Parses the target of a move: a version, `latest` or `nil`. @throws UsageError */
export function parseTarget(text: string | undefined): Target {
  if (text === undefined) throw new UsageError('To which version? A number, a name, "latest" or "nil".')
  if (text === 'latest' || text === 'nil') return text
  const version = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (isVersion(version)) return version
  if (/^[\p{L}\p{N}][^/\\:]*$/u.test(text)) return text
  throw new UsageError(`"${masked(text)}" is not a version. Use a number, a name, "latest" or "nil".`)
}

/** Parses a version or `nil`. @throws UsageError */
export function parseVersion(text: string | undefined): Version {
  const target = text === undefined ? undefined : parseTarget(text)
  if (target === 'nil') return NIL_VERSION
  if (typeof target === 'number' || (typeof target === 'string' && target !== 'latest')) return target
  throw new UsageError('Which version? A number, a name or "nil".')
}

/** Parses a number of migrations. @throws UsageError */
export function parseCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UsageError(`"${masked(text)}" is not a number of migrations.`)
}

/** Hides everything after `://`: a URL typed in the wrong place may contain a password. */
function masked(text: string): string {
  return text.replace(/:\/\/.*/s, '://…')
}

/** Parses seconds and returns milliseconds. @throws UsageError */
export function parseSeconds(option: string, text: string): number {
  const seconds = Number(text)
  if (text.trim() !== '' && seconds >= 0) return seconds * 1000
  throw new UsageError(`${option} ${text} is not a number of seconds.`)
}
