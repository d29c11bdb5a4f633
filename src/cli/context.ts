/** What commands share: options, the database, printing, and ending on a signal. */
import { openDatabase } from '../database/open.ts'
import type { Driver } from '../migrate/driver.ts'
import { UsageError } from '../migrate/errors.ts'
import type { MigrateEvent } from '../migrate/events.ts'
import { Migrator } from '../migrate/migrator.ts'
import { isVersion, NIL_VERSION, type Target } from '../migrate/version.ts'
import { directory } from '../source/directory.ts'
import type { Options } from './options.ts'
import { stepLine } from './render.ts'

export class Context {
  readonly options: Options
  /** The exit code of the signal that ended the run. */
  stoppedBy: number | undefined
  readonly #cancel = new AbortController()
  #driver: Driver | undefined

  constructor(options: Options) {
    this.options = options
  }

  get url(): string {
    const url = this.options.database ?? process.env.DATABASE_URL
    if (url) return url
    throw new UsageError('Which database? Neither --database nor DATABASE_URL is given.', {
      hint: 'migratest status --database postgres://user@localhost:5432/shop',
    })
  }

  get folder(): string {
    return this.options.path ?? 'migrations'
  }

  async migrator(): Promise<Migrator> {
    const seconds = Number(this.options['lock-timeout'] ?? 15)
    if (!(seconds >= 0))
      throw new UsageError(`--lock-timeout ${this.options['lock-timeout']} is not a number of seconds.`)
    this.#driver = await openDatabase(this.url)
    const migrator = new Migrator({
      source: directory(this.folder),
      database: this.#driver,
      lockTimeout: seconds * 1000,
      onEvent: (event) => this.#show(event),
      signal: this.#cancel.signal,
    })
    this.#endOnSignal(migrator)
    return migrator
  }

  /** The database as a person would say it. */
  get database(): string {
    return this.#driver?.database ?? ''
  }

  /** Data: to stdout, as text or, with --json, as one document. */
  print(text: string, data: unknown): void {
    if (this.options.json) console.log(JSON.stringify(data))
    else if (!this.options.quiet) console.log(text)
  }

  /** All else: to stderr. */
  tell(text: string): void {
    if (!this.options.quiet) console.error(text)
  }

  async close(): Promise<void> {
    await this.#driver?.close()
  }

  // --- internal ---

  #show(event: MigrateEvent): void {
    if (event.type === 'finished' && !this.options.json && !this.options.quiet)
      console.log(stepLine(event.step, event.ms))
    if (event.type === 'warning') this.tell(`warning: ${event.message}`)
    if (event.type === 'log') this.tell(`${event.step.name}: ${event.message}`)
  }

  /** The first signal finishes the running migration, the second cancels it. */
  #endOnSignal(migrator: Migrator): void {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      process.on(signal, () => {
        if (this.stoppedBy) return this.#cancel.abort()
        this.stoppedBy = code
        this.tell('Stopping after the running migration. Once more cancels it.')
        migrator.stop()
      })
    }
  }
}

/** @throws UsageError */
export function parseTarget(text: string | undefined): Target {
  if (text === undefined) throw new UsageError('To which version? A number, "latest" or "nil".')
  if (text === 'latest' || text === 'nil') return text
  const version = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (isVersion(version)) return version
  throw new UsageError(`"${text}" is not a version: a number, "latest" or "nil".`)
}

/** @throws UsageError */
export function parseVersion(text: string | undefined): number {
  const target = parseTarget(text)
  if (target === 'nil') return NIL_VERSION
  if (typeof target === 'number') return target
  throw new UsageError('Which version? A number or "nil".')
}

/** @throws UsageError */
export function parseCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d+$/.test(text)) return Number(text)
  throw new UsageError(`"${text}" is not a number of migrations.`)
}
