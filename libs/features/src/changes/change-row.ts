import { formatTraceParent, newId, type RequestContext, type SecretValue } from '@claviger/kernel';
import type { ChangeEntity, Requester } from './change.entity.js';
import type { ExecutingChange, Need, PreparedChange } from './executing-change.js';
import { UNGATED, type GatedAs } from './gated-kind.js';

/** What a row keeps of a change beside the parameters of its handler. */
type Kept = Pick<PreparedChange, 'subject' | 'isLocal'> & {
  readonly needs?: readonly Need[];
  readonly gatedAs?: GatedAs;
};

/** Who asks, as changes remember it: a user or service account by its name, any other token by its display name. */
export function requesterOf({ actor }: RequestContext): Requester {
  return { id: actor.rootId, name: actor.principal?.name ?? actor.displayName };
}

/** A change on its way, as its handler gets it. */
export function toExecuting<P>(ctx: RequestContext, prepared: PreparedChange<P>, now: Date): ExecutingChange {
  return {
    ...prepared,
    parameters: prepared.parameters as never,
    id: newId(now.getTime()),
    attempt: 1,
    isResumed: false,
    wasHeld: false,
    requestedBy: requesterOf(ctx),
  };
}

/** The columns of a change that say what it is. What ends at once keeps nothing that only a later execution needs. */
export function toRow(
  ctx: RequestContext,
  kind: string,
  change: ExecutingChange,
  endsAtOnce = false,
): Partial<ChangeEntity> {
  const { subject, isLocal, needs, gatedAs } = change;
  // Whoever repeats the request is judged by the needs again.
  const kept = endsAtOnce ? { subject, ...(ctx.attempt && { needs }) } : { subject, isLocal, needs, gatedAs };
  return {
    storeId: ctx.storeId,
    id: change.id,
    kind,
    secretId: change.secretId ?? null,
    requestedBy: change.requestedBy,
    reason: change.reason ?? null,
    baseVersion: change.baseVersion ?? null,
    parameters: { ...change.parameters, ...kept },
    ...(ctx.attempt && { idempotencyId: ctx.attempt.id }),
    ...(ctx.trace && !endsAtOnce && { traceparent: formatTraceParent(ctx.trace) }),
  };
}

/** The change of a row, as its handler gets it. */
export function fromRow(
  row: ChangeEntity,
  payload: SecretValue<string> | undefined,
  progress: Pick<ExecutingChange, 'attempt' | 'isResumed'>,
): ExecutingChange {
  const { subject, isLocal, needs, gatedAs, ...parameters } = row.parameters as Partial<Kept>;
  return {
    id: row.id,
    ...progress,
    wasHeld: row.digest !== null,
    requestedBy: row.requestedBy,
    subject: subject!,
    parameters,
    needs: needs ?? [],
    gatedAs: gatedAs ?? UNGATED,
    isLocal: isLocal ?? false,
    ...(row.secretId ? { secretId: row.secretId } : {}),
    ...(row.baseVersion === null ? {} : { baseVersion: row.baseVersion }),
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(payload ? { payload } : {}),
  };
}

/** What a change is about, as its row names it. */
export function subjectOf(row: Pick<ChangeEntity, 'parameters'>): PreparedChange['subject'] {
  return row.parameters['subject'] as PreparedChange['subject'];
}
