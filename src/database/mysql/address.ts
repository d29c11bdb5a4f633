/** Where a database of MySQL or MariaDB is: URLs as mysql2 takes them, and what to say when nobody answers there. */
import type { ConnectionOptions } from 'mysql2/promise'
import { ConnectionError, UsageError } from '../../migrate/errors.ts'
import { decoded, type Place, UNREACHABLE } from '../place.ts'
import type { MysqlError } from './session.ts'

export interface ConnectOptions {
  /** Milliseconds to wait for a connection; default 15 000. */
  readonly connectTimeout?: number
  /** As `mysql2` takes it. */
  readonly ssl?: ConnectionOptions['ssl']
  /** Milliseconds a statement may wait for a table's metadata lock, rounded up to seconds. Not the migration lock. */
  readonly statementLockTimeout?: number
  /** What the session is called where sessions are listed (`program_name` in performance_schema). */
  readonly applicationName?: string
}

/** Where that URL leads. Connects to nothing. */
export function placeOf(url: string): Place {
  const { host, port, database, socketPath } = clientConfig(url, {})
  return { host: socketPath ?? host ?? '', port: port ?? PORT, database: database ?? '' }
}

/** As `new URL` takes it, also where it is written as golang-migrate has it. */
export function plainUrl(url: string): string {
  return plainly(url).plain
}

export function labelOf({ database, host, port, socketPath }: ConnectionOptions): string {
  return `"${database ?? ''}" on ${socketPath ?? `${host ?? 'localhost'}:${port ?? PORT}`}`
}

/** golang-migrate's `user:password@tcp(host:port)/database` is understood, and so are its `x-` parameters. */
export function clientConfig(url: string, options: ConnectOptions): ConnectionOptions {
  const { plain, socket } = plainly(url)
  let parsed: URL
  try {
    parsed = new URL(plain)
  } catch {
    // Without its cause, which holds the URL and so the password.
    throw new UsageError('The database URL is not a URL.', {
      hint: 'It looks like mysql://user:password@host:3306/database; characters like @ and / in a password are written %40 and %2F.',
    })
  }
  const { searchParams } = parsed
  const socketPath = socket ?? searchParams.get('socketPath') ?? searchParams.get('socket') ?? undefined
  const ssl = options.ssl ?? sslOf(searchParams)
  return {
    user: decoded(parsed.username) || 'root',
    password: decoded(parsed.password),
    database: decoded(parsed.pathname.slice(1)) || undefined,
    ...(socketPath
      ? { socketPath }
      : { host: decoded(parsed.hostname) || '127.0.0.1', port: Number(parsed.port || PORT) }),
    connectTimeout: options.connectTimeout ?? 15_000,
    connectAttributes: { program_name: options.applicationName ?? 'migratest' },
    enableKeepAlive: true,
    flags: ['-IGNORE_SPACE', '-LOCAL_FILES'],
    ...(ssl !== undefined && { ssl }),
  } as ConnectionOptions
}

/** With what to do about it. */
export function connectionError(error: MysqlError, config: ConnectionOptions): ConnectionError {
  if (error instanceof ConnectionError) return error
  const timedOut = error.code === 'ETIMEDOUT' || /timeout/i.test(error.message)
  const words = timedOut
    ? `no answer within ${(config.connectTimeout ?? 0) / 1000} s`
    : error.message || String(error.code)
  const where = config.host || config.socketPath ? labelOf(config) : 'the database of the pool'
  return new ConnectionError(`Cannot connect to ${where}: ${words}`, {
    hint: ADVICE[timedOut ? 'ETIMEDOUT' : (error.code ?? '')],
    cause: error,
  })
}

// --- internal ---

const PORT = 3306

/** As a URL, where it is written as golang-migrate has it. */
function plainly(url: string): { plain: string; socket: string | undefined } {
  let socket: string | undefined
  const plain = url
    .replace(/^(?:mysql|mariadb):/i, 'mysql:')
    .replace(/@tcp\(([^)]*)\)/, (_, at: string) => `@${at}`)
    .replace(/@?unix\(([^)]*)\)/, (_, path: string) => {
      socket = path
      return '@localhost'
    })
  return { plain, socket }
}

/** As the mysql client (`ssl-mode`), Go's driver (`tls`) and Prisma (`sslaccept`) write it. */
function sslOf(params: URLSearchParams): ConnectionOptions['ssl'] | undefined {
  const mode = (
    params.get('ssl-mode') ??
    params.get('sslmode') ??
    params.get('tls') ??
    params.get('ssl')
  )?.toLowerCase()
  const lenient = params.get('sslaccept') === 'accept_invalid_certs'
  if (mode === undefined) return lenient ? { rejectUnauthorized: false } : undefined
  if (['false', 'disabled', 'disable', 'preferred', '0'].includes(mode)) return undefined
  const trusting = lenient || ['required', 'require', 'skip-verify'].includes(mode)
  return { rejectUnauthorized: !trusting }
}

const ADVICE: Record<string, string> = {
  ...UNREACHABLE,
  ER_ACCESS_DENIED_ERROR: 'The password or the user is wrong, or the user may not come from this host.',
  ER_DBACCESS_DENIED_ERROR: 'The user has no privileges on that database: GRANT them.',
  ER_BAD_DB_ERROR: 'Create the database first, or correct its name in the URL.',
  ER_CON_COUNT_ERROR: 'All connections are taken: raise max_connections or close some.',
  ER_USER_LIMIT_REACHED: 'This user has as many connections as it may: close some.',
  ER_HOST_IS_BLOCKED:
    'The server has had too many broken connections from here: "FLUSH HOSTS" lets this host in again.',
}
