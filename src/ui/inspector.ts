/** Finds out what the page shows: the state of folder and database, the texts of a version, its schema, a plan. */
import { openDatabase, openRowReader } from '../database/open.ts'
import type { RowPage, RowReader, RowRequest } from '../database/rowReader.ts'
import type { Driver } from '../migrate/driver.ts'
import { UsageError } from '../migrate/errors.ts'
import { Migrator } from '../migrate/migrator.ts'
import { offlineDatabase } from '../migrate/offline.ts'
import { readGraph } from '../migrate/plan/readGraph.ts'
import type { Source } from '../migrate/source.ts'
import { labelOf, NIL_VERSION } from '../migrate/version.ts'
import type { AskedOfGenerate, Question, WatchEvent } from '../watch/events.ts'
import type { Job } from '../watch/watcher.ts'
import { failureOf } from './failure.ts'
import type { InspectorOptions } from './options.ts'
import { type Listener, PageState } from './pageState.ts'
import type {
  FindingsDocument,
  PlanDocument,
  SchemaDocument,
  SuggestionsDocument,
  TablesDocument,
  UiState,
  VersionDetail,
} from './protocol.ts'
import { Questions } from './questions.ts'
import { Schemas } from './schemas.ts'
import { sizesOf } from './sizes.ts'
import { moveTo, stationsOf } from './stations.ts'
import { suggestionsFor } from './suggestions.ts'
import { LOOKS, toldBy } from './told.ts'
import { Verifying } from './verifying.ts'
import { readVersion } from './versionDetail.ts'

export class Inspector {
  readonly #options: InspectorOptions
  readonly #source: Source
  readonly #schemas: Schemas
  readonly #verifying: Verifying
  readonly #questions = new Questions((question) => this.tell({ question }))
  readonly #state: PageState
  #looking: Promise<void> | undefined
  #again = false
  /** `true` if files were saved since the last look. */
  #isOutdated = false
  #retrying: NodeJS.Timeout | undefined

  private constructor(options: InspectorOptions, source: Source) {
    const { folder, dialect, server, mode, why } = options
    this.#options = options
    this.#source = source
    this.#schemas = new Schemas(options, source)
    this.#verifying = new Verifying(options.verify, (part) => this.#state.change(part))
    this.#state = new PageState({ folder, dialect, server, mode, why, format: source.format?.tool })
  }

  /** Opens the folder and looks at it and at the database once. */
  static async open(options: InspectorOptions): Promise<Inspector> {
    const inspector = new Inspector(options, await options.source())
    await inspector.refresh()
    return inspector
  }

  get state(): UiState {
    return this.#state.now
  }

  /** Calls the listener with each message for the pages, until the returned function is called. */
  listen(listener: Listener): () => void {
    return this.#state.listen(listener)
  }

  /** Looks at the files and the database again. Calls during a look cause one more after it. */
  async refresh(): Promise<void> {
    if (this.#looking) {
      this.#again = true
      return this.#looking
    }
    this.#looking = this.#lookUntilDone()
    try {
      await this.#looking
    } finally {
      this.#looking = undefined
    }
  }

  /** Tells the inspector that files were saved: what was read before is out of date. */
  saved(): Promise<void> {
    this.#isOutdated = true
    this.#verifying.outdate()
    return this.refresh()
  }

  /** Passes on an event of the watch, and looks again if it may have changed anything. */
  hear(event: WatchEvent): void {
    this.#state.hear(event)
    this.#state.change(toldBy(event))
    if (LOOKS.has(event.type)) void this.saved()
  }

  /** Changes what the watch says of itself: the running step, the open question. */
  tell(part: Partial<Pick<UiState, 'running' | 'question'>>): void {
    this.#state.change(part)
  }

  /** Asks for yes or no on every open page. Resolves with `false` if the signal is aborted. */
  ask(question: Question, signal: AbortSignal): Promise<boolean> {
    return this.#questions.ask(question, signal, false, (sent) => sent === true)
  }

  /** Asks a question of `generate`. Resolves with undefined if the user leaves, or if the signal is aborted. */
  answer(question: AskedOfGenerate, signal: AbortSignal): Promise<string | undefined> {
    return this.#questions.ask(question, signal, undefined, (sent) => (typeof sent === 'string' ? sent : undefined))
  }

  /** @param id the number of the question, so that a late click cannot answer the next one */
  reply(id: number, sent: unknown): void {
    this.#questions.reply(id, sent)
  }

  /** Has the watch write the migration that is proposed, or say that its draft is done. @throws UsageError */
  propose(kind: 'generate' | 'finish'): void {
    this.#act({ kind })
  }

  /**
   * Gives the watch the moves that lead to a version.
   * @throws UsageError if nothing may be changed, or the version is not on the timeline
   */
  move(to: string): void {
    const job = moveTo(this.state.stations, to)
    if (job) this.#act(job)
  }

  /** Begins to verify. @throws UsageError */
  verify(): void {
    this.#verifying.start()
  }

  /** Ends the verification after the running check. */
  stopVerifying(): void {
    this.#verifying.stop()
  }

