import { batchParameters, insertBatchSql, type AuditBatch } from '@claviger/features/audit';
import { arrayParameters, unnestSql, type ArrayColumn, type NamedStatement } from '@claviger/platform/database';
import type { SecretState } from './secret.entity.js';
import type { SecretType } from './content/index.js';

/**
 * A secret as it was found. What is known of it holds as long as its revision does: every change that a user makes
 * raises that.
 */
export type KnownSecret = {
  readonly id: string;
  readonly name: string;
  readonly type: SecretType;
  readonly state: SecretState;
  readonly is_disabled: boolean;
  readonly revision: number;
  readonly source_profile_id: string;
  readonly physical_name: string;
  readonly mount: string;
  readonly current_version: number;
  readonly current_fingerprint: string | null;
  /** Null unless the current version is in the built-in vault, neither deleted nor destroyed. */
  readonly content_id: string | null;
  /** The current version is in the built-in vault, neither deleted nor destroyed, without drift, and nowhere else. */
  readonly is_plain: boolean;
};

/** A secret with its sealed content, where it has a `content_id`. */
export type FoundContent = KnownSecret & { readonly content: Buffer | null };

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
      select s.id, s.name, s.type, s.state, s.is_disabled, s.revision, s.source_profile_id, s.physical_name,
        s.current_version, s.current_fingerprint, s.current_backend_version, s.drift
      from secret s where s.store_id = $1 and s.id = wanted.id limit 1
    ) s
    cross join lateral (
      select p.mount, (
        select i.kind = 'builtin' from vault_instance i where i.store_id = $1 and i.id = p.instance_id
      ) as is_builtin
      from vault_profile p where p.store_id = $1 and p.id = s.source_profile_id limit 1
    ) p
    left join lateral (
      select v.content_id, v.content
      from builtin_version v
      where v.store_id = $1 and v.mount = p.mount and v.name = s.physical_name
        and v.version = case when p.is_builtin then s.current_backend_version::integer end
        and v.deleted_at is null and v.destroyed_at is null
      limit 1
    ) v on true
    left join lateral (
      select profile_id from sync_target where store_id = $1 and secret_id = s.id limit 1
    ) t on true`;

const KNOWN = `s.id, s.name, s.type, s.state, s.is_disabled, s.revision, s.source_profile_id, s.physical_name, p.mount,
      s.current_version, s.current_fingerprint, v.content_id,
      v.content_id is not null and s.drift is null and t.profile_id is null as is_plain`;

/** $1 store id, $2 secret ids. One row for each secret that exists, in any order. */
export const FIND_CONTENTS: NamedStatement = {
  name: 'secret_find_contents',
  text: `select ${KNOWN}, v.content ${FROM_SECRETS}`,
};

/** $1 store id, $2 secret ids. The same without the content. */
export const FIND_KNOWN_SECRETS: NamedStatement = {
  name: 'secret_find_known',
  text: `select ${KNOWN} ${FROM_SECRETS}`,
};

const READ_COLUMNS: readonly ArrayColumn<KnownSecret>[] = [
  { name: 'secret_id', type: 'uuid', value: (known) => known.id },
  { name: 'revision', type: 'integer', value: (known) => known.revision },
  { name: 'mount', type: 'text', value: (known) => known.mount },
  { name: 'content_id', type: 'uuid', value: (known) => known.content_id },
];
const AUDIT = READ_COLUMNS.length + 2;

/** The parameters of {@link READ_CONTENTS}: secrets of one store, and the batch of entries about reading all of them. */
export function readParameters(storeId: string, secrets: readonly KnownSecret[], audit: AuditBatch): unknown[] {
  return [...arrayParameters(READ_COLUMNS, secrets), storeId, ...batchParameters(audit)];
}

/**
 * The contents (in base64) of secrets that are as they are known to be, after their number among the parameters, from 1 on: one round
 * trip and one commit for both contents and audit. A secret that has changed in whatever way is left out; then **nothing is
 * audited**, and what is given must be thrown away and asked for again. The CASE comes before the cast: the version of
 * another backend need not be a number.
 */
export const READ_CONTENTS: NamedStatement = {
  name: 'secret_read_contents',
  text: `
    with found as materialized (
      select given.number, v.content
      from (select generate_subscripts($1::uuid[], 1) as number, ${unnestSql(READ_COLUMNS)}) given
      cross join lateral (
        select s.revision, s.state, s.is_disabled, s.physical_name, s.current_backend_version from secret s
        where s.store_id = $${AUDIT - 1} and s.id = given.secret_id limit 1
      ) s
      cross join lateral (
        select v.content from builtin_version v
        where v.store_id = $${AUDIT - 1} and v.mount = given.mount and v.name = s.physical_name
          and v.version = case when s.revision = given.revision and s.state = 'active' and not s.is_disabled
            then s.current_backend_version::integer end
          and v.content_id = given.content_id and v.deleted_at is null and v.destroyed_at is null
        limit 1
      ) v
    ), audited as (
      ${insertBatchSql(AUDIT, '(select count(*) from found) = cardinality($1::uuid[])')}
    )
    select number, encode(content, 'base64') from found`,
};

/** One new version of a secret on the built-in vault. */
export type HotWrite = {
  /** The secret as it was found; its revision binds the write. */
  readonly base: KnownSecret;
  readonly contentId: string;
  readonly sealed: Buffer;
  /** How many versions the vault keeps. */
  readonly keep: number;
  readonly fingerprint: string;
  /** JSON, as are the requester and the parameters. */
  readonly facts: string;
  readonly changeId: string;
  readonly requester: string;
  readonly reason: string | null;
  readonly boundVersion: number | null;
  readonly parameters: string;
  readonly cause: string;
  readonly eventId: string;
};

const WRITE_COLUMNS: readonly ArrayColumn<HotWrite>[] = [
  { name: 'secret_id', type: 'uuid', value: (write) => write.base.id },
  { name: 'revision', type: 'integer', value: (write) => write.base.revision },
  { name: 'mount', type: 'text', value: (write) => write.base.mount },
  { name: 'physical_name', type: 'text', value: (write) => write.base.physical_name },
  { name: 'profile_id', type: 'uuid', value: (write) => write.base.source_profile_id },
  { name: 'content_id', type: 'uuid', value: (write) => write.contentId },
  { name: 'content', type: 'bytea', value: (write) => write.sealed },
  { name: 'keep', type: 'integer', value: (write) => write.keep },
  { name: 'fingerprint', type: 'text', value: (write) => write.fingerprint },
  { name: 'facts', type: 'jsonb', value: (write) => write.facts },
  { name: 'change_id', type: 'uuid', value: (write) => write.changeId },
  { name: 'requester', type: 'jsonb', value: (write) => write.requester },
  { name: 'reason', type: 'text', value: (write) => write.reason },
  { name: 'bound_version', type: 'integer', value: (write) => write.boundVersion },
  { name: 'parameters', type: 'jsonb', value: (write) => write.parameters },
  { name: 'cause', type: 'text', value: (write) => write.cause },
  { name: 'event_id', type: 'uuid', value: (write) => write.eventId },
];
const WRITE_AUDIT = WRITE_COLUMNS.length + 2;
const ALL_LOCKED = '(select count(*) from locked) = cardinality($1::uuid[])';

/** The parameters of {@link WRITE_CONTENTS}: writes to one store, and the batch of entries about all of them. */
export function writeParameters(storeId: string, writes: readonly HotWrite[], audit: AuditBatch): unknown[] {
  return [...arrayParameters(WRITE_COLUMNS, writes), storeId, ...batchParameters(audit)];
}

/**
 * New versions of secrets on the built-in vault that have no targets, at most one for each secret: object, content,
 * version, secret, change, event and audit entry, all or nothing. A row for each secret that is as it was found, with its new
 * version. Where one has been changed in whatever way, it is left out and **nothing is written**:
 * the versions are null, and the others are to be written without it.
 *
 * Each secret is locked first, as everywhere, in the order of the parameters. While this waits for the lock, other tables are seen
 * as they were before, and a target that was added meanwhile would be missed. Whoever adds one raises the secret's revision. The
 * objects are locked as well, so that what is audited is what is written.
 *
 * Rows are joined by their whole key, the store included, out of one row: so the planner finds no index to use with half
 * of it.
 */
export const WRITE_CONTENTS: NamedStatement = {
  name: 'secret_write_contents',
  text: `
    with given as materialized (
      select ${unnestSql(WRITE_COLUMNS)}, $${WRITE_AUDIT - 1}::uuid as store_id
    ), locked as materialized (
      select given.* from given cross join lateral (
        select from secret s
        where s.store_id = given.store_id and s.id = given.secret_id and s.revision = given.revision and s.drift is null
          and (
            select t.profile_id from sync_target t
            where t.store_id = given.store_id and t.secret_id = given.secret_id limit 1
          ) is null
        limit 1 for update
      ) s
      cross join lateral (
        select from builtin_object o
        where o.store_id = given.store_id and o.mount = given.mount and o.name = given.physical_name
        limit 1 for no key update
      ) o
    ), object as (
      update builtin_object o set current_version = o.current_version + 1
      from locked l where o.store_id = l.store_id and o.mount = l.mount and o.name = l.physical_name and ${ALL_LOCKED}
      returning l.*, o.current_version as backend_version
    ), written as (
      update secret s set current_version = s.current_version + 1, current_fingerprint = l.fingerprint,
        current_backend_version = l.backend_version::text, facts = l.facts, drift = null, revision = s.revision + 1,
        rotated_at = now(), rotation_due_at = now() + make_interval(secs => s.rotation_interval_seconds),
        verified_at = now(), updated_at = now()
      from object l where s.store_id = l.store_id and s.id = l.secret_id
      returning l.*, s.current_version
    ), pruned as (
      delete from builtin_version v using written w
      where v.store_id = w.store_id and v.mount = w.mount and v.name = w.physical_name
        and v.version <= w.backend_version - w.keep
    ), content as (
      insert into builtin_version (store_id, mount, name, version, content_id, content)
      select store_id, mount, physical_name, backend_version, content_id, content from written
    ), version as (
      insert into secret_version (store_id, secret_id, number, fingerprint, profile_id, backend_version, origin,
        change_id, reason, created_by)
      select store_id, secret_id, current_version, fingerprint, profile_id, backend_version::text, 'written',
        change_id, reason, requester
      from written
    ), changed as (
      insert into change (store_id, id, kind, state, secret_id, requested_by, reason, base_version, parameters, result,
        attempts, ended_at)
      select store_id, change_id, 'secret.content', 'done', secret_id, requester, reason, bound_version, parameters,
        jsonb_build_object('secretId', secret_id, 'version', current_version), 1, now()
      from written
    ), told as (
      insert into event (store_id, id, type, subject_id, facts)
      select store_id, event_id, 'secret.updated', secret_id,
        jsonb_build_object('version', current_version, 'cause', cause)
      from written
    ), audited as (${insertBatchSql(WRITE_AUDIT, ALL_LOCKED)})
    select l.secret_id, w.current_version as version from locked l left join written w on w.secret_id = l.secret_id`,
};
