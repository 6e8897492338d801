/**
 * SQL text that names the database's present life: `<system identifier>/<timeline>`. The timeline is taken from the write
 * position, because the control file tells a new one only after the first checkpoint, minutes after a failover.
 */
export const CURRENT_EPOCH = `(select system_identifier::text || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) from pg_control_system())`;

/** SQL condition: the database is the one that replication was set up with, or that an operator has accepted. */
export const IS_ACCEPTED_DATABASE = `exists (select 1 from database_epoch e, pg_control_system() s where e.system_identifier = s.system_identifier::text)`;
