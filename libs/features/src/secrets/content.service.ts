import { Injectable } from '@nestjs/common';
import { isAppError, SecretValue, type RequestContext } from '@claviger/kernel';
import { AuditService, type AuditEvent } from '@claviger/features/audit';
import {
  ChangePreviews,
  ChangeService,
  type ChangeEntity,
  type ChangePreview,
  type Proposal,
} from '@claviger/features/changes';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import { ADOPT_DRIFT, type AdoptParameters } from './adopt-drift.handler.js';
import {
  diffContents,
  generateContent,
  mergeContent,
  type ContentDiff,
  type GenerateOptions,
} from './content/index.js';
import { parseContent, stringifyContent } from '@claviger/vaults/contract';
import { ContentReader, type VerifiedContent } from './content-reader.js';
import { FoundDrift } from './found-drift.js';
import { LocalContent } from './local-content.js';
import { fromRow, PlainWrites, type WriteInput, type WriteResult } from './plain-writes.js';
import { READ_CONTENT, ReadApprovals } from './read-approval.js';
import { SecretAccess, type NamedSecret } from './secret-access.js';
import { gatedAs } from './secret-gating.js';
import { SecretPlanner, type PreparedContent } from './secret-planner.js';
import { SecretService, subjectOf, type FoundSecret } from './secret.service.js';
import { noDrift, secretNotFound, staleMatch, versionNotFound, versionUnavailable } from './secret.errors.js';
import type { SecretEntity } from './secret.entity.js';
import { SecretRepository } from './secret.repository.js';
import { SecretViews, type VersionView } from './secret-view.js';
import { VERSION_KINDS, type VersionAct } from './version-state.handlers.js';
import { WRITE_CONTENT, type WriteParameters } from './write-content.handler.js';

/** A write that is ready to be submitted. */
export type ProposedWrite = {
  readonly proposal: Proposal;
  /** The current version, when it holds this content already and the caller may know: then nothing is to be submitted. */
  readonly unchanged?: number;
};

/** The version that the caller saw, absent for any; and why. */
type BoundInput = { readonly baseVersion?: number; readonly reason?: string };
export type RotateInput = BoundInput & { readonly generate: GenerateOptions };
type VersionOptions = { readonly expectedRevision?: number; readonly reason?: string };

type FoundRead = VerifiedContent & { readonly isApproved: boolean };

/** Somebody else was faster. */
const STALE: ReadonlySet<string> = new Set(['STALE_MATCH', 'CHANGE_STALE', 'SOURCE_CHANGED']);
const MAX_MERGES = 5;
const MAX_MOVES = 3;

