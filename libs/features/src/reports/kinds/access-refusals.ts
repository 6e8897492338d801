import type { AuditEntryView, AuditPlace, AuditReader } from '@claviger/features/audit';
import type { ReportScope } from '../report-definition.js';
import { isMeant, type SecretsAt } from '../secrets-at.js';

/** One read of content that was refused. */
export type RefusedRead = {
  readonly at: Date;
  readonly actor: string;
  readonly actorId: string;
  /** `<vault profile>/<name>`, as it was asked for: there may be no such secret. */
  readonly secret: string;
};

/** The path of content as policies have it. */
const CONTENT = /^([^/]+)\/data\/(.+)$/s;
const BATCH = 500;

/**
 * Reads of content that policies refused, as the audit log has them: by the path that was asked for, whether there is a secret or not. Of
 * a report about some secrets only, those that there were at the moment.
 */
export class AccessRefusals {
  constructor(
    private readonly reader: AuditReader,
    private readonly secrets: SecretsAt,
  ) {}

  /** From a moment to that of the report, the newest first. */
  async *list(scope: ReportScope, from: Date): AsyncGenerator<RefusedRead> {
    let after: AuditPlace | undefined;
    do {
      const { entries, resumeAt } = await this.reader.list(scope.ctx, {
        action: 'access.refused',
        from,
        to: new Date(scope.moment.getTime() + 1),
        limit: BATCH,
        ...(after && { after }),
      });
      yield* await this.#meant(
        scope,
        entries.flatMap(({ entry }) => refusedRead(entry)),
      );
      after = resumeAt ?? (entries.length === BATCH ? entries.at(-1)!.place : undefined);
    } while (after);
  }

  async #meant(scope: ReportScope, reads: readonly RefusedRead[]): Promise<readonly RefusedRead[]> {
    const { owner, labels } = scope.parameters;
    if (scope.profileId === undefined && owner === undefined && labels === undefined) return reads;
    const names = [...new Set(reads.map(({ secret }) => secret.slice(secret.indexOf('/') + 1)))];
    const found = await this.secrets.findNamed(scope.ctx, names, scope.moment);
    const meant = found
      .filter((secret) => isMeant(secret, scope))
      .map(({ profileId, name }) => `${scope.profileNames.get(profileId) ?? profileId}/${name}`);
    return reads.filter(({ secret }) => meant.includes(secret));
  }
}

function refusedRead({ at, actor, resource, details }: AuditEntryView): RefusedRead[] {
  const [, profile, name] = CONTENT.exec(resource.name ?? '') ?? [];
  if (details['operation'] !== 'read' || profile === undefined || name === undefined) return [];
  return [{ at, actor: actor.displayName, actorId: actor.rootId, secret: `${profile}/${name}` }];
}
