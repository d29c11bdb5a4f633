/** Indexes and keys of tables in use: built beside what is there. */
import { labelOf } from '../columns.ts'
import type { Operation } from '../online/operation.ts'
import type { Statement } from '../statement.ts'
import { ADD_CONSTRAINT, CREATE_INDEX, DROP_CONSTRAINT, DROP_INDEX, suffixed, withText } from './onlineSql.ts'
import { factsOf, objectIn, type Side } from './side.ts'

/** Returns the statement that builds the index of a key, and the constraint that takes it over. */
export function keyIndex(
  table: string,
  name: string,
  definition: string,
  side: Side,
): { readonly create: string; readonly constraint: string } | undefined {
  const [, kind, nulls, columns, rest = ''] =
    /^(UNIQUE|PRIMARY KEY)( NULLS NOT DISTINCT)? (\((?:"(?:[^"]|"")*"|[^)"])*\))(.*)$/s.exec(definition) ?? []
  const object = objectIn(side, 'table', table)
  if (kind === undefined || columns === undefined || / WITHOUT OVERLAPS/.test(columns)) return undefined
  if (!object || factsOf(side, object).form === 'p') return undefined
  const deferrable = /(?: (?:NOT )?DEFERRABLE)?(?: INITIALLY (?:DEFERRED|IMMEDIATE))?$/.exec(rest)?.[0] ?? ''
  const options = rest.slice(0, rest.length - deferrable.length)
  const include = /^ INCLUDE \((?:"(?:[^"]|"")*"|[^)"])*\)/.exec(options)?.[0] ?? ''
  const others = options.slice(include.length).replace(' USING INDEX TABLESPACE ', ' TABLESPACE ')
  return {
    create: `CREATE UNIQUE INDEX CONCURRENTLY ${name} ON ${table} ${columns}${include}${nulls ?? ''}${others};`,
    constraint: `${kind} USING INDEX ${name}${deferrable}`,
  }
}

/** An index or key that comes again under its name is built beside the old one, which goes when the new one is there. */
export function swap(operations: Operation[], statement: Statement, side: Side, inUse: ReadonlySet<string>): boolean {
  const [, unique = '', index = '', only, table, rest = ''] = CREATE_INDEX.exec(statement.sql) ?? []
  if (index !== '' && only === undefined && inUse.has(String(table))) {
    const schema = String(table).slice(0, String(table).length - labelOf(String(table)).length)
    const old = operations.findIndex(
      ({ plain: [first] }) => first && DROP_INDEX.exec(first.sql)?.[1] === `${schema}${index}`,
    )
    const before = operations[old]
    if (!before) return false
    const next = suffixed(index, '_new')
    operations[old] = {
      steps: [
        {
          kind: 'alone',
          statements: [
            withText(statement, `CREATE ${unique}INDEX CONCURRENTLY ${next} ON ${table} ${rest};`, true),
            withText({ ...statement, does: 'drop' }, `DROP INDEX CONCURRENTLY ${schema}${index};`, false),
            withText({ ...statement, does: 'alter' }, `ALTER INDEX ${schema}${next} RENAME TO ${index};`, false),
          ],
        },
      ],
      plain: [...before.plain, statement],
      about: before.about,
    }
    return true
  }
  const [, constrained, name = '', definition = ''] = ADD_CONSTRAINT.exec(statement.sql) ?? []
  if (constrained === undefined || !inUse.has(constrained)) return false
  const old = operations.findIndex(({ plain: [first] }) => {
    const [, other, dropped] = (first && DROP_CONSTRAINT.exec(first.sql)) ?? []
    return other === constrained && dropped === name
  })
  const before = operations[old]
  const next = suffixed(name, '_new')
  const key = before && keyIndex(constrained, name, definition, side)
  if (!before || !key) return false
  operations[old] = {
    steps: [
      {
        kind: 'alone',
        statements: [
          withText(
            statement,
            key.create.replace(` ${name} ON `, () => ` ${next} ON `),
            true,
          ),
          // The index takes the name of its constraint.
          withText(
            statement,
            `ALTER TABLE ${constrained} DROP CONSTRAINT ${name}, ADD CONSTRAINT ${name} ${key.constraint.replace(`USING INDEX ${name}`, () => `USING INDEX ${next}`)};`,
            false,
          ),
        ],
      },
    ],
    plain: [...before.plain, statement],
    about: before.about,
  }
  return true
}
