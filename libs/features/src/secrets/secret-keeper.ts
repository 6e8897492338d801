import { Injectable } from '@nestjs/common';
import type {
  ChangeReview,
  ChangeSubjectKeeper,
  ExecutingChange,
  GatedFacts,
  ReviewStep,
} from '@claviger/features/changes';
import { TargetLedger } from '@claviger/features/replication';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import { isAppError, systemContext, type RequestContext } from '@claviger/kernel';
import { parseContent, type JsonObject } from '@claviger/vaults/contract';
import { reviewValues } from './content/index.js';
import { ADOPT_DRIFT } from './adopt-drift.handler.js';
import { CHANGE_SOURCE, type ChangeSourceParameters } from './change-source.handler.js';
import { ContentReader } from './content-reader.js';
import { CREATE_SECRET, type CreateParameters } from './create-secret.handler.js';
import { DELETE_SECRET, type DeleteParameters } from './delete-secret.handler.js';
import type { EditParameters } from './edit-secret.handlers.js';
import { FoundDrift } from './found-drift.js';
import { READ_CONTENT } from './read-approval.js';
import { gatedFacts } from './secret-gating.js';
import { SecretPlanner } from './secret-planner.js';
import type { SecretEntity } from './secret.entity.js';
import { secretNotFound } from './secret.errors.js';
import { SecretRepository } from './secret.repository.js';
import { SourceChangePlanner } from './source-change-planner.js';
import {
  ADD_SYNC_PROFILE,
  REMOVE_SYNC_PROFILE,
  type AddSyncProfileParameters,
  type RemoveSyncProfileParameters,
} from './sync-profile.handlers.js';
import { VERSION_KINDS, type VersionAct, type VersionParameters } from './version-state.handlers.js';
import { WRITE_CONTENT, type WriteParameters } from './write-content.handler.js';

const NOTHING: ChangeReview = { type: null, settings: [], values: [], plan: [] };
const EMPTY = parseContent('{}');
const VERSION_ACTS = Object.keys(VERSION_KINDS) as VersionAct[];
/** Their parameters say nothing that their plan does not. */
const PLANNED: ReadonlySet<string> = new Set([DELETE_SECRET, ADD_SYNC_PROFILE, REMOVE_SYNC_PROFILE]);

/** Knows secrets as those see them who decide about changes of them: everything but values. */
@Injectable()
export class SecretKeeper implements ChangeSubjectKeeper {
  readonly kind = 'secret';

  constructor(
    private readonly secrets: SecretRepository,
    private readonly targets: TargetLedger,
    private readonly profiles: VaultProfileService,
    private readonly reader: ContentReader,
    private readonly drift: FoundDrift,
    private readonly planner: SecretPlanner,
    private readonly moves: SourceChangePlanner,
  ) {}

  /** The secret's revision, which counts every change of it, its drift, and where its copies are. */
  async bind(ctx: RequestContext, kind: string, change: ExecutingChange): Promise<unknown> {
    // Whether its name and places are free is decided: they are reserved.
    if (kind === CREATE_SECRET) return { places: await this.#profileRevisions(ctx, placesOf(change)) };
    const secret = await this.#living(ctx, change.secretId!);
    // Reading is about one version, which never changes, and not about what else happens to the secret.
    if (kind === READ_CONTENT) return { source: secret.sourceProfileId };
    const targets = await this.targets.list(ctx, secret.id);
    const places = targets.map(({ profileId, physicalName }) => ({ profileId, physicalName }));
    return {
      revision: secret.revision,
      version: secret.currentVersion,
      source: secret.sourceProfileId,
      drift: secret.drift,
      targets: places.sort((a, b) => (a.profileId < b.profileId ? -1 : 1)),
      profiles: await this.#profileRevisions(
        ctx,
        targets.map(({ profileId }) => profileId),
      ),
    };
  }

  async facts(ctx: RequestContext, { secretId }: ExecutingChange): Promise<GatedFacts | undefined> {
    const secret = await this.secrets.find(ctx, secretId!);
    return secret ? gatedFacts(secret) : undefined;
  }

