/** Finds the fewest rows over which a migration fails, by trying. */
import type { FillDatabase } from '../../fill/fillDatabase.ts'
import type { FillColumn, FillTable, Text } from '../../fill/model.ts'
import { MigrationFailedError } from '../../migrate/errors.ts'
import { DIALECTS } from '../../sql/dialect.ts'
import { MigratedDatabase } from '../../testing/lease/migratedDatabase.ts'
import type { Half } from '../halves.ts'
import type { Verified } from '../verified.ts'
import { filling } from './rowDatabase.ts'
import { namesIn, saidBy } from './said.ts'
import type { Snapshot, TableRows } from './snapshot.ts'

export interface Failing<Client> {
  readonly verified: Verified<Client>
  /** The version at which the rows are inserted, and the one to which the migration that fails goes. */
  readonly from: number
  readonly to: number
  readonly rows: Snapshot
  readonly error: MigrationFailedError
  /** The text of the statement that fails. */
  readonly statement: string
  /** The half that fails, if its text is known. */
  readonly half: Half | undefined
}

export interface Smallest {
  readonly table: string
  /** The columns of that table. */
  readonly columns: readonly string[]
  /** How many rows of it are needed. */
  readonly rows: number
  /** INSERT statements, one a line. */
  readonly insert: string
}

/** Returns the INSERT statements; undefined if no rows of one table alone make the migration fail again. */
export async function smallestRows<Client>(failing: Failing<Client>): Promise<Smallest | undefined> {
  const trials = isRepeatable(failing) ? new TransactionTrials(failing) : new Trials(failing)
  try {
    return await smallestOf(failing, trials)
  } finally {
    await trials.dispose()
  }
}

// --- internal ---

async function smallestOf<Client>(failing: Failing<Client>, trials: Trials<Client>): Promise<Smallest | undefined> {
  const { half, statement } = failing
  const said = saidBy([half])
  const has = (text: string, { table, rows }: TableRows) =>
    rows.length > 0 && namesIn(said, table.name).some((name) => isNamed(name, text))
  const named = failing.rows.filter((one) => has(statement, one))
  // Rows that refer to those that the statement names, and that the file speaks of elsewhere.
  const others = failing.rows.filter((one) => !named.includes(one) && has(half?.text ?? '', one))
  for (const { table, rows } of [...named, ...others]) {
    const whole = { table, rows: inOrder(table, rows), columns: written(table) }
    if (!(await trials.fails(whole))) continue
    const fewer = await fewestRows(whole, trials)
    const narrow = await fewestColumns(fewer, failing.statement, trials)
    const columns = table.columns.map(({ name }) => name)
    return { table: table.name, columns, rows: narrow.rows.length, insert: trials.sql(narrow) }
  }
  return undefined
}

/** Databases that are made to find out: each takes about as long as a test's own. */
const MOST_TRIALS = 14

interface Candidate {
  readonly table: FillTable
  readonly rows: TableRows['rows']
  readonly columns: readonly FillColumn[]
  /** `true` to give the rows that these refer to only what they must have. */
  readonly bare?: boolean
}

interface Insert {
  readonly table: FillTable
  readonly columns: readonly FillColumn[]
  readonly values: readonly Text[]
}

async function fewestRows(all: Candidate, trials: Trial): Promise<Candidate> {
  let { rows } = all
  while (rows.length > 1) {
    const middle = Math.ceil(rows.length / 2)
    const first = rows.slice(0, middle)
    const second = rows.slice(middle)
    if (await trials.fails({ ...all, rows: first })) rows = first
    else if (await trials.fails({ ...all, rows: second })) rows = second
    else break
  }
  // Rows that only fail together: each is left out in turn.
  if (rows.length > 1) {
    for (const row of rows) {
      const fewer = rows.filter((one) => one !== row)
      if (fewer.length > 0 && (await trials.fails({ ...all, rows: fewer }))) rows = fewer
    }
  }
  return { ...all, rows }
}

