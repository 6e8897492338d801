import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { AccessService } from '@claviger/features/access';
import { ChangeGateSlot, type Need } from '@claviger/features/changes';
import type { ConflictPolicy } from '@claviger/features/replication';
import { secretNotFound } from './secret.errors.js';

export type NamedSecret = { readonly profile: string; readonly name: string };

/**
 * Which path and operation each act on a secret needs. Content is judged on the KV v2 paths that a Vault client would
 * use; the record of a secret (all but its content) on `claviger/secrets/<profile>/<name>`.
 */
const NEEDS = {
  readRecord: [['read', 'record']],
  changeRecord: [['update', 'record']],
  readContent: [['read', 'data']],
  writeContent: [['update', 'data']],
  patchContent: [['patch', 'data']],
  create: [
    ['create', 'record'],
    ['create', 'data'],
  ],
  delete: [
    ['delete', 'record'],
    ['delete', 'metadata'],
  ],
  forget: [['delete', 'record']],
  replicateFrom: [['read', 'data']],
  replicateTo: [['create', 'data']],
  deleteVersion: [['update', 'delete']],
  undeleteVersion: [['update', 'undelete']],
  destroyVersion: [['update', 'destroy']],
  adopt: [['update', 'adopt']],
  overwrite: [['update', 'overwrite']],
} as const;

export type SecretAct = keyof typeof NEEDS;

const CONFLICT_ACTS: Readonly<Record<ConflictPolicy, readonly SecretAct[]>> = {
  fail: [],
  'adopt-if-equal': ['adopt'],
  overwrite: ['overwrite'],
};

const PATHS = {
  record: ({ profile, name }: NamedSecret) => `claviger/secrets/${profile}/${name}`,
  adopt: ({ profile, name }: NamedSecret) => `claviger/adopt/${profile}/${name}`,
  overwrite: ({ profile, name }: NamedSecret) => `claviger/overwrite/${profile}/${name}`,
  data: ({ profile, name }: NamedSecret) => `${profile}/data/${name}`,
  metadata: ({ profile, name }: NamedSecret) => `${profile}/metadata/${name}`,
  delete: ({ profile, name }: NamedSecret) => `${profile}/delete/${name}`,
  undelete: ({ profile, name }: NamedSecret) => `${profile}/undelete/${name}`,
  destroy: ({ profile, name }: NamedSecret) => `${profile}/destroy/${name}`,
} as const;

/** Judges acts on secrets. */
@Injectable()
export class SecretAccess {
  constructor(
    private readonly access: AccessService,
    private readonly slot: ChangeGateSlot,
  ) {}

  /** What an act on a secret needs. */
  needs(act: SecretAct, secret: NamedSecret): Need[] {
    return NEEDS[act].map(([operation, path]) => ({ operation, path: PATHS[path](secret) }));
  }

  /** What dealing so with what is not ours needs. */
  conflictNeeds(policy: ConflictPolicy, secret: NamedSecret): Need[] {
    return CONFLICT_ACTS[policy].flatMap((act) => this.needs(act, secret));
  }

  /** True when the caller may do this to this secret. */
  can(ctx: RequestContext, act: SecretAct, secret: NamedSecret): boolean {
    return NEEDS[act].every(([operation, path]) => this.access.can(ctx, PATHS[path](secret), operation));
  }

  /**
   * True when the caller may know what a content at that profile is, and so be told that something equals it: anybody else
   * could guess with that. Not who needs approval for reading it.
   */
  async mayCompare(ctx: RequestContext, secret: NamedSecret, profileId: string): Promise<boolean> {
    if (ctx.actor.type === 'system') return true;
    return this.can(ctx, 'readContent', secret) && !(await this.slot.gate.couldHold(ctx, profileId, 'content-read'));
  }

  /** @throws AppError ACCESS_DENIED; for a name that the caller gave, so that the answer tells nothing about existence */
  authorize(ctx: RequestContext, act: SecretAct, secret: NamedSecret): void {
    for (const [operation, path] of NEEDS[act]) this.access.authorize(ctx, PATHS[path](secret), operation);
  }

  /**
   * The same for a secret that was looked up by its id: who may not even read its record is told that there is none.
   * @throws AppError SECRET_NOT_FOUND, ACCESS_DENIED
   */
  authorizeFound(ctx: RequestContext, act: SecretAct, secret: NamedSecret): void {
    if (this.can(ctx, act, secret)) return;
    try {
      this.authorize(ctx, act, secret);
    } catch (refusal) {
      throw this.can(ctx, 'readRecord', secret) ? refusal : secretNotFound(refusal);
    }
  }

  /** @throws AppError ACCESS_DENIED unless the caller may list the secrets of a profile */
  authorizeList(ctx: RequestContext, profile: string): void {
    this.access.authorize(ctx, `claviger/secrets/${profile}/`, 'list');
  }

  /** True when the caller may list the secrets of a profile. */
  canList(ctx: RequestContext, profile: string): boolean {
    return this.access.can(ctx, `claviger/secrets/${profile}/`, 'list');
  }
}
