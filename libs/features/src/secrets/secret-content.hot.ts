import { auditInsertSql } from '@claviger/features/audit';
import type { NamedStatement } from '@claviger/platform/database';
import type { SecretState } from './secret.entity.js';
import type { SecretType } from './content/index.js';

/** What is needed of every secret to judge whether its content may be read or written. */
type UsableRow = {
  readonly id: string;
  readonly name: string;
  readonly state: SecretState;
  readonly is_disabled: boolean;
  readonly source_profile_id: string;
  readonly current_version: number;
  readonly current_fingerprint: string | null;
};

/** A secret with the content of its current version, where that is in the built-in vault and readable. */
export type CurrentContentRow = UsableRow & {
  /** Null unless the current version is in the built-in vault, neither deleted nor destroyed; `content` likewise. */
  readonly content_id: string | null;
  readonly content: Buffer | null;
};

/** A secret as a write to it finds it. */
export type WriteBaseRow = UsableRow & {
  readonly type: SecretType;
  readonly revision: number;
  readonly physical_name: string;
  readonly mount: string;
  /** The current version is in the built-in vault, neither deleted nor destroyed, without drift, and nowhere else. */
  readonly is_plain: boolean;
};

const USABLE = `s.id, s.name, s.state, s.is_disabled, s.source_profile_id, s.current_version, s.current_fingerprint`;

/**
 * The secrets of $1 (store id) and $2 (ids), each with the version of the built-in vault that is its current one.
 *
 * Each LATERAL with a LIMIT is a fence: whatever the planner believes of the tables, it looks the row up by its whole
 * primary key. Joined freely, it reads a whole mount or store for each secret as long as the tables were small, or never
 * analysed, when the connection planned the statement. Only numbers of the built-in vault are cast; a profile of another
 * kind may have the same mount and name.
 */
const FROM_SECRETS = `
    from unnest($2::uuid[]) as wanted (id)
    cross join lateral (
      select ${USABLE}, s.type, s.revision, s.physical_name, s.current_backend_version, s.drift
      from secret s where s.store_id = $1 and s.id = wanted.id limit 1
    ) s
    cross join lateral (
      select p.mount, i.kind = 'builtin' as is_builtin
      from vault_profile p join vault_instance i on i.store_id = $1 and i.id = p.instance_id
      where p.store_id = $1 and p.id = s.source_profile_id limit 1
    ) p
    left join lateral (
      select v.content_id, v.content
      from builtin_version v
      where v.store_id = $1 and v.mount = p.mount and v.name = s.physical_name
        and v.version = case when p.is_builtin then s.current_backend_version::integer end
        and v.deleted_at is null and v.destroyed_at is null
      limit 1
    ) v on true`;

/** $1 store id, $2 secret ids. One row for each secret that exists, in any order. */
export const FIND_CURRENT_CONTENT: NamedStatement = {
  name: 'secret_find_current_content',
  text: `select ${USABLE}, v.content_id, v.content ${FROM_SECRETS}`,
};

/** $1 store id, $2 secret ids. One row for each secret that exists, in any order. */
export const FIND_WRITE_BASE: NamedStatement = {
  name: 'secret_find_write_base',
  text: `
    select ${USABLE}, s.type, s.revision, s.physical_name, p.mount,
      v.content_id is not null and s.drift is null and t.profile_id is null as is_plain
    ${FROM_SECRETS}
    left join lateral (
      select profile_id from sync_target where store_id = $1 and secret_id = s.id limit 1
    ) t on true`,
};

const WRITE_PARAMETERS = 18;

/**
 * A new version of a secret on the built-in vault that has no targets: object, content, version, secret, change, event
 * and audit entry, all or nothing. The secret is locked first, as everywhere. No row when it was changed in whatever way
 * since it was found: while this waits for the lock, other tables are seen as they were before, and a target that was
 * added meanwhile would be missed. Whoever adds one raises the secret's revision.
 *
 * $1 store id, $2 secret id, $3 mount, $4 physical name, $5 bound base version or null, $6 content id, $7 sealed content,
 * $8 versions to keep, $9 fingerprint, $10 facts, $11 source profile id, $12 change id, $13 requester, $14 reason,
 * $15 change parameters, $16 event id, $17 cause, $18 revision that was found; then the audit entry's.
 */
export const WRITE_CONTENT_LOCALLY: NamedStatement = {
  name: 'secret_write_content_locally',
  text: `
    with locked as materialized (
      select s.id from secret s
      where s.store_id = $1 and s.id = $2 and s.revision = $18
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
