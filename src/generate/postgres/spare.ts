/** Sets a table or a column aside, under another name and out of the way of new rows. */
import { labelOf } from '../columns.ts'
import type { Spare } from '../destroying.ts'
import { withText } from './onlineSql.ts'
import { factsOf, objectIn, sideOf } from './side.ts'

export const postgresSpare: Spare = (statement, { from, ways, newName, oldTable }) => {
  const side = sideOf(from)
  const { sql } = statement
  const { destroys: _, ...rest } = statement
  const write = (text: string) => withText({ ...rest, does: 'alter' }, text, false)
  const [, foreign = '', table] = /^DROP (FOREIGN )?TABLE (.+);$/s.exec(sql) ?? []
  if (table !== undefined) {
    if (ways.get(`table ${table}`) === 'leave') return { statements: [], aside: [] }
    const now = newName(labelOf(table))
    // Its foreign keys would refuse changes of rows that nobody uses any more.
    const keys = (side.belonging.get(table) ?? []).filter(({ kind }) => kind === 'foreign-key')
    return {
      statements: [
        ...keys.map(({ name }) => write(`ALTER TABLE ${table} DROP CONSTRAINT ${name};`)),
        write(`ALTER ${foreign}TABLE ${table} RENAME TO ${now};`),
      ],
      aside: [{ kind: 'table', old: table, new: `${table.slice(0, table.length - labelOf(table).length)}${now}` }],
    }
  }
  const [, what = '', column] = /^ALTER (TABLE .+?)\s+DROP COLUMN ((?:"(?:[^"]|"")*"|[^\s"])+);$/s.exec(sql) ?? []
  if (column === undefined) return { statements: [statement], aside: [] }
  const owner = what.slice('TABLE '.length)
  if (ways.get(`column ${owner}.${column}`) === 'leave') return { statements: [], aside: [] }
  const now = newName(column)
  const object = objectIn(side, 'table', oldTable(owner))
  const facts = object && factsOf(side, object).columns?.find(({ quoted }) => quoted === column)
  const alter = (action: string) => write(`ALTER ${what} ALTER COLUMN ${now} ${action};`)
  return {
    statements: [
      write(`ALTER ${what} RENAME COLUMN ${column} TO ${now};`),
      ...(facts && facts.identity !== '' ? [alter('DROP IDENTITY')] : []),
      ...(facts?.notNull ? [alter('DROP NOT NULL')] : []),
      ...(facts && facts.expression !== null && facts.generated === '' ? [alter('DROP DEFAULT')] : []),
    ],
    aside: [{ kind: 'column', old: `${owner}.${column}`, new: `${owner}.${now}` }],
  }
}
