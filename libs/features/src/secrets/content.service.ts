import { Injectable } from '@nestjs/common';
import { isAppError, SecretValue, type RequestContext } from '@claviger/kernel';
import { AuditService, type AuditEvent } from '@claviger/features/audit';
import { ChangeService, type ChangeEntity } from '@claviger/features/changes';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import { ADOPT_DRIFT } from './adopt-drift.handler.js';
import {
  diffContents,
  generateContent,
  mergeContent,
  type ContentDiff,
  type GenerateOptions,
} from './content/index.js';
import { parseContent, stringifyContent } from '@claviger/vaults/contract';
import { ContentReader, type VerifiedContent } from './content-reader.js';
import { LocalContent } from './local-content.js';
import { SecretAccess, type NamedSecret, type SecretAct } from './secret-access.js';
import type { KnownSecret } from './secret-content.hot.js';
import { SecretPlanner, type PlanStep, type PreparedContent } from './secret-planner.js';
import { SecretService, subjectOf, type FoundSecret, type UsableSecret } from './secret.service.js';
import { noDrift, secretNotFound, staleMatch, versionNotFound, versionUnavailable } from './secret.errors.js';
import type { SecretEntity } from './secret.entity.js';
import { SecretRepository } from './secret.repository.js';
import { SecretViews, type VersionView } from './secret-view.js';
import { VERSION_KINDS, type VersionAct } from './version-state.handlers.js';
import { WRITE_CONTENT, type WriteParameters } from './write-content.handler.js';

/** A write either made a version, or found that the content is the current one already. */
export type WriteResult = { readonly change: ChangeEntity } | { readonly unchanged: true; readonly version: number };

type LocalInput = { readonly content: SecretValue<string>; readonly baseVersion?: number; readonly reason?: string };
type PlainWrite = { readonly named: NamedSecret; readonly prepared: PreparedContent; readonly keep: number };

/** Somebody else was faster. */
const STALE: ReadonlySet<string> = new Set(['STALE_MATCH', 'CHANGE_STALE']);
const MAX_MERGES = 5;

const VERSION_ACTS = { softDelete: 'deleteVersion', undelete: 'undeleteVersion', destroy: 'destroyVersion' } as const;

/** The content of secrets: reading it, writing it, and its versions. */
@Injectable()
export class ContentService {
  constructor(
    private readonly records: SecretService,
    private readonly secrets: SecretRepository,
    private readonly profiles: VaultProfileService,
    private readonly access: SecretAccess,
    private readonly planner: SecretPlanner,
    private readonly reader: ContentReader,
    private readonly changes: ChangeService,
    private readonly audit: AuditService,
    private readonly local: LocalContent,
    private readonly views: SecretViews,
  ) {}

  /** The content of the current version or of an old one; the answer waits until the audit entry is durable. */
  async read(ctx: RequestContext, id: string, number?: number): Promise<VerifiedContent> {
    const known = number === undefined ? await this.#readKnown(ctx, id) : undefined;
    if (known) return known;
    const { content, named } =
      number === undefined ? await this.#readCurrent(ctx, id) : await this.#readVersion(ctx, id, number);
    await this.audit.commit(ctx, this.audit.entry(ctx, readEvent(id, named, content.number)));
    return content;
  }

