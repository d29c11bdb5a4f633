/**
 * Lets the engine, which orders migrations by numbers, run a folder in which another tool orders them by names. While a
 * command runs, each migration has a rank, which is its place in the list. The history keeps the names, so a migration
 * that is added in the middle changes nothing for the others.
 */
import {
  type DatabaseState,
  type Driver,
  type HistoryEntry,
  type HistoryRecord,
  type MigrationStep,
  NotReachedError,
  type SharedTransaction,
} from './driver.ts'
import { UsageError } from './errors.ts'
import { fingerprintOfHalf, loadHalf } from './load.ts'
import { NEVER } from './never.ts'
import { Numbers } from './numbers.ts'
import { now } from './realTime.ts'
import type { Bookkeeping, BookkeepingRow, Direction, Migration, Source, SourceFormat } from './source.ts'
import { NIL_VERSION } from './version.ts'

/** A source and a driver that agree on the ranks. */
export interface Ranked {
  readonly source: Source
  readonly driver: Driver
  /** Lists the migrations again at the next call. Ranks that were handed out before are then void. */
  renew(): void
  /** Runs SQL on the driver's session. */
  query(sql: string): Promise<unknown>
  /** Returns the number under which the history keeps the migration with this rank. */
  stored(rank: number): number
}

/** @throws UsageError if the driver cannot run folders of other tools */
export function ranked(source: Source, driver: Driver, format: SourceFormat): Ranked {
  if (!driver.rows || !driver.standAside) {
    throw new UsageError(`${source.name} is a folder of ${format.tool}, which this database's driver cannot run.`)
  }
  driver.standAside()
  const ranks = new Ranks(source, driver, format)
  return {
    source: ranks.pinned(),
    driver: ranks.driver(),
    renew: () => ranks.renew(),
    query: async (sql) => driver.rows?.(sql),
    stored: (rank) => ranks.stored(rank),
  }
}

// --- internal ---

class Ranks {
  readonly #source: Source
  readonly #inner: Driver
  readonly #format: SourceFormat
  #listed: Promise<readonly Migration[]> | undefined
  #books: Bookkeeping | undefined
  /** Names by rank, also of applied migrations whose files are gone. */
  #names = new Map<number, string>()
  /** Ranks by identity. */
  #ranks = new Map<string, number>()
  #numbers = new Numbers()
  /** Identities of the migrations that the tool began and did not finish. */
  #failed: readonly string[] = []
  /** The value of the version row in the database. */
  #row = NIL_VERSION
  /** The version row before the first of the steps that were sent ahead and not reached. */
  #lost: number | undefined

  constructor(source: Source, inner: Driver, format: SourceFormat) {
    this.#source = source
    this.#inner = inner
    this.#format = format
  }

  renew(): void {
    this.#listed = undefined
  }

  /** The source, whose list stays the same until `renew()`. */
  pinned(): Source {
    const source = this.#source
    return {
      name: source.name,
      format: this.#pinnedFormat(),
      folder: source.folder,
      get passedOver() {
        return source.passedOver ?? []
      },
      get remarks() {
        return source.remarks ?? []
      },
      list: () => this.#list(),
      read: (migration, direction) => source.read(migration, direction),
    }
  }

