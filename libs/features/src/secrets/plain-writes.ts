import { Injectable } from '@nestjs/common';
import type { RequestContext, SecretValue } from '@claviger/kernel';
import { ChangeGateSlot, ChangeJudgeSlot, type ChangeEntity } from '@claviger/features/changes';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import { LocalContent } from './local-content.js';
import { SecretAccess, type NamedSecret, type SecretAct } from './secret-access.js';
import type { KnownSecret } from './secret-content.hot.js';
import { SecretPlanner, type PreparedContent } from './secret-planner.js';
import { SecretService, subjectOf, type UsableSecret } from './secret.service.js';
import { secretNotFound, staleMatch } from './secret.errors.js';

/** A write either made a version, or found that the content is the current one already. */
export type WriteResult = { readonly change: ChangeEntity } | { readonly unchanged: true; readonly version: number };

export type WriteInput = {
  readonly content: SecretValue<string>;
  /** Binds the write to the version that the caller saw. */
  readonly baseVersion?: number;
  readonly reason?: string;
};

type PlainWrite = { readonly named: NamedSecret; readonly prepared: PreparedContent; readonly keep: number };

/**
 * The short way for writes of secrets in the built-in vault that have no targets, no drift, wait for nobody's
 * approval, and that no rule could refuse. It does what the long way does.
 */
@Injectable()
export class PlainWrites {
  constructor(
    private readonly records: SecretService,
    private readonly profiles: VaultProfileService,
    private readonly access: SecretAccess,
    private readonly planner: SecretPlanner,
    private readonly local: LocalContent,
    private readonly slot: ChangeGateSlot,
    private readonly judges: ChangeJudgeSlot,
  ) {}

  /** Undefined when the secret is not one for the short way. */
  async write(ctx: RequestContext, id: string, input: WriteInput): Promise<WriteResult | undefined> {
    const known = this.local.known(ctx, id);
    const change = known && (await this.#writeKnown(ctx, known, input));
    if (change) return { change };
    const row = await this.local.find(ctx, id);
    if (!row) throw secretNotFound();
    const named = await this.records.assertUsable(ctx, fromRow(row), 'writeContent');
    if (input.baseVersion !== undefined && input.baseVersion !== row.current_version)
      throw staleMatch(row.current_version);
    if (!row.is_plain || ctx.transaction) return undefined;
    if (await this.slot.gate.couldHold(ctx, row.source_profile_id, 'content')) return undefined;
    if (await this.judges.judge.couldRefuse(ctx, row.source_profile_id)) return undefined;
    const prepared = await this.planner.prepareContent(ctx, row.type, input.content);
    const isEqual = prepared.fingerprint === row.current_fingerprint;
    if (isEqual && (await this.access.mayCompare(ctx, named, row.source_profile_id)))
      return { unchanged: true, version: row.current_version };
    const keep = await this.#assertFits(ctx, row, prepared);
    // Where somebody else was faster, the long way judges what has become of the secret.
    const written = await this.#writePlain(ctx, row, { ...input, named, prepared, keep });
    return written && { change: written };
  }

  /**
   * The name of a secret that the caller may use so without anybody's approval, by what is known of it. That may be out of
   * date: it serves for statements that look at the secret again; every other answer is given over a secret that was just
   * found.
   */
  async findKnownName(
    ctx: RequestContext,
    known: KnownSecret,
    act: SecretAct,
    kind: 'content' | 'content-read',
  ): Promise<NamedSecret | undefined> {
    const profile = await this.profiles.find(ctx, known.source_profile_id);
    if (!profile?.isEnabled) return undefined;
    if (profile.approvalProfile !== null && (await this.slot.gate.couldHold(ctx, profile.id, kind))) return undefined;
    const named = { profile: profile.name, name: known.name };
    return this.access.can(ctx, act, named) ? named : undefined;
  }

  /** In one round trip; undefined when that cannot be, or would need an answer that nobody may give by memory. */
  async #writeKnown(ctx: RequestContext, known: KnownSecret, input: WriteInput): Promise<ChangeEntity | undefined> {
    const { type, current_version: version, current_fingerprint: fingerprint, is_plain: isPlain } = known;
    if (!isPlain || (input.baseVersion ?? version) !== version) return undefined;
    const named = await this.findKnownName(ctx, known, 'writeContent', 'content');
    if (!named || (await this.judges.judge.couldRefuse(ctx, known.source_profile_id))) return undefined;
    // What is wrong with the content is told over a secret that is there.
    const prepared = await this.planner.prepareContent(ctx, type, input.content).catch(() => undefined);
    if (!prepared || prepared.fingerprint === fingerprint) return undefined;
    const keep = await this.#assertFits(ctx, known, prepared).catch(() => undefined);
    return keep === undefined ? undefined : this.#writePlain(ctx, known, { ...input, named, prepared, keep });
  }

  /** Returns how many versions the source keeps. */
  async #assertFits(ctx: RequestContext, base: KnownSecret, prepared: PreparedContent): Promise<number> {
    const { id, source_profile_id: sourceProfileId, physical_name: physicalName } = base;
    const { maxVersions } = await this.planner.assertFitsSource(ctx, { id, sourceProfileId, physicalName }, prepared);
    return maxVersions!;
  }

  #writePlain(
    ctx: RequestContext,
    base: KnownSecret,
    { named, prepared, keep, content, baseVersion, reason }: WriteInput & PlainWrite,
  ): Promise<ChangeEntity | undefined> {
    const { fingerprint, facts } = prepared;
    return this.local.write(ctx, {
      base,
      subject: subjectOf({ secret: base, named }),
      content,
      parameters: { cause: 'put', fingerprint, facts, isBound: baseVersion !== undefined },
      boundVersion: baseVersion,
      reason,
      keep,
    });
  }
}

/** What says whether a secret that was found can be used. */
export function fromRow(row: KnownSecret): UsableSecret {
  return { state: row.state, isDisabled: row.is_disabled, sourceProfileId: row.source_profile_id, name: row.name };
}
