import { parseTraceParent, type RequestContext } from '@claviger/kernel';
import { TRACING } from '@claviger/platform/tracing';
import type { ChangeEntity } from './change.entity.js';

/** What tracing needs to know of a change. */
export type TracedChange = Pick<ChangeEntity, 'id' | 'kind'> & Partial<Pick<ChangeEntity, 'traceparent'>>;

/**
 * Tells `work` as a change in the trace of the request that asked for it. Where something else makes it go on (a vote, a
 * retry, the job that recovers), the change is linked to that.
 */
export function tracedAsChange<T>(
  ctx: RequestContext,
  { id, kind, traceparent }: TracedChange,
  work: (ctx: RequestContext) => Promise<T>,
): Promise<T> {
  const asked = parseTraceParent(traceparent);
  const isElsewhere = asked !== undefined && asked.traceId !== ctx.trace?.traceId;
  const links = isElsewhere && ctx.trace ? [ctx.trace] : [];
  const start = { name: `change ${kind}`, kind: 'internal', links, attributes: { 'claviger.change_id': id } } as const;
  return TRACING.within(isElsewhere ? { ...ctx, trace: asked } : ctx, start, work);
}