  driver(): Driver {
    const inner = this.#inner
    const { allOrNothing, applyAll, applyNext, inOneTransaction, executeSome, abandon, wasApplied, unlock } = inner
    const step = (given: MigrationStep) => this.#outward(given)
    return {
      dialect: inner.dialect,
      ...(inner.syntax && { syntax: inner.syntax }),
      database: inner.database,
      transactionalDdl: inner.transactionalDdl,
      ...(inner.transactionalRows !== undefined && { transactionalRows: inner.transactionalRows }),
      describe: (rank) => this.#nameOf(rank),
      lock: async (options) => {
        this.renew()
        await this.#list()
        const begun = now()
        await inner.lock({ ...options, bookkeeping: this.#bookkeeping() })
        // Files may have changed while another process had the lock.
        if (now() - begun > WAITED_MS) this.renew()
      },
      unlock: () => unlock.call(inner),
      state: () => this.#state(),
      recorded: (rank, direction) => inner.recorded(this.stored(rank), direction),
      apply: async (given, signal, next) => {
        await inner.apply(step(given), signal, next)
        this.#moved(given)
      },
      ...(applyNext && {
        get window() {
          return inner.window ?? 1
        },
        applyNext: (given: MigrationStep, signal: AbortSignal) => {
          const before = this.#row
          const applied = applyNext.call(inner, step(given), signal)
          // The next step is sent as if this one had succeeded.
          if (applied) this.#moved(given)
          return applied?.catch((error) => {
            // Those behind a step that failed are told before it: the row is where the first of them began.
            if (error instanceof NotReachedError) this.#lost ??= before
            this.#row = error instanceof NotReachedError ? (this.#lost ?? before) : before
            throw error
          })
        },
      }),
      ...(applyAll && {
        applyAll: async (given: readonly MigrationStep[], signal: AbortSignal) => {
          const before = this.#row
          const outward = given.map((one) => {
            const made = step(one)
            this.#moved(one)
            return made
          })
          // If a step fails, `state()` is read again, which sets the row.
          this.#row = before
          await applyAll.call(inner, outward, signal)
          for (const one of given) this.#moved(one)
        },
      }),
      ...(allOrNothing && {
        allOrNothing: (work: () => Promise<void>) => this.#keptOnFailure(() => allOrNothing.call(inner, work)),
      }),
      ...(inOneTransaction && {
        inOneTransaction: <T>(work: (together: SharedTransaction) => Promise<T>) =>
          this.#keptOnFailure(
            () =>
              inOneTransaction.call(inner, ({ rolledBack }) =>
                work({
                  rolledBack: async (trial) => {
                    const before = this.#position()
                    try {
                      return await rolledBack(trial)
                    } finally {
                      this.#goBack(before)
                    }
                  },
                }),
              ) as Promise<T>,
          ),
      }),
      begin: async (given, next) => {
        await inner.begin(this.#begin(given), next)
        this.#row = this.stored(given.to)
      },
      ...(executeSome && {
        executeSome: (given: MigrationStep, index: number, signal: AbortSignal) =>
          executeSome.call(inner, this.#begun(given), index, signal),
      }),
      execute: (given, index, signal) => inner.execute(this.#begun(given), index, signal),
      finish: (given) => inner.finish(this.#begun(given)),
      ...(abandon && {
        abandon: async (given: MigrationStep) => {
          await abandon.call(inner, this.#begun(given))
          this.#row = this.#begun(given).from
        },
      }),
      ...(wasApplied && { wasApplied: (rank: number) => wasApplied.call(inner, this.stored(rank)) }),
      force: (rank) => this.#force(rank),
      rerecord: (records) => inner.rerecord(records.map((record) => this.#record(record))),
      drop: async () => {
        await inner.drop()
        this.#numbers = new Numbers()
        this.#row = NIL_VERSION
      },
      close: () => inner.close(),
    }
  }

  /** Returns the number in the history. A migration that has none gets its own number, or the next free one. */
  stored(rank: number): number {
    if (rank === NIL_VERSION) return NIL_VERSION
    const identity = this.#format.identify(this.#nameOf(rank))
    return this.#numbers.of(identity) ?? this.#numbers.give(identity, this.#own.get(identity))
  }

  // --- internal ---

  /** The numbers that names begin with, by identity. */
  #own = new Map<string, number>()
  /** Translated steps that have begun. A driver gets the same object from `begin` to `finish`. */
  readonly #underWay = new WeakMap<MigrationStep, MigrationStep>()

  #list(): Promise<readonly Migration[]> {
    if (this.#listed) return this.#listed
    const listing = this.#source.list().then((migrations) => {
      const { identify } = this.#format
      this.#names = new Map(migrations.map(({ version, name }) => [version, name]))
      this.#ranks = new Map(migrations.map(({ version, name }) => [identify(name), version]))
      this.#own = new Map(
        migrations.flatMap(({ name, number }) => (number === undefined ? [] : [[identify(name), number] as const])),
      )
      return migrations
    })
    this.#listed = listing
    // The next call tries again: a file may have been half-written.
    listing.catch(() => {
      if (this.#listed === listing) this.#listed = undefined
    })
    return listing
  }

  #bookkeeping(): Bookkeeping {
    this.#books ??= this.#format.bookkeeping(this.#inner.dialect)
    return this.#books
  }

  /** The format with one bookkeeping for all of a migrator: it may remember what it read when it writes. */
  #pinnedFormat(): SourceFormat {
    const format = this.#format
    return {
      tool: format.tool,
      get downs() {
        return format.downs
      },
      get outOfOrder() {
        return format.outOfOrder
      },
      missing: format.missing,
      get oneTransaction() {
        return format.oneTransaction
      },
      settings: format.settings,
      identify: (name) => format.identify(name),
      before: () => format.before(),
      bookkeeping: () => this.#bookkeeping(),
    }
  }

  #nameOf(rank: number): string {
    return rank === NIL_VERSION ? 'nil' : (this.#names.get(rank) ?? String(rank))
  }

  async #state(): Promise<DatabaseState> {
    const migrations = await this.#list()
    const books = this.#bookkeeping()
    const own = await this.#inner.state()
    const data = books.select === undefined ? null : ((await this.#inner.rows?.(books.select)) ?? null)
    const { identify } = this.#format
    const entries = new Map(own.history.map((entry) => [identify(entry.name), entry]))
    this.#numbers = new Numbers([...entries].map(([identity, { version }]) => [identity, version]))
    this.#row = own.version
    // The tool's table decides what is applied; ours says more about it. Only a tool without a table leaves it to ours.
    const rows =
      books.select === undefined
        ? [...entries].map(([identity, { appliedAt }]) => asRow(identity, appliedAt))
        : books.rows(data ?? [])
    const names = new Map(migrations.map(({ name }) => [identify(name), name]))
    this.#rankGone(rows, [...entries.values()], names)
    const byIdentity = new Map(migrations.map((migration) => [identify(migration.name), migration]))
    const running = [...entries].filter(([, entry]) => entry.running)
    const applied = rows.filter(({ state, identity }) => state === 'applied' && !entries.get(identity)?.running)
    const history = await Promise.all(
      applied.map((row) => this.#entry(row, entries.get(row.identity), byIdentity.get(row.identity))),
    )
    const underWay = running.map(([identity, entry]) => ({
      ...entry,
      version: this.#ranks.get(identity) ?? NIL_VERSION,
    }))
    const all = [...history, ...underWay].sort((a, b) => a.version - b.version)
    const rowIdentity = this.#numbers.identityOf(own.version)
    const version = own.dirty
      ? (this.#ranks.get(rowIdentity ?? '') ?? NIL_VERSION)
      : (history
          .map((entry) => entry.version)
          .sort((a, b) => a - b)
          .at(-1) ?? NIL_VERSION)
    this.#failed = rows.filter(({ state }) => state === 'failed').map(({ identity }) => identity)
    const failed = this.#failed.map((identity) => names.get(identity) ?? identity)
    return { version, dirty: own.dirty, history: all, blocked: this.#blocked(failed) }
  }

  #blocked(failed: readonly string[]): string | undefined {
    if (failed.length === 0) return undefined
    const { tool } = this.#format
    return `${tool} began ${failed.join(', ')} on this database and did not finish, so nothing else may run. Repair the schema, and tell ${tool} that it is solved.`
  }

  /** Gives a rank to applied migrations whose files are gone: after the applied one before them. */
  #rankGone(
    rows: readonly BookkeepingRow[],
    entries: readonly HistoryEntry[],
    names: ReadonlyMap<string, string>,
  ): void {
    const { identify } = this.#format
    const recorded = new Map(entries.map(({ name }) => [identify(name), name]))
    const known = new Set(rows.map(({ identity }) => identity))
    const unlisted = entries.map(({ name }) => identify(name)).filter((identity) => !known.has(identity))
    const all = [...rows.map(({ identity }) => identity), ...unlisted]
    const gone = all.filter((identity) => !names.has(identity))
    let before = NIL_VERSION + 0.5
    let nth = 0
    for (const identity of all) {
      if (names.has(identity)) {
        before = Math.max(before, Math.floor(this.#ranks.get(identity) ?? 0) + 0.5)
        continue
      }
      // Between this migration and the next one in the list.
      const rank = before + (++nth / (gone.length + 1)) * 0.5
      this.#ranks.set(identity, rank)
      this.#names.set(rank, recorded.get(identity) ?? identity)
    }
  }

  async #entry(
    row: BookkeepingRow,
    own: HistoryEntry | undefined,
    migration: Migration | undefined,
  ): Promise<HistoryEntry> {
    const version = this.#ranks.get(row.identity) ?? NIL_VERSION
    const name = migration?.name ?? own?.name ?? row.identity
    const known: HistoryEntry = own
      ? { ...own, version, name, baseline: false }
      : { ...UNRECORDED, version, name, appliedAt: row.appliedAt, ...(!migration && { fingerprint: GONE }) }
    // Reading all files takes a while, and our own record is enough, unless the tool has applied the migration again.
    if (!migration || !row.isUnchanged || (own && !isStale(own, row))) return known
    const [isUnchanged, now] = [await row.isUnchanged(), await this.#fingerprints(migration)]
    if (isUnchanged && now) return { ...known, ...now }
    if (!now) return known
    return { ...known, fingerprint: EDITED, downFingerprint: now.downFingerprint }
  }

  /** Returns the fingerprints of a migration's file; undefined if it cannot be read. */
  async #fingerprints(
    migration: Migration,
  ): Promise<{ fingerprint: string; downFingerprint: string | null } | undefined> {
    const half = (direction: Direction) => loadHalf(this.#source, migration, direction, this.#inner)
    try {
      const [up, down] = [await half('up'), await half('down')]
      return { fingerprint: fingerprintOfHalf(up), downFingerprint: down.kind === 'nil' ? null : down.fingerprint }
    } catch {
      return undefined
    }
  }

  #position(): Position {
    return { row: this.#row, numbers: this.#numbers.copy() }
  }

  #goBack({ row, numbers }: Position): void {
    this.#row = row
    this.#numbers = numbers
  }

  /** If the work fails, its transaction was rolled back, and what we know of the version row with it. */
  async #keptOnFailure<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#position()
    try {
      return await work()
    } catch (error) {
      this.#goBack(before)
      throw error
    }
  }

  /** Translates a step for the driver. */
  #outward(step: MigrationStep): MigrationStep {
    const { put, remove } = step.history
    return {
      ...step,
      version: this.stored(step.version),
      from: this.#row,
      to: this.stored(step.to),
      history: {
        put: put && this.#record(put),
        remove: remove === undefined ? undefined : [remove].flat().map((rank) => this.stored(rank)),
      },
    }
  }

  #begin(step: MigrationStep): MigrationStep {
    const made = this.#outward(step)
    this.#underWay.set(step, made)
    return made
  }

  /** Returns the translated step. One that is resumed has begun in another process: the version row has its new value. */
  #begun(step: MigrationStep): MigrationStep {
    const known = this.#underWay.get(step)
    if (known) return known
    const made = { ...this.#outward(step), from: this.#row, to: this.#row }
    this.#underWay.set(step, made)
    return made
  }

  #moved(step: MigrationStep): void {
    this.#lost = undefined
    this.#row = this.stored(step.to)
  }

  #record(record: HistoryRecord): HistoryRecord {
    return { ...record, version: this.stored(record.version) }
  }

  /** Records all migrations up to this one as applied, and all above it as not applied, in both tables. */
  async #force(rank: number): Promise<void> {
    const migrations = await this.#list()
    const books = this.#bookkeeping()
    const { identify } = this.#format
    const { history } = await this.#state()
    const target = this.stored(rank)
    const finished = new Set(history.filter(({ running }) => !running).map(({ version }) => version))
    const missing = migrations.filter(({ version }) => version <= rank && !finished.has(version))
    const gone = history.filter(({ version }) => version > rank)
    // Numbers do not follow the ranks, so the history is not cut at a number: what has to go is named.
    const highest = Math.max(target, this.#numbers.highest)
    await this.#inner.force(highest)
    const unwanted = [...gone, ...missing].map(({ name }) => identify(name))
    const recorded = await Promise.all(missing.map((migration) => books.record(migration)))
    const forgotten = [...new Set([...unwanted, ...this.#failed])].flatMap((identity) => [...books.forget(identity)])
    await this.#inner.apply(
      {
        version: target,
        name: this.#nameOf(rank),
        direction: 'up',
        from: highest,
        to: target,
        work: { kind: 'nil' },
        history: { remove: gone.map(({ version }) => this.stored(version)) },
        bookkeeping: [...forgotten, ...recorded.flat()],
      },
      NEVER,
    )
    this.#row = target
  }
}

/** Milliseconds that may pass between our record and the tool's for one and the same migration. */
const APART_MS = 5000

/** Returns `true` if the tool has applied the migration again after we recorded it, for example after a reset. */
function isStale({ appliedAt, durationMs }: HistoryEntry, row: BookkeepingRow): boolean {
  if (!appliedAt || !row.appliedAt) return false
  // A client may be set up to return times as texts.
  return timeOf(row.appliedAt) > timeOf(appliedAt) + (durationMs ?? 0) + APART_MS
}

function timeOf(value: Date | string): number {
  return new Date(value).getTime()
}

function asRow(identity: string, appliedAt: Date | null): BookkeepingRow {
  return { identity, state: 'applied', appliedAt }
}

/** What the ranks know of the database: the version row, and the numbers of the history by identity. */
interface Position {
  readonly row: number
  readonly numbers: Numbers
}

/** Milliseconds that the lock takes only if another process has it. */
const WAITED_MS = 100

/** A fingerprint that no text has: the file differs from what the tool applied. */
const EDITED = 'edited'

/** Stands for the fingerprint of a migration that the tool applied and whose file is gone, so that it counts. */
const GONE = 'gone'

const UNRECORDED: Omit<HistoryEntry, 'version' | 'name' | 'appliedAt'> = {
  fingerprint: null,
  downFingerprint: null,
  baseline: false,
  recorded: false,
  running: null,
  appliedBy: null,
  durationMs: null,
}
