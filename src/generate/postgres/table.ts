/** Changes a table that stays. */

import type { TableFacts } from '../../database/postgres/catalog/facts.ts'
import { attachedLines, constraintText } from '../../database/postgres/ddl/constraint.ts'
import type { SchemaObject } from '../../schema/model.ts'
import { labelOf } from '../columns.ts'
import { keyOf } from '../statement.ts'
import type { Change, TableChange } from './change.ts'
import { columnSteps } from './column.ts'
import { constraintSteps } from './constraint.ts'
import { furtherChanges } from './further.ts'
import { further } from './objects.ts'
import { foreignOptions, optionsOf } from './options.ts'
import { partitionNotNullSteps } from './partitionNotNull.ts'
import { factsOf, objectIn, type Side } from './side.ts'
import { alterTable, PHASE, type Step, statement } from './step.ts'

export type Table = SchemaObject & { kind: 'table' }

/** Returns the steps; `undefined` if no ALTER TABLE does it, so that the table has to be made anew. */
export function alterSteps(change: Change, was: Table, now: Table): Step[] | undefined {
  const before = factsOf(change.from, was)
  const after = factsOf(change.to, now)
  if (needsAnew(before, after)) return undefined
  const members = ({ members: list }: Table) => new Map(list.map(({ key, text }) => [key, text]))
  const table: TableChange = {
    key: keyOf(now),
    name: now.name,
    what: after.form === 'f' ? `FOREIGN TABLE ${now.name}` : `TABLE ${now.name}`,
    was: before,
    now: after,
    members: { was: members(was), now: members(now) },
  }
  const columns = columnSteps(change, table)
  const implied = new Set(columns.flatMap(({ ends }) => ends))
  const constraints = constraintSteps(change, table, implied)
  const names = partitionNotNullSteps(change, table)
  const steps = [...parentSteps(change, table), ...columns, ...constraints, ...names, ...headSteps(table)]
  return [...steps, ...furtherSteps(change, table, was, now, steps)]
}

/** Returns whether no ALTER TABLE makes the new table of the old one. */
export function needsAnew(was: TableFacts, now: TableFacts): boolean {
  return (
    was.form !== now.form ||
    was.partitionKey !== now.partitionKey ||
    was.server?.name !== now.server?.name ||
    was.persistence === 't' ||
    // The rows of a partitioned table are in its partitions, whose persistence is their own.
    (was.form === 'p' && was.persistence !== now.persistence)
  )
}

// --- internal ---

function parentSteps({ forced }: Change, { key, name, what, was, now }: TableChange): Step[] {
  const isForced = forced.has(`${key}/parents`)
  // Parents come behind those that are there: from the first one that differs on, all of them go and come again.
  const [before, after] = [was.parents ?? [], now.parents ?? []]
  const kept = isForced || was.bound !== now.bound ? 0 : before.findIndex((parent, i) => parent !== after[i])
  const gone = kept === -1 ? [] : before.slice(kept)
  const come = kept === -1 ? after.slice(before.length) : after.slice(kept)
  if (gone.length + come.length === 0) return []
  const part = `${key}/parents`
  const leave = (parent: string) =>
    was.bound === null
      ? alterTable(key, what, `NO INHERIT ${parent}`)
      : statement('alter', key, `ALTER TABLE ${parent} DETACH PARTITION ${name}`)
  const join = (parent: string) =>
    now.bound === null
      ? alterTable(key, what, `INHERIT ${parent}`)
      : statement('alter', key, `ALTER TABLE ${parent} ATTACH PARTITION ${name} ${now.bound}`)
  return [
    ...(gone.length > 0
      ? [{ phase: PHASE.dropIndexes + 0.5, name, statements: gone.map(leave), ends: [part], makes: [] }]
      : []),
    ...(come.length > 0
      ? [
          {
            phase: PHASE.attach,
            name,
            statements: come.map(join),
            ends: [],
            makes: [part],
            needs: come.map((parent) => `table ${parent}`),
          },
        ]
      : []),
  ]
}

