/** Sets a table or a column aside, under another name and out of the way of new rows. */
import type { Spare } from '../destroying.ts'
import type { Rename } from '../hints.ts'
import type { Statement } from '../statement.ts'
import { readModel, tableNamed } from './schemaModel.ts'
import { typeOf } from './tableModel.ts'
import { alterText, cutList, plainName, quoted, shown } from './text.ts'

export const mysqlSpare: Spare = (statement, { from, ways, newName, oldTable }) => {
  const model = readModel(from)
  const { destroys: _, ...rest } = statement
  const write = (sql: string): Statement => ({ ...rest, sql, does: 'alter' })
  const gone = /^DROP TABLE (`(?:[^`]|``)*`);?$/.exec(statement.sql)?.[1]
  if (gone !== undefined) {
    const name = plainName(gone)
    if (ways.get(`table ${shown(name)}`) === 'leave') return { statements: [], aside: [] }
    const now = newName(name)
    return {
      statements: [write(`RENAME TABLE ${gone} TO ${quoted(now)};`)],
      aside: [{ kind: 'table', old: shown(name), new: shown(now) }],
    }
  }
  const [, altered = '', list] = /^ALTER TABLE (`(?:[^`]|``)*`)\s+(.*);$/s.exec(statement.sql) ?? []
  if (list === undefined) return { statements: [statement], aside: [] }
  const owner = plainName(altered)
  const table = tableNamed(model, plainName(oldTable(shown(owner))))
  const aside: Rename[] = []
  const clauses = cutList(list).flatMap((clause) => {
    const column = /^DROP COLUMN (`(?:[^`]|``)*`)$/.exec(clause)?.[1]
    const way = column && ways.get(`column ${oldTable(shown(owner))}.${shown(plainName(column))}`)
    if (column === undefined || way === undefined || way === 'drop') return [clause]
    if (way === 'leave') return []
    const now = newName(plainName(column))
    const was = table?.columns.find(({ name }) => name === plainName(column))
    aside.push({
      kind: 'column',
      old: `${shown(owner)}.${shown(plainName(column))}`,
      new: `${shown(owner)}.${shown(now)}`,
    })
    return [`CHANGE COLUMN ${column} ${quoted(now)} ${was ? typeOf(was) : 'text'} NULL`]
  })
  return { statements: clauses.length === 0 ? [] : [write(alterText(owner, clauses))], aside }
}
