/** One table's change: a single ALTER TABLE where the server takes it, since each one may copy the table. */
import type { Hints } from '../hints.ts'
import type { Statement } from '../statement.ts'
import { checkChanges, checkText } from './check.ts'
import { columnChanges } from './column.ts'
import { keyChanges } from './key.ts'
import { partitionChange } from './partition.ts'
import { answerFor, rowChanges } from './rows.ts'
import type { Table } from './tableModel.ts'
import { optionChanges, versioningChanges } from './tableOption.ts'
import { alterText, quoted, shown } from './text.ts'

/** The ways of changing a table, from the shortest on; a refusal leads to the next. */
export const LAST_RUNG = 2

export interface TableChange {
  /** The table as it is once its renames have run. */
  readonly from: Table
  readonly to: Table
  readonly oldTable: string
  /** Old name of each column by its new one. */
  readonly oldNames: ReadonlyMap<string, string>
  /** New name of each index by its old one. */
  readonly indexes: ReadonlyMap<string, string>
  readonly values: (column: string) => ReadonlyMap<string, string>
  /** Foreign keys of this table that can go and come in the same statement. */
  readonly dropKeys: readonly string[]
  readonly addKeys: readonly string[]
  readonly hints: Hints
}

/** Returns the statements; empty if the table stays as it is. */
export function alterTable(change: TableChange): Statement[] {
  const { from, to, hints } = change
  const rung = hints.rungs.get(`table ${shown(to.name)}`) ?? 0
  const parts = partsOf(change)
  const rows = [...parts.before, ...parts.after]
  const clauses = [...parts.drops, ...parts.late, ...parts.columns, ...parts.options, ...parts.adds, ...parts.apart]
  if (clauses.length + rows.length === 0 && parts.clause === undefined && parts.alone === undefined) return []
  if (rung >= 2) return anew(change)
  const alter = (clauses: readonly string[], end?: string, destroyed: readonly string[] = []): Statement[] =>
    clauses.length === 0 && end === undefined
      ? []
      : [
          {
            sql: alterText(to.name, clauses, end),
            does: 'alter',
            object: `table ${shown(to.name)}`,
            ...(destroyed.length > 0 && { destroys: destroyedText(change.oldTable, destroyed) }),
          },
        ]
  const plain = (sql: string): Statement => ({ sql, does: 'alter', object: `table ${shown(to.name)}` })
  const main =
    rung === 0
      ? alter([...parts.drops, ...parts.columns, ...parts.adds, ...parts.options], parts.clause, parts.destroyed)
      : [
          ...alter(parts.drops),
          // Columns without a collation of their own take the table's.
          ...alter([...parts.columns, ...parts.options], undefined, parts.destroyed),
          ...alter(parts.adds),
          ...alter([], parts.clause),
        ]
  // Earlier versions of rows stay as they were written.
  const history =
    from.versioned && to.versioned && main.length > 0 ? [plain('SET @@system_versioning_alter_history = KEEP;')] : []
  return [
    ...history,
    ...parts.before.map(plain),
    ...main,
    ...parts.apart.flatMap((clause) => alter([clause])),
    ...(parts.alone === undefined ? [] : [plain(`ALTER TABLE ${quoted(to.name)} ${parts.alone};`)]),
    ...parts.after.map(plain),
  ]
}

/** Returns what has to wait until all tables have changed. */
export function alterTableLate({ from, to, hints }: TableChange): Statement[] {
  const { late } = checkChanges(from, to, hints.late)
  if (late.length === 0 || isMadeAnew(to, hints)) return []
  return [{ sql: alterText(to.name, late), does: 'alter', object: `table ${shown(to.name)}` }]
}

/** Whether the table is dropped and made again under its name. */
export function isMadeAnew(to: Table, hints: Hints): boolean {
  return (hints.rungs.get(`table ${shown(to.name)}`) ?? 0) >= 2
}

// --- internal ---

interface Parts {
  readonly drops: readonly string[]
  readonly columns: readonly string[]
  readonly options: readonly string[]
  readonly adds: readonly string[]
  readonly apart: readonly string[]
  readonly late: readonly string[]
  readonly clause: string | undefined
  readonly alone: string | undefined
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly destroyed: readonly string[]
}

