import { Injectable } from '@nestjs/common';
import { Outbox } from '@claviger/features/notifications';
import type { RequestContext } from '@claviger/kernel';
import type { ChangeHandler, ChangeResult, ExecutingChange } from '@claviger/features/changes';
import { TargetLedger } from '@claviger/features/replication';
import { assertSourceAsJudged } from './secret-gating.js';
import type { SecretEntity } from './secret.entity.js';
import { secretNotActive, secretNotFound, staleMatch } from './secret.errors.js';
import { SecretRepository } from './secret.repository.js';

/** What may be edited of a secret's record; absent fields stay, null clears. */
export type EditParameters = {
  readonly set: {
    readonly description?: string;
    readonly owner?: string | null;
    readonly labels?: Record<string, string>;
    readonly expiresAt?: string | null;
    readonly rotationIntervalSeconds?: number | null;
    readonly isDisabled?: boolean;
  };
  /** The revision that the caller saw; undefined for any. */
  readonly expectedRevision?: number;
};

export const EDIT_SECRET = 'secret.attributes';
export const ENABLE_SECRET = 'secret.enable';
export const DISABLE_SECRET = 'secret.disable';

/** Locks a living secret for a change of it, and checks that it is where the change was judged, at the revision that the caller saw. */
export async function lockForEdit(
  secrets: SecretRepository,
  tx: RequestContext,
  change: Pick<ExecutingChange, 'secretId' | 'gatedAs'>,
  expectedRevision: number | undefined,
): Promise<SecretEntity> {
  const secret = await secrets.lock(tx, change.secretId!);
  if (!secret || secret.state === 'deleted') throw secretNotFound();
  if (expectedRevision !== undefined && expectedRevision !== secret.revision) throw staleMatch(secret.revision);
  if (secret.state !== 'active') throw secretNotActive(secret.state);
  assertSourceAsJudged(secret, change);
  return secret;
}

class EditHandler implements ChangeHandler<EditParameters, undefined> {
  readonly isHistory = true;

  constructor(
    readonly kind: string,
    private readonly secrets: SecretRepository,
    private readonly events: Outbox,
    private readonly targets: TargetLedger,
  ) {}

  async begin(tx: RequestContext, change: ExecutingChange<EditParameters>): Promise<void> {
    await lockForEdit(this.secrets, tx, change, change.parameters.expectedRevision);
  }

  async complete(tx: RequestContext, change: ExecutingChange<EditParameters>): Promise<ChangeResult> {
    const { set, expectedRevision } = change.parameters;
    const secret = await lockForEdit(this.secrets, tx, change, expectedRevision);
    const { expiresAt, rotationIntervalSeconds, ...plain } = set;
    await this.secrets.update(tx, secret.id, {
      ...plain,
      ...(expiresAt === undefined ? {} : { expiresAt: expiresAt === null ? null : new Date(expiresAt) }),
      ...(rotationIntervalSeconds === undefined ? {} : rotation(secret, rotationIntervalSeconds)),
      revision: secret.revision + 1,
    });
    if (set.isDisabled === false) await this.targets.resume(tx, secret.id);
    await this.events.add(tx, 'secret.updated', secret.id, { attributes: Object.keys(set) });
    return { secretId: secret.id, revision: secret.revision + 1 };
  }
}

function rotation(secret: SecretEntity, seconds: number | null): Partial<SecretEntity> {
  const since = secret.rotatedAt ?? secret.createdAt;
  return {
    rotationIntervalSeconds: seconds,
    rotationDueAt: seconds === null ? null : new Date(since.getTime() + seconds * 1_000),
  };
}

/** Edits of a secret's record and its enabled flag: local, and the same but for their names. */
@Injectable()
export class EditSecretHandlers {
  readonly all: readonly ChangeHandler<EditParameters, undefined>[];

  constructor(secrets: SecretRepository, events: Outbox, targets: TargetLedger) {
    this.all = [EDIT_SECRET, ENABLE_SECRET, DISABLE_SECRET].map(
      (kind) => new EditHandler(kind, secrets, events, targets),
    );
  }
}