/** Options of the table itself. */
function headSteps({ key, name, what, was, now }: TableChange): Step[] {
  const set = optionsOf(now.options)
  const before = optionsOf(was.options)
  const differing = [...set].filter(([option, value]) => before.get(option) !== value)
  // The server puts what is set behind the others.
  const kept = [...before.keys()].filter((option) => set.has(option) && !differing.some(([other]) => other === option))
  const isInOrder = [...kept, ...differing.map(([option]) => option)].join() === [...set.keys()].join()
  const changed = isInOrder ? differing : [...set]
  const gone = [...before.keys()].filter((option) => !set.has(option))
  const actions = [
    was.persistence !== now.persistence && `SET ${now.persistence === 'u' ? 'UNLOGGED' : 'LOGGED'}`,
    was.method !== now.method && `SET ACCESS METHOD ${now.method ?? 'heap'}`,
    was.tablespace !== now.tablespace && `SET TABLESPACE ${now.tablespace ?? 'pg_default'}`,
    gone.length > 0 && `RESET (${gone.join(', ')})`,
    changed.length > 0 && `SET (${changed.map(([option, value]) => `${option}=${value}`).join(', ')})`,
    foreignOptions(was.server?.options ?? null, now.server?.options ?? null),
  ].filter((action) => typeof action === 'string')
  if (actions.length === 0) return []
  return [
    {
      phase: PHASE.table + 0.95,
      name,
      statements: actions.map((action) => alterTable(key, what, action)),
      ends: [],
      makes: [`${key}/options`],
    },
  ]
}

/** Lines that other steps take care of. */
const ELSEWHERE = [
  /^ALTER TABLE (?:ONLY )?\S+ ATTACH PARTITION /,
  / ADD CONSTRAINT /,
  /^ALTER TABLE ONLY .* ALTER COLUMN .* (?:(?:SET|DROP) DEFAULT|SET NOT NULL)/,
]

/** Comments, privileges, storage and the like: again for what is made again, not taken back from what is gone. */
function furtherSteps(change: Change, table: TableChange, was: Table, now: Table, steps: readonly Step[]): Step[] {
  const { key, name } = table
  const made = new Set(steps.flatMap(({ makes, gentle }) => (gentle ? [] : makes)))
  const ended = new Set(steps.flatMap(({ ends, gentle }) => (gentle ? [] : ends)))
  const own = (lines: string[]) => lines.filter((line) => !ELSEWHERE.some((pattern) => pattern.test(line)))
  const of = (facts: TableFacts, parts: ReadonlySet<string>) => {
    const columns = (facts.columns ?? []).filter(({ quoted }) => parts.has(`${key}/column ${quoted}`))
    const constraints = (facts.constraints ?? []).filter((one) => parts.has(`${key}/constraint ${one.name}`))
    const marks = [
      ...columns.flatMap(({ quoted, sequence }) => [
        `COLUMN ${name}.${quoted} IS`,
        `ALTER COLUMN ${quoted} `,
        `(${quoted}) ON TABLE `,
        `OWNED BY ${name}.${quoted};`,
        ...(sequence ? [`SEQUENCE ${sequence.name} `] : []),
      ]),
      ...constraints.flatMap(({ name: constraint, index }) => [
        `CONSTRAINT ${constraint} ON `,
        ...(index ? [`INDEX ${index} IS`, `CLUSTER ON ${labelOf(index)};`, `USING INDEX ${labelOf(index)};`] : []),
      ]),
    ]
    return (line: string) => marks.some((mark) => line.includes(mark))
  }
  const goes = of(table.was, ended)
  const dropped = [...change.from.objects.keys()].filter(
    (other) => other.startsWith('sequence ') && !change.to.objects.has(other),
  )
  const sequenceGone = (line: string) =>
    dropped.some((other) => line.startsWith(`ALTER ${other.replace('sequence', 'SEQUENCE')} `))
  const remade = remadeConstraints(change, table)
  const before = own(further(was)).filter((line) => !goes(line) && !sequenceGone(line) && !remade(line))
  const after = own(further(now))
  const comes = of(table.now, made)
  const again = new Set(after.filter((line) => comes(line)))
  const changes = furtherChanges(
    before.filter((line) => !again.has(line)),
    after,
  )
  if (changes.length === 0) return []
  return [
    {
      phase: PHASE.further,
      name,
      statements: changes.map((sql) => statement('alter', key, sql)),
      ends: [`${key}/of`],
      makes: [`${key}/of`],
      needs: changes
        .flatMap((sql) => /^ALTER (SEQUENCE) (.+) (?:OWNED|OWNER) /.exec(sql)?.slice(2, 3) ?? [])
        .map((sequence) => `sequence ${sequence}`),
    },
  ]
}

/** Which lines name constraints of a partition that go with those of its table. */
function remadeConstraints({ from, to }: Change, { name, was, now }: TableChange): (line: string) => boolean {
  const constraints = (side: Side, { parents }: TableFacts) => {
    const parent = objectIn(side, 'table', parents?.[0] ?? '')
    return new Map((parent && factsOf(side, parent).constraints)?.map((one) => [one.name, constraintText(one)]))
  }
  const [before, after] = [constraints(from, was), constraints(to, now)]
  const texts = new Set(after.values())
  const gone = (was.attached ?? []).filter(({ of }) => now.bound === null || !texts.has(before.get(of) ?? ''))
  const lines = new Set(gone.flatMap((one) => attachedLines(name, one)))
  return (line) => lines.has(line)
}
