/** The kinds of databases that `openDatabase` knows, one entry each. */
import { UsageError } from '../migrate/errors.ts'
import type { DatabaseKind, RegisteredKind } from './kind.ts'

const kinds: RegisteredKind[] = [
  {
    schemes: ['mysql', 'mariadb'],
    example: 'mysql://, mariadb://',
    recognizes: (client) => 'threadId' in client || 'getConnection' in client,
    load: async () => (await import('./mysql/kind.ts')).mysqlKind,
  },
  {
    schemes: ['pglite'],
    example: 'pglite:',
    recognizes: (client) => 'execProtocolStream' in client,
    load: async () => (await import('./pglite/kind.ts')).pgliteKind,
  },
  {
    schemes: ['postgres', 'postgresql', 'pgx', 'pgx5'],
    example: 'postgres://',
    recognizes: (client) => 'query' in client,
    load: async () => (await import('./postgres/kind.ts')).postgresKind,
  },
]

/**
 * Adds a kind of database, so that `openDatabase` understands its URLs and its clients. The kind that was registered last is
 * asked first.
 * @throws UsageError if another kind has one of its schemes
 */
export function registerDatabase(kind: RegisteredKind): void {
  const taken = kind.schemes.find((scheme) => kinds.some(({ schemes }) => schemes.includes(scheme)))
  if (taken !== undefined) throw new UsageError(`The scheme ${taken}:// is registered already.`)
  kinds.unshift(kind)
}

/** Finds the kind that a URL's scheme belongs to. @throws UsageError for an unknown scheme or none */
export async function kindOfUrl(url: string): Promise<DatabaseKind> {
  const scheme = /^([a-z0-9+]+):/i.exec(url)?.[1]?.toLowerCase()
  const kind = kinds.find(({ schemes }) => scheme !== undefined && schemes.includes(scheme))
  if (kind) return kind.load()
  const examples = kinds.map(({ example }) => example).reverse()
  throw new UsageError(
    scheme ? `${scheme}:// is not a database this version knows.` : 'The database URL has no scheme.',
    {
      hint: `It begins with ${examples.slice(0, -1).join(', ')} or ${examples.at(-1)}`,
    },
  )
}

/** Finds the kind that a client or pool belongs to. @throws UsageError if no kind recognizes it */
export async function kindOfClient(client: object): Promise<DatabaseKind> {
  const kind = kinds.find((each) => each.recognizes(client))
  if (kind) return kind.load()
  throw new UsageError('openDatabase() takes a URL, or a client or pool of pg, mysql2 or PGlite.')
}
