/** Settings of sessions that servers, users and programs set otherwise, and the values under which migrations are tried. */
import type { Dialect } from '../../sql/dialect.ts'
import { CLOCK_SHIFT_DAYS } from './whole.ts'

export interface Setting {
  /** As people call it: `TimeZone`, `sql_mode`. */
  readonly name: string
  /** The value under which the migrations run. */
  readonly value: string
  readonly sql: string
  /** Statements for the same setting that are tried if the server does not accept the first one. */
  readonly others?: readonly string[]
  /** Says in the file what is meant. */
  readonly fix: string
  /** Lower than that of the rule, where a project chooses the setting once for all its servers. */
  readonly severity?: 'notice'
}

/** Returns the settings to try, those that one server knows and another does not included. */
export function settingsOf(dialect: Dialect): readonly Setting[] {
  return dialect === 'mysql' ? MYSQL : POSTGRES
}

/** PostgreSQL: what has no schema in its name goes elsewhere, and is not found where the file says public. */
export const OTHER_SEARCH_PATH: Setting = {
  name: 'search_path',
  value: 'migratest_elsewhere, public',
  sql: 'CREATE SCHEMA IF NOT EXISTS migratest_elsewhere; SET search_path = migratest_elsewhere, public',
  severity: 'notice',
  fix: 'Name the schema everywhere or nowhere, or SET search_path at the top of the file.',
}

// --- internal ---

const set = (name: string, value: string, fix: string, text = `'${value}'`): Setting => ({
  name,
  value,
  sql: `SET ${name} = ${text}`,
  fix,
})

/** Not every server has every locale; C is on each, and often not the one in use. */
const locale = (name: string, fix: string): Setting => ({
  ...set(name, 'de_DE.UTF-8', fix),
  others: ['de_DE.utf8', 'fr_FR.utf8', 'C'].map((value) => `SET ${name} = '${value}'`),
})

const POSTGRES: readonly Setting[] = [
  set(
    'TimeZone',
    'Pacific/Kiritimati',
    "Write instants with their zone: timestamptz '2024-01-31 12:00+00', at time zone 'UTC'.",
  ),
  set('DateStyle', 'SQL, DMY', "Write dates as '2024-01-31', and format them with to_char."),
  set('IntervalStyle', 'sql_standard', "Write intervals with their units: interval '1 day 2 hours'."),
  locale('lc_time', 'Leave names of days and months (TM) to the program.'),
  locale('lc_monetary', 'Use numeric instead of money.'),
  locale('lc_numeric', 'Write the separators out instead of D and G in to_char.'),
  set('bytea_output', 'escape', 'Turn bytes into text with encode().'),
  set('extra_float_digits', '-6', 'Round floats before they become text.'),
]

const MYSQL: readonly Setting[] = [
  {
    ...set('time_zone', '+13:00', "Write instants in UTC, and SET time_zone = '+00:00' at the top of the file."),
    sql: "SET time_zone = '+13:00'",
  },
  set(
    'sql_mode',
    '',
    'Write values that the strict mode accepts: the server cuts or replaces others in silence without it.',
  ),
  {
    severity: 'notice',
    ...set(
      'sql_mode',
      'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES',
      'Write texts in single quotes, without backslashes, and join them with concat(); or SET sql_mode at the top of the file.',
    ),
  },
  set('lc_time_names', 'de_DE', 'Leave names of days and months to the program.'),
  {
    name: 'the clock',
    value: `${CLOCK_SHIFT_DAYS} days earlier`,
    sql: `SET timestamp = unix_timestamp(sysdate()) - ${CLOCK_SHIFT_DAYS * 86_400}`,
    fix: 'Let no name and no condition depend on the day on which the migration runs.',
  },
]