const VERSION_GATES = {
  softDelete: 'version-delete',
  undelete: 'version-undelete',
  destroy: 'version-destroy',
} as const;
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
    private readonly drift: FoundDrift,
    private readonly changes: ChangeService,
    private readonly previews: ChangePreviews,
    private readonly audit: AuditService,
    private readonly local: LocalContent,
    private readonly plain: PlainWrites,
    private readonly approvals: ReadApprovals,
    private readonly views: SecretViews,
  ) {}

  /** The content of the current version or of an old one; the answer waits until the audit entry is durable. */
  async read(ctx: RequestContext, id: string, number?: number): Promise<VerifiedContent> {
    const known = number === undefined ? await this.#readKnown(ctx, id) : undefined;
    if (known) return known;
    const { content, named } =
      number === undefined ? await this.#readCurrent(ctx, id) : await this.#readVersion(ctx, id, number);
    const entry = this.audit.entry(ctx, readEvent(id, named, content.number));
    const { number: version, isApproved } = content;
    await this.approvals.conclude(ctx, entry, { secretId: id, versions: [version], isApproved });
    return content;
  }

  /**
   * Asks to read one version, or the current one, where that needs approval: once approved, the caller may read it once
   * within 15 minutes.
   */
  async requestRead(
    ctx: RequestContext,
    id: string,
    input: { readonly version?: number; readonly reason?: string },
  ): Promise<ChangeEntity> {
    const found = await this.records.findUsable(ctx, id, 'readContent');
    const version = input.version ?? found.secret.currentVersion;
    if (!(await this.secrets.findVersion(ctx, id, version))) throw versionNotFound();
    return this.changes.submit(ctx, READ_CONTENT, {
      subject: subjectOf(found),
      secretId: id,
      parameters: { version },
      needs: this.access.needs('readContent', found.named),
      gatedAs: gatedAs(found.secret, ['content-read']),
      ...(input.reason ? { reason: input.reason } : {}),
      isLocal: true,
    });
  }

  /** Writes a new version. `baseVersion` binds the write to the version that the caller saw. */
  async write(ctx: RequestContext, id: string, input: WriteInput): Promise<WriteResult> {
    const written = await this.plain.write(ctx, id, input);
    if (written) return written;
    for (let attempt = 1; ; attempt += 1) {
      const proposed = await this.proposeWrite(ctx, id, input);
      try {
        return await this.#submitWrite(ctx, proposed);
      } catch (error) {
        // It waited for a change of the source: whether it may be made at the new one is judged anew.
        if (!isAppError(error, 'SOURCE_CHANGED') || attempt === MAX_MOVES) throw error;
      }
    }
  }

  /**
   * Writes a new version that differs from the current one by a JSON merge patch (RFC 7396). It is bound to the version that
   * it was merged with; without `baseVersion` it is merged again when somebody else was faster.
   */
  async patch(ctx: RequestContext, id: string, input: WriteInput): Promise<WriteResult> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#submitWrite(ctx, await this.proposePatch(ctx, id, input));
      } catch (error) {
        const isStale = isAppError(error) && STALE.has(error.code);
        if (!isStale || input.baseVersion !== undefined || attempt === MAX_MERGES) throw error;
      }
    }
  }

  /** What patching would do at each vault. */
  async planPatch(ctx: RequestContext, id: string, input: WriteInput): Promise<ChangePreview> {
    return this.previews.preview(ctx, (await this.proposePatch(ctx, id, input)).proposal);
  }

  async proposePatch(ctx: RequestContext, id: string, input: WriteInput): Promise<ProposedWrite> {
    const { found, content, baseVersion } = await this.#merge(ctx, id, input);
    return this.#propose(ctx, found, content, 'patch', { ...input, baseVersion });
  }

  /**
   * Which fields differ between two versions, for who may read both: where that needs approval it takes an approved read of
   * each. The answer waits until the audit entry is durable.
   */
  async diff(ctx: RequestContext, id: string, { from, to }: { from: number; to: number }): Promise<ContentDiff> {
    const { secret, named } = await this.records.findUsable(ctx, id, 'readContent');
    const versions = [...new Set([from, to])];
    const isApproved = await this.approvals.admit(ctx, secret, versions);
    const [old, now] = [
      await this.reader.readVersion(ctx, secret, from),
      await this.reader.readVersion(ctx, secret, to),
    ];
    const diff = diffContents(parseContent(old.content.reveal()), parseContent(now.content.reveal()));
    const resource = subjectOf({ secret, named });
    const event = { action: 'secret.content.diff', outcome: 'allowed', resource, details: { from, to } } as const;
    await this.approvals.conclude(ctx, this.audit.entry(ctx, event), { secretId: id, versions, isApproved });
    return diff;
  }

  /** What writing would do at each vault. */
  async planWrite(ctx: RequestContext, id: string, input: WriteInput): Promise<ChangePreview> {
    return this.previews.preview(ctx, (await this.proposeWrite(ctx, id, input)).proposal);
  }

  async proposeWrite(ctx: RequestContext, id: string, input: WriteInput): Promise<ProposedWrite> {
    const found = await this.records.findUsable(ctx, id, 'writeContent');
    return this.#propose(ctx, found, input.content, 'put', input);
  }

  /** Writes a generated value that nobody sees. */
  async rotate(ctx: RequestContext, id: string, input: RotateInput): Promise<WriteResult> {
    return this.#submitWrite(ctx, await this.proposeRotate(ctx, id, input));
  }

  async proposeRotate(ctx: RequestContext, id: string, input: RotateInput): Promise<ProposedWrite> {
    const found = await this.records.findUsable(ctx, id, 'writeContent');
    return this.#propose(ctx, found, await generateContent(found.secret.type, input.generate), 'rotate', input);
  }

  /** Makes the content of an old version the newest one. */
  async restore(ctx: RequestContext, id: string, number: number, input: BoundInput): Promise<WriteResult> {
    return this.#submitWrite(ctx, await this.proposeRestore(ctx, id, number, input));
  }

  async proposeRestore(ctx: RequestContext, id: string, number: number, input: BoundInput): Promise<ProposedWrite> {
    const found = await this.records.findUsable(ctx, id, 'writeContent');
    const { content } = await this.reader.readVersion(ctx, found.secret, number);
    const reason = input.reason ?? `Restored version ${number}.`;
    return this.#propose(ctx, found, content, 'restore', { ...input, reason });
  }

  /** The versions, newest first, for who may read the record; they outlive the secret. */
  async listVersions(
    ctx: RequestContext,
    id: string,
    page: { readonly limit: number; readonly before?: number },
  ): Promise<VersionView[]> {
    const { secret } = await this.records.find(ctx, id);
    const rows = await this.secrets.listVersions(ctx, secret, page.limit, page.before);
    return this.views.versions(ctx, secret, rows, await this.reader.findKept(ctx, secret));
  }

  /** Hides, brings back or erases one version where it is managed. */
  async changeVersion(
    ctx: RequestContext,
    id: string,
    number: number,
    act: VersionAct,
    options: VersionOptions,
  ): Promise<ChangeEntity> {
    const { kind, change } = await this.proposeVersion(ctx, id, number, act, options);
    return this.changes.submit(ctx, kind, change);
  }

  async proposeVersion(
    ctx: RequestContext,
    id: string,
    number: number,
    act: VersionAct,
    { expectedRevision, reason }: VersionOptions,
  ): Promise<Proposal> {
    const found = await this.records.findUsable(ctx, id, VERSION_ACTS[act]);
    const version = await this.secrets.findVersion(ctx, id, number);
    if (!version) throw versionNotFound();
    if (version.backendVersion === null) throw versionUnavailable(number, 'unversioned');
    const change = {
      subject: subjectOf(found),
      secretId: id,
      parameters: { number, ...(expectedRevision === undefined ? {} : { expectedRevision }) },
      needs: this.access.needs(VERSION_ACTS[act], found.named),
      gatedAs: gatedAs(found.secret, [VERSION_GATES[act]]),
      ...(reason ? { reason } : {}),
      isLocal: !(await this.profiles.isRemote(ctx, version.profileId)),
    };
    return { kind: VERSION_KINDS[act], change };
  }

  /**
   * Makes what somebody put at the source a version. It is read first, because rules that block judge what would be in force.
   */
  async adoptDrift(ctx: RequestContext, id: string, reason?: string): Promise<ChangeEntity> {
    const found = await this.records.findUsable(ctx, id, 'writeContent');
    this.access.authorize(ctx, 'adopt', found.named);
    const { fingerprint, facts } = await this.drift.read(ctx, found.secret);
    return this.changes.submit<AdoptParameters>(ctx, ADOPT_DRIFT, {
      subject: subjectOf(found),
      secretId: id,
      parameters: { fingerprint, facts },
      needs: [...this.access.needs('writeContent', found.named), ...this.access.needs('adopt', found.named)],
      gatedAs: gatedAs(found.secret, ['content']),
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
    const proposed = await this.#propose(ctx, found, content, 'overwrite-drift', reason ? { reason } : {});
    return this.#submitWrite(ctx, proposed);
  }

  /** In one round trip; undefined when the secret is not as it is known to be, or the caller may not read it. */
  async #readKnown(ctx: RequestContext, id: string): Promise<VerifiedContent | undefined> {
    const known = this.local.known(ctx, id);
    const named = known && (await this.plain.findKnownName(ctx, known, 'readContent', 'content-read'));
    if (!named) return undefined;
    const number = known.current_version;
    const content = await this.local.read(ctx, known, this.audit.entry(ctx, readEvent(id, named, number)));
    return content && { content, number, fingerprint: known.current_fingerprint! };
  }

  async #readCurrent(ctx: RequestContext, id: string): Promise<{ content: FoundRead; named: NamedSecret }> {
    const row = await this.local.findContent(ctx, id);
    if (!row) throw secretNotFound();
    const named = await this.records.assertUsable(ctx, fromRow(row), 'readContent');
    const isApproved = await this.approvals.admit(ctx, { id, sourceProfileId: row.source_profile_id }, [
      row.current_version,
    ]);
    if (row.content !== null) {
      const read = { number: row.current_version, fingerprint: row.current_fingerprint!, isApproved };
      return { named, content: { ...read, content: this.local.open(ctx, row) } };
    }
    const secret = await this.secrets.find(ctx, id);
    if (!secret) throw secretNotFound();
    return { named, content: { ...(await this.reader.readCurrent(ctx, secret)), isApproved } };
  }

  async #readVersion(
    ctx: RequestContext,
    id: string,
    number: number,
  ): Promise<{ content: FoundRead; named: NamedSecret }> {
    const { secret, named } = await this.records.findUsable(ctx, id, 'readContent');
    const isApproved = await this.approvals.admit(ctx, secret, [number]);
    return { named, content: { ...(await this.reader.readVersion(ctx, secret, number)), isApproved } };
  }

  /** The current content with a patch, and the version that it is of. */
  async #merge(
    ctx: RequestContext,
    id: string,
    { content: patch, baseVersion }: WriteInput,
  ): Promise<{ readonly found: FoundSecret; readonly content: SecretValue<string>; readonly baseVersion: number }> {
    const found = await this.records.findUsable(ctx, id, 'patchContent');
    const current = await this.reader.readCurrent(ctx, found.secret);
    if (baseVersion !== undefined && baseVersion !== current.number) throw staleMatch(current.number);
    const merged = mergeContent(parseContent(current.content.reveal()), parseContent(patch.reveal()));
    return { found, content: new SecretValue(stringifyContent(merged)), baseVersion: current.number };
  }

  async #submitWrite(ctx: RequestContext, { proposal, unchanged }: ProposedWrite): Promise<WriteResult> {
    if (unchanged !== undefined) return { unchanged: true, version: unchanged };
    return { change: await this.changes.submit(ctx, proposal.kind, proposal.change) };
  }

  async #propose(
    ctx: RequestContext,
    found: FoundSecret,
    content: SecretValue<string>,
    cause: WriteParameters['cause'],
    options: BoundInput,
  ): Promise<ProposedWrite> {
    const { secret, named } = found;
    const { baseVersion, reason } = options;
    if (baseVersion !== undefined && baseVersion !== secret.currentVersion) throw staleMatch(secret.currentVersion);
    const prepared = await this.planner.prepareContent(ctx, secret.type, content);
    const isEqual = await this.#isCurrent(ctx, secret, prepared);
    // Only a reader is told that a value equals the current one; anybody else could guess with it.
    const mayTell = isEqual && cause !== 'overwrite-drift';
    const isUnchanged = mayTell && (await this.access.mayCompare(ctx, named, secret.sourceProfileId));
    if (!isUnchanged) await this.planner.assertFitsEverywhere(ctx, secret, prepared);
    const parameters: WriteParameters = {
      cause,
      fingerprint: prepared.fingerprint,
      facts: prepared.facts,
      isBound: baseVersion !== undefined,
    };
    const change = {
      subject: subjectOf(found),
      secretId: secret.id,
      parameters,
      payload: content,
      needs: [
        ...this.access.needs(cause === 'patch' ? 'patchContent' : 'writeContent', named),
        ...(cause === 'overwrite-drift' ? this.access.needs('overwrite', named) : []),
      ],
      gatedAs: gatedAs(secret, [cause === 'restore' ? 'restore' : 'content']),
      ...(baseVersion === undefined ? {} : { baseVersion }),
      ...(reason ? { reason } : {}),
      isLocal: !(await this.profiles.isRemote(ctx, secret.sourceProfileId)),
    };
    return { proposal: { kind: WRITE_CONTENT, change }, ...(isUnchanged ? { unchanged: secret.currentVersion } : {}) };
  }

  async #isCurrent(ctx: RequestContext, secret: SecretEntity, prepared: PreparedContent): Promise<boolean> {
    if (secret.drift || !this.planner.isContentOf(ctx, secret.type, prepared, secret.currentFingerprint)) return false;
    const version = await this.secrets.findVersion(ctx, secret.id, secret.currentVersion);
    return !version?.deletedAt && !version?.destroyedAt;
  }
}

function readEvent(id: string, named: NamedSecret, version: number): AuditEvent {
  return {
    action: 'secret.content.read',
    outcome: 'allowed',
    resource: subjectOf({ secret: { id }, named }),
    details: { version },
  };
}
