/** Turns what happened to rows into observations. What the file itself says lowers them. Pure. */
import type { FillTable } from '../../fill/model.ts'
import type { Observation, Place } from '../finding.ts'
import type { Half } from '../halves.ts'
import { placeOf } from '../statementAt.ts'
import type { Change, ChangedValue, ChangedValues, DroppedValues, LostRows } from './changes.ts'
import type { Broken, Counter, Use } from './rowReader.ts'
import { namesIn, type Said } from './said.ts'
import { matched, type Snapshot } from './snapshot.ts'

/** Observations about changes that one half made. @param back `true` if they show on the way back only */
export function observeChanges(changes: readonly Change[], half: Half, said: Said, back: boolean): Observation[] {
  const lost = changes.filter((change) => change.kind === 'lost')
  return changes.flatMap((change) => {
    if (change.kind === 'lost') return lostRows(change, half, said, lost)
    if (change.kind === 'dropped') return droppedValues(change, half, said, back)
    return changedValues(change, half, said, back, lost)
  })
}

export function observeBroken(broken: readonly Broken[], half: Half): Observation[] {
  return broken.map(({ kind, table, name, parent, rows }) => {
    const some = `${rows === 1 ? 'A row' : `${rows} rows`} of ${table}`
    const plural = rows === 1 ? 's' : ''
    const [message, text] =
      kind === 'foreign key'
        ? [
            `${some} refer${plural} to rows of ${parent} that do not exist, though the foreign key ${name} is there.`,
            'Find the rows with a query before the constraint is made, and delete or mend them; let the server check the key.',
          ]
        : kind === 'check'
          ? [
              `${some} break${plural} the constraint ${name}, which the server takes for granted: it does not look at rows that are there when a function changes, or when checks are off.`,
              'Mend the rows in the same migration; drop the constraint before its function changes, and add it again after, so that the server checks the rows.',
            ]
          : [
              `${some} hold${plural} another ${name} than its expression gives now: stored values stay as they are when a function changes.`,
              `Have the values computed again in the same migration: UPDATE ${table} SET … = …, or drop the column and add it again.`,
            ]
    return { rule: 'constraint-not-met', ...placeIn(half, table, name), objects: [table, name], message, fix: { text } }
  })
}

/** Observations about tables of which the server keeps what rows were before, and no longer does. */
export function observeHistory(before: Snapshot, after: Snapshot, half: Half, said: Said): Observation[] {
  return before.flatMap((one): Observation[] => {
    const { keepsHistory = false, name } = one.table
    const found = keepsHistory && one.rows.length > 0 ? matched(one, after, said) : undefined
    if (!found || found.after.table.keepsHistory) return []
    return [
      {
        rule: 'rows-deleted',
        ...placeIn(half, name, 'versioning'),
        severity: 'warning',
        objects: [name],
        message: `The history of ${name} is deleted: with its versioning go all former versions of its rows, which the statement does not say.`,
      },
    ]
  })
}

export interface CounterChange {
  /** Undefined for a table that was not there. */
  readonly before: Counter | undefined
  readonly after: Counter
}

export function observeCounters(counters: readonly CounterChange[], half: Half, said: Said): Observation[] {
  return counters.flatMap(({ before, after }): Observation[] => {
    const { table, column, next, most } = after
    const isBack = before !== undefined && next < before.next
    // Rows that seeds put in are not the migration's.
    if (!isBack && !said.inserts(table)) return []
    const message = isBack
      ? `The next row of ${table} would get ${column} ${next}; it was ${before.next} before, and the largest that is there is ${most ?? 'none'}.`
      : `Rows of ${table} have ${column} up to ${most}, and the next row would get ${column} ${next}: the numbers that the file has written itself are given out once more.`
    return [
      {
        rule: 'counter-goes-back',
        ...placeIn(half, table, column),
        objects: [table, column],
        message,
        ...(!isBack && !after.isTaken && { severity: 'warning' as const }),
        evidence: { rows: [{ table, key: column, before: String(before?.next ?? most), after: String(next) }] },
      },
    ]
  })
}

/** Observations about objects that could be used before and cannot now. */
export function observeUses(before: readonly Use[], after: readonly Use[], half: Half): Observation[] {
  return after.flatMap(({ what, name, error, isByValues = false }): Observation[] => {
    // Whoever failed over the values that were tried before has shown nothing about others.
    const worked = before.some((use) => use.what === what && use.error === undefined && !(isByValues && use.isByValues))
    if (!worked || error === undefined) return []
    return [
      {
        rule: 'object-broken',
        ...placeIn(half, name),
        objects: [name],
        message: `${subject(what)} worked before, and fails now: ${error}.`,
      },
    ]
  })
}

