/** A step of a change: statements that run together, what ends with them and what is there after them. */
import type { Statement } from '../statement.ts'

export interface PostgresStatement extends Statement {
  /** An action of ALTER TABLE, which can share a statement with other actions on the same table. */
  readonly alter?: { readonly table: string; readonly action: string }
}

export interface Step {
  readonly phase: number
  /** Orders the steps of a phase. */
  readonly name: string
  readonly statements: readonly PostgresStatement[]
  /** Parts of the old schema that are gone after it, or have another form. */
  readonly ends: readonly string[]
  /** Parts of the new schema that are there only after it. */
  readonly makes: readonly string[]
  /** Names that it makes free or takes, such as `relation users`. */
  readonly frees?: readonly string[]
  readonly takes?: readonly string[]
  /** Parts of the new schema that it needs beyond what the catalogs say. */
  readonly needs?: readonly string[]
  /** Parts of the old schema that have to end before it. */
  readonly follows?: readonly string[]
  /** A type that gets out of the way by another name: what does not change to the new one has to end before. */
  readonly displaces?: string
  /** `true` if the parts it ends keep their names and rows, so that indexes and constraints on them stay. */
  readonly gentle?: boolean
  /** `true` if it makes parts of a table that is made without them: only it needs what they need. */
  readonly later?: boolean
  /** `true` if a column gets another type: views, rules and the like stand in the way of that. */
  readonly retypes?: boolean
}

/**
 * Steps come in the order of their phases unless their needs say otherwise. The steps between `table` and `tableEnd` that
 * alter one table come together.
 */
export const PHASE = {
  renames: 5,
  keepRows: 6,
  dropEvents: 10,
  dropRules: 11,
  dropForeignKeys: 12,
  dropViews: 13,
  dropIndexes: 14,
  dropTables: 19,
  dropRoutines: 20,
  dropTypes: 21,
  dropExtensions: 23,
  dropSchemas: 24,
  schemas: 30,
  extensions: 31,
  others: 32,
  types: 33,
  sequences: 34,
  tables: 38,
  /** Within ALTER TABLE. */
  table: 40,
  attach: 50,
  routines: 53,
  rows: 54,
  indexes: 55,
  foreignKeys: 56,
  statistics: 57,
  views: 58,
  rules: 59,
  triggers: 60,
  policies: 61,
  publications: 62,
  events: 63,
  privileges: 64,
  further: 65,
} as const

/** On this rung, a new table gets the defaults and checks that call functions behind them. */
export function laterPart(table: string): string {
  return `${table}/later`
}

/** Makes an ALTER TABLE that can share its statement with others. @param table kind and name: `TABLE users` */
export function alterTable(
  object: string,
  table: string,
  action: string,
  more: Partial<Omit<PostgresStatement, 'sql' | 'object' | 'alter'>> = {},
): PostgresStatement {
  return { sql: `ALTER ${table} ${action};`, does: 'alter', object, ...more, alter: { table, action } }
}

export function statement(does: Statement['does'], object: string, sql: string, destroys?: string): PostgresStatement {
  return { sql: sql.endsWith(';') ? sql : `${sql};`, does, object, ...(destroys !== undefined && { destroys }) }
}
