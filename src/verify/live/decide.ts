/** Decides what the effects of a migration's statements mean for others who use the database. Pure. */
import type { BuiltIndex, Effects, HeldLock } from '../../database/effects.ts'
import type { Observation, Place } from '../finding.ts'
import type { Half } from '../halves.ts'
import { RULES } from '../rules.ts'
import { placeOf } from '../statementAt.ts'
import { concurrently, safeWay } from './safeWay.ts'
import { safeWayOfCopy } from './safeWayOfCopy.ts'
import { type Work, workOf } from './work.ts'

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
  ]
}

// --- internal ---

interface Seen {
  readonly effects: Effects
  readonly text: string | undefined
  readonly place: Place
  readonly work: Work
}

function placed({ version, half, file, text }: Half, { range }: Effects): Place {
  const place = { version, half, file }
  return range ? { ...place, ...placeOf(text, range) } : { ...place, line: 1, column: 1, endLine: 1 }
}

function evidenceOf({ locks, rewritten: anew, scanned, written }: Effects): Observation['evidence'] {
  return {
    locks: Object.fromEntries(
      locks.filter(({ blocks }) => blocks !== 'nothing').map(({ name, mode }) => [name, [mode]]),
    ),
    rewritten: anew.map(({ name }) => name),
    scanned: scanned.map(({ name }) => name),
    written: Object.fromEntries(
      written.map(({ name, inserted, updated, deleted }) => [name, inserted + updated + deleted]),
    ),
  }
}

function rewritten({ effects, text, place }: Seen): Observation[] {
  if (effects.rewritten.length === 0) return []
  const names = effects.rewritten.map(({ name }) => name)
  const others = effects.scanned.map(({ name }) => name).filter((name) => !names.includes(name))
  const also =
    others.length > 0 ? ` ${listed(others)} ${others.length === 1 ? 'is' : 'are'} read from end to end, too.` : ''
  const fix = safeWay(effects, text)
  const message = `${listed(names)} ${names.length === 1 ? 'is' : 'are'} written anew, with all indexes, while nobody can read or write ${names.length === 1 ? 'it' : 'them'} (ACCESS EXCLUSIVE).${also}`
  return [
    {
      rule: 'table-rewritten',
      ...place,
      objects: names,
      message,
      fix: fix ?? { text: RULES['table-rewritten'].instead },
      evidence: evidenceOf(effects),
    },
  ]
}

/** MySQL and MariaDB: a change of a table that keeps writers out. */
function copies({ effects, text, place }: Seen): Observation[] {
  const { algorithm, locks } = effects
  if (!algorithm || algorithm.blocks === 'nothing') return []
  const names = locks.map(({ name }) => name)
  const waiting = algorithm.blocks === 'reads' ? 'read or write' : 'write to'
  const reason = algorithm.reason ? ` The server says why: ${algorithm.reason}.` : ''
  const doing = /^ALGORITHM=COPY/.test(algorithm.used) ? 'is copied' : 'is changed'
  const message = `${listed(names)} ${doing} row by row, and nobody can ${waiting} it meanwhile (${algorithm.used}).${reason}`
  const fix = safeWayOfCopy(text, names[0] ?? '')
  return [
    {
      rule: 'copy-blocks-writes',
      ...place,
      objects: names,
      message,
      fix,
      evidence: { ...evidenceOf(effects), algorithm: algorithm.used, possible: algorithm.possible },
    },
  ]
}

