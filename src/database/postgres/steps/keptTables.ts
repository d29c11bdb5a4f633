/** Saves our tables before a step that removes them (a down that drops the schema), and restores them after it. */
import { createSchema } from '../drop.ts'
import type { OwnDevelopment } from '../rows/development.ts'
import { createTables, type Tables } from '../tables.ts'

/** How much of our tables is created again after the body: nothing, the tables, or the schema too. */
export type Rebuild = 'no' | 'tables' | 'schema'
export const REBUILDS: readonly Rebuild[] = ['no', 'tables', 'schema']

/** @param development the additional tables of a development database */
export function saveTables({ versionTable, historyTable }: Tables, development?: OwnDevelopment): string[] {
  return [
    ...(development?.save ?? []),
    `CREATE TEMPORARY TABLE ${KEPT_VERSION} ON COMMIT DROP AS SELECT version, dirty FROM ${versionTable};`,
    `CREATE TEMPORARY TABLE ${KEPT_HISTORY} ON COMMIT DROP AS SELECT * FROM ${historyTable};`,
  ]
}

/** @param creation the statements that create another tool's table */
export function restoreTables(
  names: Tables,
  rebuild: Rebuild,
  creation: readonly string[],
  development?: OwnDevelopment,
): string {
  const { schema, versionTable, historyTable } = names
  return `${rebuild === 'schema' ? createSchema(schema) : ''}
${createTables(names)}
${development?.restore ?? ''}
INSERT INTO ${versionTable} (version, dirty) SELECT version, dirty FROM pg_temp.${KEPT_VERSION} WHERE NOT EXISTS (SELECT FROM ${versionTable});
INSERT INTO ${historyTable} SELECT * FROM pg_temp.${KEPT_HISTORY} WHERE NOT EXISTS (SELECT FROM ${historyTable});
${creation.map((sql) => `${sql};`).join('\n')}`
}

// --- internal ---

/**
 * Names that no migration uses: temporary tables come first on the search path and would hide a table of the same name.
 */
const KEPT_VERSION = '"migratest kept version"'
const KEPT_HISTORY = '"migratest kept history"'
