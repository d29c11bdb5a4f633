/**
 * Reads where a URL leads and how to connect there, as libpq understands it (PostgreSQL manual, "Connection URIs",
 * "Parameter Key Words").
 */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { ClientConfig } from 'pg'
import { UsageError } from '../../migrate/errors.ts'
import { readPem, refuseUnknown, type UrlParts, urlParts } from '../urlParts.ts'

export interface ConnectOptions {
  /** Milliseconds to wait for a connection; default 15 000. */
  readonly connectTimeoutMs?: number
  /** Milliseconds a statement may run; default is the server's setting. */
  readonly statementTimeoutMs?: number
  /** Milliseconds a statement may wait for a table lock. For the migration lock see `lockTimeoutMs` of the Migrator. */
  readonly statementLockTimeoutMs?: number
  /** SSL options, in the form `pg` takes. */
  readonly ssl?: ClientConfig['ssl']
  readonly applicationName?: string
}

/** The servers to try in turn, and which of them are acceptable. */
export interface Address {
  readonly configs: readonly ClientConfig[]
  /** `primary`: only a server that accepts writes. */
  readonly wanted: 'any' | 'primary'
}

/** Returns a readable name for a client's database. */
export function labelOf({
  database,
  host,
  port,
}: {
  database?: string | undefined
  host?: string
  port?: number
}): string {
  const at = host?.startsWith('/')
    ? host
    : `${host?.includes(':') ? `[${host}]` : (host ?? 'localhost')}:${port ?? 5432}`
  return `"${database ?? ''}" on ${at}`
}

/**
 * Reads a URL. Every part is either used or rejected by name; parameters of connection pools have no meaning here and
 * are ignored. golang-migrate's `x-` parameters are read elsewhere.
 * @throws UsageError, whose text holds no part of the URL that may belong to a password
 */
export function addressOf(url: string, options: ConnectOptions): Address {
  const parts = urlParts(url, 'postgres://user:password@host:5432/database')
  const given = withService(parts)
  refuseUnknown(given, parts.mayShowNames, {
    honoured: HONOURED,
    passedOver: PASSED_OVER,
    advice: 'A setting of the session is written ?options=-c%20NAME%3DVALUE; or take the parameter out.',
  })
  refuseOtherEncoding(given)
  const get = (name: string): string | undefined => given.get(name) || undefined
  const hosts = listed(get('host')) ?? parts.hosts.map(({ host }) => host)
  const ports = listed(get('port')) ?? parts.hosts.map(({ port }) => port)
  const addresses = listed(get('hostaddr'))
  const mode = sslMode(get('sslmode') ?? fromSsl(get('ssl')) ?? process.env.PGSSLMODE)
  if (get('sslnegotiation') === 'direct' && !/^(?:require|verify-ca|verify-full)$/.test(mode ?? '')) {
    throw new UsageError('sslnegotiation=direct needs sslmode=require, verify-ca or verify-full.')
  }
  const shared: ClientConfig = {
    user: get('user') ?? parts.user,
    password: get('password') ?? parts.password,
    database: get('dbname') ?? parts.database,
    application_name: get('application_name') ?? options.applicationName ?? 'migratest',
    connectionTimeoutMillis: options.connectTimeoutMs ?? seconds('connect_timeout', get('connect_timeout')) ?? 15_000,
    keepAlive: true,
    options: startupOptions(given),
    ...timeouts(given, options),
    ...(/^(?:require|prefer)$/.test(get('channel_binding') ?? '') && { enableChannelBinding: true }),
    ...(get('sslnegotiation') && { sslnegotiation: get('sslnegotiation') }),
  } as ClientConfig
  const count = Math.max(hosts.length, addresses?.length ?? 0, 1)
  const configs = Array.from({ length: count }, (_, i): ClientConfig => {
    const host = hosts[i] || undefined
    const port = portOf(ports.length === 1 ? ports[0] : ports[i])
    const config: ClientConfig = { ...shared, host: addresses?.[i] || host, ...(port && { port }) }
    if (options.ssl !== undefined) return { ...config, ssl: options.ssl }
    const tls = tlsOptions(mode, given, host)
    config.ssl = mode === undefined || mode === 'disable' || mode === 'allow' ? false : tls
    if (mode === undefined || mode === 'allow') others.set(config, { ...config, ssl: tls })
    if (mode === 'prefer') others.set(config, { ...config, ssl: false })
    return config
  })
  return { configs, wanted: wantedOf(get('target_session_attrs')) }
}

