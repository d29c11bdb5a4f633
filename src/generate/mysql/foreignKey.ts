/**
 * Foreign keys: those that go are dropped before the tables that they join change, those that come are added after
 * them; in the same ALTER TABLE as other changes where nothing else is in the way.
 */
import type { Hints } from '../hints.ts'
import type { Statement } from '../statement.ts'
import { collationOf } from './column.ts'
import type { Model } from './schemaModel.ts'
import { tableNamed } from './schemaModel.ts'
import { type ForeignKey, type Table, typeOf } from './tableModel.ts'
import { alterText, quoted, shown } from './text.ts'

export interface ForeignKeyPlan {
  /** Statements before all tables change. */
  readonly first: readonly Statement[]
  /** Clauses for a table's own ALTER TABLE. */
  readonly drops: (table: string) => readonly string[]
  readonly adds: (table: string) => readonly string[]
  /** Keys that a new table is created with. */
  readonly inline: (table: string) => readonly ForeignKey[]
  /** Statements after all tables have changed. */
  readonly last: readonly Statement[]
}

export interface ForeignKeyContext {
  /** The schema before, with the names as they were; and with the names that its tables and columns get. */
  readonly old: Model
  readonly was: Model
  readonly now: Model
  /** Tables that go, come, change or get another name. */
  readonly touched: ReadonlySet<string>
  /** Tables that are dropped and made again. */
  readonly anew: ReadonlySet<string>
  /** New tables in the order in which they are made. */
  readonly created: readonly string[]
  readonly hints: Hints
}

export function planForeignKeys(context: ForeignKeyContext): ForeignKeyPlan {
  const { old, was, now, touched, created, hints } = context
  const has = new Map(now.foreignKeys.map((key) => [idOf(key), key]))
  const exists = (table: string) => tableNamed(was, table) !== undefined
  const stays = (key: ForeignKey) => {
    const other = has.get(idOf(key))
    return other !== undefined && other.definition === key.definition && !mustBeMadeAgain(key, context)
  }
  const staying = new Set(was.foreignKeys.filter(stays).map(idOf))
  const going = was.foreignKeys.flatMap((key, at) =>
    staying.has(idOf(key)) ? [] : [{ key, raw: old.foreignKeys[at] }],
  )
  const coming = now.foreignKeys.filter((key) => !staying.has(idOf(key)))
  const goingIds = new Set(going.map(({ key }) => idOf(key)))
  const isAlone = (table: string) => (hints.rungs.get(`table ${shown(table)}`) ?? 0) > 0
  const inTheWay = ({ table, refTable }: ForeignKey) =>
    refTable !== undefined && refTable !== table && touched.has(refTable)
  const isChanged = (key: ForeignKey) => touched.has(key.table) && exists(key.table) && !isAlone(key.table)
  // The tables that go take their keys with them, except where they refer to each other in a circle.
  const first = going.filter(({ key }) => {
    if (tableNamed(now, key.table) === undefined) return inCircle(key, was, now)
    return inTheWay(key) || !isChanged(key) || context.anew.has(key.table) || hints.rebuild.has(hintKey(key))
  })
  const merged = going.filter((one) => !first.includes(one) && tableNamed(now, one.key.table) !== undefined)
  const inline = coming.filter(
    (key) => created.includes(key.table) && !(isLater(key, created) || hints.late.has(hintKey(key))),
  )
  const together = coming.filter(
    (key) =>
      isChanged(key) && !goingIds.has(idOf(key)) && !inTheWay(key) && key.refTable !== key.table && exists(key.table),
  )
  const late = coming.filter((key) => !inline.includes(key) && !together.includes(key))
  return {
    first: grouped(
      first.map(({ raw, key }) => ({
        table: (raw ?? key).table,
        clause: `DROP FOREIGN KEY ${quoted((raw ?? key).name)}`,
        comesBack: has.get(idOf(key))?.definition === key.definition,
      })),
    ),
    drops: (table) =>
      merged.filter(({ key }) => key.table === table).map(({ key }) => `DROP FOREIGN KEY ${quoted(key.name)}`),
    adds: (table) => together.filter((key) => key.table === table).map((key) => `ADD ${foreignKeyText(key)}`),
    inline: (table) => inline.filter((key) => key.table === table),
    last: grouped(late.map((key) => ({ table: key.table, clause: `ADD ${foreignKeyText(key)}` }))),
  }
}

export function foreignKeyText({ name, definition }: ForeignKey): string {
  return `CONSTRAINT ${quoted(name)} ${definition}`
}

/** Returns the key of a foreign key in the hints. */
export function hintKey({ table, name }: Pick<ForeignKey, 'table' | 'name'>): string {
  return `foreign-key ${shown(table)} ${shown(name)}`
}

// --- internal ---

function idOf({ table, name }: ForeignKey): string {
  return `${table}\0${name}`
}

/** The server lets no column of a key change its type: neither the one that refers nor the one that is referred to. */
function mustBeMadeAgain(key: ForeignKey, { was, now, anew, hints }: ForeignKeyContext): boolean {
  if (hints.rebuild.has(hintKey(key)) || anew.has(key.table) || anew.has(key.refTable ?? '')) return true
  const sides = [
    [key.table, key.columns],
    [key.refTable ?? '', key.refColumns],
  ] as const
  return sides.some(([table, columns]) => {
    const [before, after] = [tableNamed(was, table), tableNamed(now, table)]
    return before && after && columns.some((name) => typeIn(before, name) !== typeIn(after, name))
  })
}

function typeIn(table: Table, name: string): string | undefined {
  const column = table.columns.find((one) => one.name === name)
  return column && `${typeOf(column).replace(/ COLLATE \w+| CHARACTER SET \w+/g, '')} ${collationOf(column, table)}`
}

function isLater({ table, refTable }: ForeignKey, created: readonly string[]): boolean {
  if (refTable === undefined || refTable === table) return false
  return created.indexOf(refTable) > created.indexOf(table)
}

/** Whether dropping the tables in the best order would still drop one that another, dropped later, refers to. */
function inCircle(key: ForeignKey, was: Model, now: Model): boolean {
  const target = key.refTable
  if (target === undefined || target === key.table || tableNamed(now, target) !== undefined) return false
  const seen = new Set<string>()
  const reaches = (table: string): boolean => {
    if (table === key.table) return true
    if (seen.has(table)) return false
    seen.add(table)
    return was.foreignKeys.some((one) => one.table === table && one.refTable !== undefined && reaches(one.refTable))
  }
  return reaches(target)
}

function grouped(clauses: readonly { table: string; clause: string; comesBack?: boolean }[]): Statement[] {
  const tables = [...new Set(clauses.map(({ table }) => table))]
  return tables.map((table) => ({
    sql: alterText(
      table,
      clauses.filter((one) => one.table === table).map(({ clause }) => clause),
    ),
    does: 'alter',
    object: `table ${shown(table)}`,
    ...(clauses.some((one) => one.table === table && one.comesBack) && {
      comment: 'Added again below: the server does not let columns and indexes of a foreign key change.',
    }),
  }))
}