  /** Writes a new version. `baseVersion` binds the write to the version that the caller saw. */
  async write(ctx: RequestContext, id: string, input: LocalInput): Promise<WriteResult> {
    return (
      (await this.#writeLocally(ctx, id, input)) ??
      this.#write(ctx, await this.records.findUsable(ctx, id, 'writeContent'), input.content, 'put', input)
    );
  }

  /**
   * Writes a new version that differs from the current one by a JSON merge patch (RFC 7396). It is bound to the version that
   * it was merged with; without `baseVersion` it is merged again when somebody else was faster.
   */
  async patch(ctx: RequestContext, id: string, input: LocalInput): Promise<WriteResult> {
    for (let attempt = 1; ; attempt += 1) {
      const { found, content, baseVersion } = await this.#merge(ctx, id, input);
      try {
        return await this.#write(ctx, found, content, 'patch', { ...input, baseVersion });
      } catch (error) {
        const isStale = isAppError(error) && STALE.has(error.code);
        if (!isStale || input.baseVersion !== undefined || attempt === MAX_MERGES) throw error;
      }
    }
  }

  /** What patching would do at each vault. */
  async planPatch(ctx: RequestContext, id: string, input: LocalInput): Promise<PlanStep[]> {
    const { found, content } = await this.#merge(ctx, id, input);
    return this.#plan(ctx, found.secret, content);
  }

  /** Which fields differ between two versions, for who may read both. The answer waits until the audit entry is durable. */
  async diff(ctx: RequestContext, id: string, { from, to }: { from: number; to: number }): Promise<ContentDiff> {
    const { secret, named } = await this.records.findUsable(ctx, id, 'readContent');
    const [old, now] = [
      await this.reader.readVersion(ctx, secret, from),
      await this.reader.readVersion(ctx, secret, to),
    ];
    const diff = diffContents(parseContent(old.content.reveal()), parseContent(now.content.reveal()));
    const resource = subjectOf({ secret, named });
    const event = { action: 'secret.content.diff', outcome: 'allowed', resource, details: { from, to } } as const;
    await this.audit.commit(ctx, this.audit.entry(ctx, event));
    return diff;
  }

  /** What writing would do at each vault. */
  async planWrite(
    ctx: RequestContext,
    id: string,
    input: { readonly content: SecretValue<string>; readonly baseVersion?: number },
  ): Promise<PlanStep[]> {
    const { secret } = await this.records.findUsable(ctx, id, 'writeContent');
    if (input.baseVersion !== undefined && input.baseVersion !== secret.currentVersion)
      throw staleMatch(secret.currentVersion);
    return this.#plan(ctx, secret, input.content);
  }

  /** Writes a generated value that nobody sees. */
  async rotate(
    ctx: RequestContext,
    id: string,
    input: { readonly generate: GenerateOptions; readonly baseVersion?: number; readonly reason?: string },
  ): Promise<WriteResult> {
    const found = await this.records.findUsable(ctx, id, 'writeContent');
    return this.#write(ctx, found, await generateContent(found.secret.type, input.generate), 'rotate', input);
  }

  /** Makes the content of an old version the newest one. */
  async restore(
    ctx: RequestContext,
    id: string,
    number: number,
    input: { readonly baseVersion?: number; readonly reason?: string },
  ): Promise<WriteResult> {
    const found = await this.records.findUsable(ctx, id, 'writeContent');
    const { content } = await this.reader.readVersion(ctx, found.secret, number);
    return this.#write(ctx, found, content, 'restore', {
      ...input,
      reason: input.reason ?? `Restored version ${number}.`,
    });
  }

  /** The versions, newest first, for who may read the record; they outlive the secret. */
  async listVersions(
    ctx: RequestContext,
    id: string,
    page: { readonly limit: number; readonly before?: number },
  ): Promise<VersionView[]> {
    const { secret } = await this.records.find(ctx, id);
    const rows = await this.secrets.listVersions(ctx, id, page.limit, page.before);
    return this.views.versions(ctx, secret, rows, await this.reader.findKept(ctx, secret));
  }

  /** Hides, brings back or erases one version where it is managed. */
  async changeVersion(
    ctx: RequestContext,
    id: string,
    number: number,
    act: VersionAct,
    { expectedRevision, reason }: { readonly expectedRevision?: number; readonly reason?: string },
  ): Promise<ChangeEntity> {
    const found = await this.records.findUsable(ctx, id, VERSION_ACTS[act]);
    const version = await this.secrets.findVersion(ctx, id, number);
    if (!version) throw versionNotFound();
    if (version.backendVersion === null) throw versionUnavailable(number, 'unversioned');
    return this.changes.submit(ctx, VERSION_KINDS[act], {
      subject: subjectOf(found),
      secretId: id,
      parameters: { number, ...(expectedRevision === undefined ? {} : { expectedRevision }) },
      needs: this.access.needs(VERSION_ACTS[act], found.named),
      ...(reason ? { reason } : {}),
      isLocal: !(await this.profiles.isRemote(ctx, version.profileId)),
    });
  }

  /** Makes what somebody put at the source a version. */
  async adoptDrift(ctx: RequestContext, id: string, reason?: string): Promise<ChangeEntity> {
    const found = await this.records.findUsable(ctx, id, 'writeContent');
    this.access.authorize(ctx, 'adopt', found.named);
    return this.changes.submit(ctx, ADOPT_DRIFT, {
      subject: subjectOf(found),
      secretId: id,
      parameters: {},
      needs: [...this.access.needs('writeContent', found.named), ...this.access.needs('adopt', found.named)],
      ...(reason ? { reason } : {}),
      isLocal: false,
    });
  }

  /** Writes the recorded content over what somebody put at the source. */
  async overwriteDrift(ctx: RequestContext, id: string, reason?: string): Promise<WriteResult> {
    const found = await this.records.findUsable(ctx, id, 'writeContent');
    this.access.authorize(ctx, 'overwrite', found.named);
    if (!found.secret.drift) throw noDrift();
    const { content } = await this.reader.readCurrent(ctx, found.secret);
    return this.#write(ctx, found, content, 'overwrite-drift', reason ? { reason } : {});
  }

  /** In one round trip; undefined when the secret is not as it is known to be, or the caller may not read it. */
  async #readKnown(ctx: RequestContext, id: string): Promise<VerifiedContent | undefined> {
    const known = this.local.known(ctx, id);
    const named = known && (await this.#findKnownName(ctx, known, 'readContent'));
    if (!named) return undefined;
    const number = known.current_version;
    const content = await this.local.read(ctx, known, this.audit.entry(ctx, readEvent(id, named, number)));
    return content && { content, number, fingerprint: known.current_fingerprint! };
  }

  /**
   * The name of a secret that the caller may use so, by what is known of it. That may be out of date: it serves for
   * statements that look at the secret again; every other answer is given over a secret that was just found.
   */
  async #findKnownName(ctx: RequestContext, known: KnownSecret, act: SecretAct): Promise<NamedSecret | undefined> {
    const profile = await this.profiles.find(ctx, known.source_profile_id);
    if (!profile?.isEnabled) return undefined;
    const named = { profile: profile.name, name: known.name };
    return this.access.can(ctx, act, named) ? named : undefined;
  }

  async #readCurrent(ctx: RequestContext, id: string): Promise<{ content: VerifiedContent; named: NamedSecret }> {
    const row = await this.local.findContent(ctx, id);
    if (!row) throw secretNotFound();
    const named = await this.records.assertUsable(ctx, fromRow(row), 'readContent');
    if (row.content !== null)
      return {
        named,
        content: {
          content: this.local.open(ctx, row),
          number: row.current_version,
          fingerprint: row.current_fingerprint!,
        },
      };
    const secret = await this.secrets.find(ctx, id);
    if (!secret) throw secretNotFound();
    return { named, content: await this.reader.readCurrent(ctx, secret) };
  }

  async #readVersion(
    ctx: RequestContext,
    id: string,
    number: number,
  ): Promise<{ content: VerifiedContent; named: NamedSecret }> {
    const { secret, named } = await this.records.findUsable(ctx, id, 'readContent');
    return { named, content: await this.reader.readVersion(ctx, secret, number) };
  }

  /** The short way; undefined when the secret is not one for it. */
  async #writeLocally(ctx: RequestContext, id: string, input: LocalInput): Promise<WriteResult | undefined> {
    const known = this.local.known(ctx, id);
    const change = known && (await this.#writeKnown(ctx, known, input));
    if (change) return { change };
    const row = await this.local.find(ctx, id);
    if (!row) throw secretNotFound();
    const named = await this.records.assertUsable(ctx, fromRow(row), 'writeContent');
    if (input.baseVersion !== undefined && input.baseVersion !== row.current_version)
      throw staleMatch(row.current_version);
    if (!row.is_plain || ctx.transaction) return undefined;
    const prepared = await this.planner.prepareContent(ctx, row.type, input.content);
    if (prepared.fingerprint === row.current_fingerprint && this.access.can(ctx, 'readContent', named))
      return { unchanged: true, version: row.current_version };
    const keep = await this.#assertFits(ctx, row, prepared);
    // Where somebody else was faster, the long way judges what has become of the secret.
    const written = await this.#writePlain(ctx, row, { ...input, named, prepared, keep });
    return written && { change: written };
  }

  /** In one round trip; undefined when that cannot be, or would need an answer that nobody may give by memory. */
  async #writeKnown(ctx: RequestContext, known: KnownSecret, input: LocalInput): Promise<ChangeEntity | undefined> {
    const { type, current_version: version, current_fingerprint: fingerprint, is_plain: isPlain } = known;
    if (!isPlain || (input.baseVersion ?? version) !== version) return undefined;
    const named = await this.#findKnownName(ctx, known, 'writeContent');
    if (!named) return undefined;
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
    { named, prepared, keep, content, baseVersion, reason }: LocalInput & PlainWrite,
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

  async #plan(ctx: RequestContext, secret: SecretEntity, content: SecretValue<string>): Promise<PlanStep[]> {
    const prepared = await this.planner.prepareContent(ctx, secret.type, content);
    await this.planner.assertFitsEverywhere(ctx, secret, prepared);
    return this.planner.planWrite(ctx, secret, prepared.fingerprint);
  }

  /** The current content with a patch, and the version that it is of. */
  async #merge(
    ctx: RequestContext,
    id: string,
    { content: patch, baseVersion }: LocalInput,
  ): Promise<{ readonly found: FoundSecret; readonly content: SecretValue<string>; readonly baseVersion: number }> {
    const found = await this.records.findUsable(ctx, id, 'patchContent');
    const current = await this.reader.readCurrent(ctx, found.secret);
    if (baseVersion !== undefined && baseVersion !== current.number) throw staleMatch(current.number);
    const merged = mergeContent(parseContent(current.content.reveal()), parseContent(patch.reveal()));
    return { found, content: new SecretValue(stringifyContent(merged)), baseVersion: current.number };
  }

  async #write(
    ctx: RequestContext,
    found: FoundSecret,
    content: SecretValue<string>,
    cause: WriteParameters['cause'],
    options: { readonly baseVersion?: number; readonly reason?: string },
  ): Promise<WriteResult> {
    const { secret, named } = found;
    const { baseVersion, reason } = options;
    if (baseVersion !== undefined && baseVersion !== secret.currentVersion) throw staleMatch(secret.currentVersion);
    const prepared = await this.planner.prepareContent(ctx, secret.type, content);
    const isEqual = await this.#isCurrent(ctx, secret, prepared.fingerprint);
    // Only a reader is told that a value equals the current one; anybody else could guess with it.
    if (isEqual && cause !== 'overwrite-drift' && this.access.can(ctx, 'readContent', named))
      return { unchanged: true, version: secret.currentVersion };
    await this.planner.assertFitsEverywhere(ctx, secret, prepared);
    const parameters: WriteParameters = {
      cause,
      fingerprint: prepared.fingerprint,
      facts: prepared.facts,
      isBound: baseVersion !== undefined,
    };
    const change = await this.changes.submit(ctx, WRITE_CONTENT, {
      subject: subjectOf(found),
      secretId: secret.id,
      parameters,
      payload: content,
      needs: [
        ...this.access.needs(cause === 'patch' ? 'patchContent' : 'writeContent', named),
        ...(cause === 'overwrite-drift' ? this.access.needs('overwrite', named) : []),
      ],
      ...(baseVersion === undefined ? {} : { baseVersion }),
      ...(reason ? { reason } : {}),
      isLocal: !(await this.profiles.isRemote(ctx, secret.sourceProfileId)),
    });
    return { change };
  }

  async #isCurrent(ctx: RequestContext, secret: SecretEntity, fingerprint: string): Promise<boolean> {
    if (fingerprint !== secret.currentFingerprint || secret.drift) return false;
    const version = await this.secrets.findVersion(ctx, secret.id, secret.currentVersion);
    return !version?.deletedAt && !version?.destroyedAt;
  }
}

function fromRow(row: KnownSecret): UsableSecret {
  return { state: row.state, isDisabled: row.is_disabled, sourceProfileId: row.source_profile_id, name: row.name };
}

function readEvent(id: string, named: NamedSecret, version: number): AuditEvent {
  return {
    action: 'secret.content.read',
    outcome: 'allowed',
    resource: subjectOf({ secret: { id }, named }),
    details: { version },
  };
}
