/** How a database is opened in which the migrations of another tool run. */
import { hiddenBy, type Source } from '../migrate/source.ts'
import type { Dialect } from '../sql/dialect.ts'
import type { OpenOptions } from './kind.ts'
import { ASIDE_SCHEMA, ASIDE_TABLE, ownTables } from './ownTables.ts'

/**
 * Returns the options with our own tables out of the way, unless the user has named a place for them, and with the
 * tool's tables hidden.
 */
export function openBeside<Given extends OpenOptions>(source: Source, dialect: Dialect, given: Given): Given {
  if (!source.format) return given
  const isPlaced = given.table !== undefined || given.schema !== undefined
  const aside = isPlaced ? {} : dialect === 'postgres' ? { schema: ASIDE_SCHEMA } : { table: ASIDE_TABLE }
  const { tables, schemas } = hiddenBy(source, dialect)
  const own = given.schema === undefined ? [] : ownTables(given.table).map((table) => `${given.schema}.${table}`)
  return { ...aside, ...given, hidden: { tables: [...tables, ...own], schemas } }
}