/** An observation about an object that is new and fails when it is used. */
export function observeNew({ what, name, error, isSure }: Use, half: Half): Observation {
  // Whoever calls a function may have made what it needs: a temporary table. What a row sets off has no caller.
  const isCalled = /^the (?:function|procedure|event) /.test(what)
  return {
    rule: 'object-broken',
    ...placeIn(half, name),
    ...((isCalled || !isSure) && { severity: 'warning' as const }),
    objects: [name],
    message: `${subject(what)} has never worked: ${error}.`,
    fix: { text: 'Mend it in this migration, and use it once in a test.' },
  }
}

/** The place of the first statement that names the table, and the other word if one of them does; one with the verb if there is one. */
export function placeIn(half: Half, table: string, word?: string, verb?: RegExp): Place {
  const { version, half: direction, file, text, statements } = half
  const bare = (table.split('.').at(-1) ?? table).toLowerCase()
  const named = statements.filter(({ start, end }) => hasWord(text.slice(start, end), bare))
  const both = named.filter(
    ({ start, end }) => word !== undefined && hasWord(text.slice(start, end), word.toLowerCase()),
  )
  const meant = both.find(({ start, end }) => verb?.test(text.slice(start, end)))
  const found = meant ?? both[0] ?? named[0] ?? (statements.length === 1 ? statements[0] : undefined)
  return { version, half: direction, file, ...(found && placeOf(text, found)) }
}

// --- internal ---

/** Begins a sentence with an object: `The trigger guard of orders, on INSERT,`. */
function subject(what: string): string {
  return `${what.charAt(0).toUpperCase()}${what.slice(1)}${/, on \w+$/.test(what) ? ',' : ''}`
}

const SHOWN = 3

function lostRows(change: LostRows, half: Half, said: Said, all: readonly LostRows[]): Observation[] {
  const { table, keys } = change
  const count = `${keys.length} of ${change.all} row${change.all === 1 ? '' : 's'} of ${table.name}`
  const evidence = { rows: keys.slice(0, SHOWN).map((key) => ({ table: table.name, key })) }
  const isPart = table.partitions?.some((name) => said.deletes(name, true)) ?? false
  if (isPart || namesIn(said, table.name).some((name) => said.deletes(name, keys.length === change.all))) {
    const message = `${count} ${keys.length === 1 ? 'is' : 'are'} deleted.`
    return [{ rule: 'rows-deleted', ...placeIn(half, table.name), objects: [table.name], message, evidence }]
  }
  const by = referringTo(table, all, said)
  const cause = by
    ? `: its foreign key ${by.name} deletes them with the rows of ${by.parent} (ON DELETE ${by.onDelete})`
    : ''
  return [
    {
      rule: 'rows-lost',
      ...placeIn(half, by?.parent ?? table.name),
      objects: [table.name, ...(by ? [by.name] : [])],
      message: `${count} ${keys.length === 1 ? 'is' : 'are'} gone, and no statement of the file says so${cause}.`,
      evidence,
    },
  ]
}

/** The foreign key by which rows went with those of another table. */
function referringTo(table: FillTable, lost: readonly LostRows[], said: Said) {
  const gone = (id: string) => lost.find((one) => one.table.id === id)
  const keys = table.foreignKeys.filter(({ onDelete }) => onDelete !== 'NO ACTION')
  const found =
    keys.find(({ parent }) => gone(parent) !== undefined) ??
    keys.find(({ parentSql }) => said.deletes(plainName(parentSql), true))
  if (!found) return undefined
  return {
    name: found.name,
    onDelete: found.onDelete,
    parent: gone(found.parent)?.table.name ?? plainName(found.parentSql),
  }
}

