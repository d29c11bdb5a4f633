/** Refuses migrations that this driver could not run safely, judged by their text alone. */
import type { MigrationStep } from '../../../migrate/driver.ts'
import { StatementError, UsageError } from '../../../migrate/errors.ts'
import type { Tables } from '../tables.ts'

/**
 * Refuses a statement larger than the server's max_allowed_packet, for which the server would just close the
 * connection.
 * @param from offset of the statement in its script; `packet`: max_allowed_packet in bytes
 * @throws StatementError
 */
export function refuseTooLong(sql: string, index: number, from: number, packet: number): void {
  if (sql.length < packet / 3 || Buffer.byteLength(sql) < packet) return
  const megabytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1)
  throw new StatementError(
    {
      message: `this statement is ${megabytes(Buffer.byteLength(sql))} MB, and the server takes ${megabytes(packet)} MB at most (max_allowed_packet)`,
      offset: from,
      statement: index,
      hint: 'Write several statements, or raise max_allowed_packet on the server.',
      undone: true,
    },
    undefined,
  )
}

/**
 * Refuses a migration that would drop our tables: without transactional DDL we could not restore them.
 * @throws UsageError
 */
export function refuseLosingTables({ work }: MigrationStep, { database, version, history, journal }: Tables): void {
  if (work.kind !== 'sql') return
  const { text, statements } = work.script
  const drop = statements.find(({ words: [first, second], start, end }) => {
    if (first !== 'drop') return false
    const names = namesIn(text.slice(start, end))
    if (second === 'database' || second === 'schema') return names.includes(database)
    return second === 'table' && names.some((name) => [version, history, journal].includes(name))
  })
  if (!drop) return
  throw new UsageError(
    `"${text.slice(drop.start, drop.end)}" would remove the version table, and nothing here could put it back.`,
    { hint: 'Drop what the migration made, one by one; "migratest drop" empties a database.' },
  )
}

/**
 * Refuses a migration that may reach another database than the current one.
 * @throws UsageError
 */
export function refuseOtherDatabases({ work, name }: MigrationStep): void {
  if (work.kind === 'nil') return
  if (work.kind === 'code')
    throw new UsageError(`${name} is code, which may reach other databases: it cannot be rehearsed.`)
  const { text, statements } = work.script
  const all = statements.flatMap((statement) => statement.parts ?? [statement])
  const found = all.find(({ words, start, end }) => words[0] === 'use' || namesDatabase(text.slice(start, end)))
  if (!found) return
  throw new UsageError(
    `"${text.slice(found.start, found.end).slice(0, 200)}" may reach another database: it cannot be rehearsed.`,
    { hint: 'Leave --rehearse out for this one.' },
  )
}

/**
 * Refuses a migration that changes the character set while our table names are not ASCII: the server would read the
 * bytes of those names as other characters.
 * @throws StatementError
 */
export function refuseOtherCharset({ work }: MigrationStep, { versionTable }: Tables): void {
  if (work.kind !== 'sql' || /^[\0-\x7f]*$/.test(versionTable)) return
  const { text, statements } = work.script
  const index = statements.findIndex(({ start, end }) => setsCharset(text.slice(start, end)))
  if (index === -1) return
  throw new StatementError(
    {
      message: `this statement changes the character set of what is sent, and ${versionTable}, which is written after it, is not ASCII`,
      offset: statements[index]?.start,
      statement: index,
      hint: 'Leave it out: files are sent as UTF-8. Or give the database and the version table names in ASCII.',
      undone: true,
    },
    undefined,
  )
}

/**
 * Returns whether a statement changes, or may change, the character set in which the server reads the following
 * statements.
 */
export function setsCharset(sql: string): boolean {
  return (
    /^(?:\s|--[^\n]*\n|#[^\n]*\n|\/\*.*?\*\/)*set\b/is.test(sql) &&
    /\b(?:names|character\s+set|charset|character_set_(?:client|connection))\b/i.test(sql) &&
    !/^\s*set\s+(?:names|character\s+set|charset)\s+['"]?utf8(?:mb4)?\b/i.test(sql)
  )
}

// --- internal ---

/**
 * Returns whether a statement names an object, or creates one, in an explicitly named database. Bodies of routines are
 * searched too.
 */
function namesDatabase(sql: string): boolean {
  const name = '(?:`(?:[^`]|``)+`|[\\w$]+)'
  const before = 'into|update|from|join|table|view|procedure|function|trigger|event|exists|on|to|call|references'
  return new RegExp(`\\b(?:${before})\\s+${name}\\s*\\.\\s*${name}\\s*(?!\\s*=)`, 'i').test(sql)
}

function namesIn(sql: string): string[] {
  return [...sql.matchAll(/`((?:[^`]|``)+)`|[\w$]+/g)].map(([all, quoted]) => quoted?.replaceAll('``', '`') ?? all)
}
