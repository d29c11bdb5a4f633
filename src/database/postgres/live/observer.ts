/** Observes the statements of migrations on PostgreSQL and PGlite: locks, rewrites, scans and rows. */
import type { MigrationStep, ObservedStatement, StatementObserver } from '../../../migrate/driver.ts'
import { now } from '../../../migrate/realTime.ts'
import type { BuiltIndex, Effects, WrittenRows } from '../../effects.ts'
import { besideOthers } from './beside.ts'
import { type Baseline, type Compared, compare, definedAnew, type Moment, seenLocks } from './compare.ts'
import { readDetails, type TableDetails } from './details.ts'
import { makeFitting } from './fittingRows.ts'
import { type Inner, prepareInner, takeRewrites, withInner } from './inner.ts'
import { type Query, type Relation, readSnapshot } from './snapshot.ts'

export class PostgresObserver implements StatementObserver {
  isActive = false
  readonly #own: readonly string[]
  #effects: Effects[] = []
  #step: MigrationStep | undefined
  /** Where the last statement began in the text. */
  #at = -1
  /** `true` if a statement that we did not look at may have let locks go. */
  #isStale = false
  #baseline: Baseline | undefined
  #last: Moment | undefined
  /** `true` if rows were deleted in what was observed last. */
  #hasDeleted = false
  /** The places where statements begin that failed over the rows that were there. */
  readonly #unfitting = new Set<number>()
  /** Fills tables, if rows are to be found over which those statements succeed. */
  #fill: ((query: Query) => Promise<unknown>) | undefined

  /** @param own names of tables that are not the migrations' */
  constructor(own: readonly string[]) {
    this.#own = own
  }

  /** Observes what `work` runs, and returns what its statements did. */
  async during(work: () => Promise<void>): Promise<Effects[]> {
    this.isActive = true
    this.#last = undefined
    this.#hasDeleted = false
    try {
      await work()
      return this.#effects.splice(0)
    } finally {
      this.isActive = false
      this.#effects = []
    }
  }

  /**
   * Observes what `work` runs once more after it has failed, over rows for which its statements do not fail.
   * @param fill adds rows to tables that lack some, within a transaction that is open
   * @throws as `work` does; it may be tried again if it failed at another statement
   */
  async overFittingRows(work: () => Promise<void>, fill: (query: Query) => Promise<unknown>): Promise<Effects[]> {
    this.#fill = fill
    try {
      return await this.during(work)
    } finally {
      this.#fill = undefined
    }
  }

  /** Returns how many statements were found to fail over the rows that were there, since it was asked to forget them. */
  get failures(): number {
    return this.#unfitting.size
  }

  /** Forgets the statements that failed: another migration comes. */
  forgetFailures(): void {
    this.#unfitting.clear()
  }

  /**
   * Returns whether a table may have lost its rows, or has none and was made, in what was observed last: whoever fills tables
   * need not look otherwise.
   */
  get mayLackRows(): boolean {
    const { relations = new Map<number, Relation>() } = this.#last?.snapshot ?? {}
    const isEmpty = ({ kind, size }: Relation) => kind === 'r' && size === 0
    const wasEmpty = (oid: number) => this.#baseline?.relations.get(oid)?.size === 0
    return this.#hasDeleted || [...relations.values()].some((one) => isEmpty(one) && !wasEmpty(one.oid))
  }