function plainName(sql: string): string {
  return sql.replaceAll(/["`]/g, '').replace(/^public\./, '')
}

/** @param back `true` if the values were there above, and the way back has lost them */
function droppedValues(
  { table, column, all, values }: DroppedValues,
  half: Half,
  said: Said,
  back = false,
): Observation[] {
  const isNamed = !back && namesIn(said, table.name).some((name) => said.drops(name, column.name))
  const what = `${column.name} of ${values.length === all ? `all ${all}` : `${values.length} of ${all}`} rows of ${table.name}`
  return [
    {
      rule: isNamed ? 'values-dropped' : 'rows-changed',
      ...placeIn(half, namesIn(said, table.name).at(-1) ?? table.name, column.name, /\bdrop\b/i),
      objects: [`${table.name}.${column.name}`],
      message: isNamed
        ? `The values of ${what} are dropped.`
        : back
          ? `The values of ${what} are gone after the way up and back, though the version above had them.`
          : `The values of ${what} are gone, and no statement of the file names that column.`,
      evidence: evidenceOf(table, values),
    },
  ]
}

function changedValues(
  change: ChangedValues,
  half: Half,
  said: Said,
  back: boolean,
  lost: readonly LostRows[],
): Observation[] {
  const { table, column, after, all, values } = change
  // Dropped, and made again under the same name, with a default or none.
  const isOne = new Set(values.map((value) => value.after)).size === 1
  const isGone = column.id !== after.id && isOne && said.drops(table.name, column.name)
  if (isGone && !back) return droppedValues({ kind: 'dropped', table, column, all, values }, half, said)
  // The rows have the same label, which has another name.
  if (said.relabels(after.type.element?.sql ?? after.type.sql)) return []
  if (change.movedTo !== undefined) {
    const message = `${column.name} of ${table.name} is NULL after the way up and back: the way up has moved the values to ${change.movedTo}, and the way back does not bring them back.`
    const objects = [`${table.name}.${column.name}`]
    return [
      {
        rule: 'rows-changed',
        ...placeIn(half, table.name, column.name),
        objects,
        message,
        evidence: evidenceOf(table, values),
      },
    ]
  }
  const isNarrowed = values.every(({ comparison }) => comparison === 'narrowed')
  const named = namesIn(said, table.name).flatMap((name) =>
    [column.name, after.name].map((one) => said.writes(name, one)),
  )
  const says = (['all', 'some', 'type'] as const).find((one) => named.includes(one)) ?? 'no'
  const most = isNarrowed || back ? undefined : cutTo(values)
  if (!back && !isNarrowed && says === 'some' && most === undefined) return becomesNull(change, half, said)
  const first = mostTelling(values)
  const shown = `${show(first?.before)} became ${show(first?.after)}`
  const count = values.length === all ? (all === 1 ? 'the row' : `all ${all} rows`) : `${values.length} of ${all} rows`
  const because = isNarrowed
    ? `${after.written} cannot hold it`
    : back
      ? change.isOfWayUp
        ? 'the way up has changed it, and the way back does not bring it back'
        : 'the way up and back has changed a row that nobody touched'
      : most !== undefined
        ? `it is cut to ${most} characters`
        : says === 'all'
          ? 'the statement has no WHERE'
          : says === 'type'
            ? `the server has made it fit ${after.written}`
            : becauseOf(table, values, lost, said)
  const isLess = !back && (isNarrowed || says === 'some' || says === 'all' || says === 'type')
  return [
    {
      rule: 'rows-changed',
      ...placeIn(half, table.name, column.name),
      objects: [`${table.name}.${column.name}`],
      message: `${column.name} of ${count} of ${table.name} is another: ${shown}; ${because}.`,
      ...(isLess && { severity: 'warning' as const }),
      evidence: evidenceOf(table, first ? [first, ...values.filter((one) => one !== first)] : values),
    },
  ]
}

/** Returns the length to which texts were cut; undefined if they are others in another way. */
function cutTo(values: readonly ChangedValue[]): number | undefined {
  const others = values.filter(({ after }) => after !== null)
  const most = Math.max(...others.map(({ after }) => after?.length ?? 0))
  const isCut = ({ before, after }: ChangedValue) => after?.length === most && (before?.startsWith(after) ?? false)
  return others.length > 1 && most > 0 && others.every(isCut) ? most : undefined
}

/** Values of which a statement makes NULL without saying so: an expression over a NULL, a query that finds no row. */
function becomesNull({ table, column, after, all, values }: ChangedValues, half: Half, said: Said): Observation[] {
  const gone = values.filter((value) => value.after === null)
  const names = namesIn(said, table.name)
  if (gone.length === 0 || names.some((name) => [column.name, after.name].some((one) => said.nulls(name, one))))
    return []
  const count = gone.length === all ? `all ${all} rows` : `${gone.length} of ${all} rows`
  return [
    {
      rule: 'rows-changed',
      severity: 'warning',
      ...placeIn(half, table.name, column.name),
      objects: [`${table.name}.${column.name}`],
      message: `${column.name} of ${count} of ${table.name} became NULL, and was ${show(mostTelling(gone)?.before)}: the expression gives NULL for these rows, and the statement does not say that it should.`,
      fix: { text: 'Say in the WHERE which rows are meant, or keep the value with COALESCE.' },
      evidence: evidenceOf(table, gone),
    },
  ]
}

/** The longest of the values that a line can show. */
function mostTelling(values: readonly ChangedValue[]): ChangedValue | undefined {
  const length = ({ before }: ChangedValue) => ((before?.length ?? 0) > 57 ? 0 : (before?.length ?? 0))
  return values.reduce<ChangedValue | undefined>(
    (best, one) => (best && length(best) >= length(one) ? best : one),
    undefined,
  )
}

function becauseOf(table: FillTable, values: readonly ChangedValue[], lost: readonly LostRows[], said: Said): string {
  const by = values.every(({ after }) => after === null) ? referringTo(table, lost, said) : undefined
  return by
    ? `its foreign key ${by.name} does that (ON DELETE ${by.onDelete})`
    : 'no statement of the file names that column'
}

function evidenceOf(table: FillTable, values: readonly ChangedValue[]): NonNullable<Observation['evidence']> {
  return { rows: values.slice(0, SHOWN).map(({ key, before, after }) => ({ table: table.name, key, before, after })) }
}

function show(value: string | null | undefined): string {
  if (value === null || value === undefined) return 'NULL'
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value)
}

function hasWord(text: string, word: string): boolean {
  const escaped = word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(?<![\\w$])${escaped}(?![\\w$])`, 'i').test(text)
}