async function fewestColumns(all: Candidate, statement: string, trials: Trial): Promise<Candidate> {
  const columns = all.columns.filter((column) => isRequired(all.table, column) || hasWord(statement, column.name))
  for (const narrow of [
    { ...all, columns, bare: true },
    { ...all, columns },
    { ...all, bare: true },
  ]) {
    if (narrow.columns.length > 0 && (await trials.fails(narrow))) return narrow
  }
  return all
}

/** A row that refers to another, and the columns by which it does. */
interface Step {
  readonly row: readonly Text[]
  readonly referenced: readonly string[]
}

interface Trial {
  fails(candidate: Candidate): Promise<boolean>
}

function isRequired({ primaryKey }: FillTable, { name, nullable, default: value }: FillColumn): boolean {
  return (!nullable && value === null) || primaryKey.includes(name)
}

class Trials<Client> implements Trial {
  protected readonly failing: Failing<Client>
  readonly #present = new Set<string>()
  #left = MOST_TRIALS

  constructor(failing: Failing<Client>) {
    this.failing = failing
  }

  /** Returns whether the migration fails in the same way over these rows alone. */
  async fails(candidate: Candidate): Promise<boolean> {
    const inserts = this.#inserts(candidate)
    if (!inserts || this.#left-- <= 0) return false
    return this.failsOver(inserts).catch(() => false)
  }

  async dispose(): Promise<void> {
    // Each trial has dropped its database.
  }

  protected async failsOver(inserts: readonly Insert[]): Promise<boolean> {
    const { to, error } = this.failing
    const db = await this.open()
    try {
      const { fill, borrowed } = await filling(db)
      try {
        this.areThere(await fill.transaction(() => insertAll(fill, inserts)))
      } finally {
        await borrowed.session.close()
      }
      return await db.migrate(to).then(
        () => false,
        (caught) =>
          caught instanceof MigrationFailedError && caught.line === error.line && caught.sqlState === error.sqlState,
      )
    } finally {
      await db[Symbol.asyncDispose]().catch(() => undefined)
    }
  }

  /** Remembers rows that need not be inserted. */
  protected areThere(inserts: readonly Insert[]): void {
    for (const insert of inserts) this.#present.add(keyOf(insert))
  }

  protected open(): Promise<MigratedDatabase<Client>> {
    const { options, source } = this.failing.verified
    // Without a listener, the database may be copied from a snapshot of its version.
    const { onEvent: _, ...rest } = options
    return MigratedDatabase.create({ ...rest, migrations: source, version: this.failing.from })
  }

  sql(candidate: Candidate): string {
    const { dialect } = this.failing.verified.options.server
    const { quote } = DIALECTS[dialect]
    const simple = (name: string) => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : quote(name))
    return (this.#inserts(candidate) ?? [])
      .filter((insert) => !this.#present.has(keyOf(insert)))
      .map(({ table, columns, values }) => {
        const name = table.name.split('.').map(simple).join('.')
        return `INSERT INTO ${name} (${columns.map((column) => simple(column.name)).join(', ')}) VALUES (${values.map((value, n) => literal(value, columns[n])).join(', ')});`
      })
      .join('\n')
  }

  /** The rows with those they refer to, which come first; undefined if they refer to each other. */
  #inserts({ table, rows, columns, bare = false }: Candidate): Insert[] | undefined {
    const inserts: Insert[] = []
    const done = new Set<readonly Text[]>()
    const visit = (of: FillTable, row: readonly Text[], path: readonly Step[]): boolean => {
      if (done.has(row)) return true
      if (path.some((step) => step.row === row)) return false
      const needed = written(of).filter(
        (column) => !bare || isRequired(of, column) || path.at(-1)?.referenced.includes(column.name),
      )
      const own = of === table ? columns : needed
      const has = (name: string) => own.some((column) => column.name === name)
      for (const key of of.foreignKeys) {
        if (!key.columns.every(has)) continue
        const wanted = key.columns.map((name) => cellOf(of, row, name))
        if (wanted.includes(null)) continue
        const parent = this.failing.rows.find((one) => one.table.id === key.parent)
        const found = parent?.rows.find((one) =>
          key.parentColumns.every((name, n) => cellOf(parent.table, one, name) === wanted[n]),
        )
        if (
          parent &&
          found &&
          found !== row &&
          !visit(parent.table, found, [...path, { row, referenced: key.parentColumns }])
        )
          return false
      }
      done.add(row)
      inserts.push({ table: of, columns: own, values: own.map(({ name }) => cellOf(of, row, name)) })
      return true
    }
    return rows.every((row) => visit(table, row, [])) ? inserts : undefined
  }
}

/** PostgreSQL: trials in one database, each in a transaction that is rolled back. */
class TransactionTrials<Client> extends Trials<Client> {
  #opened: Promise<{ db: MigratedDatabase<Client>; rest: Awaited<ReturnType<typeof filling>> }> | undefined