/**
 * Returns an alternative configuration for the same server if the SSL mode leaves the choice to the server: `prefer`
 * tries with SSL first, `allow` without it, as does a URL that specifies no mode.
 */
export function fallbackOf(config: ClientConfig, error: Error & { code?: string }): ClientConfig | undefined {
  const isAboutSsl = error.code === '28000' || /does not support SSL/.test(error.message)
  return isAboutSsl ? others.get(config) : undefined
}

// --- internal ---

const others = new WeakMap<ClientConfig, ClientConfig>()

/** Parameters that this module reads. */
const HONOURED =
  'host hostaddr port user password dbname application_name connect_timeout options search_path schema currentSchema sslmode ssl sslcert sslkey sslpassword sslrootcert sslnegotiation ssl_min_protocol_version channel_binding target_session_attrs service servicefile statement_timeout lock_timeout query_timeout idle_in_transaction_session_timeout client_encoding'.split(
    ' ',
  )

/** Parameters of pools, drivers and the network, which have no effect here and are ignored. */
const PASSED_OVER =
  'uselibpqcompat pgbouncer connection_limit pool_timeout socket_timeout pool_mode statement_cache_size prepared_statements max_idle_connection_lifetime keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout fallback_application_name sslsni sslcompression gssencmode load_balance_hosts sslaccept workaround supa'.split(
    ' ',
  )

type Given = ReadonlyMap<string, string>

/** Throws for a URL that asks for another encoding: migrations are sent as UTF-8. @throws UsageError */
function refuseOtherEncoding(given: Given): void {
  const encoding = given.get('client_encoding')
  if (encoding && !/^(?:utf-?8|auto)$/i.test(encoding)) {
    throw new UsageError(`client_encoding=${encoding}: migrations are sent as UTF-8.`, {
      hint: 'Take the parameter out.',
    })
  }
}

function listed(text: string | undefined): string[] | undefined {
  return text?.split(',')
}

function portOf(text: string | undefined): number | undefined {
  if (!text) return undefined
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  // The value may be part of a password, so the message does not repeat it.
  throw new UsageError('The port in the database URL is not a port number.', {
    hint: 'It looks like postgres://user:password@host:5432/database; characters like @ : / ? # in a password are written %40 %3A %2F %3F %23.',
  })
}

function seconds(name: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : numberOf(name, text) * 1000
}

function numberOf(name: string, text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0) return value
  throw new UsageError(`${name} in the database URL is not a number.`)
}

/** Returns the session settings to send at startup: those of the URL or the environment, and the search path. */
function startupOptions(given: Given): string | undefined {
  const schema = given.get('schema')
  const path = given.get('search_path') ?? (schema && quotedIfNeeded(schema)) ?? given.get('currentSchema')
  const base = given.get('options') ?? process.env.PGOPTIONS
  const all = [base, path && `-c search_path=${path.replace(/[\\ ]/g, '\\$&')}`].filter(Boolean)
  return all.length > 0 ? all.join(' ') : undefined
}

