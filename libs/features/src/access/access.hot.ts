import type { PrincipalKind } from '@claviger/kernel';
import type { NamedStatement } from '@claviger/platform/database';

const findTokenBy = (
  column: 'hash' | 'id',
): string => `select t.id, t.hash, t.accessor, t.ancestors, t.display_name, t.policies, t.expires_at, t.uses_left, p.principal,
      (select min(a.expires_at) from token a where a.store_id = t.store_id and a.id = any(t.ancestors)) as lineage_expires_at
    from token t
    left join lateral (
      select jsonb_build_object('id', p.id, 'kind', p.kind, 'name', p.name, 'isDisabled', p.is_disabled,
        'policies', p.policies, 'groups', (
          select coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'name', g.name, 'policies', g.policies)), '[]')
          from group_member m cross join lateral (
            select g.id, g.name, g.policies from principal_group g where g.store_id = m.store_id and g.id = m.group_id limit 1
          ) g
          where m.store_id = t.store_id and m.principal_id = t.principal_id
            and (m.issuer_id is null or m.issuer_id = t.login_issuer_id)
        )) as principal
      from principal p where p.store_id = t.store_id and p.id = t.principal_id limit 1
    ) p on true
    where t.store_id = $1 and t.${column} = $2`;

/**
 * A token by its keyed hash, with the earliest end of those that it descends from, and with the principal that it belongs
 * to and its groups (tables of the room principals, which stands on this one): those that a login issuer gave only where
 * the token was got by that issuer. Parameters: store, hash.
 */
export const FIND_TOKEN: NamedStatement = { name: 'access_find_token', text: findTokenBy('hash') };

/** The same by its id, for what is done later with the token that asked for it. Parameters: store, id. */
export const FIND_TOKEN_BY_ID: NamedStatement = { name: 'access_find_token_by_id', text: findTokenBy('id') };

export type FoundToken = {
  readonly id: string;
  readonly hash: Buffer;
  readonly accessor: string;
  readonly ancestors: readonly string[];
  readonly display_name: string;
  readonly policies: readonly string[];
  readonly expires_at: Date | null;
  readonly uses_left: number | null;
  readonly lineage_expires_at: Date | null;
  readonly principal: FoundPrincipal | null;
};

/** Whom a token belongs to. */
export type FoundPrincipal = {
  readonly id: string;
  readonly kind: PrincipalKind;
  readonly name: string;
  readonly isDisabled: boolean;
  readonly policies: readonly string[];
  readonly groups: readonly { readonly id: string; readonly name: string; readonly policies: readonly string[] }[];
};

/** Takes one use of a limited token; no row when none is left. Parameters: store, token. */
export const SPEND_USE: NamedStatement = {
  name: 'access_spend_use',
  text: `update token set uses_left = uses_left - 1
    where store_id = $1 and id = $2 and uses_left > 0 returning uses_left`,
};

/** The written policies among some names. Parameters: store, names. */
export const FIND_POLICIES: NamedStatement = {
  name: 'access_find_policies',
  text: `select id, name, revision, text from policy where store_id = $1 and name = any($2)`,
};

export type FoundPolicy = {
  readonly id: string;
  readonly name: string;
  readonly revision: number;
  readonly text: string;
};

/**
 * Notes when and from where tokens were used. Parameters: arrays of stores, tokens, times and addresses. Rows that
 * somebody holds are left out: two processes that note the same tokens must not wait for each other.
 */
export const MARK_USED: NamedStatement = {
  name: 'access_mark_used',
  text: `with mark as (
      select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[]) as m (store_id, id, at, source)
    ), held as (
      select t.store_id, t.id from token t join mark using (store_id, id) for no key update of t skip locked
    )
    update token t set last_used_at = m.at, last_used_address = m.source
    from mark m join held using (store_id, id)
    where t.store_id = m.store_id and t.id = m.id and (t.last_used_at is null or t.last_used_at <= m.at)`,
};

export const ACCESS_CHANNEL = 'claviger_access';

/** Says, on commit, that what processes remember of tokens and policies is out of date. */
export const BUMP_EPOCH: NamedStatement = {
  name: 'access_bump_epoch',
  text: `with bumped as (update access_epoch set epoch = epoch + 1 returning epoch)
    select pg_notify('${ACCESS_CHANNEL}', epoch::text) from bumped`,
};

export const READ_EPOCH: NamedStatement = { name: 'access_read_epoch', text: `select epoch::text from access_epoch` };

export const HOLD_EPOCH: NamedStatement = { name: 'access_hold_epoch', text: `select from access_epoch for update` };
