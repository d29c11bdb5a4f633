/**
 * Reads the URLs of MySQL and MariaDB databases in the forms mysql2 takes, and words the errors when a server does not
 * answer.
 */
import type { ConnectionOptions } from 'mysql2/promise'
import { ConnectionError, UsageError } from '../../migrate/errors.ts'
import { type DatabaseAddress, UNREACHABLE } from '../address.ts'
import { readPem, refuseUnknown, urlParts } from '../urlParts.ts'
import type { MysqlError } from './session.ts'

export interface ConnectOptions {
  /** Milliseconds to wait for a connection; default 15 000. */
  readonly connectTimeoutMs?: number
  /** SSL options, in the form `mysql2` takes. */
  readonly ssl?: ConnectionOptions['ssl']
  /** Milliseconds a statement may wait for a table's metadata lock, rounded up to seconds. Not the migration lock. */
  readonly statementLockTimeoutMs?: number
  /** Name of the session in lists of sessions (`program_name` in performance_schema). */
  readonly applicationName?: string
}

/** Returns the address a URL leads to. Does not connect. */
export function placeOf(url: string): DatabaseAddress {
  const { host, port, database, socketPath } = clientConfig(url, {})
  return { host: socketPath ?? host ?? '', port: port ?? PORT, database: database ?? '' }
}

/** Returns the URL in a form that `new URL` accepts, also if it is written in golang-migrate's form. */
export function plainUrl(url: string): string {
  return plainly(url).plain
}

export function labelOf({ database, host, port, socketPath }: ConnectionOptions): string {
  return `"${database ?? ''}" on ${socketPath ?? `${host?.includes(':') ? `[${host}]` : (host ?? 'localhost')}:${port ?? PORT}`}`
}

/**
 * Returns the client configuration of a URL. golang-migrate's `user:password@tcp(host:port)/database` and its `x-`
 * parameters are understood. Parameters of connection pools and of other drivers' types have no meaning here and are
 * ignored.
 * @throws UsageError, whose text holds no part of the URL that may belong to a password
 */
export function clientConfig(url: string, options: ConnectOptions): ConnectionOptions {
  const { plain, socket } = plainly(url)
  const { user, password, hosts, database, params, mayShowNames } = urlParts(plain, EXAMPLE)
  refuseUnknown(params, mayShowNames, {
    honoured: HONOURED,
    passedOver: PASSED_OVER,
    advice: 'Take it out; a setting of the session is written in the migration (SET …).',
  })
  refuseOtherCharset(params)
  const [{ host = '', port = '' } = {}] = hosts
  if (hosts.length > 1) {
    throw new UsageError('The database URL names several hosts; for MySQL and MariaDB, name the one that takes writes.')
  }
  const socketPath = socket ?? params.get('socketPath') ?? params.get('socket')
  const ssl = options.ssl ?? sslOf(params)
  return {
    user: user || 'root',
    password: password ?? '',
    database,
    ...(socketPath ? { socketPath } : { host: host || '127.0.0.1', port: portOf(port) }),
    connectTimeout: options.connectTimeoutMs ?? timeoutOf(params) ?? 15_000,
    connectAttributes: { program_name: options.applicationName ?? 'migratest' },
    enableKeepAlive: true,
    flags: ['-IGNORE_SPACE', '-LOCAL_FILES'],
    ...(ssl !== undefined && { ssl }),
  } as ConnectionOptions
}

/** Converts an error of connecting, with a hint on what to do about it. */
export function connectionError(error: MysqlError, config: ConnectionOptions): ConnectionError {
  if (error instanceof ConnectionError) return error
  const timedOut = error.code === 'ETIMEDOUT' || /timeout/i.test(error.message)
  const words = timedOut
    ? `no answer within ${(config.connectTimeout ?? 0) / 1000} s`
    : error.message || String(error.code)
  const where = config.host || config.socketPath ? labelOf(config) : 'the database of the pool'
  return new ConnectionError(`Cannot connect to ${where}: ${words}`, {
    hint: ADVICE[timedOut ? 'ETIMEDOUT' : /altnames/.test(error.message) ? OTHER_NAME : (error.code ?? '')],
    cause: error,
  })
}

// --- internal ---

const PORT = 3306
const EXAMPLE = 'mysql://user:password@host:3306/database'

const HONOURED =
  'socket socketPath ssl-mode sslmode ssl tls sslaccept ssl-ca ssl-cert ssl-key sslcert sslkey connectTimeout connect_timeout timeout charset'.split(
    ' ',
  )

/** Parameters of pools and of other drivers' types, which have no effect here and are ignored. */
const PASSED_OVER =
  'connection_limit pool_timeout socket_timeout statement_cache_size multiStatements parseTime loc collation interpolateParams clientFoundRows columnsWithAlias maxAllowedPacket readTimeout writeTimeout allowNativePasswords checkConnLiveness allowPublicKeyRetrieval connectionLimit waitForConnections queueLimit multipleStatements timezone dateStrings decimalNumbers supportBigNumbers bigNumberStrings serverVersion sslcert_password'.split(
    ' ',
  )

/** Throws for a URL that asks for another character set: migrations are sent as UTF-8. @throws UsageError */
function refuseOtherCharset(params: ReadonlyMap<string, string>): void {
  const charset = params.get('charset')
  if (charset && !/^utf-?8(?:mb4)?(?:,|_|$)/i.test(charset)) {
    throw new UsageError(`charset=${charset}: migrations are sent as UTF-8 (utf8mb4).`, {
      hint: 'Take the parameter out.',
    })
  }
}

