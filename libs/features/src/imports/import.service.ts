import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { AccessService, type Operation } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { requesterOf } from '@claviger/features/changes';
import { PLAN_LIMITS, PlanService, type PlanRequest, type PlanView } from '@claviger/features/plans';
import { VaultSurvey, type NewAdoption, type SecretType } from '@claviger/features/secrets';
import { Database } from '@claviger/platform/database';
import { JobQueue } from '@claviger/platform/queue';
import { assertPathName } from '@claviger/vaults/contract';
import type { ImportEntity, ImportItemEntity } from './import.entity.js';
import {
  importChoiceInvalid,
  importNotFound,
  importNotReady,
  nothingToChoose,
  tooManyImports,
} from './import.errors.js';
import { wakeForImport } from './import.jobs.js';
import { ImportRepository, type ImportListQuery } from './import.repository.js';

/** Limits of imports. */
export const IMPORT_LIMITS = { found: 10_000, foundUnlessGiven: 1_000, open: 50, keptMs: 86_400_000 } as const;

export type NewImport = {
  readonly vaultProfile: string;
  /** Only what lies below this folder of the profile's prefix. */
  readonly folder?: string;
  /** It ends when it has found so many. */
  readonly limit?: number;
};

/** What is to be adopted: these items, as the type that is given or guessed; or the next ones whose type is certain. */
export type Choice = {
  readonly items?: readonly { readonly number: number; readonly type?: SecretType }[];
  readonly all?: boolean;
} & Pick<NewAdoption, 'owner' | 'labels' | 'reason'> & { readonly syncProfiles?: readonly string[] };

/** Imports: what lies in a vault and belongs to no secret is looked at, chosen from, and adopted by a plan. */
@Injectable()
export class ImportService {
  constructor(
    private readonly database: Database,
    private readonly imports: ImportRepository,
    private readonly survey: VaultSurvey,
    private readonly plans: PlanService,
    private readonly access: AccessService,
    private readonly audit: AuditService,
    private readonly queue: JobQueue,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Has a worker look at what is there, with the caller's token. The same request with an idempotency key makes one.
   * @throws AppError ACCESS_DENIED, NAME_INVALID, VAULT_PROFILE_UNKNOWN, VAULT_PROFILE_DISABLED, TOO_MANY_IMPORTS
   */
  async create(ctx: RequestContext, { vaultProfile, folder = '', limit }: NewImport): Promise<ImportEntity> {
    const id = ctx.attempt?.id ?? newId();
    this.access.authorize(ctx, `claviger/imports/${id}`, 'create');
    if (folder !== '') assertPathName(folder, 'The folder');
    await this.survey.open(ctx, vaultProfile);
    const requestedBy = requesterOf(ctx);
    if ((await this.imports.count(ctx, requestedBy.id)) >= IMPORT_LIMITS.open) throw tooManyImports(IMPORT_LIMITS.open);
    const now = this.clock.now();
    const row = {
      id,
      state: 'scanning',
      vaultProfile,
      folder,
      maxFound: limit ?? IMPORT_LIMITS.foundUnlessGiven,
      requestedBy,
      tokenId: ctx.actor.id,
      createdAt: now,
      expiresAt: new Date(now.getTime() + IMPORT_LIMITS.keptMs),
    } as const;
    await this.database.transaction(ctx, async (tx) => {
      if (!(await this.imports.insert(tx, row))) return;
      await this.#trail(tx, 'import.create', id, vaultProfile);
      this.database.afterCommit(tx, () => wakeForImport(this.queue, tx, id));
    });
    return this.get(ctx, id);
  }

  /** @throws AppError IMPORT_NOT_FOUND */
  get(ctx: RequestContext, id: string): Promise<ImportEntity> {
    return this.#find(ctx, id, 'read');
  }

  /** One's own, and with `list claviger/imports/` those of others; the newest first. */
  list(ctx: RequestContext, query: Omit<ImportListQuery, 'requesterId'>): Promise<ImportEntity[]> {
    const isOnlyMine = !this.access.can(ctx, 'claviger/imports/', 'list');
    return this.imports.list(ctx, { ...query, ...(isOnlyMine && { requesterId: ctx.actor.rootId }) });
  }

  /** In the order in which they were found, after a number. @throws AppError IMPORT_NOT_FOUND */
  async listItems(
    ctx: RequestContext,
    id: string,
    page: { readonly limit: number; readonly after?: number },
  ): Promise<ImportItemEntity[]> {
    await this.#find(ctx, id, 'read');
    return this.imports.listItems(ctx, id, page);
  }

  /**
   * Makes a plan that adopts what is chosen; nothing is adopted until that is applied. What has changed since it was looked at
   * is not adopted.
   * @throws AppError IMPORT_NOT_FOUND, IMPORT_NOT_READY, IMPORT_CHOICE_INVALID, NOTHING_TO_CHOOSE, and as making a plan
   */
  async adopt(ctx: RequestContext, id: string, { items, all, reason, ...attributes }: Choice): Promise<PlanView> {
    const found = await this.#find(ctx, id, 'create');
    const made = await this.plans.findOfAttempt(ctx);
    if (made) return made;
    if (found.state !== 'ready') throw importNotReady(found.state);
    const chosen = all ? await this.#pickCertain(ctx, id) : await this.#pick(ctx, id, items ?? []);
    if (chosen.length === 0) throw nothingToChoose();
    const requests = chosen.map(({ item, type }): PlanRequest => ({
      syncProfiles: [],
      ...attributes,
      kind: 'secret.adopt',
      name: item.name!,
      type,
      sourceProfile: found.vaultProfile,
      seen: item.fingerprint!,
    }));
    const numbers = chosen.map(({ item }) => item.number);
    return this.plans.create(ctx, {
      items: requests,
      ...(reason === undefined ? {} : { reason }),
      // Together: else what a dead process planned would be chosen once more.
      within: (tx, planId) => this.imports.markPlanned(tx, id, numbers, planId),
    });
  }

  /** Forgets an import; what was adopted stays. @throws AppError IMPORT_NOT_FOUND, ACCESS_DENIED */
  async remove(ctx: RequestContext, id: string): Promise<void> {
    const { vaultProfile } = await this.#find(ctx, id, 'delete');
    await this.database.transaction(ctx, async (tx) => {
      if (!(await this.imports.remove(tx, id))) throw importNotFound();
      await this.#trail(tx, 'import.delete', id, vaultProfile);
    });
  }

  /**
   * The next ones whose type is certain, those included whose plan came to nothing. Of objects that lead to one name the
   * first: the others are left for a plan of their own.
   */
  async #pickCertain(ctx: RequestContext, id: string): Promise<ChosenItem[]> {
    const unapplied = await this.plans.findUnapplied(ctx, await this.imports.listPlans(ctx, id));
    const items = await this.imports.listItems(ctx, id, { limit: PLAN_LIMITS.items, choosable: { unapplied } });
    const byName = new Map<string | null, ImportItemEntity>();
    for (const item of items) if (!byName.has(item.name)) byName.set(item.name, item);
    return [...byName.values()].map((item) => chosenAs(item, item.types[0]));
  }