/** Indexes that are built while writers wait. One that a constraint needs is a scan under its lock. */
function indexes({ effects, text, place }: Seen): Observation[] {
  const built = effects.built.filter((index) => isIndexAlone(index, effects))
  if (built.length === 0) return []
  const names = built.map(({ name }) => name)
  const tables = [...new Set(built.map(({ table }) => table))]
  const locked = effects.locks.filter(
    ({ kind, blocks, name }) => kind === 'index' && blocks === 'reads' && names.includes(name),
  )
  const reads = locked.length > 0 ? ' Queries that may use it wait, too (ACCESS EXCLUSIVE on the index).' : ''
  const message = `Nobody can write to ${listed(tables)} (${modes(effects, tables)}) while ${names.length === 1 ? 'index' : 'indexes'} ${listed(names)} ${names.length === 1 ? 'is' : 'are'} built.${reads}`
  const objects = [...tables, ...names]
  return [
    {
      rule: 'index-blocks-writes',
      ...place,
      objects,
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
      message,
      fix: fix ?? { text: RULES['scan-while-locked'].instead },
      evidence: evidenceOf(effects),
    },
  ]
}

/** Locks against readers that last while later statements work. One finding, where the first of them is taken. */
function heldOver(seen: readonly Seen[], file: string): Observation[] {
  const held = new Map<string, Seen>()
  const tables = new Set<string>()
  const working: Seen[] = []
  let first: Seen | undefined
  for (const one of seen) {
    const { effects, work } = one
    const still = [...held.keys()].filter((name) => isStillHeld(effects, name))
    if (still.length > 0 && (work.tables.length > 0 || effects.rewritten.length > 0)) {
      working.push(one)
      for (const name of still) tables.add(name)
      first ??= held.get(still[0] ?? '')
    }
    for (const { table, blocks, isNew, isGone } of effects.inTransaction ? blocking(effects) : [])
      if (blocks === 'reads' && isNew && !isGone && !held.has(table)) held.set(table, one)
  }
  if (!first) return []
  const names = inOrder([...tables], file)
  const lines = [...new Set(working.flatMap(({ place }) => place.line ?? []))]
  const where =
    lines.length === 1 ? `the statement in line ${lines[0]} takes` : `the statements in lines ${listed(lines)} take`
  const sentences = [...new Set(working.map(({ work }) => work.sentence))]
  const what = [...sentences.slice(0, MOST_TOLD), ...(sentences.length > MOST_TOLD ? ['…'] : [])].join(' ')
  const message = `Nobody can read or write ${listed(names)} from here until the migration ends, while ${where} time: ${what}`
  const text = 'Give the statements that take the lock a migration of their own: then it ends with them.'
  return [
    {
      rule: 'blocks-reads',
      ...first.place,
      objects: names,
      message,
      fix: { text },
      evidence: evidenceOf(first.effects),
    },
  ]
}

const MOST_TOLD = 3

function isStillHeld({ locks }: Effects, table: string): boolean {
  return locks.some((lock) => lock.table === table && lock.blocks === 'reads' && !lock.isNew)
}

/** Returns whether an index is built for itself, under a lock against writers. */
function isIndexAlone({ table, constraint, isNew }: BuiltIndex, effects: Effects): boolean {
  const lock = strongest(effects, table)
  return lock !== undefined && (constraint === undefined || !isNew) && (!lock.isNew || lock.blocks === 'writes')
}

function otherTables({ effects, place }: Seen, file: string): Observation[] {
  const words = new Set(file.toLowerCase().match(/[\p{L}\p{N}_$]+/gu))
  // Who names an index names its table.
  const byIndex = new Set(
    effects.locks.flatMap(({ kind, name, table }) => (kind === 'index' && words.has(bare(name)) ? [table] : [])),
  )
  const isNamed = (name: string) => words.has(bare(name)) || byIndex.has(name)
  const others = blocking(effects).filter(
    ({ kind, isNew, isGone, table, under }) =>
      kind === 'table' && isNew && !isGone && !isNamed(table) && !under.some(isNamed),
  )
  if (others.length === 0) return []
  const names = [...new Set(others.map(({ table }) => table))]
  const message = `The file does not name ${listed(names)}, and yet ${waiting(effects, names)} until the migration ends.`
  const fix = { text: 'Limit how long the statement waits for it.', sql: "SET LOCAL lock_timeout = '5s';" }
  return [{ rule: 'locks-other-table', ...place, objects: names, message, fix, evidence: evidenceOf(effects) }]
}

