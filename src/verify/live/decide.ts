/** Decides what the effects of a migration's statements mean for others who use the database. Pure. */
import type { BuiltIndex, Effects } from '../../database/effects.ts'
import type { Observation, Place } from '../finding.ts'
import type { Half } from '../halves.ts'
import { RULES } from '../rules.ts'
import { placeOf } from '../statementAt.ts'
import { heldOver, invalid, manyRows, otherTables, passedOver } from './lasting.ts'
import { concurrently, safeWay } from './safeWay.ts'
import { safeWayOfCopy, withoutAsking } from './safeWayOfCopy.ts'
import { blocking, evidenceOf, inOrder, listed, type Seen, strongest, waiting } from './seen.ts'
import { workOf } from './work.ts'

/** One migration, with what each of its statements did. */
export interface LiveMigration {
  readonly half: Half
  readonly effects: readonly Effects[]
}

export function decide({ half, effects }: LiveMigration): Observation[] {
  const seen = effects.map((one): Seen => {
    const text = one.range && half.text.slice(one.range.start, one.range.end)
    return { effects: one, text, place: placed(half, one), work: workOf(one) }
  })
  return [
    ...seen.flatMap((one) => [
      ...rewritten(one),
      ...copies(one),
      ...indexes(one),
      ...scans(one),
      ...otherTables(one, half.text),
      ...manyRows(one),
      ...invalid(one),
    ]),
    ...heldOver(seen, half.text),
    ...passedOver(seen),
  ]
}

// --- internal ---

function placed({ version, half, file, text }: Half, { range }: Effects): Place {
  const place = { version, half, file }
  return range ? { ...place, ...placeOf(text, range) } : { ...place, line: 1, column: 1, endLine: 1 }
}

function rewritten({ effects, text, place }: Seen): Observation[] {
  if (effects.rewritten.length === 0) return []
  const names = effects.rewritten.map(({ name }) => name)
  const others = effects.scanned.map(({ name }) => name).filter((name) => !names.includes(name))
  const also =
    others.length > 0 ? ` ${listed(others)} ${others.length === 1 ? 'is' : 'are'} read from end to end, too.` : ''
  const reasons = [...new Set(effects.rewritten.flatMap(({ why }) => why ?? []))]
  const fix = safeWay(effects, text)
  const message = `${listed(names)} ${names.length === 1 ? 'is' : 'are'} written anew, with all indexes, while nobody can read or write ${names.length === 1 ? 'it' : 'them'} (ACCESS EXCLUSIVE)${reasons.length > 0 ? `: ${reasons.join('; ')}` : ''}.${also}`
  return [
    {
      rule: 'table-rewritten',
      ...place,
      objects: names,
      worked: [...names, ...others],
      message,
      fix: fix ?? { text: RULES['table-rewritten'].instead },
      evidence: evidenceOf(effects),
    },
  ]
}

/** MySQL and MariaDB: a change of a table that keeps writers out of it, or of a table that a foreign key ties to it. */
function copies({ effects, text, place }: Seen): Observation[] {
  const { algorithm } = effects
  if (!algorithm) return []
  const { table, used, possible, blocks, reason, isAsked } = algorithm
  const isCopied = /^ALGORITHM=COPY/.test(used)
  // A change that does not go row by row locks the other tables only for a moment.
  const others = isCopied || blocks !== 'nothing' ? blocking(effects).filter((lock) => lock.table !== table) : []
  const tied = [...new Set(others.map((lock) => lock.table))]
  if (blocks === 'nothing' && tied.length === 0) return []
  const doing = `${table} is ${isCopied ? 'copied' : 'changed'} row by row`
  const waiting = blocks === 'reads' ? 'read or write' : 'write to'
  const what =
    blocks === 'nothing'
      ? `${doing} while others use it (${used}), but nobody can write to ${listed(tied)} meanwhile: the server looks up the rows that a foreign key refers to.`
      : `${doing}, and nobody can ${waiting} it meanwhile (${used})${tied.length > 0 ? `, nor write to ${listed(tied)}` : ''}.`
  const message = `${what}${reason && blocks !== 'nothing' ? ` The server says why: ${reason}.` : ''}`
  const objects = blocks === 'nothing' ? [...tied, table] : [table, ...tied]
  return [
    {
      rule: 'copy-blocks-writes',
      ...place,
      objects,
      worked: [table],
      message,
      fix: isAsked ? withoutAsking(text) : safeWayOfCopy(text, table, reason),
      evidence: { ...evidenceOf(effects), algorithm: used, possible },
    },
  ]
}