  async plan(ctx: RequestContext, kind: string, change: ExecutingChange): Promise<ReviewStep[]> {
    if (kind === CREATE_SECRET)
      return this.planner.planCreate(ctx, change.secretId!, change.parameters as CreateParameters);
    const secret = await this.#living(ctx, change.secretId!);
    switch (kind) {
      case WRITE_CONTENT:
        return this.planner.planWrite(ctx, secret, (change.parameters as WriteParameters).fingerprint);
      case DELETE_SECRET:
        return this.planner.planRemove(ctx, secret, (change.parameters as DeleteParameters).retain);
      case ADD_SYNC_PROFILE:
        return this.#planTarget(ctx, secret, change.parameters as AddSyncProfileParameters);
      case REMOVE_SYNC_PROFILE:
        return [await this.#planRemoval(ctx, change.parameters as RemoveSyncProfileParameters)];
      case ADOPT_DRIFT:
        return this.planner.planAdoption(ctx, secret);
      case CHANGE_SOURCE:
        return this.moves.plan(ctx, secret, change.parameters as ChangeSourceParameters);
      default:
        return this.#planVersion(ctx, secret, kind, change);
    }
  }

  async review(caller: RequestContext, kind: string, change: ExecutingChange): Promise<ChangeReview> {
    // What equals what is told to whoever decides about it, whatever else they may read.
    const { requestId, storeId, signal } = caller;
    const ctx = { ...systemContext({ requestId, storeId, job: 'approval.review' }), ...(signal && { signal }) };
    const plan = await this.plan(ctx, kind, change);
    if (kind === CREATE_SECRET) return { ...reviewCreate(change as ExecutingChange<never>), plan };
    const secret = await this.#living(ctx, change.secretId!);
    const review = { ...NOTHING, type: secret.type, plan };
    switch (kind) {
      case WRITE_CONTENT:
        return { ...review, ...(await this.#reviewWrite(ctx, secret, change as ExecutingChange<never>)) };
      case ADOPT_DRIFT:
        return { ...review, ...(await this.#reviewAdoption(ctx, secret)) };
      case CHANGE_SOURCE:
        return { ...review, settings: reviewMove(change.parameters as ChangeSourceParameters) };
      default:
        return PLANNED.has(kind) ? review : { ...review, settings: settingsOf(secret, change.parameters) };
    }
  }

  async #reviewWrite(
    ctx: RequestContext,
    secret: SecretEntity,
    { parameters, payload }: ExecutingChange<WriteParameters>,
  ): Promise<Pick<ChangeReview, 'values' | 'settings'>> {
    return {
      settings: [{ name: 'cause', before: null, after: parameters.cause }],
      values: reviewValues(await this.#current(ctx, secret), parseContent(payload!.reveal())),
    };
  }

  async #planVersion(
    ctx: RequestContext,
    secret: SecretEntity,
    kind: string,
    { parameters }: ExecutingChange,
  ): Promise<ReviewStep[]> {
    const act = VERSION_ACTS.find((one) => VERSION_KINDS[one] === kind);
    const version = act && (await this.secrets.findVersion(ctx, secret.id, (parameters as VersionParameters).number));
    return version ? this.planner.planVersion(ctx, secret, version, act) : [];
  }

  /** Of what was found and what is recorded; no fields where what was found is there no more. */
  async #reviewAdoption(ctx: RequestContext, secret: SecretEntity): Promise<Pick<ChangeReview, 'values' | 'settings'>> {
    const found = await orElse(EMPTY, async () => (await this.drift.read(ctx, secret)).parsed);
    return {
      settings: secret.drift ? [{ name: 'drift', before: null, after: secret.drift.kind }] : [],
      values: found === EMPTY ? [] : reviewValues(await this.#current(ctx, secret), found),
    };
  }

  /** What is recorded; nothing where it cannot be read. */
  #current(ctx: RequestContext, secret: SecretEntity): Promise<JsonObject> {
    return orElse(EMPTY, async () => parseContent((await this.reader.readCurrent(ctx, secret)).content.reveal()));
  }

  async #planTarget(
    ctx: RequestContext,
    { id, name, type, currentFingerprint }: SecretEntity,
    { target, onConflict }: AddSyncProfileParameters,
  ): Promise<ReviewStep[]> {
    const there = { name, type, source: target, targets: [], onConflict, fingerprint: currentFingerprint! };
    const steps = await this.planner.planCreate(ctx, id, there);
    return steps.map((step) => ({ ...step, role: 'target' }));
  }

  async #planRemoval(ctx: RequestContext, { profileId, purge }: RemoveSyncProfileParameters): Promise<ReviewStep> {
    const profile = (await this.profiles.names(ctx)).get(profileId) ?? profileId;
    if (purge) return { profile, role: 'target', action: 'delete', reason: 'The copy is removed if it is ours.' };
    return { profile, role: 'target', action: 'retain', reason: 'The copy is left where it is.' };
  }

  async #living(ctx: RequestContext, id: string): Promise<SecretEntity> {
    const secret = await this.secrets.find(ctx, id);
    if (!secret || secret.state === 'deleted') throw secretNotFound();
    return secret;
  }

  async #profileRevisions(ctx: RequestContext, ids: readonly string[]): Promise<unknown[]> {
    const revisions: unknown[] = [];
    for (const id of [...new Set(ids)].sort()) {
      const { revision, instanceRevision } = await this.profiles.getNow(ctx, id);
      revisions.push({ id, revision, instanceRevision });
    }
    return revisions;
  }
}

async function orElse<T>(other: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (isAppError(error)) return other;
    throw error;
  }
}

function reviewCreate({ parameters: p, payload }: ExecutingChange<CreateParameters>): ChangeReview {
  const given = { description: p.description, owner: p.owner, labels: p.labels, expiresAt: p.expiresAt };
  const settings = { ...given, rotationIntervalSeconds: p.rotationIntervalSeconds, onConflict: p.onConflict };
  return {
    type: p.type,
    settings: Object.entries(settings).map(([name, after]) => ({ name, before: null, after })),
    values: reviewValues(EMPTY, parseContent(payload!.reveal())),
    plan: [],
  };
}

function reviewMove({ from, to, onConflict }: ChangeSourceParameters): ChangeReview['settings'] {
  return [
    { name: 'sourceProfile', before: from, after: to.profile },
    { name: 'onConflict', before: null, after: onConflict },
  ];
}

function placesOf({ parameters }: ExecutingChange): string[] {
  const { source, targets } = parameters as CreateParameters;
  return [source, ...targets].map(({ profileId }) => profileId);
}

/** Attributes before and after, and whatever else the change says of itself. */
function settingsOf(secret: SecretEntity, parameters: Readonly<Record<string, unknown>>): ChangeReview['settings'] {
  const { set, ...others } = parameters as Partial<EditParameters>;
  const { drift } = secret;
  const attributes = Object.entries(set ?? {}).map(([name, after]) => ({
    name,
    before: secret[name as keyof SecretEntity] ?? null,
    after: after ?? null,
  }));
  const rest = Object.entries(others).map(([name, after]) => ({ name, before: null, after }));
  return [...attributes, ...rest, ...(drift ? [{ name: 'drift', before: null, after: drift.kind }] : [])];
}