  async #pick(ctx: RequestContext, id: string, wanted: NonNullable<Choice['items']>): Promise<ChosenItem[]> {
    const numbers = wanted.map(({ number }) => number);
    const known = new Map((await this.imports.findItems(ctx, id, numbers)).map((item) => [item.number, item]));
    return wanted.map(({ number, type }) => {
      const item = known.get(number);
      if (!item) throw importChoiceInvalid(number, 'is not there');
      if (item.name === null) throw importChoiceInvalid(number, 'cannot be a secret; its error says why');
      if (type === undefined && !item.isCertain)
        throw importChoiceInvalid(number, `needs a type: one of ${item.types.join(', ')}`);
      return chosenAs(item, type ?? item.types[0]);
    });
  }

  async #trail(tx: RequestContext, action: string, id: string, vaultProfile: string): Promise<void> {
    const resource = { kind: 'import', id };
    const event = { action, outcome: 'allowed', resource, details: { vaultProfile } } as const;
    await this.audit.record(tx, this.audit.entry(tx, event));
  }

  /**
   * One's own may be seen, and dealt with by a token that may make imports. Others' where a policy says so; only who has made
   * one chooses from it.
   */
  async #find(ctx: RequestContext, id: string, operation: Operation): Promise<ImportEntity> {
    const found = await this.imports.find(ctx, id);
    if (!found) throw importNotFound();
    const path = `claviger/imports/${id}`;
    if (found.requestedBy.id === ctx.actor.rootId) {
      if (operation !== 'read' && !this.access.can(ctx, path, 'create')) this.access.authorize(ctx, path, operation);
      return found;
    }
    if (!this.access.can(ctx, path, 'read') || operation === 'create') throw importNotFound();
    this.access.authorize(ctx, path, operation);
    return found;
  }
}

type ChosenItem = { readonly item: ImportItemEntity; readonly type: SecretType };

/** @throws AppError IMPORT_CHOICE_INVALID */
function chosenAs(item: ImportItemEntity, type: SecretType | undefined): ChosenItem {
  if (type === undefined || !item.types.includes(type))
    throw importChoiceInvalid(item.number, `is not of that type; it can be ${item.types.join(', ')}`);
  return { item, type };
}
