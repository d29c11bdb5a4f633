/** Findings about locks that last, other tables, many rows and indexes that are not valid. Pure. */
import type { BuiltIndex, Effects } from '../../database/effects.ts'
import type { Fix, Observation } from '../finding.ts'
import { RULES } from '../rules.ts'
import { says, wordsOf } from '../words.ts'
import { concurrently, safeWay } from './safeWay.ts'
import { bare, blocking, evidenceOf, inOrder, listed, type Seen, waiting } from './seen.ts'

/** Locks against readers that last while later statements work. One finding, where the first of them is taken. */
export function heldOver(seen: readonly Seen[], file: string): Observation[] {
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
      worked: [
        ...new Set(
          working.flatMap(({ work, effects }) => [...work.tables, ...effects.rewritten.map(({ name }) => name)]),
        ),
      ],
      message,
      fix: { text },
      evidence: evidenceOf(first.effects),
    },
  ]
}

export function otherTables({ effects, place }: Seen, file: string): Observation[] {
  const words = wordsOf(file)
  // Who names an index names its table.
  const byIndex = new Set(
    effects.locks.flatMap(({ kind, name, table }) => (kind === 'index' && says(words, bare(name)) ? [table] : [])),
  )
  const isNamed = (name: string) => says(words, bare(name)) || byIndex.has(name)
  const others = blocking(effects).filter(
    ({ kind, isNew, isGone, table, under }) =>
      kind === 'table' && isNew && !isGone && !isNamed(table) && !under.some(isNamed),
  )
  if (others.length === 0) return []
  const names = [...new Set(others.map(({ table }) => table))]
  const message = `The file does not name ${listed(names)}, and yet ${waiting(effects, names)} until the ${effects.inTransaction ? 'migration' : 'statement'} ends.`
  const sql = effects.isMysql ? 'SET SESSION lock_wait_timeout = 5;' : "SET LOCAL lock_timeout = '5s';"
  const fix = { text: 'Limit how long the statement waits for it.', sql }
  return [{ rule: 'locks-other-table', ...place, objects: names, message, fix, evidence: evidenceOf(effects) }]
}

export function manyRows({ effects, text, place, work }: Seen): Observation[] {
  if (work.many.length === 0 || blocking(effects).some(({ table }) => work.many.some(({ name }) => name === table)))
    return []
  const rows = work.many.map(({ name, updated, deleted, of }) => `${updated + deleted} of ${of} rows of ${name}`)
  const names = work.many.map(({ name }) => name)
  const message = `One statement changes ${listed(rows)}, and keeps each of them locked until its transaction ends.`
  const fix = safeWay(effects, text)
  return [
    {
      rule: 'rows-locked',
      ...place,
      objects: names,
      worked: names,
      message,
      fix: fix ?? { text: RULES['rows-locked'].instead },
      evidence: evidenceOf(effects),
    },
  ]
}

export function invalid({ effects, place }: Seen): Observation[] {
  return effects.invalid.map((index) => ({
    rule: 'invalid-index',
    ...place,
    objects: [index.table, index.name],
    message: `Index ${index.name} of ${index.table} is not valid when the statement has run.`,
    fix: rebuild([index]),
  }))
}

/** Indexes that an interrupted build leaves, and the next run passes over. One finding, at the first of them. */
export function passedOver(seen: readonly Seen[]): Observation[] {
  const found = seen.flatMap(({ effects, place }) => effects.passedOver.map((index) => ({ index, place })))
  const [first] = found
  if (!first) return []
  const indexes = found.map(({ index }) => index)
  const names = indexes.map(({ name }) => name)
  const tables = [...new Set(indexes.map(({ table }) => table))]
  const message = `If the build of ${listed(names)} on ${listed(tables)} is interrupted, it leaves an index that is not valid. The next run passes over it (IF NOT EXISTS), and the migration counts as applied.`
  const objects = [...tables, ...names]
  return [{ rule: 'invalid-index', ...first.place, severity: 'warning', objects, message, fix: rebuild(indexes) }]
}

// --- internal ---

const MOST_TOLD = 3

function isStillHeld({ locks }: Effects, table: string): boolean {
  return locks.some((lock) => lock.table === table && lock.blocks === 'reads' && !lock.isNew)
}

function rebuild(indexes: readonly BuiltIndex[]): Fix {
  const drops = indexes.map(({ name }) => `DROP INDEX CONCURRENTLY IF EXISTS ${name};`).join('\n')
  const builds = concurrently(
    indexes.map((index) => ({ ...index, isNew: true })),
    undefined,
  ).sql
  const text = 'Drop what an interrupted build has left before it is built.'
  return { text, sql: `-- in a migration of its own\n${drops}\n${builds}` }
}
