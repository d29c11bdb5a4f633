/** Server settings for data that may be lost: fast, quiet, small. A preset's flags go on top. */
const POSTGRES_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_connections: '200',
  shared_buffers: '128MB',
  // Checkpoints write what nobody will need again.
  max_wal_size: '4GB',
  checkpoint_timeout: '1d',
  autovacuum: 'off',
  // Files go with the data directory; shared memory segments of a killed server would stay.
  dynamic_shared_memory_type: 'mmap',
  log_min_messages: 'fatal',
}

export function settingArguments(flags: Readonly<Record<string, string>>): string[] {
  const merged = { ...POSTGRES_SETTINGS, ...flags }
  return Object.entries(merged).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}