/** Quotes a name if needed: Prisma's `schema` is a single name, used in the case in which it is written. */
function quotedIfNeeded(name: string): string {
  return /[A-Z]/.test(name) && !/[",]/.test(name) ? `"${name}"` : name
}

function timeouts(given: Given, { statementTimeoutMs, statementLockTimeoutMs }: ConnectOptions): ClientConfig {
  const found: Record<string, number> = {}
  for (const name of ['statement_timeout', 'lock_timeout', 'query_timeout', 'idle_in_transaction_session_timeout']) {
    const text = given.get(name)
    if (text !== undefined) found[name] = numberOf(name, text)
  }
  if (statementTimeoutMs !== undefined) found.statement_timeout = statementTimeoutMs
  if (statementLockTimeoutMs !== undefined) found.lock_timeout = statementLockTimeoutMs
  return found
}

type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'
const SSL_MODES: readonly string[] = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']

function sslMode(text: string | undefined): SslMode | undefined {
  if (text === undefined || text === '') return undefined
  // `no-verify` is a mode that only `pg` has.
  if (text === 'no-verify') return 'require'
  if (SSL_MODES.includes(text)) return text as SslMode
  throw new UsageError(`sslmode=${text}? There is ${SSL_MODES.join(', ')}.`)
}

/** Reads `?ssl=true`, as `pg` and JDBC write it. */
function fromSsl(text: string | undefined): SslMode | 'no-verify' | undefined {
  if (text === undefined) return undefined
  if (/^(?:0|false|off)$/i.test(text)) return 'disable'
  return text === 'no-verify' ? text : 'verify-full'
}

/** Returns the TLS options of an SSL mode (PostgreSQL manual, "Protection Provided in Different Modes"). */
function tlsOptions(mode: SslMode | undefined, given: Given, host: string | undefined): TlsOptions {
  const read = (name: string) => {
    const file = given.get(name)
    return file ? readPem(name, file) : undefined
  }
  const authority = given.get('sslrootcert')
  const ca = authority === 'system' ? undefined : read('sslrootcert')
  const [cert, key] = [read('sslcert'), read('sslkey')]
  const passphrase = given.get('sslpassword')
  const minVersion = given.get('ssl_min_protocol_version')
  const isChecked = mode === 'verify-full' || mode === 'verify-ca' || (authority !== undefined && mode === 'require')
  const isNameChecked = mode === 'verify-full' || authority === 'system'
  return {
    rejectUnauthorized: isChecked || isNameChecked,
    ...(!isNameChecked && { checkServerIdentity: () => undefined }),
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(passphrase && { passphrase }),
    ...(minVersion && { minVersion: minVersion as TlsOptions['minVersion'] }),
    ...(given.get('hostaddr') && host && { servername: host }),
  } as TlsOptions
}

function wantedOf(text: string | undefined): Address['wanted'] {
  if (text === undefined || text === 'any') return 'any'
  if (text === 'primary' || text === 'read-write') return 'primary'
  throw new UsageError(`target_session_attrs=${text}: migrations write, so they need "primary" or "read-write".`)
}

/** Adds the settings of a service file; those of the URL take precedence. */
function withService({ params }: UrlParts): Given {
  const service = params.get('service') ?? process.env.PGSERVICE
  if (!service) return params
  const file = params.get('servicefile') ?? process.env.PGSERVICEFILE ?? join(homedir(), '.pg_service.conf')
  const files = [file, ...(process.env.PGSYSCONFDIR ? [join(process.env.PGSYSCONFDIR, 'pg_service.conf')] : [])]
  for (const path of files) {
    const found = sectionOf(path, service)
    if (found) return new Map([...found, ...params])
  }
  throw new UsageError(`There is no service "${service}" in ${files.join(' or ')}.`, {
    hint: 'Its name comes from PGSERVICE or ?service=.',
  })
}

function sectionOf(path: string, service: string): Map<string, string> | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
  let found: Map<string, string> | undefined
  for (const line of text.split(/\r?\n/).map((one) => one.trim())) {
    const section = /^\[(.*)\]$/.exec(line)?.[1]
    if (section !== undefined && found) return found
    if (section === service) found = new Map()
    const [, name, value = ''] = /^([^#=\s]+)\s*=\s*(.*)$/.exec(line) ?? []
    if (name && section === undefined) found?.set(name, value)
  }
  return found
}
