/** Makes a table anew where no ALTER TABLE does it, and gives it its rows back. */
import { labelOf } from '../columns.ts'
import { keyOf } from '../statement.ts'
import { type Change, rungOf } from './change.ts'
import { numberOn } from './identity.ts'
import { dropStep, makeStep } from './objects.ts'
import { factsOf, isKind, objectIn, type Side } from './side.ts'
import { PHASE, type PostgresStatement, type Step, statement } from './step.ts'
import type { Table } from './table.ts'
import { asideName } from './type.ts'

/** @param inParent `true` if the table it is a part of is made anew, too, and brings all rows */
export function tableAnew(change: Change, was: Table, now: Table, inParent: boolean): Step[] {
  const { from, to } = change
  const key = keyOf(now)
  const drop = dropStep(from, was)
  const make = makeStep(to, now)
  const before = factsOf(from, was)
  const after = factsOf(to, now)
  const foreign = before.form === 'f' || after.form === 'f'
  const sequences = (before.sequences ?? []).filter(([sequence]) => to.objects.has(`sequence ${sequence}`))
  const loose: PostgresStatement[] = sequences.map(([sequence]) =>
    statement('alter', key, `ALTER SEQUENCE ${sequence} OWNED BY NONE`),
  )
  const columns = new Map((before.columns ?? []).map((column) => [column.quoted, column]))
  const common = (after.columns ?? []).filter(({ quoted, generated }) => columns.has(quoted) && generated === '')
  const rows = !inParent && !foreign && common.length > 0
  const aside = labelOf(asideName(from, was.name))
  const only = before.form === 'p' ? '' : 'ONLY '
  const asText = (quoted: string, type: string) => isMadeText(from, columns.get(quoted)?.type ?? type, type)
  // Columns that go with the old table, so that their values are lost. For a partition, its parent's statement names them.
  const wanted = new Set((after.columns ?? []).map(({ quoted }) => quoted))
  const lost =
    inParent || foreign
      ? []
      : (before.columns ?? []).filter(({ quoted, generated }) => !wanted.has(quoted) && generated === '')
  const destroys = lost.map(({ quoted }) => `column ${was.name}.${quoted}`).join(', ')
  const kept = common.map(({ quoted, type }) => (asText(quoted, type) ? `${quoted}::text AS ${quoted}` : quoted))
  const values = common.map(({ quoted, type }) => (asText(quoted, type) ? `${quoted}::${type}` : quoted))
  const isIdentity = common.some(({ identity }) => identity === 'a')
  const first: Step[] =
    rows || loose.length > 0
      ? [
          {
            phase: PHASE.keepRows,
            name: now.name,
            statements: [
              ...loose,
              ...(rows
                ? [
                    {
                      ...statement(
                        'create',
                        key,
                        `CREATE TEMPORARY TABLE ${aside} AS SELECT ${kept.join(', ')} FROM ${only}${was.name}`,
                      ),
                      comment: `No ALTER TABLE does this: ${was.name} is made anew and gets its rows back.`,
                    },
                  ]
                : []),
            ],
            ends: [],
            makes: [],
          },
        ]
      : []
  const list = common.map(({ quoted }) => quoted).join(', ')
  // With other bounds, some rows may belong to another partition.
  const parent = before.bound !== null && after.bound !== null ? after.parents?.[0] : undefined
  const numbered = (after.columns ?? []).filter(({ identity, quoted }) => identity !== '' && columns.has(quoted))
  const back: Step[] = rows
    ? [
        {
          phase: PHASE.rows,
          name: now.name,
          statements: [
            statement(
              'alter',
              key,
              `INSERT INTO ${parent ?? now.name} (${list})${isIdentity ? ' OVERRIDING SYSTEM VALUE' : ''} SELECT ${values.join(', ')} FROM ${aside}`,
            ),
            ...numbered.map((column) => statement('alter', key, numberOn(now.name, column))),
            statement('drop', key, `DROP TABLE ${aside}`),
          ],
          ends: [],
          makes: [],
          needs: [key, ...partitionsOf(change, parent ?? now.name)],
        },
      ]
    : []
  const statements = drop.statements.map(({ destroys: _, ...rest }) => ({
    ...rest,
    ...(destroys !== '' && { destroys }),
  }))
  return [...first, { ...drop, statements }, make, ...back]
}

/**
 * Returns the steps that drop a partition after its rows went to others; `undefined` if no other can take them: none is new, none has other bounds,
 * and none takes all that fits nowhere else.
 */
export function mergePartition(change: Change, was: Table): Step[] | undefined {
  const { from, to } = change
  const key = keyOf(was)
  const { bound, parents, columns } = factsOf(from, was)
  const parent = parents?.[0]
  if (bound === null || parent === undefined || !to.objects.has(`table ${parent}`) || rungOf(change, key) > 0)
    return undefined
  const takers = partitionsOf(change, parent).filter((other) => {
    const [before, now] = [from.objects.get(other), to.objects.get(other)]
    if (!before || !now || !isKind('table', before) || !isKind('table', now)) return !before
    const after = factsOf(to, now).bound
    return after === 'DEFAULT' || after !== factsOf(from, before).bound
  })
  if (takers.length === 0) return undefined
  const now = objectIn(to, 'table', parent)
  const types = new Map(((now && factsOf(to, now).columns) ?? []).map(({ name, type }) => [name, type]))
  const common = (columns ?? []).flatMap(({ name, quoted, type, generated }) => {
    const other = types.get(name)
    if (other === undefined || generated !== '') return []
    return [{ quoted, value: isMadeText(from, type, other) ? `${quoted}::text::${other}` : quoted }]
  })
  const list = common.map(({ quoted }) => quoted).join(', ')
  const values = common.map(({ value }) => value).join(', ')
  const drop = dropStep(from, was)
  return [
    {
      phase: PHASE.dropIndexes + 0.5,
      name: was.name,
      statements: [statement('alter', key, `ALTER TABLE ${parent} DETACH PARTITION ${was.name}`)],
      ends: [`${key}/parents`],
      makes: [],
    },
    {
      ...drop,
      phase: PHASE.rows,
      statements: [
        {
          ...statement('alter', key, `INSERT INTO ${parent} (${list}) SELECT ${values} FROM ${was.name}`),
          comment: `The rows of ${was.name} go to the partitions that are left.`,
        },
        ...drop.statements.map(({ destroys: _, ...rest }) => rest),
      ],
      needs: partitionsOf(change, parent),
    },
  ]
}

/** Returns whether values become text on their way to another type, which may be a new one of the same name. */
function isMadeText(from: Side, was: string, now: string): boolean {
  return was !== now || from.objects.has(`type ${was.replace(/(?:\[\])+$/, '')}`)
}

/** Returns the keys of a table's partitions on the new side, those of its partitions, too. */
function partitionsOf({ to }: Change, name: string): string[] {
  return [...to.objects.values()].flatMap((object) => {
    if (!isKind('table', object)) return []
    const { bound, parents } = factsOf(to, object)
    return bound !== null && parents?.[0] === name
      ? [keyOf(object), ...partitionsOf({ to } as Change, object.name)]
      : []
  })
}
