/** The kinds of servers, and how a URL tells them apart. */
import type { Dialect } from '../sql/dialect.ts'

export type ServerKind = 'postgres' | 'mysql' | 'mariadb'

export const TITLES: Readonly<Record<ServerKind, string>> = {
  postgres: 'PostgreSQL',
  mysql: 'MySQL',
  mariadb: 'MariaDB',
}

/** By its scheme; of `mysql://` it cannot be told whether that is a MariaDB. */
export function kindOfUrl(url: string): ServerKind | undefined {
  const scheme = /^(\w+):/.exec(url)?.[1]?.toLowerCase() ?? ''
  if (scheme === 'mysql' || scheme === 'mariadb') return scheme
  return /^(?:postgres(?:ql)?|pgx5?|pglite)$/.test(scheme) ? 'postgres' : undefined
}

export function dialectOf(kind: ServerKind): Dialect {
  return kind === 'postgres' ? 'postgres' : 'mysql'
}
