/** Fills tables with rows: what each refers to first, then its own rows, until the server has accepted as many as wanted. */

import type { Shape } from './choices.ts'
import type { FillDatabase } from './fillDatabase.ts'
import type { FillColumn, FillTable, Proposal, RowSet } from './model.ts'
import { type Circle, circlesOf, isRequiredKey } from './order.ts'
import { type Impossible, type Plan, planOf, randomPlans } from './plan.ts'
import { usual } from './values.ts'

export interface FillOptions {
  readonly set: RowSet
  /** `false` to leave a partitioned table without partitions empty instead of making one; default `true`. */
  readonly partitions?: boolean
  /** `false` to keep triggers on even if they refuse the rows; default `true`. */
  readonly triggersOff?: boolean
  /** Rows that tables have, by {@link FillTable.id}, where that is known. */
  readonly counts?: ReadonlyMap<string, number>
  /** Values for columns, by {@link FillTable.id} and column. */
  readonly given?: ReadonlyMap<string, ReadonlyMap<string, Proposal>>
}

/** The result for one table. */
export interface Filled {
  readonly table: FillTable
  /** Rows inserted. */
  readonly rows: number
  /** Why there are not as many rows as wanted; `undefined` if there are. */
  readonly why: string | undefined
}

/**
 * Inserts rows into tables and into those they refer to. Runs inside a transaction of the caller.
 * @param wanted the number of rows to add, by {@link FillTable.id}
 */
export async function fillTables(
  database: FillDatabase,
  tables: readonly FillTable[],
  wanted: ReadonlyMap<string, number>,
  options: FillOptions,
): Promise<Filled[]> {
  const filler = new Filler(database, tables, wanted, options)
  const unknown = tables.filter(({ id }) => wanted.has(id) && options.counts?.has(id) !== true)
  await filler.count(unknown.filter(({ refused }) => refused === undefined))
  for (const table of tables) if (wanted.has(table.id)) await filler.fill(table, wanted.get(table.id) ?? 0)
  return filler.done()
}

// --- internal ---

const SHAPES: readonly Shape[] = ['all', 'no-defaults', 'required']
/** Rows per INSERT, and characters of its values at most. */
const BATCH_ROWS = 2000
const BATCH_CHARACTERS = 2_000_000
/** Rows refused one after another, after which the rest is given up. */
const MOST_REFUSED = 25
/** The same, if none was accepted before them. */
const MOST_REFUSED_AT_FIRST = 6
/** Attempts one after another in which all rows are like those that are there, after which the rest is given up. */
const MOST_IDLE = 3
/** Rows per message if each is inserted on its own. */
const EACH_ROWS = 500
const RANDOM_ATTEMPTS = 40
/** Rows that a table gets which others refer to, if nobody says how many. */
const PARENT_ROWS = 10

class Filler {
  readonly #database: FillDatabase
  readonly #tables: ReadonlyMap<string, FillTable>
  readonly #wanted: ReadonlyMap<string, number>
  readonly #options: FillOptions
  readonly #circles: ReadonlyMap<string, Circle>
  readonly #counts: Map<string, number>
  readonly #filled = new Map<string, Filled>()
  readonly #begun = new Set<string>()

  constructor(
    database: FillDatabase,
    tables: readonly FillTable[],
    wanted: ReadonlyMap<string, number>,
    options: FillOptions,
  ) {
    this.#database = database
    this.#tables = new Map(tables.map((table) => [table.id, table]))
    this.#wanted = wanted
    this.#options = options
    this.#circles = circlesOf(tables)
    this.#counts = new Map(options.counts)
  }