function partsOf(change: TableChange): Parts {
  const { from, to, oldNames, indexes, dropKeys, addKeys } = change
  const rows = rowChanges({ ...change, answers: change.hints.answers })
  const { before, instead, carried, waiting } = rows
  const columns = columnChanges(from, to, { oldNames, carried, instead })
  const keys = keyChanges(from, to, {
    renames: indexes,
    rebuilt: new Set(carried.keys()),
    waiting,
    hinted: change.hints.rebuild,
  })
  const checks = checkChanges(from, to, change.hints.late)
  const versioning = versioningChanges(from, to)
  const { clause, alone } = partitionChange(from.partition, to.partition)
  const last = [...rows.afterClauses, ...keys.late]
  return {
    drops: [...versioning.drops, ...dropKeys, ...checks.drops, ...keys.drops],
    columns: [...columns.drops, ...columns.changes],
    options: optionChanges(from, to),
    adds: [...keys.adds, ...checks.adds, ...versioning.adds, ...addKeys],
    apart: keys.apart,
    late: checks.late,
    clause,
    alone,
    before,
    after: [...rows.after, ...(last.length > 0 ? [alterText(to.name, last)] : [])],
    destroyed: columns.destroyed.map((name) => oldNames.get(name) ?? name),
  }
}

function destroyedText(table: string, columns: readonly string[]): string {
  return columns.map((column) => `column ${shown(table)}.${shown(column)}`).join(', ')
}

/** The table is made as it is wanted, gets the rows, and takes the place of the old one. */
function anew({ from, to, oldTable, oldNames, hints }: TableChange): Statement[] {
  const object = `table ${shown(to.name)}`
  const other = `${to.name.slice(0, 58)}_new`
  const had = new Map(from.columns.map((column) => [column.name, column]))
  const carried = to.columns.filter(({ name, generated }) => generated === null && had.has(name))
  const lost = from.columns.filter(
    ({ name, generated }) => generated === null && !to.columns.some((column) => column.name === name),
  )
  const filled = to.columns.flatMap(({ name, generated }) => {
    if (generated !== null || had.has(name)) return []
    const value = answerFor(hints.answers.fill, { to, oldTable, oldNames }, name)
    return value === undefined ? [] : [{ name, value }]
  })
  const names = [...carried, ...filled].map(({ name }) => quoted(name)).join(', ')
  const olds = [
    ...carried.map(({ name }) => quoted(oldNames.get(name) ?? name)),
    ...filled.map(({ value }) => value),
  ].join(', ')
  const statement = (sql: string, does: Statement['does'] = 'alter'): Statement => ({ sql, does, object })
  return [
    {
      ...statement(tableText(to, other, []), 'create'),
      comment: `${shown(to.name)} is made again: the server refuses to alter it.`,
    },
    ...(carried.length === 0
      ? []
      : [statement(`INSERT INTO ${quoted(other)} (${names})\nSELECT ${olds} FROM ${quoted(to.name)};`)]),
    {
      ...statement(`DROP TABLE ${quoted(to.name)};`, 'drop'),
      ...(lost.length > 0 && {
        destroys: destroyedText(
          oldTable,
          lost.map(({ name }) => oldNames.get(name) ?? name),
        ),
      }),
    },
    statement(`RENAME TABLE ${quoted(other)} TO ${quoted(to.name)};`),
    ...(to.checks.length === 0
      ? []
      : [
          statement(
            alterText(
              to.name,
              to.checks.map((check) => `ADD ${checkText(check)}`),
            ),
          ),
        ]),
  ]
}

/** The statement that makes a table, without its checks, whose names another table has while both exist. */
function tableText(table: Table, name: string, keys: readonly string[]): string {
  const lines = [
    ...table.columns.map((column) => `${quoted(column.name)} ${column.definition}`),
    ...table.keys.map((key) =>
      key.name === 'PRIMARY' ? `PRIMARY KEY ${key.after}` : `${key.before} ${quoted(key.name)} ${key.after}`,
    ),
    ...table.periods,
    ...keys,
  ]
  const options = [...table.options].map(([option, value]) =>
    option === 'CHARSET' ? `DEFAULT CHARSET=${value}` : `${option}=${value}`,
  )
  const tail = [...options, ...(table.versioned ? ['WITH SYSTEM VERSIONING'] : [])].join(' ')
  const partition = table.partition === undefined ? '' : `\n${table.partition}`
  return `CREATE TABLE ${quoted(name)} (\n  ${lines.join(',\n  ')}\n) ${tail}${partition};`
}
