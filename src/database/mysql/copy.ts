/** Copies a database by the statements that create its objects, and its rows. */
import type { ColumnFacts, Definition, Definitions } from './definitions.ts'
import { identifier, literal } from './tables.ts'

/** Everything a copy needs, as plain data. */
export interface Blueprint {
  readonly characterSet: string
  readonly collation: string
  readonly objects: readonly Definition[]
  /** Tables that have rows, with the columns to write. */
  readonly filled: readonly { readonly table: string; readonly columns: readonly string[] }[]
}

/**
 * Returns what a copy needs; undefined if a copy would lack something or differ.
 * @param filled tables that have rows.
 * @param database name that no text may contain
 */
export function blueprintOf(
  { characterSet, collation, options, objects, columns }: Definitions,
  filled: readonly string[],
  database: string | undefined,
): Blueprint | undefined {
  const odd = objects.some(({ kind, name, sql, settings }) => {
    if (sql === '') return true
    // Earlier rows of system-versioned tables cannot be written; other engines keep their rows elsewhere.
    if (kind === 'table') return !ENGINES.test(sql) || (sql.includes('WITH SYSTEM VERSIONING') && filled.includes(name))
    if (kind === 'view' || kind === 'sequence') return false
    // The text names this very database, or would be read in another character set.
    const ascii = [...sql].every((character) => character <= '\u007f')
    return (
      (database !== undefined && sql.includes(database)) ||
      !(ascii || /^utf8/.test(settings.character_set_client ?? 'utf8mb4'))
    )
  })
  if (odd || /READ ONLY|ENCRYPTION='Y'|\bCOMMENT\b/.test(options)) return undefined
  return {
    characterSet,
    collation,
    objects,
    filled: filled.map((table) => ({ table, columns: writtenColumns(columns, table) })),
  }
}

/** Returns the names of a table's columns that are not generated. */
export function writtenColumns(columns: readonly ColumnFacts[], table: string): string[] {
  return columns
    .filter((column) => column.table === table && !/\b(VIRTUAL|STORED|PERSISTENT) GENERATED\b/i.test(column.extra))
    .map(({ name }) => name)
}

export function createDatabase(
  name: string,
  { characterSet, collation }: Pick<Blueprint, 'characterSet' | 'collation'>,
) {
  return `CREATE DATABASE ${identifier(name)} CHARACTER SET ${characterSet} COLLATE ${collation}`
}

/** Returns the statements that copy only the tables with rows, which is all a snapshot must hold. */
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
 * Returns the statements that make a full copy in an existing, empty database. Tables come first and without checks, so
 * that their order is free; triggers come after the rows, or they would fire. Each text runs under the settings it was
 * first parsed under.
 * @param events whether enabled events stay enabled and fire in the copy
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

/**
 * Settings that allow everything the original may have been created with: zero dates, a zero that is not the next
 * number, row formats.
 */
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

/** Creates an event disabled from the start: one that is disabled after its creation may have fired already. */
function disabled(sql: string): string {
  return sql.replace(/(ON COMPLETION (?:NOT )?PRESERVE) ENABLE\b/, '$1 DISABLE')
}