  done(): Filled[] {
    return [...this.#filled.values()]
  }

  /** Counts the rows that tables have now. */
  async count(tables: readonly FillTable[]): Promise<void> {
    if (tables.length === 0) return
    const counting = this.#database.attempt(() => this.#database.counts(tables))
    const counts = await counting.catch(() => tables.map(() => 0))
    for (const [n, { id }] of tables.entries()) this.#counts.set(id, counts[n] ?? 0)
  }

  /** Adds `rows` rows to a table; at first, those that it was asked for. */
  async fill(table: FillTable, rows: number): Promise<void> {
    if (this.#begun.has(table.id)) return
    const circle = this.#circles.get(table.id)
    const members = circle?.tables ?? [table]
    for (const member of members) this.#begun.add(member.id)
    for (const member of members) await this.#fillParents(member, rows)
    if (circle) await this.#fillCircle(circle, rows)
    else await this.#fillOne(table, rows)
  }

  /** Sees to it that what a table's rows refer to is there, and enough of it. */
  async #fillParents(table: FillTable, rows: number): Promise<void> {
    for (const key of table.foreignKeys) {
      const parent = this.#tables.get(key.parent)
      if (!parent || this.#circles.get(table.id)?.tables.includes(parent) || parent === table) continue
      const isRequired = isRequiredKey(table, key)
      const asked = this.#wanted.get(parent.id)
      // A parent that needs rows of this table first comes after it.
      const isLater = !isRequired && this.#needs(parent).has(table)
      if (asked !== undefined && !isLater) await this.fill(parent, asked)
      else if (isRequired) {
        const need = Math.min(rows, PARENT_ROWS)
        const there = await this.#count(parent)
        if (there < need) await this.fill(parent, need - there)
      }
    }
  }

  /** All tables that must have rows before this one can, itself included. */
  #needs(table: FillTable, found = new Set<FillTable>()): Set<FillTable> {
    found.add(table)
    for (const key of table.foreignKeys) {
      const parent = this.#tables.get(key.parent)
      if (parent && !found.has(parent) && isRequiredKey(table, key)) this.#needs(parent, found)
    }
    return found
  }

  async #fillOne(table: FillTable, rows: number): Promise<void> {
    if (table.refused !== undefined) return this.#note(table, 0, table.refused)
    if (table.partitionFor !== undefined) {
      if (this.#options.partitions === false || !this.#database.makePartition) {
        return this.#note(table, 0, 'it is partitioned and has no partition')
      }
      await this.#database.makePartition(table)
    }
    const { inserted, why } = await this.#insertAny(table, rows, new Map())
    this.#note(table, inserted, why)
  }

