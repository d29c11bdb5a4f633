/** Copies of a database, made of the statements that make its objects and of its rows. */
import type { Definition, Definitions } from './definitions.ts'
import { identifier, literal } from './tables.ts'

/** All that a copy needs, as plain data. */
export interface Blueprint {
  readonly characterSet: string
  readonly collation: string
  readonly objects: readonly Definition[]
  /** Tables that have rows, with the columns that are written. */
  readonly filled: readonly { readonly table: string; readonly columns: readonly string[] }[]
}

/** @param filled tables that have rows. @param database whose name no text may hold. Undefined where a copy would lack something, or be another. */
export function blueprintOf(
  { characterSet, collation, options, objects, columns }: Definitions,
  filled: readonly string[],
  database: string | undefined,
): Blueprint | undefined {
  const odd = objects.some(({ kind, name, sql, settings }) => {
    if (sql === '') return true
    // Earlier rows of versioned tables cannot be written; other engines keep their rows elsewhere.
    if (kind === 'table') return !ENGINES.test(sql) || (sql.includes('WITH SYSTEM VERSIONING') && filled.includes(name))
    if (kind === 'view' || kind === 'sequence') return false
    // Its text names this very database, or would be read as other characters.
    const ascii = [...sql].every((character) => character <= '\u007f')
    return (
      (database !== undefined && sql.includes(database)) ||
      !(ascii || /^utf8/.test(settings.character_set_client ?? 'utf8mb4'))
    )
  })
  if (odd || /READ ONLY|ENCRYPTION='Y'|\bCOMMENT\b/.test(options)) return undefined
  const written = (table: string) =>
    columns
      .filter((column) => column.table === table && !/\b(VIRTUAL|STORED|PERSISTENT) GENERATED\b/i.test(column.extra))
      .map(({ name }) => name)
  return { characterSet, collation, objects, filled: filled.map((table) => ({ table, columns: written(table) })) }
}

export function createDatabase(
  name: string,
  { characterSet, collation }: Pick<Blueprint, 'characterSet' | 'collation'>,
) {
  return `CREATE DATABASE ${identifier(name)} CHARACTER SET ${characterSet} COLLATE ${collation}`
}

/** Only its tables with rows: what a snapshot has to hold. */
export function keepRows(blueprint: Blueprint, from: string, to: string): string[] {
  const kept = new Set(blueprint.filled.map(({ table }) => table))
  return [
    ...PLAINLY,
    `USE ${identifier(to)}`,
    ...tablesOf(blueprint, (name) => kept.has(name)),
    ...rows(blueprint, from),
  ]
}

/**
 * Everything, in a database that is there and empty. Tables first and without checks, so that their order is free; triggers
 * behind the rows, or they would fire. Each text under the settings it was first read under.
 * @param events whether those that are enabled stay so, and fire in the copy
 */
export function copyStatements(
  blueprint: Blueprint,
  from: string,
  to: string,
  { events }: { events: boolean },
): string[] {
  const texts = blueprint.objects.filter(({ kind }) => kind !== 'table' && kind !== 'sequence')
  return [
    ...PLAINLY,
    `USE ${identifier(to)}`,
    ...blueprint.objects.filter(({ kind }) => kind === 'sequence').map(({ sql }) => sql),
    ...tablesOf(blueprint, () => true),
    ...rows(blueprint, from),
    ...texts.flatMap((object) => [
      settingsOf(object),
      !events && object.kind === 'event' ? disabled(object.sql) : object.sql,
    ]),
  ]
}

// --- internal ---

const ENGINES = /\) ENGINE=(?:InnoDB|MyISAM|Aria|MEMORY)\b/

/** Whatever was once allowed is allowed again: zero dates, a zero that is no next number, row formats. */
const PLAINLY = [
  "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', SESSION foreign_key_checks = 0, SESSION unique_checks = 0, SESSION innodb_strict_mode = 0, SESSION time_zone = '+00:00' /*M!100201 , SESSION check_constraint_checks = 0 */",
  'SET NAMES utf8mb4',
]

function tablesOf({ objects }: Blueprint, wanted: (name: string) => boolean): string[] {
  return objects.filter(({ kind, name }) => kind === 'table' && wanted(name)).map(({ sql }) => sql)
}

function rows({ filled }: Blueprint, from: string): string[] {
  return filled.map(({ table, columns }) => {
    const names = columns.map(identifier).join(', ')
    return `INSERT INTO ${identifier(table)} (${names}) SELECT ${names} FROM ${identifier(from)}.${identifier(table)}`
  })
}

function settingsOf({ settings }: Definition): string {
  const all = { sql_mode: '', ...settings }
  const set = Object.entries(all).map(([name, value]) => `SESSION ${name} = ${literal(value)}`)
  return `SET ${set.join(', ')}`
}

/** From the first moment on: one that is disabled behind its making may have fired. */
function disabled(sql: string): string {
  return sql.replace(/(ON COMPLETION (?:NOT )?PRESERVE) ENABLE\b/, '$1 DISABLE')
}
