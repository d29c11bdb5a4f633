/** Uses what has a body on MySQL and MariaDB: views, triggers, procedures, functions, events. */
import type { MysqlError, Session } from '../../database/mysql/session.ts'
import { literal, identifier as quote } from '../../database/mysql/tables.ts'
import type { FillColumn, FillTable } from '../../fill/model.ts'
import type { Use } from './rowReader.ts'

/**
 * Uses each object once, over the rows that are there, and undoes it. The server looks into bodies only when they run.
 * @param tables the tables whose rows fire triggers
 */
export async function usesOn(session: Session, tables: readonly FillTable[]): Promise<Use[]> {
  const [views = [], triggers = [], routines = [], parameters = [], events = []] = await session.queries(OBJECTS)
  const attempts = [
    ...views.map(({ name }) => ({
      what: `the view ${name}`,
      name,
      sql: `SELECT 1 FROM ${quote(String(name))} LIMIT 1`,
    })),
    ...triggers.map(({ name, tab, event }) => {
      const table = tables.find((one) => one.name === String(tab))
      return { what: `the trigger ${name} of ${tab}`, name, sql: table && firing(table, String(event)) }
    }),
    ...routines.map(({ name, kind, body }) => {
      const own = parameters.filter((one) => one.routine === name && one.kind === kind)
      return {
        what: `the ${String(kind).toLowerCase()} ${name}`,
        name,
        sql: called(String(name), String(kind), String(body), own),
      }
    }),
    ...events.map(({ name, body }) => ({ what: `the event ${name}`, name, sql: alone(String(body)) })),
  ]
  await forget(session, triggers)
  const uses: Use[] = []
  for (const { what, name, sql } of attempts) {
    if (sql !== undefined) uses.push({ what, name: String(name), ...(await outcomeOf(session, sql)) })
  }
  return uses
}

// --- internal ---

/** A table that is open keeps its triggers as they were compiled, with functions that have been dropped since. */
async function forget(session: Session, triggers: readonly Record<string, unknown>[]): Promise<void> {
  const tables = [...new Set(triggers.map(({ tab }) => quote(String(tab))))]
  if (tables.length > 0) await session.query(`FLUSH LOCAL TABLES ${tables.join(', ')}`).catch(() => [])
}

const OBJECTS = [
  'SELECT table_name AS name FROM information_schema.views WHERE table_schema = DATABASE() ORDER BY 1',
  'SELECT trigger_name AS name, event_object_table AS tab, event_manipulation AS event FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY 2, 1',
  'SELECT routine_name AS name, routine_type AS kind, routine_definition AS body FROM information_schema.routines WHERE routine_schema = DATABASE() ORDER BY 2, 1',
  'SELECT specific_name AS routine, routine_type AS kind, parameter_mode AS mode, data_type AS type, dtd_identifier AS written FROM information_schema.parameters WHERE specific_schema = DATABASE() AND ordinal_position > 0 ORDER BY specific_name, ordinal_position',
  'SELECT event_name AS name, event_definition AS body FROM information_schema.events WHERE event_schema = DATABASE() ORDER BY 1',
]

/** Matches words for effects that cannot be undone, or that may never end. A body with such a word is not run. */
const LASTING =
  /\b(?:create|alter|drop|truncate|rename|grant|revoke|commit|rollback|start\s+transaction|lock\s+tables|prepare|sleep|get_lock|outfile|kill|call|analyze|optimize|flush|handler)\b/i

function called(
  name: string,
  kind: string,
  body: string,
  parameters: readonly Record<string, unknown>[],
): string | undefined {
  if (LASTING.test(body)) return undefined
  const values = parameters.map(({ mode, type, written }) =>
    mode === 'OUT' || mode === 'INOUT' ? '@migratest_out' : argument(String(type), String(written)),
  )
  const call = `${quote(name)}(${values.join(', ')})`
  return kind === 'PROCEDURE' ? `CALL ${call}` : `SELECT ${call}`
}

function argument(type: string, written: string): string {
  if (/int|decimal|float|double|bit|year/.test(type)) return '1'
  if (/date|time/.test(type)) return "'2024-01-01'"
  if (type === 'enum' || type === 'set') return /'(?:[^']|'')*'/.exec(written)?.[0] ?? 'NULL'
  if (type === 'json') return "'{}'"
  return /char|text|binary|blob/.test(type) ? "'a'" : 'NULL'
}

/** An event's statement, if it is one that can be run alone and undone. */
function alone(body: string): string | undefined {
  return /^\s*(?:insert|update|delete|replace|select)\b/i.test(body) && !LASTING.test(body) ? body : undefined
}

/** A statement that fires triggers of a table, over one of its rows. */
function firing(table: FillTable, event: string): string | undefined {
  const { sql, columns } = table
  const given = columns.filter(({ generated }) => generated === null)
  const [first] = given
  if (!first) return undefined
  if (event === 'UPDATE') return `UPDATE ${sql} SET ${first.sql} = ${first.sql} LIMIT 1`
  if (event === 'DELETE') return `DELETE FROM ${sql} LIMIT 1`
  const names = given.map((column) => column.sql).join(', ')
  const values = given.map((column) => anotherValue(column, table)).join(', ')
  return `INSERT INTO ${sql} (${names}) SELECT ${values} FROM ${sql} AS one LIMIT 1`
}

/** A row with a key that is there is refused before triggers that fire AFTER, so a copy has other keys where they may be others. */
function anotherValue(
  { name, sql, type }: FillColumn,
  { sql: table, uniques, primaryKey, foreignKeys }: FillTable,
): string {
  const isUnique = [primaryKey, ...uniques].some((columns) => columns.includes(name))
  if (!isUnique || foreignKeys.some(({ columns }) => columns.includes(name))) return `one.${sql}`
  if (type.kind === 'integer')
    return `(SELECT MAX(t.${sql}) + 1 FROM ${table} AS t WHERE t.${sql} < ${literal(String(type.max ?? 2n ** 31n - 1n))})`
  // MySQL 9.6 and later have no MD5 of their own.
  if (type.kind === 'text') return `LEFT(SHA2(CONCAT(one.${sql}, 'x'), 256), ${Math.min(type.length ?? 32, 32)})`
  return `one.${sql}`
}

const NO_SUCH_DEFINER = 1449
/** Numbers of errors that say that a name is not there or means several things, or that the body fits its tables no more. */
const WRONG = new Set([1054, 1146, 1305, 1356, 1052, 1318, 1136, 1364, NO_SUCH_DEFINER])
/** A body that writes texts which are too long, or NULL where there must be a value, hardly means to refuse a row. */
const NEVER_FIT = new Set([1406, 1048])

async function outcomeOf(session: Session, sql: string): Promise<Omit<Use, 'what' | 'name'>> {
  await session.query('START TRANSACTION')
  try {
    await session.query(sql)
    return { error: undefined }
  } catch (error) {
    const { errno = 0, sqlMessage, message } = error as MysqlError
    // The name of the database was made for the test.
    const text = (sqlMessage ?? message).replaceAll(/(?<=[\s'`])migratest_\w+\./g, '')
    if (WRONG.has(errno)) return { error: text, isSure: true }
    return NEVER_FIT.has(errno)
      ? { error: text, isByValues: true, isUnfit: true }
      : { error: undefined, isByValues: true }
  } finally {
    await session.query('ROLLBACK')
  }
}