  async observe(statement: ObservedStatement, run: () => Promise<void>): Promise<void> {
    const { step, index, query, inTransaction } = statement
    const start = statement.statement?.start ?? 0
    const words = statement.statement?.words ?? []
    if (isSilent(words)) {
      this.#isStale = true
      return run()
    }
    // A step that is run once more, because our own tables had gone, begins anew.
    if (step !== this.#step || start <= this.#at) await this.#begin(step, query)
    else if (this.#isStale && this.#last) this.#last = await this.#look(query, this.#last.details)
    this.#at = start
    this.#isStale = false
    const baseline = this.#baseline
    if (!this.#last || !baseline) return run()
    const fits = !inTransaction || !this.#unfitting.has(start) || (await this.#makeFitting(statement))
    const before = this.#last
    const isRows = words.length === 0 || ROWS.has(words[0] ?? '')
    const begun = now()
    const beside = inTransaction ? undefined : await besideOthers(statement, tablesOf(before))
    let inner: Inner[] = []
    let isCommitted = false
    const noted = async () => {
      const mayCommit = !inTransaction && (words[0] === 'call' || words[0] === 'do')
      const first = mayCommit ? await transactionNumber(query) : undefined
      await run().catch((error) => {
        this.#unfitting.add(start)
        throw error
      })
      // Its own transaction, and that of the question.
      if (first !== undefined) isCommitted = (await transactionNumber(query)) - first > 2
    }
    try {
      const running = async () => {
        if (runsOthers(words)) inner = await withInner(query, noted)
        else await noted()
      }
      await (isRows ? withIndexes(query, running) : running())
    } finally {
      await beside?.end()
    }
    const ms = now() - begun
    const after = await this.#look(query, before.details, beside?.seen.keys())
    const whole = compare(baseline, before, after)
    const reasons = whole.rewritten.length > 0 ? await takeRewrites(query) : new Map<number, string>()
    const why = new Map([...reasons].map(([oid, text]) => [after.snapshot.relations.get(oid)?.shown, text]))
    const counts = await countsOf(query, whole.written)
    this.#hasDeleted ||= whole.written.some(({ deleted }) => deleted > 0)
    // Statements that come later find rows again.
    if (!fits) await this.#fill?.(query)
    // Counting has moved the counters, and so has filling.
    this.#last = counts.size > 0 || !fits ? await this.#look(query, after.details) : after
    const parts = inner.length > 0 && !beside ? partsOf(baseline, before, inner, after) : [whole]
    const about = {
      version: step.version,
      direction: step.direction,
      index,
      range: statement.statement && { start: statement.statement.start, end: statement.statement.end },
      words,
      inTransaction,
      waited: beside?.waited() ?? [],
    }
    for (const part of parts) {
      this.#effects.push({
        ...about,
        ms: ms / parts.length,
        ...part,
        rewritten: part.rewritten.map(({ name }) => ({ name, why: why.get(name) })),
        written: part.written.map((rows) => ({ ...rows, of: counts.get(rows.name), isCommitted })),
        ...(beside && { locks: seenLocks(baseline, after.snapshot, beside.seen) }),
        passedOver: inTransaction ? [] : await passedOver(statement, part.built),
      })
    }
  }

  /** Makes what is needed to look inside of functions. Runs outside of any transaction. */
  async prepare(query: Query): Promise<void> {
    await prepareInner(query, this.#own).catch(() => undefined)
  }

  // --- internal ---

  async #begin(step: MigrationStep, query: Query): Promise<void> {
    this.#effects = this.#effects.filter(
      ({ version, direction }) => version !== step.version || direction !== step.direction,
    )
    this.#step = step
    const snapshot = await readSnapshot(query, this.#own)
    const known = this.#last?.details
    const missing = tablesOf({ snapshot }).filter(({ oid }) => !known?.has(oid))
    const details = new Map([
      ...(known ?? []),
      ...(await readDetails(
        query,
        missing.map(({ oid }) => oid),
      )),
    ])
    this.#baseline = { relations: snapshot.relations }
    this.#last = { snapshot, details }
  }

  /** Returns `false` if the statement has no rows to run over. */
  async #makeFitting({ step, statement, query }: ObservedStatement): Promise<boolean> {
    const fill = this.#fill
    const last = this.#last
    if (!fill || !last || !statement || step.work.kind !== 'sql') return true
    const text = step.work.script.text.slice(statement.start, statement.end)
    const fits = await makeFitting({ query, text, tables: tablesOf(last), fill: () => fill(query) })
    this.#last = await this.#look(query, last.details)
    return fits
  }

