/** Compares the database before and after a statement. Pure. */
import type {
  Blocks,
  BuiltIndex,
  ColumnChange,
  ConstraintChange,
  Effects,
  HeldLock,
  TableEffect,
  WrittenRows,
} from '../../effects.ts'
import { NO_DETAILS, type TableDetails } from './details.ts'
import type { Relation, Snapshot } from './snapshot.ts'

/** The relations that were there before the migration began. */
export interface Baseline {
  /** By oid. */
  readonly relations: ReadonlyMap<number, Relation>
}

export interface Moment {
  readonly snapshot: Snapshot
  readonly details: ReadonlyMap<number, TableDetails>
}

export type Compared = Pick<
  Effects,
  'lockTimeoutMs' | 'locks' | 'rewritten' | 'built' | 'scanned' | 'written' | 'columns' | 'constraints' | 'invalid'
>

/** @param old the relations that were there before the migration */
export function compare(old: Baseline, before: Moment, after: Moment): Compared {
  const changed = (relation: Relation) => before.snapshot.relations.get(relation.oid) ?? NOTHING
  const tables = [...after.snapshot.relations.values()].filter(
    ({ kind }) => kind === 'r' || kind === 'm' || kind === 'p',
  )
  const oldTables = tables.filter(({ oid }) => old.relations.has(oid))
  const rewritten = oldTables.filter((one) => isRewritten(changed(one), one))
  const scanned = oldTables.filter((one) => one.read > changed(one).read)
  return {
    lockTimeoutMs: after.snapshot.lockTimeoutMs,
    locks: locksOf(old, before.snapshot, after.snapshot),
    rewritten: rewritten.map(effectOf),
    built: builtIndexes(old, before, after, new Set(rewritten.map(({ oid }) => oid))),
    scanned: scanned.map(effectOf),
    written: tables.flatMap((one) => writtenRows(old, changed(one), one)),
    ...tableChanges(oldTables, before, after),
    invalid: invalidIndexes(before, after),
  }
}

/** Returns the oids of old tables with a lock that only a change of their definition takes. */
export function definedAnew(old: Baseline, { locks, relations }: Snapshot): number[] {
  return [...locks]
    .filter(([, modes]) => modes.some((mode) => !LIGHT.has(mode)))
    .flatMap(([oid]) => {
      const relation = relations.get(oid)
      return relation && old.relations.has(oid) && (relation.kind === 'r' || relation.kind === 'p') ? [oid] : []
    })
}

/** Returns the locks that were seen from outside while a statement ran. */
export function seenLocks(
  old: Baseline,
  { relations }: Snapshot,
  seen: ReadonlyMap<number, ReadonlySet<string>>,
): HeldLock[] {
  const locks = new Map([...seen].map(([oid, modes]) => [oid, [...modes]] as const))
  return locksOf(old, { locks: new Map() }, { locks, relations })
}

// --- internal ---

const NOTHING = { filenode: 0, size: 0, scans: 0, read: 0, inserted: 0, updated: 0, deleted: 0 }
const LIGHT: ReadonlySet<string> = new Set(['AccessShareLock', 'RowShareLock', 'RowExclusiveLock'])
const WRITERS: ReadonlySet<string> = new Set(['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock'])

function effectOf({ shown }: Relation): TableEffect {
  return { name: shown }
}

/** TRUNCATE gives a new file, too, but then no rows are in it; a new file of no rows is no work. */
function isRewritten(before: Pick<Relation, 'filenode' | 'size'>, { kind, filenode, size }: Relation): boolean {
  return kind === 'r' && before.filenode !== 0 && filenode !== before.filenode && before.size > 0 && size > 0
}

function blocksOf(modes: readonly string[]): Blocks {
  if (modes.includes('AccessExclusiveLock')) return 'reads'
  return modes.some((mode) => WRITERS.has(mode)) ? 'writes' : 'nothing'
}

const STRENGTH = [
  'AccessShareLock',
  'RowShareLock',
  'RowExclusiveLock',
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
]

/** Returns the locks that a statement has on old relations, the strongest of each. */
function locksOf(
  old: Baseline,
  before: Pick<Snapshot, 'locks'>,
  after: Pick<Snapshot, 'locks' | 'relations'>,
): HeldLock[] {
  return [...after.locks].flatMap(([oid, modes]): HeldLock[] => {
    const was = old.relations.get(oid)
    if (!was) return []
    const now = after.relations.get(oid)
    const mode = modes.toSorted((a, b) => STRENGTH.indexOf(a) - STRENGTH.indexOf(b)).at(-1) ?? ''
    if (mode === 'AccessShareLock') return []
    const relation = now ?? was
    const kind = isIndex(relation) ? 'index' : ['r', 'p', 'm'].includes(relation.kind) ? 'table' : 'other'
    const table =
      kind === 'index' ? (after.relations.get(relation.table) ?? old.relations.get(relation.table)) : relation
    // Nobody writes to a materialized view but REFRESH.
    const limit = (blocks: Blocks): Blocks => (relation.kind === 'm' && blocks === 'writes' ? 'nothing' : blocks)
    const earlier = limit(blocksOf(before.locks.get(oid) ?? []))
    const blocks = limit(blocksOf(modes))
    return [
      {
        name: relation.shown,
        kind,
        table: table?.shown ?? relation.shown,
        mode: readable(mode),
        blocks,
        isNew: blocks !== earlier,
        under: kind === 'table' ? parentsOf(relation, after) : [],
        isGone: now === undefined,
      },
    ]
  })
}

