import { systemContext, type RequestContext } from '@claviger/kernel';
import {
  PlanService,
  PlanWorker,
  type ApplyOptions,
  type PlanItemView,
  type PlanRequest,
  type PlanView,
} from '@claviger/features/plans';
import type { TestDatabase } from './database.js';
import {
  createSecretRoom,
  json,
  type AheadClock,
  type OutsideKind,
  type OutsideMount,
  type SecretRoom,
} from './secret-room.js';

// Not behind the door of libs/testing: whoever imports this loads most of the program.

type CreateRequest = Extract<PlanRequest, { readonly kind: 'secret.create' }>;

/** The plans room over secrets, with two mounts of an outside vault, `kv` and `copy`. */
export class PlanRoom {
  readonly plans: PlanService;
  readonly worker: PlanWorker;
  /** The context of a worker's job. */
  readonly job: RequestContext;

  private constructor(
    readonly secrets: SecretRoom,
    readonly kv: OutsideMount,
    readonly copy: OutsideMount,
  ) {
    this.plans = secrets.get(PlanService);
    this.worker = secrets.get(PlanWorker);
    this.job = systemContext({ requestId: 'job', storeId: secrets.ctx.storeId, job: 'plan.carry-on' });
  }

  static async create(db: TestDatabase, kind?: OutsideKind, clock?: AheadClock): Promise<PlanRoom> {
    const secrets = await createSecretRoom(db, kind, clock);
    return new PlanRoom(secrets, await secrets.outside('kv'), await secrets.outside('copy'));
  }

  get ctx(): RequestContext {
    return this.secrets.ctx;
  }

  /** Creates a secret at `kv`; its id. */
  secret(name: string, more: Parameters<SecretRoom['secret']>[1] = {}): Promise<string> {
    return this.secrets.secret(name, { sourceProfile: 'kv', ...more });
  }

  make(items: readonly PlanRequest[], ctx = this.ctx): Promise<PlanView> {
    return this.plans.create(ctx, { items });
  }

  items(id: string): Promise<PlanItemView[]> {
    return this.plans.listItems(this.ctx, id, { limit: 500 });
  }

  /** What workers are woken for by a sweep, done. */
  async sweep(): Promise<void> {
    const { woken } = this.secrets;
    woken.length = 0;
    await this.worker.sweep(this.job);
    for (const planId of woken.splice(0)) await this.worker.carryOn(this.job, planId);
  }

  /** Has a plan applied, and a worker do it. */
  async apply(id: string, options: ApplyOptions = {}, ctx = this.ctx): Promise<PlanView> {
    await this.plans.apply(ctx, id, options);
    await this.worker.carryOn(this.job, id);
    return this.plans.get(ctx, id);
  }

  async content(id: string): Promise<unknown> {
    return JSON.parse((await this.secrets.content.read(this.ctx, id)).content.reveal()) as unknown;
  }

  /** How many sealed values and worlds are left of a plan. */
  async left(id: string): Promise<number> {
    const sql = 'select count(payload)::int + count(base)::int as left from plan_item where plan_id = $1';
    return (await this.secrets.rows(sql, [id]))[0]!['left'] as number;
  }
}

/** The creation of a key-value secret at `kv`. */
export const creating = (name: string, more: Partial<CreateRequest> = {}): CreateRequest => ({
  kind: 'secret.create',
  name,
  type: 'key-value',
  content: json({ value: 'one' }),
  sourceProfile: 'kv',
  syncProfiles: [],
  onConflict: 'fail',
  ...more,
});

/** A write of content. */
export const writing = (secretId: string, content: object): PlanRequest => ({
  kind: 'secret.content',
  secretId,
  content: json(content),
});
