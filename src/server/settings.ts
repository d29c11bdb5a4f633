import type { ServerKind } from './kinds.ts'

/** Server settings for data that may be lost: fast, quiet, small. The preset's flags override them. */
const POSTGRES_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_connections: '200',
  shared_buffers: '128MB',
  // Checkpoints write data that nobody will need again.
  max_wal_size: '4GB',
  checkpoint_timeout: '1d',
  autovacuum: 'off',
  // Files are removed with the data directory. Shared memory segments of a killed server would stay.
  dynamic_shared_memory_type: 'mmap',
  log_min_messages: 'fatal',
  // Until a client has sent its password, its session does not answer the signal that DROP DATABASE sends to all
  // sessions. A test process that is blocked at that moment (by execSync, at a breakpoint) makes all others wait for
  // this long. PostgreSQL's default is 60 s.
  authentication_timeout: '10s',
}

/** Settings for servers that keep their data: a crash of the machine may lose the last moments, but not the files. */
const KEPT_POSTGRES: Readonly<Record<string, string>> = {
  ...POSTGRES_SETTINGS,
  fsync: 'on',
  full_page_writes: 'on',
  max_wal_size: '1GB',
  checkpoint_timeout: '5min',
  autovacuum: 'on',
}

/**
 * The prefix `loose-` lets a server ignore settings that it does not know: MySQL, MariaDB and their versions differ.
 */
const MYSQL_SETTINGS: Readonly<Record<string, string>> = {
  'innodb-flush-log-at-trx-commit': '0',
  'innodb-doublewrite': 'OFF',
  // Persistent statistics take a tenth of the time to create a table.
  'innodb-stats-persistent': 'OFF',
  // The binary log tells which rows a test has written. It costs little: nothing waits for it to be on disk.
  'log-bin': 'binlog',
  'server-id': '1',
  'loose-binlog-format': 'ROW',
  'sync-binlog': '0',
  'max-binlog-size': String(64 * 2 ** 20),
  'loose-binlog-expire-logs-seconds': '60',
  'loose-binlog-annotate-row-events': 'OFF',
  // With a binary log, functions would have to say whether they are deterministic.
  'loose-log-bin-trust-function-creators': 'ON',
  'loose-performance-schema': 'OFF',
  'loose-mysqlx': 'OFF',
  // The kernel has a limited number of slots for asynchronous I/O, and data in memory needs none.
  'loose-innodb-use-native-aio': 'OFF',
  'skip-name-resolve': '',
  'max-connections': '200',
  'default-time-zone': '+00:00',
  // Scheduled events of test databases would fire during tests.
  'event-scheduler': 'OFF',
}

const KEPT_MYSQL: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(MYSQL_SETTINGS).filter(([name]) => !/bin-?log|log-bin|server-id/.test(name))),
  'skip-log-bin': '',
  'innodb-flush-log-at-trx-commit': '2',
  'innodb-doublewrite': 'ON',
  'event-scheduler': 'ON',
}

export function settingArguments({ kind, flags, keep }: Given): string[] {
  if (kind === 'postgres') {
    return Object.entries({ ...(keep ? KEPT_POSTGRES : POSTGRES_SETTINGS), ...flags }).flatMap(([name, value]) => [
      '-c',
      `${name}=${value}`,
    ])
  }
  const given = Object.entries(flags).map(([name, value]) => [name.replaceAll('_', '-'), value] as const)
  const names = new Set(given.map(([name]) => name))
  const ours = Object.entries(keep ? KEPT_MYSQL : MYSQL_SETTINGS).filter(
    ([name]) => !names.has(name.replace(/^loose-/, '')),
  )
  return [...ours, ...given].map(([name, value]) => (value === '' ? `--${name}` : `--${name}=${value}`))
}

// --- internal ---

interface Given {
  readonly kind: ServerKind
  readonly flags: Readonly<Record<string, string>>
  /** Set if the data survives the server. */
  readonly keep?: true
}