  /** Returns the findings of the last verification. @throws UsageError if there was none */
  get findings(): FindingsDocument {
    return this.#verifying.findings
  }

  async suggestions(): Promise<SuggestionsDocument> {
    return { suggestions: await suggestionsFor(this.#source, this.state.stations, this.#options.dialect) }
  }

  version(key: string): Promise<VersionDetail> {
    const read = (driver: Driver) => readVersion(this.#source, driver, this.state, key)
    // The files are there without the database, too.
    return this.state.connected ? this.#withDriver(read) : read(offlineDatabase(this.#options.dialect))
  }

  schema(key: string): Promise<SchemaDocument> {
    return this.#schemas.read(key, this.state.epoch)
  }

  /** Lists the tables of the live database with their sizes, and the rows that wait for a place. */
  tables(): Promise<TablesDocument> {
    return this.#withRows(async (reader) => ({ tables: await reader.tables(), waiting: await reader.waiting() }))
  }

  /** Reads the first rows of a table of the live database. */
  rows(request: RowRequest): Promise<RowPage> {
    return this.#withRows((reader) => reader.rows(request))
  }

  /** Plans the way from one version to another. @throws VersionNotFoundError and what planning throws */
  plan(from: string, to: string): Promise<PlanDocument> {
    return this.#withDriver(async (driver) => {
      const migrator = new Migrator({ ...this.#options.migrator, source: this.#source, database: driver })
      const supposed = from === 'database' ? {} : { from: from === 'nil' ? NIL_VERSION : from }
      const target = to === 'database' ? (this.state.at ?? 'nil') : to
      const { steps, warnings } = await migrator.plan(target, supposed)
      return {
        warnings,
        steps: steps.map((step) => {
          const { direction, origin, statements, code, atomic } = step
          return { key: labelOf(step), direction, origin, statements, code, atomic }
        }),
      }
    })
  }

  // --- internal ---

  #act(job: Job): void {
    const { act } = this.#options
    if (!act) throw new UsageError('This page only looks: it changes nothing.')
    act(job)
  }

  async #lookUntilDone(): Promise<void> {
    do {
      this.#again = false
      await this.#look()
    } while (this.#again)
  }

  async #look(): Promise<void> {
    const { url } = this.#options
    try {
      const { graph, migrations: files } = await readGraph(this.#source)
      const sizes = sizesOf(files)
      if (this.state.stations.length === 0) {
        // If the database does not answer, at least the files are shown.
        this.#state.change({ stations: stationsOf(graph, undefined, sizes) })
      }
      if (url === undefined) {
        this.#settle({ stations: stationsOf(graph, undefined, sizes), problems: graph.problems, unread: undefined })
        return
      }
      await this.#withDriver(async (driver) => {
        const status = await new Migrator({
          ...this.#options.migrator,
          source: this.#source,
          database: driver,
        }).status()
        const { migrations, version, dirty, problems, disagreement } = status
        const here = migrations.find((row) => row.version === version)
        this.#settle({
          stations: stationsOf(graph, migrations, sizes),
          database: driver.database,
          at: version === NIL_VERSION ? 'nil' : here ? labelOf(here) : String(version),
          dirty,
          problems: [...(disagreement === undefined ? [] : [disagreement]), ...problems],
          connected: true,
          unread: undefined,
        })
      })
    } catch (error) {
      const failure = failureOf(error)
      const isAway = failure.code === 'MIGRATEST_CONNECTION'
      this.#settle({ at: this.state.at, unread: failure, ...(isAway && { connected: false }) })
      if (isAway) this.#retry()
    }
  }

  /** Looks again after a while, as long as somebody sees that the database is away. */
  #retry(): void {
    clearTimeout(this.#retrying)
    this.#retrying = setTimeout(() => {
      if (this.#state.isSeen) void this.refresh()
      else this.#retry()
    }, RETRY_MS)
    this.#retrying.unref()
  }

  /** Opens the database for one look: an idle session would be in the way of a watch that has to copy it. */
  async #withDriver<T>(work: (driver: Driver) => Promise<T>): Promise<T> {
    const { url, open, dialect } = this.#options
    if (url === undefined) return work(offlineDatabase(dialect))
    const driver = await openDatabase(url, { ...open, applicationName: 'migratest ui' })
    try {
      return await work(driver)
    } finally {
      await driver.close()
    }
  }

  async #withRows<T>(work: (reader: RowReader) => Promise<T>): Promise<T> {
    const { url, open } = this.#options
    if (url === undefined) throw new UsageError('There is no database.')
    const reader = await openRowReader(url, { ...open, applicationName: 'migratest ui' })
    try {
      return await work(reader)
    } finally {
      await reader.close()
    }
  }

  /** Takes over what a look has found. What pages have read before is out of date if anything is different. */
  #settle(found: Partial<UiState>): void {
    const { stations, at, epoch } = this.state
    const isOther = JSON.stringify([stations, at]) !== JSON.stringify([found.stations ?? stations, found.at])
    const isOld = isOther || this.#isOutdated
    this.#isOutdated = false
    this.#state.change({ ...found, ...(isOld && { epoch: epoch + 1 }) })
  }
}

// --- internal ---

const RETRY_MS = 1000
