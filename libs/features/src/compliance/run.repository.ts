import { Injectable } from '@nestjs/common';
import type { Requester } from '@claviger/features/changes';
import { newId, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { ComplianceRunEntity } from './compliance-run.entity.js';

/** Which secrets a run is about. All but one of them are absent for all secrets. */
export type RunScope = { readonly secretId?: string; readonly vaultProfileId?: string };

export type NewRun = {
  readonly kind: ComplianceRunEntity['kind'];
  readonly scope: RunScope;
  readonly input: Record<string, unknown>;
  readonly result: Record<string, unknown>;
  readonly total: number;
  readonly requestedBy: Requester;
};

type Progress = Partial<Pick<ComplianceRunEntity, 'state' | 'done' | 'position' | 'errorCode' | 'endedAt'>> & {
  readonly result?: Record<string, unknown>;
};

/** The rows of evaluations and replays that were asked for. */
@Injectable()
export class RunRepository {
  constructor(private readonly database: Database) {}

  async insert(tx: RequestContext, run: NewRun): Promise<string> {
    const id = newId();
    const row = { ...run, storeId: tx.storeId, id, state: 'waiting', done: 0 } as const;
    await this.database.repository(tx, ComplianceRunEntity).insert(row as never);
    return id;
  }

  find(ctx: RequestContext, kind: ComplianceRunEntity['kind'], id: string): Promise<ComplianceRunEntity | null> {
    return this.database.repository(ctx, ComplianceRunEntity).findOneBy({ storeId: ctx.storeId, kind, id });
  }

  /** Takes the oldest one that nobody carries out, until the lease ends; another one may have begun it and died. */
  async claim(ctx: RequestContext, now: Date, leaseUntil: Date): Promise<ComplianceRunEntity | null> {
    const [rows] = (await this.database.manager(ctx).query(
      `update compliance_run set state = 'running', lease_until = $3 where (store_id, id) in (
         select store_id, id from compliance_run
         where store_id = $1 and state in ('waiting', 'running') and (lease_until is null or lease_until < $2)
         order by created_at limit 1 for update skip locked)
       returning id, kind`,
      [ctx.storeId, now, leaseUntil],
    )) as [{ id: string; kind: ComplianceRunEntity['kind'] }[], number];
    return rows[0] ? this.find(ctx, rows[0].kind, rows[0].id) : null;
  }

  /** Records how far it is, for who holds it still; false for somebody who was too slow. */
  async record(
    ctx: RequestContext,
    { id, leaseUntil }: Pick<ComplianceRunEntity, 'id' | 'leaseUntil'>,
    { result, ...progress }: Progress,
    nextLease: Date | null,
  ): Promise<boolean> {
    const set = { ...progress, ...(result && { result }), leaseUntil: nextLease };
    const { affected } = await this.database
      .repository(ctx, ComplianceRunEntity)
      .update({ storeId: ctx.storeId, id, leaseUntil: leaseUntil! }, set as never);
    return affected === 1;
  }

  /** Ids of living secrets in a scope, after one of them. */
  async listSecrets(ctx: RequestContext, scope: RunScope, after: string | null, limit: number): Promise<string[]> {
    const rows = (await this.database
      .manager(ctx)
      .query(`select s.id from secret s where ${LIVING} and ($4::uuid is null or s.id > $4) order by s.id limit $5`, [
        ctx.storeId,
        scope.secretId ?? null,
        scope.vaultProfileId ?? null,
        after,
        limit,
      ])) as { id: string }[];
    return rows.map(({ id }) => id);
  }

  async countSecrets(ctx: RequestContext, scope: RunScope): Promise<number> {
    const [row] = (await this.database
      .manager(ctx)
      .query(`select count(*)::int as count from secret s where ${LIVING}`, [
        ctx.storeId,
        scope.secretId ?? null,
        scope.vaultProfileId ?? null,
      ])) as [{ count: number }];
    return row.count;
  }
}

const LIVING = `s.store_id = $1 and s.state in ('active', 'deleting') and ($2::uuid is null or s.id = $2)
  and ($3::uuid is null or s.source_profile_id = $3)`;
