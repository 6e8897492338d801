import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { formatTraceParent, setFaultHook, type RequestContext, type TraceParent } from '@claviger/kernel';
import { TRACING, type OpenSpan, type SpanStart } from '@claviger/platform/tracing';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { ApprovalRoom } from '../../../testing/src/approval-room.js';
import { dieAt, Killed } from '../../../testing/src/secret-faults.js';
import { AheadClock, OutsideKind } from '../../../testing/src/secret-room.js';

let db: TestDatabase;
let room: ApprovalRoom;
let ada: RequestContext;
let dev: RequestContext;
const kind = new OutsideKind();
const clock = new AheadClock();
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ApprovalRoom.create(db, kind, clock);
  ada = await room.principal('ada', { group: 'security' });
  await room.principal('bob', { group: 'security' });
  dev = await room.principal('dev');
  await room.gated('gated', { kinds: ['content'], steps: [{ groups: ['security'], votes: 1 }] });
  await room.secrets.builtin('free');
});
afterAll(() => db.drop());
afterEach(() => {
  stop?.();
  setFaultHook(undefined);
});

let stop: (() => void) | undefined;

/** Spans from now on, as they are begun. */
function watch(): SpanStart[] {
  const spans: SpanStart[] = [];
  const start = (span: SpanStart): OpenSpan => {
    spans.push(span);
    const traceId = span.parent?.traceId ?? 'f'.repeat(32);
    return { trace: place(traceId, String(spans.length)), end: () => undefined };
  };
  stop = TRACING.use({ start });
  return spans;
}

const place = (traceId: string, spanId = '1'): TraceParent => ({
  traceId,
  spanId: spanId.padStart(16, '0'),
  isSampled: true,
});
const [asked, elsewhere] = [place('a'.repeat(32)), place('b'.repeat(32))];
const traced = (ctx: RequestContext, trace: TraceParent): RequestContext => ({ ...ctx, trace });
const traceparent = async (id: string): Promise<unknown> =>
  (await room.secrets.rows('select traceparent from change where id = $1', [id]))[0]!['traceparent'];

describe('a change', () => {
  it('that waited is told in the trace of its request, with a link to the vote that let it go on', async () => {
    const id = await room.ungatedSecret('gated');
    const spans = watch();
    const change = await room.write(traced(dev, asked), id, { value: 'two' });
    expect(await traceparent(change.id)).toBe(formatTraceParent(asked));
    await room.approve(traced(ada, elsewhere), change.id);
    expect(await room.state(change.id)).toBe('done');
    expect(spans).toMatchObject([
      {
        name: 'change secret.content',
        parent: asked,
        links: [elsewhere],
        attributes: { 'claviger.change_id': change.id },
      },
    ]);
  });

  it('that a dead process left is told in the trace of its request by the one that goes on with it', async () => {
    const outside = await room.secrets.outside('far');
    const id = await room.secrets.secret('left', { sourceProfile: 'far', content: { value: 'one' } });
    const spans = watch();
    dieAt('change.acted');
    await expect(room.write(traced(dev, asked), id, { value: 'two' })).rejects.toBeInstanceOf(Killed);
    const next = await ApprovalRoom.create(db, kind, clock);
    clock.skip(120_000);
    await next.secrets.changes.recover(traced(next.ctx, elsewhere));
    expect(await outside.read('left')).toEqual({ value: 'two' });
    const told = spans.filter(({ name }) => name === 'change secret.content');
    expect(told).toMatchObject([
      { parent: asked, links: [] },
      { parent: { traceId: asked.traceId }, links: [elsewhere] },
    ]);
  });

  it('that is done at once keeps no place in a trace', async () => {
    const id = await room.secrets.secret('at-once', { sourceProfile: 'free', content: { value: 'one' } });
    const spans = watch();
    const change = await room.secrets.secrets.edit(traced(dev, asked), id, { set: { description: 'mine' } });
    expect(change.state).toBe('done');
    expect(await traceparent(change.id)).toBeNull();
    expect(spans).toMatchObject([{ name: 'change secret.attributes', parent: asked, links: [] }]);
  });
});
