import { Injectable } from '@nestjs/common';
import type { Requester } from '@claviger/features/changes';
import { newId, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { ComplianceWaiverEntity } from './waiver.entity.js';

export const WAIVER_STATES = ['in_force', 'expired', 'ended'] as const;
export type WaiverState = (typeof WAIVER_STATES)[number];

/** A waiver as it is shown. */
export type Waiver = {
  readonly id: string;
  readonly secretId: string;
  readonly secret: string;
  /** Names of the source profile of the secret, and of the compliance profile. */
  readonly vaultProfile: string;
  readonly profile: string;
  readonly profileId: string;
  readonly rule: string;
  readonly reason: string;
  readonly from: Date;
  readonly until: Date;
  readonly endedAt: Date | null;
  readonly requestedBy: Requester;
  readonly endedBy: Requester | null;
  readonly changeId: string;
  readonly state: WaiverState;
};

export type WaiverQuery = {
  /** Those that were in force then. */
  readonly asOf?: Date;
  readonly secretId?: string;
  readonly profile?: string;
  readonly rule?: string;
  readonly state?: WaiverState;
  readonly limit: number;
  /** The id of the last one seen. */
  readonly after?: string;
};

/** Before its end, when a waiver is told to be expiring: a week, or a quarter of a short one. */
const TOLD_BEFORE = `least(interval '7 days', (until_at - from_at) / 4)`;
const MAX_TOLD = 500;

/** The rows of waivers. */
@Injectable()
export class WaiverRepository {
  constructor(private readonly database: Database) {}

  async insert(
    tx: RequestContext,
    row: Omit<ComplianceWaiverEntity, 'storeId' | 'endedAt' | 'endedBy' | 'toldAt'>,
  ): Promise<void> {
    await this.database.repository(tx, ComplianceWaiverEntity).insert({ ...row, storeId: tx.storeId } as never);
  }

  /** Those of a secret that are in force at a moment. */
  async listInForce(
    ctx: RequestContext,
    secretId: string,
    now: Date,
  ): Promise<{ readonly profileId: string; readonly ruleId: string }[]> {
    return (await this.database.manager(ctx).query(
      `select profile_id as "profileId", rule_id as "ruleId" from compliance_waiver
       where store_id = $1 and secret_id = $2 and from_at <= $3 and until_at > $3 and ended_at is null`,
      [ctx.storeId, secretId, now],
    )) as { profileId: string; ruleId: string }[];
  }

  /** One that is in force, kept from being ended by anybody else until the transaction ends. */
  lockInForce(tx: RequestContext, id: string, now: Date): Promise<ComplianceWaiverEntity | null> {
    return this.database
      .repository(tx, ComplianceWaiverEntity)
      .createQueryBuilder('w')
      .where('w.store_id = :storeId and w.id = :id and w.until_at > :now and w.ended_at is null', {
        storeId: tx.storeId,
        id,
        now,
      })
      .setLock('pessimistic_write')
      .getOne();
  }

  async end(tx: RequestContext, id: string, endedAt: Date, endedBy: Requester): Promise<void> {
    await this.database
      .repository(tx, ComplianceWaiverEntity)
      .update({ storeId: tx.storeId, id }, { endedAt, endedBy });
  }

  /** By id, which is the order in which they were granted. */
  async list(ctx: RequestContext, query: WaiverQuery & { readonly id?: string }, now: Date): Promise<Waiver[]> {
    const state = `case when w.ended_at is not null then 'ended' when w.until_at <= $2 then 'expired' else 'in_force' end`;
    return (await this.database.manager(ctx).query(
      `select w.id, w.secret_id as "secretId", s.name as secret, v.name as "vaultProfile", p.name as profile,
         w.profile_id as "profileId", w.rule_id as rule, w.reason, w.from_at as "from", w.until_at as until,
         w.ended_at as "endedAt", w.requested_by as "requestedBy", w.ended_by as "endedBy", w.change_id as "changeId",
         ${state} as state
       from compliance_waiver w
       join secret s on s.store_id = w.store_id and s.id = w.secret_id
       join vault_profile v on v.store_id = s.store_id and v.id = s.source_profile_id
       join compliance_profile p on p.store_id = w.store_id and p.id = w.profile_id
       where w.store_id = $1
         and ($3::timestamptz is null or (w.from_at <= $3 and w.until_at > $3 and (w.ended_at is null or w.ended_at > $3)))
         and ($4::uuid is null or w.secret_id = $4) and ($5::text is null or p.name = $5)
         and ($6::text is null or w.rule_id = $6) and ($7::text is null or ${state} = $7)
         and ($8::uuid is null or w.id > $8) and ($9::uuid is null or w.id = $9)
       order by w.id limit $10`,
      [
        ctx.storeId,
        now,
        query.asOf ?? null,
        query.secretId ?? null,
        query.profile ?? null,
        query.rule ?? null,
        query.state ?? null,
        query.after ?? null,
        query.id ?? null,
        query.limit,
      ],
    )) as Waiver[];
  }

  /** Tells once of each waiver whose end is near; returns of how many. */
  async tellExpiring(ctx: RequestContext, now: Date): Promise<number> {
    const ids = Array.from({ length: MAX_TOLD }, () => newId());
    const [row] = (await this.database.manager(ctx).query(
      `with near as (
         select id, secret_id, rule_id, until_at from compliance_waiver
         where store_id = $1 and ended_at is null and told_at is null and until_at <= $2::timestamptz + interval '7 days'
           and until_at - ${TOLD_BEFORE} <= $2
         order by until_at limit $3 for update skip locked
       ), told as (
         update compliance_waiver w set told_at = $2 from near where w.store_id = $1 and w.id = near.id
         returning near.*
       ), event as (
         insert into event (store_id, id, type, subject_id, facts)
         select $1, ($4::uuid[])[row_number() over ()], 'waiver.expiring', id,
           jsonb_build_object('secretId', secret_id, 'rule', rule_id, 'until', until_at)
         from told returning 1
       )
       select count(*)::int as count from event`,
      [ctx.storeId, now, MAX_TOLD, ids],
    )) as [{ count: number }];
    return row.count;
  }
}