  async #fillCircle({ tables }: Circle, rows: number): Promise<void> {
    const planned = new Map<string, ReadonlyMap<string, Proposal>>()
    for (const table of tables) planned.set(table.id, plannedKeys(table, tables, await this.#count(table)))
    let done: { readonly table: FillTable; readonly inserted: number; readonly why: string | undefined }[] = []
    try {
      await this.#database.withoutForeignKeys(tables, async () => {
        done = []
        for (const table of tables) {
          const found = await this.#insertAny(table, rows, planned)
          done.push({ table, ...found })
          const columns = table.columns.filter(({ name }) => planned.get(table.id)?.has(name))
          await this.#database.numberOn(table, columns)
        }
        const failed = done.find(({ why }) => why !== undefined)
        if (failed) throw new Error(failed.why)
      })
      for (const { table, inserted, why } of done) this.#note(table, inserted, why)
    } catch (error) {
      const names = tables.map(({ name }) => name).join(', ')
      for (const table of tables) {
        const why = this.#database.reasonOf(error, table)
        this.#note(table, 0, tables.length > 1 ? `${names} refer to each other: ${why}` : why)
      }
    }
  }

  /** Tries ways to make rows, from the best to the poorest, until the server accepts one. */
  async #insertAny(
    table: FillTable,
    rows: number,
    planned: ReadonlyMap<string, ReadonlyMap<string, Proposal>>,
  ): Promise<{ inserted: number; why: string | undefined }> {
    const { set, triggersOff = true, given = new Map() } = this.#options
    let wanted = rows
    let first: string | undefined
    let failed = false
    const refusal = () => ({ inserted: 0, why: first ?? 'no row was accepted' })
    const options = (shape: Shape, kind: RowSet = set) => ({
      set: kind,
      shape,
      rows,
      tables: this.#tables,
      planned,
      given,
    })
    const attemptPlan = async (plan: Plan | Impossible | undefined) => {
      if (!plan) return undefined
      if ('reason' in plan) {
        first ??= plan.reason
        return undefined
      }
      const found = await this.#insert(table, plan, wanted)
      failed ||= found.error !== undefined
      if (found.inserted > 0 || wanted === 0) return found
      first ??= found.error === undefined ? found.why : this.#database.reasonOf(found.error, table)
      return undefined
    }
    const ordinary = async () => {
      for (const shape of SHAPES) {
        const plan = await this.#roomy(table, wanted, () => planOf(table, this.#database, options(shape)))
        const found = await attemptPlan(plan)
        if (found) return found
      }
      return undefined
    }
    const random = async () => {
      const makers: (((attempt: number) => Plan) | undefined)[] = []
      for (const shape of SHAPES) makers.push(await randomPlans(table, this.#database, options(shape)))
      const numbers = Array.from({ length: RANDOM_ATTEMPTS }, (_, attempt) => attempt)
      const plans = numbers.flatMap((attempt) => makers[attempt % SHAPES.length]?.(attempt) ?? [])
      if (this.#database.insertEach) return this.#insertFirst(table, plans, wanted)
      for (const plan of plans) {
        const found = await attemptPlan(plan)
        if (found) return found
      }
      return undefined
    }
    const found = await ordinary()
    wanted = rows - (found?.inserted ?? 0)
    if (wanted === 0) return found ?? refusal()
    // A trigger may refuse a row, or change it so that a constraint does.
    const isOff = failed && table.triggers > 0 && triggersOff
    const on = isOff ? await this.#database.withoutTriggers?.(table).catch(() => undefined) : undefined
    if (on) first = undefined
    const again = (on && (await ordinary())) ?? (found ? undefined : await random())
    await on?.()
    if (!again) return found ?? refusal()
    return { inserted: (found?.inserted ?? 0) + again.inserted, why: again.why }
  }

  /** Adds rows to referenced tables if the plan has too few of them for so many different rows. */
  async #roomy(table: FillTable, rows: number, make: () => Promise<Plan | Impossible>): Promise<Plan | Impossible> {
    const plan = await make()
    if ('reason' in plan || plan.room >= rows) return plan
    const keys = table.foreignKeys.filter(({ columns }) => columns.some((name) => plan.narrow.includes(name)))
    const parents = keys.flatMap(({ parent }) => this.#tables.get(parent) ?? []).filter((parent) => parent !== table)
    const distinct = [...new Set(parents)]
    if (distinct.length === 0) return plan
    const factor = (rows / plan.room) ** (1 / distinct.length)
    for (const parent of distinct) {
      const there = await this.#count(parent)
      const need = Math.min(rows, Math.ceil(there * factor) + 1) - there
      const isOurs = this.#filled.has(parent.id) || !this.#begun.has(parent.id)
      const before = this.#filled.get(parent.id)
      // One that could not be filled as it was wanted cannot be filled further.
      if (need <= 0 || !isOurs || before?.why !== undefined || this.#wanted.has(parent.id)) continue
      this.#begun.delete(parent.id)
      await this.fill(parent, need)
      const after = this.#filled.get(parent.id)
      if (after) this.#filled.set(parent.id, { ...after, rows: after.rows + (before?.rows ?? 0) })
    }
    return make()
  }

  /** Finds the first plan of which the server accepts a row, in one message, and goes on with it. */
  async #insertFirst(
    table: FillTable,
    plans: readonly Plan[],
    rows: number,
  ): Promise<{ inserted: number; why: string | undefined } | undefined> {
    const start = await this.#count(table)
    const lines = plans.map((plan) => ({ columns: plan.columns, row: plan.row(start) }))
    if (lines.length === 0) return undefined
    const limits = { inserted: 1, refused: lines.length, refusedAtFirst: lines.length }
    const found = await this.#database.insertEach?.(table, lines, limits)
    const plan = plans[(found?.ran ?? 0) - 1]
    if (!found || !plan || found.inserted === 0) return undefined
    this.#counts.set(table.id, start + found.inserted)
    return this.#insert(table, plan, rows, found.inserted)
  }

  /** Inserts the rows of a plan that are wanted beyond those of it that are there `already`. */
  async #insert(
    table: FillTable,
    plan: Plan,
    wanted: number,
    already = 0,
  ): Promise<{ inserted: number; why: string | undefined; error?: unknown }> {
    const rows = wanted - already
    const start = await this.#count(table)
    let inserted = 0
    let refused = 0
    let error: unknown
    const insertRange = async (from: number, to: number): Promise<void> => {
      if (refused > MOST_REFUSED) return
      const left = Array.from({ length: to - from }, (_, n) => plan.row(from + n))
      try {
        for (const batch of plan.columns.length === 0 ? [left.slice(0, 1)] : batches(left)) {
          inserted += await this.#database.insert(table, plan.columns, batch)
          left.splice(0, batch.length)
        }
      } catch (caught) {
        error ??= caught
        if (to - from === 1) {
          refused++
          return
        }
        if (this.#database.insertEach) {
          await insertEach(left)
          return
        }
        // The first row alone shows soon whether none of them has a chance.
        const middle = inserted === 0 ? from + 1 : from + Math.ceil((to - from) / 2)
        await insertRange(from, middle)
        if (inserted === 0 && refused >= MOST_REFUSED_AT_FIRST) return
        await insertRange(middle, to)
      }
    }
    const insertEach = async (lines: readonly (string | null)[][]): Promise<void> => {
      for (const part of partsOf(lines, EACH_ROWS)) {
        const some = part.map((row) => ({ columns: plan.columns, row }))
        const found = await this.#database.insertEach?.(table, some, {
          inserted: rows - inserted,
          refused: MOST_REFUSED - refused,
          refusedAtFirst: inserted === 0 ? MOST_REFUSED_AT_FIRST - refused : Number.MAX_SAFE_INTEGER,
        })
        inserted += found?.inserted ?? 0
        refused += found?.refused ?? 0
        if (refused > MOST_REFUSED || (inserted === 0 && refused >= MOST_REFUSED_AT_FIRST)) return
      }
    }
    let next = start
    const last = start + rows * 3 + 20
    // After so many rows, each value that must be unique has come again, beside other ones.
    const patience = Number.isFinite(plan.room) ? Math.max(MOST_IDLE, plan.room) : MOST_IDLE
    for (let idle = 0; inserted < rows && next < last && idle < patience && refused <= MOST_REFUSED; ) {
      const before = inserted
      const to = plan.columns.length === 0 ? next + 1 : Math.min(next + Math.min(rows - inserted, BATCH_ROWS), last)
      await insertRange(next, to)
      next = to
      if (inserted === 0 && refused >= MOST_REFUSED_AT_FIRST) break
      idle = inserted > before ? 0 : idle + 1
    }
    this.#counts.set(table.id, start + inserted)
    const all = already + inserted
    if (inserted >= rows) return { inserted: all, why: undefined }
    // A trigger of another table may have made some.
    const [now = 0] = await this.#database.attempt(() => this.#database.counts([table])).catch(() => [0])
    if (now - start >= rows) return { inserted: all, why: undefined }
    const room = Number.isFinite(plan.room)
      ? `${plan.narrow.join(', ')} must be unique, and there are no more different values`
      : undefined
    const why =
      error === undefined
        ? (room ?? 'further rows were like those that are there')
        : this.#database.reasonOf(error, table)
    return { inserted: all, why: all === 0 ? why : `only ${all} of ${wanted} rows: ${why}`, error }
  }

  async #count(table: FillTable): Promise<number> {
    if (!this.#counts.has(table.id)) await this.count([table])
    return this.#counts.get(table.id) ?? 0
  }

  #note(table: FillTable, rows: number, why: string | undefined): void {
    this.#filled.set(table.id, { table, rows, why })
  }
}

/** Chooses the values of columns to which tables of the circle refer. */
function plannedKeys(table: FillTable, circle: readonly FillTable[], offset: number): Map<string, Proposal> {
  const referenced = new Set(
    circle.flatMap(({ foreignKeys }) =>
      foreignKeys.filter(({ parent }) => parent === table.id).flatMap((key) => key.parentColumns),
    ),
  )
  const isKey = ({ name }: FillColumn) => referenced.has(name)
  return new Map(
    table.columns.filter(isKey).map((column): [string, Proposal] => {
      const own = usual({ ...column, constant: undefined }, table, 'plain', true)
      return [column.name, { ...own, at: (i) => own.at(i + (i < offset ? offset : 0)) }]
    }),
  )
}

function partsOf<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size))
}

function batches<R extends readonly (string | null)[]>(rows: readonly R[]): R[][] {
  const all: R[][] = []
  let size = Number.POSITIVE_INFINITY
  for (const row of rows) {
    const length = row.reduce((sum, value) => sum + (value?.length ?? 4) + 3, 0)
    if (size + length > BATCH_CHARACTERS) {
      all.push([])
      size = 0
    }
    all.at(-1)?.push(row)
    size += length
  }
  return all
}