  /** Looks at the database now. Details are read again for tables whose locks say that they may have changed. */
  async #look(query: Query, known: ReadonlyMap<number, TableDetails>, also: Iterable<number> = []): Promise<Moment> {
    const snapshot = await readSnapshot(query, this.#own)
    const locked = this.#baseline ? definedAnew(this.#baseline, snapshot) : []
    const changed = [...new Set([...locked, ...[...also].filter((oid) => this.#baseline?.relations.has(oid))])]
    return { snapshot, details: new Map([...known, ...(await readDetails(query, changed))]) }
  }
}

/**
 * Returns whether a statement is about the session or the transaction alone. Some of these must come before any query of
 * the transaction, ours included.
 */
function isSilent([first = '']: readonly string[]): boolean {
  return SILENT.has(first)
}

const SILENT: ReadonlySet<string> = new Set(
  'set reset begin start commit end rollback abort savepoint release discard deallocate prepare show listen notify'.split(
    ' ',
  ),
)

/** Statements that change or read rows, or run others that may. */
const ROWS: ReadonlySet<string> = new Set(['update', 'delete', 'insert', 'merge', 'with', 'select', 'do', 'call'])

function tablesOf({ snapshot }: Pick<Moment, 'snapshot'>): Relation[] {
  return [...snapshot.relations.values()].filter(({ kind }) => kind === 'r' || kind === 'p')
}

/**
 * Runs a statement that reads or changes rows so that it uses every index that it can: of a table with few rows, the
 * server would read all, and we could not tell which statement reads all of a large one.
 */
async function withIndexes(query: Query, run: () => Promise<void>): Promise<void> {
  const [row] = await query("SELECT pg_catalog.current_setting('enable_seqscan') AS setting")
  const set = (value: string) => query(`SELECT pg_catalog.set_config('enable_seqscan', '${value}', false)`)
  await set('off')
  await run()
  await set(String(row?.setting))
}

/**
 * An interrupted CREATE INDEX CONCURRENTLY leaves an index that is not valid. With IF NOT EXISTS, the next run may pass over
 * it. We mark the new index as such a run would leave it, run the statement again and look.
 */
async function passedOver(
  { step, statement, query }: ObservedStatement,
  built: readonly BuiltIndex[],
): Promise<BuiltIndex[]> {
  const index = built.find(({ isNew }) => isNew)
  const { words = [], start = 0, end = 0 } = statement ?? {}
  if (!index || step.work.kind !== 'sql' || !words.includes('concurrently') || !words.includes('exists')) return []
  const text = step.work.script.text.slice(start, end)
  const mark = (valid: boolean) =>
    query(
      `UPDATE pg_catalog.pg_index SET indisvalid = ${valid} WHERE indexrelid = '${index.name.replaceAll("'", "''")}'::pg_catalog.regclass RETURNING indisvalid`,
    )
  try {
    await mark(false)
    await query(text)
    const [row] = await query(
      `SELECT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = '${index.name.replaceAll("'", "''")}'::pg_catalog.regclass`,
    )
    await mark(true)
    return row?.indisvalid === false ? [index] : []
  } catch {
    // Only a superuser may mark it; a statement that refuses to run again tells the user.
    await mark(true).catch(() => undefined)
    return []
  }
}

/** Returns the number of the session's transaction: each one has the next, whether it writes or not. */
async function transactionNumber(query: Query): Promise<number> {
  const own =
    'SELECT virtualtransaction AS own FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid() LIMIT 1'
  const [row] = await query(own)
  return Number(String(row?.own).split('/')[1])
}

/** Counts the rows that tables had before the statement, of those that it updated or deleted from. */
async function countsOf(query: Query, written: readonly WrittenRows[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const { name, isOld, inserted, updated, deleted } of written) {
    if (!isOld || updated + deleted === 0) continue
    const [row] = await query(`SELECT pg_catalog.count(*)::int AS n FROM ${name}`)
    counts.set(name, Number(row?.n) - inserted + deleted)
  }
  return counts
}

/** Takes a statement apart into the commands that it ran, and what it did between them. */
function partsOf(baseline: Baseline, before: Moment, inner: readonly Inner[], after: Moment): Compared[] {
  const parts: Compared[] = []
  let last = before
  for (const command of inner) {
    const begins = { snapshot: command.before, details: before.details }
    const ends = { snapshot: command.after, details: before.details }
    parts.push(compare(baseline, last, begins))
    // The details of a table are read once, after the statement: a change belongs to the command that locks its table.
    const part = compare(baseline, begins, { ...ends, details: after.details })
    const touched = new Set([
      ...part.locks.flatMap(({ isNew, table }) => (isNew ? [table] : [])),
      ...part.rewritten.map(({ name }) => name),
      ...part.scanned.map(({ name }) => name),
    ])
    parts.push({
      ...part,
      columns: part.columns.filter(({ table }) => touched.has(table)),
      constraints: part.constraints.filter(({ table }) => touched.has(table)),
    })
    last = ends
  }
  parts.push(compare(baseline, last, { ...after, details: before.details }))
  return parts
}

/** Statements that run others, of which the server tells us nothing but through event triggers. */
function runsOthers(words: readonly string[]): boolean {
  return words.length === 0 || ['do', 'call', 'select', 'with', 'execute'].includes(words[0] ?? '')
}