  override async dispose(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined)
    await opened?.rest.borrowed.session.close().catch(() => undefined)
    await opened?.db[Symbol.asyncDispose]().catch(() => undefined)
  }

  protected override async failsOver(inserts: readonly Insert[]): Promise<boolean> {
    this.#opened ??= this.open().then(async (db) => ({ db, rest: await filling(db) }))
    const { fill, borrowed } = (await this.#opened).rest
    const { half, error } = this.failing
    const texts = (half?.statements ?? []).map(({ start, end }) => half?.text.slice(start, end) ?? '')
    const { session } = borrowed
    await session.query('BEGIN')
    try {
      this.areThere(await insertAll(fill, inserts))
      for (const text of texts) {
        const code = await session.query(text).then(
          () => undefined,
          (caught: { code?: string }) => caught.code ?? '',
        )
        if (code !== undefined) return code === error.sqlState
      }
      return false
    } finally {
      await session.query('ROLLBACK')
    }
  }
}

/** Returns whether the statements of the half can be run in a transaction that is rolled back. */
function isRepeatable<Client>({ verified, half }: Failing<Client>): boolean {
  if (verified.options.server.dialect !== 'postgres' || half?.kind !== 'sql') return false
  return !/\b(?:concurrently|vacuum|begin|commit|start\s+transaction|database|add\s+value)\b/i.test(half.text)
}

/** Returns the rows that are there already, from migrations and seeds. */
async function insertAll(fill: FillDatabase, inserts: readonly Insert[]): Promise<Insert[]> {
  const present: Insert[] = []
  for (const insert of inserts) {
    if ((await fill.insert(insert.table, insert.columns, [insert.values])) === 0) present.push(insert)
  }
  return present
}

function cellOf({ columns }: FillTable, row: readonly Text[], name: string): Text {
  return row[columns.findIndex((column) => column.name === name)] ?? null
}

/** Returns the rows by primary key, else by all values: a server gives them in an order of its own, another one each time. */
function inOrder(table: FillTable, rows: TableRows['rows']): TableRows['rows'] {
  const key = table.primaryKey.length > 0 ? table.primaryKey : table.columns.map(({ name }) => name)
  const wordOf = new Map(rows.map((row) => [row, key.map((name) => cellOf(table, row, name) ?? '').join('\0')]))
  const { compare } = new Intl.Collator('en', { numeric: true })
  return rows.toSorted((one, other) => compare(wordOf.get(one) ?? '', wordOf.get(other) ?? ''))
}

function keyOf({ table, columns, values }: Insert): string {
  const key = table.primaryKey.map((name) => values[columns.findIndex((column) => column.name === name)])
  return JSON.stringify([table.id, key.length > 0 ? key : values])
}

function written({ columns }: FillTable): FillColumn[] {
  return columns.filter(({ generated }) => generated === null)
}

const PLAIN = new Set(['integer', 'decimal', 'float'])

function literal(value: Text, column: FillColumn | undefined): string {
  if (value === null) return 'NULL'
  if (column && PLAIN.has(column.type.kind) && /^-?\d+(?:\.\d+)?$/.test(value)) return value
  return `'${value.replaceAll("'", "''")}'`
}

function isNamed(table: string, text: string): boolean {
  return hasWord(text, table.split('.').at(-1) ?? table)
}

function hasWord(text: string, word: string): boolean {
  const escaped = word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(?<![\\w$])${escaped}(?![\\w$])`, 'i').test(text)
}
