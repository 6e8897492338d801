import { auditInsertSql } from '@claviger/features/audit';
import type { NamedStatement } from '@claviger/platform/database';
import type { SecretState } from './secret.entity.js';
import type { SecretType } from './content/index.js';

/** A secret with the content of its current version, where that is in the built-in vault and readable. */
export type HotSecretRow = {
  readonly id: string;
  readonly name: string;
  readonly type: SecretType;
  readonly state: SecretState;
  readonly is_disabled: boolean;
  readonly source_profile_id: string;
  readonly physical_name: string;
  readonly current_version: number;
  readonly current_fingerprint: string | null;
  readonly current_backend_version: string | null;
  readonly rotation_interval_seconds: number | null;
  readonly has_drift: boolean;
  readonly has_targets: boolean;
  readonly mount: string;
  /** Null unless the current version is in the built-in vault, neither deleted nor destroyed. */
  readonly content_id: string | null;
  readonly content: Buffer | null;
};

/** $1 store id, $2 secret ids. One row for each secret that exists, in any order. */
export const FIND_CURRENT: NamedStatement = {
  name: 'secret_find_current',
  text: `
    select s.id, s.name, s.type, s.state, s.is_disabled, s.source_profile_id, s.physical_name, s.current_version,
      s.current_fingerprint, s.current_backend_version, s.rotation_interval_seconds, s.drift is not null as has_drift,
      exists (select 1 from sync_target t where t.store_id = s.store_id and t.secret_id = s.id) as has_targets,
      p.mount, v.content_id, v.content
    from secret s
    join vault_profile p on p.store_id = s.store_id and p.id = s.source_profile_id
    left join builtin_version v on v.store_id = s.store_id and v.mount = p.mount and v.name = s.physical_name
      and v.version::text = s.current_backend_version and v.deleted_at is null and v.destroyed_at is null
    where s.store_id = $1 and s.id = any($2::uuid[])`,
};

const WRITE_PARAMETERS = 17;

/**
 * A new version of a secret on the built-in vault that has no targets: object, content, version, secret, change, event
 * and audit entry, all or nothing. The secret is locked first, as everywhere. No row when it is not at the bound base any
 * more, not active, disabled, or has a target by now.
 *
 * $1 store id, $2 secret id, $3 mount, $4 physical name, $5 bound base version or null, $6 content id, $7 sealed content,
 * $8 versions to keep, $9 fingerprint, $10 facts, $11 source profile id, $12 change id, $13 requester, $14 reason,
 * $15 change parameters, $16 event id, $17 cause; then the audit entry's.
 */
export const WRITE_CONTENT_LOCALLY: NamedStatement = {
  name: 'secret_write_content_locally',
  text: `
    with locked as materialized (
      select s.id from secret s
      where s.store_id = $1 and s.id = $2 and s.state = 'active' and not s.is_disabled
        and ($5::int is null or s.current_version = $5)
        and not exists (select 1 from sync_target t where t.store_id = $1 and t.secret_id = $2)
      for update
    ), object as (
      update builtin_object o set current_version = o.current_version + 1
      from locked where o.store_id = $1 and o.mount = $3 and o.name = $4
      returning o.current_version
    ), written as (
      update secret s set current_version = s.current_version + 1, current_fingerprint = $9,
        current_backend_version = object.current_version::text, facts = $10, drift = null, revision = s.revision + 1,
        rotated_at = now(), rotation_due_at = now() + make_interval(secs => s.rotation_interval_seconds),
        verified_at = now(), updated_at = now()
      from object where s.store_id = $1 and s.id = $2
      returning s.current_version, object.current_version as backend_version
    ), pruned as (
      delete from builtin_version v using written
      where v.store_id = $1 and v.mount = $3 and v.name = $4 and v.version <= written.backend_version - $8::int
    ), content as (
      insert into builtin_version (store_id, mount, name, version, content_id, content)
      select $1, $3, $4, backend_version, $6, $7 from written
    ), version as (
      insert into secret_version (store_id, secret_id, number, fingerprint, profile_id, backend_version, origin,
        change_id, reason, created_by)
      select $1, $2, current_version, $9, $11, backend_version::text, 'written', $12, $14, $13 from written
    ), changed as (
      insert into change (store_id, id, kind, state, secret_id, requested_by, reason, base_version, parameters, result,
        attempts, ended_at)
      select $1, $12, 'secret.content', 'done', $2, $13, $14, $5, $15,
        jsonb_build_object('secretId', $2::uuid, 'version', current_version), 1, now() from written
    ), told as (
      insert into event (store_id, id, type, subject_id, facts)
      select $1, $16, 'secret.updated', $2, jsonb_build_object('version', current_version, 'cause', $17::text) from written
    ), audited as (${auditInsertSql(WRITE_PARAMETERS + 1, 'written')})
    select current_version from written`,
};
