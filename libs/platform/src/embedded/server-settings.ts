/** PostgreSQL settings by name, as given on its command line. */
export type ServerSettings = Readonly<Record<string, string>>;

/**
 * Settings of the embedded server: durable, small, reachable through its socket only, and silent about data. An ERROR's
 * text quotes the value that was refused and its DETAIL quotes rows, so errors of statements go to the client alone;
 * what concerns the server itself is of level LOG, FATAL or PANIC and stays in the log.
 */
export const SERVER_SETTINGS: ServerSettings = {
  listen_addresses: '',
  max_connections: '60',
  superuser_reserved_connections: '0',
  shared_buffers: '128MB',
  random_page_cost: '1.1',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  wal_level: 'replica',
  checkpoint_timeout: '15min',
  // New tables have no statistics, and plans made without them are kept until there are some.
  autovacuum_naptime: '15s',
  timezone: 'UTC',
  log_timezone: 'UTC',
  logging_collector: 'off',
  log_destination: 'stderr',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_statement: 'none',
  log_duration: 'off',
  log_min_duration_statement: '-1',
  log_min_duration_sample: '-1',
  log_transaction_sample_rate: '0',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  log_checkpoints: 'off',
};

/** The settings as arguments of `postgres`. */
export function settingArguments(settings: ServerSettings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