function manyRows({ effects, text, place, work }: Seen): Observation[] {
  if (work.many.length === 0 || blocking(effects).some(({ table }) => work.many.some(({ name }) => name === table)))
    return []
  const rows = work.many.map(({ name, updated, deleted, of }) => `${updated + deleted} of ${of} rows of ${name}`)
  const names = work.many.map(({ name }) => name)
  const message = `One statement changes ${listed(rows)}, and keeps each of them locked until the migration ends.`
  const fix = safeWay(effects, text)
  return [
    {
      rule: 'rows-locked',
      ...place,
      objects: names,
      message,
      fix: fix ?? { text: RULES['rows-locked'].instead },
      evidence: evidenceOf(effects),
    },
  ]
}

function invalid({ effects, place }: Seen): Observation[] {
  const left = effects.invalid.map((index) => ({ index, isLeft: true }))
  const passed = effects.passedOver.map((index) => ({ index, isLeft: false }))
  return [...left, ...passed].map(({ index: { name, table, definition }, isLeft }) => ({
    rule: 'invalid-index',
    ...place,
    objects: [table, name],
    ...(!isLeft && { severity: 'warning' as const }),
    message: isLeft
      ? `Index ${name} of ${table} is not valid when the statement has run.`
      : `If the build of ${name} on ${table} is interrupted, it leaves an index that is not valid. The next run passes over it, and the migration counts as applied.`,
    fix: {
      text: 'Drop what an interrupted build has left before it is built.',
      sql: `-- in a migration of its own\nDROP INDEX CONCURRENTLY IF EXISTS ${name};${definition ? `\n-- in the next migration\n${concurrently([{ name, table, definition, isNew: true }], undefined).sql?.split('\n')[1]}` : ''}`,
    },
  }))
}

/** Locks that keep anybody out of a table. */
function blocking({ locks }: Effects): HeldLock[] {
  return locks.filter(({ blocks, kind }) => blocks !== 'nothing' && kind !== 'other')
}

function strongest(effects: Effects, table: string): HeldLock | undefined {
  const own = blocking(effects).filter((lock) => lock.kind === 'table' && lock.table === table)
  return own.find(({ blocks }) => blocks === 'reads') ?? own[0]
}

/** Says who waits: `nobody can read or write orders (ACCESS EXCLUSIVE), nor write to users (SHARE)`. */
function waiting(effects: Effects, tables: readonly string[]): string {
  const isRead = (name: string) => blocking(effects).some(({ table, blocks }) => table === name && blocks === 'reads')
  const readers = tables.filter(isRead)
  const writers = tables.filter((name) => !isRead(name))
  const parts = [
    ...(readers.length > 0 ? [`read or write ${listed(readers)} (${modes(effects, readers)})`] : []),
    ...(writers.length > 0 ? [`write to ${listed(writers)} (${modes(effects, writers)})`] : []),
  ]
  return `nobody can ${parts.join(', nor ')}`
}

function modes(effects: Effects, tables: readonly string[]): string {
  const found = blocking(effects).filter(({ table, kind }) => tables.includes(table) && kind === 'table')
  return [...new Set(found.map(({ mode }) => mode))].join(', ')
}

function bare(name: string): string {
  return (name.split('.').at(-1) ?? name).replaceAll('"', '').toLowerCase()
}

/** Sorts names by where the text names them; those that it does not name come last. */
function inOrder(names: readonly string[], text = ''): string[] {
  const place = (name: string) => text.toLowerCase().indexOf(bare(name)) >>> 0
  return names.toSorted((a, b) => place(a) - place(b))
}

/** Joins words as a sentence does: `a, b and c`. */
function listed(words: readonly (string | number)[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}