function isIndex({ kind }: Relation): boolean {
  return kind === 'i' || kind === 'I'
}

function parentsOf({ table }: Relation, snapshot: Pick<Snapshot, 'relations'>): string[] {
  const parent = snapshot.relations.get(table)
  return parent ? [parent.shown, ...parentsOf(parent, snapshot)] : []
}

/** Turns `ShareRowExclusiveLock` into the words of the manual, SHARE ROW EXCLUSIVE. */
function readable(mode: string): string {
  return mode
    .replace(/Lock$/, '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toUpperCase()
}

/**
 * An index of a changed column gets another oid and keeps its file if nothing is built again, so the files of the whole
 * table are compared, not those of one index.
 */
function builtIndexes(old: Baseline, before: Moment, after: Moment, rewritten: ReadonlySet<number>): BuiltIndex[] {
  const files = new Set([...before.snapshot.relations.values()].filter(isIndex).map(({ filenode }) => filenode))
  return [...after.snapshot.relations.values()].flatMap((index): BuiltIndex[] => {
    const table = old.relations.get(index.table)
    if (index.kind !== 'i' || !table || rewritten.has(index.table) || files.has(index.filenode)) return []
    // After TRUNCATE, or of a table without rows, an index is made at once.
    if (!before.snapshot.relations.get(index.table)?.size || !after.snapshot.relations.get(index.table)?.size) return []
    const isNew = !before.snapshot.relations.has(index.oid)
    return [{ ...indexOf(index, after), isNew }]
  })
}

function indexOf(index: Relation, { snapshot, details }: Moment): Omit<BuiltIndex, 'isNew'> {
  const { definition = '', constraint } = details.get(index.table)?.indexes.get(index.oid) ?? {}
  const table = snapshot.relations.get(index.table)
  const under = table ? parentsOf(table, snapshot) : []
  return { name: index.shown, table: table?.shown ?? '', under, definition, constraint }
}

function invalidIndexes(before: Moment, after: Moment): BuiltIndex[] {
  return [...after.snapshot.relations.values()]
    .filter(
      ({ kind, isValid, oid }) => kind === 'i' && !isValid && before.snapshot.relations.get(oid)?.isValid !== false,
    )
    .map((index) => ({ ...indexOf(index, after), isNew: !before.snapshot.relations.has(index.oid) }))
}

function writtenRows(
  old: Baseline,
  before: Omit<Relation, 'oid' | 'kind' | 'schema' | 'name' | 'shown' | 'table' | 'isValid'>,
  after: Relation,
): WrittenRows[] {
  const inserted = after.inserted - before.inserted
  const updated = after.updated - before.updated
  const deleted = after.deleted - before.deleted
  if (inserted <= 0 && updated <= 0 && deleted <= 0) return []
  return [{ name: after.shown, isOld: old.relations.has(after.oid), inserted, updated, deleted, of: undefined }]
}

function tableChanges(tables: readonly Relation[], before: Moment, after: Moment) {
  const columns: ColumnChange[] = []
  const constraints: ConstraintChange[] = []
  for (const { oid, shown: table } of tables) {
    const was = before.details.get(oid) ?? NO_DETAILS
    const now = after.details.get(oid) ?? was
    if (was === now) continue
    for (const [number, column] of now.columns) {
      const earlier = was.columns.get(number)
      if (JSON.stringify(earlier) !== JSON.stringify(column)) columns.push({ table, before: earlier, after: column })
    }
    for (const [number, column] of was.columns)
      if (!now.columns.has(number)) columns.push({ table, before: column, after: undefined })
    for (const [id, constraint] of now.constraints) {
      const earlier = was.constraints.get(id)
      if (!earlier) constraints.push({ table, ...constraint, change: 'added' })
      else if (!earlier.isValid && constraint.isValid) constraints.push({ table, ...constraint, change: 'validated' })
    }
    for (const [id, constraint] of was.constraints)
      if (!now.constraints.has(id)) constraints.push({ table, ...constraint, change: 'dropped' })
  }
  return { columns, constraints }
}
