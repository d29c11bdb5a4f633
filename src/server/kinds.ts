/** The kinds of servers, and the detection of the kind from a URL. */
import type { Dialect } from '../sql/dialect.ts'

export type ServerKind = 'postgres' | 'mysql' | 'mariadb'

export const TITLES: Readonly<Record<ServerKind, string>> = {
  postgres: 'PostgreSQL',
  mysql: 'MySQL',
  mariadb: 'MariaDB',
}

/** Returns the kind for the scheme of a URL. A `mysql://` URL may also name a MariaDB server. */
export function serverKindOf(url: string): ServerKind | undefined {
  const scheme = /^(\w+):/.exec(url)?.[1]?.toLowerCase() ?? ''
  if (scheme === 'mysql' || scheme === 'mariadb') return scheme
  return /^(?:postgres(?:ql)?|pgx5?|pglite)$/.test(scheme) ? 'postgres' : undefined
}

export function dialectOf(kind: ServerKind): Dialect {
  return kind === 'postgres' ? 'postgres' : 'mysql'
}
