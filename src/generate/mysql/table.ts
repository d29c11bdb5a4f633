/** Tables: dropped, renamed, altered and created, each in an order that foreign keys allow. */
import { CannotGenerateError } from '../errors.ts'
import type { Hints } from '../hints.ts'
import type { Statement } from '../statement.ts'
import { alterTable, alterTableLate, isMadeAnew, type TableChange } from './alterTable.ts'
import { foreignKeyText, planForeignKeys } from './foreignKey.ts'
import { afterNeeds } from './order.ts'
import type { Renames } from './renames.ts'
import { type Model, tableNamed } from './schemaModel.ts'
import { quoted, shown } from './text.ts'

export interface TablePlan {
  readonly statements: readonly Statement[]
  /** Tables whose triggers are gone after the statements, or must not fire while they run. */
  readonly withoutTriggers: ReadonlySet<string>
}

/** @param old the schema before; `was`: the same with the names that tables and columns get */
export function planTables(
  { old, was, now }: { old: Model; was: Model; now: Model },
  renames: Renames,
  hints: Hints,
): TablePlan {
  const gone = was.tables.filter(({ name }) => tableNamed(now, name) === undefined)
  const added = now.tables.filter(({ name }) => tableNamed(was, name) === undefined)
  const changes = was.tables.flatMap((from): TableChange[] => {
    const to = tableNamed(now, from.name)
    return to ? [changeOf(from, to, renames, hints)] : []
  })
  const changed = new Map(changes.map((change) => [change.to.name, alterTable(change)]))
  for (const change of changes) if (changed.get(change.to.name)?.length === 0) complain(change, old, now)
  const altered = [...changed].flatMap(([name, statements]) => (statements.length > 0 ? [name] : []))
  const anew = new Set(altered.filter((name) => isMadeAnew(tableNamed(now, name) as TableChange['to'], hints)))
  const created = afterNeeds(
    added.map(({ name }) => name),
    (name) => referred(now, name),
  )
  const touched = new Set([...[...gone, ...added].map(({ name }) => name), ...altered, ...renames.tables.values()])
  const keys = planForeignKeys({ old, was, now, touched, anew, created, hints })
  const alters = inOrderOfChecks(changes).flatMap((change) => {
    const name = change.to.name
    return anew.has(name)
      ? alterTable(change)
      : alterTable({ ...change, dropKeys: keys.drops(name), addKeys: keys.adds(name) })
  })
  const creates = created.map((name): Statement => {
    const inline = keys.inline(name).map(foreignKeyText)
    return { sql: createText(now, name, inline), does: 'create', object: `table ${shown(name)}` }
  })
  const dropOrder = afterNeeds(
    gone.map(({ name }) => name),
    (name) => referred(was, name),
  ).reverse()
  const drops = dropOrder.map(
    (name): Statement => ({
      sql: `DROP TABLE ${quoted(oldNameOf(name, renames))};`,
      does: 'drop',
      object: `table ${shown(name)}`,
      destroys: `table ${shown(name)}`,
    }),
  )
  const updated = [...changed].filter(([, statements]) => statements.some(({ sql }) => /^UPDATE /.test(sql)))
  return {
    statements: [
      ...keys.first,
      ...drops,
      ...renameStatements(renames),
      ...alters,
      ...changes.flatMap(alterTableLate),
      ...creates,
      ...keys.last,
    ],
    withoutTriggers: new Set([...anew, ...updated.map(([name]) => name)]),
  }
}

// --- internal ---

/** Refuses a difference for which no clause is known, since it would pass as equal. */
function complain({ oldTable, to }: TableChange, old: Model, now: Model): void {
  const [was, wanted] = [old.tableTexts.get(oldTable), now.tableTexts.get(to.name)]
  if (!was || !wanted || was.name !== wanted.name) return
  const lines = ({ members, tail }: typeof was) => [...members.map(({ text }) => text), tail]
  const [before, after] = [lines(was), lines(wanted)]
  const gone = before.filter((line) => !after.includes(line)).map((line) => `- ${line}`)
  const come = after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`)
  if (gone.length + come.length === 0) return
  throw new CannotGenerateError(
    `No clause of ALTER TABLE is known for this change of ${wanted.name}.\n\n${[...gone, ...come].join('\n')}`,
  )
}

function changeOf(
  from: TableChange['from'],
  to: TableChange['to'],
  { columns, indexes, values, ...renames }: Renames,
  hints: Hints,
): TableChange {
  const oldNames = new Map([...(columns.get(to.name) ?? [])].map(([old, now]) => [now, old]))
  return {
    from,
    to,
    oldTable: oldNameOf(to.name, renames),
    oldNames,
    indexes: indexes.get(to.name) ?? new Map(),
    values: (column) => values.get(`${to.name}.${column}`) ?? new Map(),
    dropKeys: [],
    addKeys: [],
    hints,
  }
}

/** On MySQL, checks of all tables share their names: one that moves goes from its old table first. */
function inOrderOfChecks(changes: readonly TableChange[]): TableChange[] {
  const adds = ({ from, to }: TableChange) =>
    to.checks.filter(({ name }) => !from.checks.some((check) => check.name === name))
  const names = changes.map(({ to }) => to.name)
  const order = afterNeeds(names, (name) => {
    const change = changes.find(({ to }) => to.name === name)
    const wanted = new Set((change ? adds(change) : []).map((check) => check.name))
    if (wanted.size === 0) return []
    return changes.flatMap(({ from, to }) =>
      from.checks.some((check) => wanted.has(check.name)) && to.name !== name ? [to.name] : [],
    )
  })
  return order.flatMap((name) => changes.find(({ to }) => to.name === name) ?? [])
}

function oldNameOf(name: string, { tables }: Pick<Renames, 'tables'>): string {
  return [...tables].find(([, now]) => now === name)?.[0] ?? name
}

function referred({ foreignKeys }: Model, name: string): string[] {
  return foreignKeys.flatMap(({ table, refTable }) =>
    table === name && refTable !== undefined && refTable !== name ? [refTable] : [],
  )
}

function createText({ tableTexts }: Model, name: string, keys: readonly string[]): string {
  const object = tableTexts.get(name)
  if (!object) return ''
  const lines = [...object.members.map(({ text }) => text), ...keys]
  return `${object.head}\n${lines.map((line) => `  ${line}`).join(',\n')}\n${object.tail}`
}

/** One statement for all of them, so that names can be swapped. */
function renameStatements({ tables, sequences, views }: Renames): Statement[] {
  const pending = [...tables, ...sequences, ...views].map(([old, now]) => ({ old, now }))
  const steps: string[] = []
  while (pending.length > 0) {
    const free = pending.findIndex(({ now }) => !pending.some(({ old }) => old === now))
    const at = Math.max(free, 0)
    const [one] = pending.splice(at, 1)
    if (!one) break
    if (free !== -1) {
      steps.push(`${quoted(one.old)} TO ${quoted(one.now)}`)
      continue
    }
    const between = `${one.old.slice(0, 55)}_swapped`
    steps.push(`${quoted(one.old)} TO ${quoted(between)}`)
    pending.push({ old: between, now: one.now })
  }
  if (steps.length === 0) return []
  const kind = tables.size > 0 ? 'table' : views.size > 0 ? 'view' : 'sequence'
  const [first = ''] = [...tables.values(), ...views.values(), ...sequences.values()]
  return [{ sql: `RENAME TABLE ${steps.join(', ')};`, does: 'alter', object: `${kind} ${shown(first)}` }]
}