function portOf(text: string): number {
  if (text === '') return PORT
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  // The value may be part of a password, so the message does not repeat it.
  throw new UsageError('The port in the database URL is not a port number.', {
    hint: `It looks like ${EXAMPLE}; characters like @ : / ? # in a password are written %40 %3A %2F %3F %23.`,
  })
}

/** Returns the timeout in milliseconds: mysql2's own parameter is in milliseconds, others are seconds or Go's `30s`. */
function timeoutOf(params: ReadonlyMap<string, string>): number | undefined {
  const own = Number(params.get('connectTimeout'))
  if (own > 0) return own
  const seconds = Number.parseFloat(params.get('connect_timeout') ?? params.get('timeout') ?? '')
  return seconds > 0 ? seconds * 1000 : undefined
}

/** Converts golang-migrate's form to a URL. */
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

/**
 * Reads the SSL settings as the mysql client (`ssl-mode`), Go's driver (`tls`), Prisma (`sslaccept`) and mysql2 (`ssl`,
 * as JSON) write them. A CA file alone asks for SSL verified with that CA, as it does for the mysql client.
 * @throws UsageError
 */
function sslOf(params: ReadonlyMap<string, string>): ConnectionOptions['ssl'] | undefined {
  const [name = '', value] = ['ssl-mode', 'sslmode', 'tls', 'ssl', 'sslaccept']
    .map((one) => [one, params.get(one)] as const)
    .find(([, given]) => given) ?? ['', undefined]
  const hasKey = params.has('ssl-key') || params.has('sslkey')
  const files = Object.fromEntries(
    (hasKey ? FILES : PRISMA_FILES).flatMap(([option, ...names]) => {
      const given = names.find((one) => params.get(one))
      return given === undefined ? [] : [[option, readPem(given, params.get(given) ?? '')]]
    }),
  )
  if (value?.startsWith('{')) return { ...asJson(value), ...files }
  if (value === AMAZON) return value
  const mode = value?.toLowerCase().replaceAll('_', '-')
  if (mode === undefined) return Object.keys(files).length > 0 ? { rejectUnauthorized: true, ...files } : undefined
  const checks = MODES[mode]
  if (checks === undefined) {
    throw new UsageError(`${name}=${value} is not known here.`, {
      hint: `Write ?ssl-mode=required (encrypted, the certificate is not checked), verify_ca, verify_identity or disabled.`,
    })
  }
  return checks === 'none' ? undefined : { ...checks, ...files }
}

/** mysql2's name for the certificate authorities of Amazon RDS. */
const AMAZON = 'Amazon RDS'

const FILES = [
  ['ca', 'ssl-ca'],
  ['cert', 'ssl-cert', 'sslcert'],
  ['key', 'ssl-key', 'sslkey'],
] as const

/** Parameters for a CA file. Prisma's `sslcert` names the CA; a client certificate would need its key. */
const PRISMA_FILES = [['ca', 'ssl-ca', 'sslcert']] as const

const ENCRYPTED = { rejectUnauthorized: false }
const BY_AUTHORITY = { rejectUnauthorized: true }
const BY_NAME = { rejectUnauthorized: true, verifyIdentity: true }

/** SSL options of each mode, by what they verify. A connection without SSL also satisfies `preferred`. */
const MODES: Readonly<Record<string, 'none' | (ConnectionOptions['ssl'] & object)>> = {
  disabled: 'none',
  disable: 'none',
  false: 'none',
  '0': 'none',
  preferred: 'none',
  prefer: 'none',
  required: ENCRYPTED,
  require: ENCRYPTED,
  'skip-verify': ENCRYPTED,
  'accept-invalid-certs': ENCRYPTED,
  'verify-ca': BY_AUTHORITY,
  'verify-identity': BY_NAME,
  'verify-full': BY_NAME,
  strict: BY_NAME,
  true: BY_NAME,
  '1': BY_NAME,
}

function asJson(text: string): object {
  try {
    return JSON.parse(text) as object
  } catch {
    throw new UsageError('The parameter ssl of the database URL is not JSON.', {
      hint: 'It looks like ?ssl={"rejectUnauthorized":true}; or write ?ssl-mode=verify_ca.',
    })
  }
}

const OTHER_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID'
const CERTIFICATE =
  'The certificate is signed by nobody this machine knows: name the authority with ?ssl-ca=FILE, or encrypt without checking who answers (?ssl-mode=required).'

const ADVICE: Record<string, string> = {
  ...UNREACHABLE,
  ER_ACCESS_DENIED_ERROR: 'The password or the user is wrong, or the user may not come from this host.',
  ER_DBACCESS_DENIED_ERROR: 'The user has no privileges on that database: GRANT them.',
  ER_BAD_DB_ERROR: 'Create the database first, or correct its name in the URL.',
  ER_CON_COUNT_ERROR: 'All connections are taken: raise max_connections or close some.',
  ER_USER_LIMIT_REACHED: 'This user has as many connections as it may: close some.',
  // mysql2 uses this code for every certificate problem.
  HANDSHAKE_SSL_ERROR: CERTIFICATE,
  [OTHER_NAME]: 'The certificate is for another host name: ?ssl-mode=verify_ca checks all but the name.',
  ER_HOST_IS_BLOCKED:
    'The server has had too many broken connections from here: "FLUSH HOSTS" lets this host in again.',
}
