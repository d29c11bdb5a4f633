/** The two families of SQL that the lexer reads. MariaDB counts as `mysql`, PGlite as `postgres`. */
export type Dialect = 'postgres' | 'mysql'

/** The SQL syntax that we generate for a dialect. Everything that needs a connection is in `src/database/`. */
export interface DialectRules {
  /** `true` if schema changes can be rolled back. */
  readonly transactionalDdl: boolean
  /** Quotes an identifier. */
  quote(name: string): string
  /** Returns the placeholder of the `n`th parameter, counted from 1. */
  placeholder(n: number): string
  /** The end of an `INSERT` of a row that consists of default values. */
  readonly defaultRow: string
  /** The clause of an `INSERT` that sets identity columns to explicit values, as dumps do. */
  readonly overrideIdentity: string
  /** SQL that resets the settings a migration made in its session; empty if a script cannot do that. */
  readonly resetSession: string
  /** The first statement of a schema file. It allows objects to refer to later ones. */
  readonly deferChecks: string
  /** The npm package of the client. */
  readonly clientPackage: 'pg' | 'mysql2'
}

export const DIALECTS: Readonly<Record<Dialect, DialectRules>> = {
  postgres: {
    transactionalDdl: true,
    quote: (name) => `"${name.replaceAll('"', '""')}"`,
    placeholder: (n) => `$${n}`,
    defaultRow: 'DEFAULT VALUES',
    overrideIdentity: 'OVERRIDING SYSTEM VALUE ',
    resetSession: 'RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL;',
    deferChecks: 'SET check_function_bodies = false;',
    clientPackage: 'pg',
  },
  mysql: {
    transactionalDdl: false,
    quote: (name) => `\`${name.replaceAll('`', '``')}\``,
    placeholder: () => '?',
    defaultRow: '() VALUES ()',
    overrideIdentity: '',
    resetSession: '',
    deferChecks: 'SET foreign_key_checks = 0;',
    clientPackage: 'mysql2',
  },
}