/** Indexes that are built while writers wait. One that a constraint needs is a scan under its lock. */
function indexes({ effects, text, place }: Seen): Observation[] {
  const built = effects.built.filter((index) => isIndexAlone(index, effects))
  if (built.length === 0) return []
  const partitions = built.filter(({ under }) => under.length > 0)
  const names = built.filter((index) => !partitions.includes(index)).map(({ name }) => name)
  const tables = [...new Set(built.map(({ table, under }) => under.at(-1) ?? table))]
  const locked = effects.locks.filter(
    ({ kind, blocks, name }) => kind === 'index' && blocks === 'reads' && names.includes(name),
  )
  const reads = locked.length > 0 ? ' Queries that may use it wait, too (ACCESS EXCLUSIVE on the index).' : ''
  const ofPartitions = partitions.length > 0 ? [`${counted(partitions.length)} of partitions`] : []
  const own = names.length > 0 ? [`${names.length === 1 ? 'index' : 'indexes'} ${listed(names)}`] : []
  const what = `${listed([...own, ...ofPartitions])} ${built.length === 1 ? 'is' : 'are'} built`
  const said = waiting(effects, tables)
  const message = `${said.charAt(0).toUpperCase()}${said.slice(1)} while ${what}.${reads}`
  const objects = [...tables, ...names]
  return [
    {
      rule: 'index-blocks-writes',
      ...place,
      objects,
      worked: tables,
      message,
      fix: concurrently(built, text),
      evidence: evidenceOf(effects),
    },
  ]
}

/** Work on tables, or for tables, that the same statement locks, or that are locked since an earlier one. */
function scans({ effects, text, place, work }: Seen): Observation[] {
  if (work.tables.length === 0) return []
  const isTold = (name: string) =>
    effects.rewritten.some((one) => one.name === name) ||
    effects.built.some((index) => index.table === name && isIndexAlone(index, effects))
  const worked = work.tables.filter((name) => !isTold(name))
  if (worked.length === 0) return []
  const locks = blocking(effects).filter(
    ({ table, isNew, blocks }) => (isNew && !isTold(table)) || worked.includes(table) || blocks === 'writes',
  )
  if (locks.length === 0) return []
  const tables = [...new Set(locks.map(({ table }) => table))]
  const fix = safeWay(effects, text)
  const message = `${work.sentence} Meanwhile ${waiting(effects, tables)}.`
  const objects = [...new Set([...inOrder(worked, text), ...inOrder(tables, text)])]
  return [
    {
      rule: 'scan-while-locked',
      ...place,
      objects,
      worked: worked,
      message,
      fix: fix ?? { text: RULES['scan-while-locked'].instead },
      evidence: evidenceOf(effects),
    },
  ]
}

/** Returns whether an index is built for itself, under a lock against writers. */
function isIndexAlone({ table, constraint, isNew }: BuiltIndex, effects: Effects): boolean {
  const lock = strongest(effects, table)
  // A column of another type has its indexes built again.
  if (effects.columns.some((column) => column.table === table)) return false
  return lock !== undefined && (constraint === undefined || !isNew) && (!lock.isNew || lock.blocks === 'writes')
}

function counted(indexes: number): string {
  return indexes === 1 ? 'an index' : `${indexes} indexes`
}
