/** Lists the objects of a database by kind and name, a cheap way to see what a step created and removed. */
import type { Session } from './session.ts'
import { literal } from './tables.ts'

/**
 * Reads the list.
 * @param own names of our own tables, which are left out.
 * @returns lines such as `table users`, in no order
 */
export async function readShape(
  session: Session,
  database: string,
  own: readonly string[],
): Promise<ReadonlySet<string>> {
  const at = literal(database)
  const others = own.map(literal).join(', ')
  const results = await session.queries([
    `SELECT CONCAT(IF(table_type = 'VIEW', 'view ', IF(table_type = 'SEQUENCE', 'sequence ', 'table ')), table_name) AS object FROM information_schema.tables WHERE table_schema = ${at} AND table_name NOT IN (${others})`,
    `SELECT CONCAT('column ', column_name, ' ', column_type, IF(is_nullable = 'NO', ' not null', ''), ' on ', table_name) AS object FROM information_schema.columns WHERE table_schema = ${at} AND table_name NOT IN (${others})`,
    `SELECT DISTINCT CONCAT('index ', index_name, ' on ', table_name) AS object FROM information_schema.statistics WHERE table_schema = ${at} AND table_name NOT IN (${others})`,
    `SELECT CONCAT('constraint ', constraint_name, ' on ', table_name) AS object FROM information_schema.table_constraints WHERE table_schema = ${at} AND table_name NOT IN (${others})`,
    `SELECT CONCAT('trigger ', trigger_name, ' on ', event_object_table) AS object FROM information_schema.triggers WHERE trigger_schema = ${at}`,
    `SELECT CONCAT(LOWER(routine_type), ' ', routine_name) AS object FROM information_schema.routines WHERE routine_schema = ${at}`,
    `SELECT CONCAT('event ', event_name) AS object FROM information_schema.events WHERE event_schema = ${at}`,
  ])
  return new Set(results.flat().map(({ object }) => String(object)))
}
