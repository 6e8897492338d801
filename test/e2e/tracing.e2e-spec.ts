import { TRACING } from '@claviger/platform/tracing';
import { eventually } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { hasOpenBao, Stage } from './stage.js';
import { TraceCollector, type CollectedSpan } from './trace-collector.js';

jest.setTimeout(90_000);

const CANARY = 'trace-canary-7f3a';
const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const VOTER = { traceId: '1bf7651916cd43dd8448eb211c80319d', spanId: 'c7ad6b7169203332' };
const within = ({ traceId, spanId }: typeof CALLER): { traceparent: string } => ({
  traceparent: `00-${traceId}-${spanId}-01`,
});

(hasOpenBao ? describe : describe.skip)('a request that is traced', () => {
  let collector: TraceCollector;
  let stage: Stage;
  beforeAll(async () => {
    collector = await TraceCollector.start();
    stage = await Stage.open({ env: { CLAVIGER_OTLP_ENDPOINT: collector.endpoint } });
  });
  afterAll(async () => {
    await stage?.close();
    await collector.close();
    expect(TRACING.isOn).toBe(false);
  });

  it('shows the change, the job and the calls of vaults that came of it, and no secret', async () => {
    const [source, target] = [await stage.vault('kv2'), await stage.vault('kv2')];
    const body = { name: CANARY, type: 'key-value', content: { [CANARY]: CANARY } };
    const answer = await fetch(`${stage.app.api.url}/api/v1/secrets`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${stage.app.rootToken}`,
        'content-type': 'application/json',
        ...within(CALLER),
      },
      body: JSON.stringify({ ...body, sourceProfile: source.profile, syncProfiles: [target.profile] }),
    });
    expect(answer.status).toBe(201);
    const { secret } = (await answer.json()) as { secret: { id: string } };
    await stage.inSync(secret.id);

    const spans = await eventually(() => {
      const found = collector.of(CALLER.traceId);
      const under = (name: string, parent: string): CollectedSpan => {
        const span = found.find((one) => one.name === name && one.parentSpanId === parent);
        if (!span) throw new Error(`no ${name}: ${found.map((one) => one.name).join()}`);
        return span;
      };
      const request = under('postSecrets', CALLER.spanId);
      const change = under('change secret.create', request.spanId);
      const job = found.find(({ name }) => name === 'job replication.reconcile')!;
      return [request, change, under('vault create', change.spanId), job, under('vault create', job.spanId)];
    });
    expect(spans[3]!.parentSpanId).toBeDefined();
    expect(spans.every(({ status }) => status?.code !== 2)).toBe(true);
    expect(collector.text).not.toContain(CANARY);
    expect(collector.text).not.toContain(stage.app.rootToken);
    expect(collector.text).not.toContain(target.profile);
  });

  it('shows what became of it after a vote that was asked for in another trace, and names that trace', async () => {
    const steps = [{ policies: ['approver'], votes: 1 }];
    const [voter] = [await stage.userWith('approver'), await stage.userWith('approver')];
    await stage.register('approval-profiles', { name: 'traced', kinds: ['content'], steps });
    const [source, target] = [
      await stage.vault('kv2', 'gated', { approvalProfile: 'traced' }),
      await stage.vault('kv2'),
    ];
    const { id } = await stage.secret({ source, targets: [target] });
    await stage.inSync(id);
    const write = { content: { value: CANARY } };
    const asked = await stage.api.put(`/secrets/${id}/content`, write, { ifMatch: '*', headers: within(CALLER) });
    expect(asked.status).toBe(202);
    const vote = `/approvals/${asked.body.change.id}/votes`;
    expect((await voter.post(vote, { decision: 'approve' }, { headers: within(VOTER) })).status).toBe(200);
    await stage.inSync(id);

    await eventually(() => {
      const request = collector.of(CALLER.traceId).find(({ name }) => name === 'putSecretsIdContent');
      const voting = collector.of(VOTER.traceId).find(({ name }) => name === 'postApprovalsIdVotes');
      expect(voting?.parentSpanId).toBe(VOTER.spanId);
      const after = (name: string, parent?: string): CollectedSpan | undefined =>
        collector.of(CALLER.traceId).find((one) => one.name === name && one.parentSpanId === parent);
      const change = after('change secret.content', request?.spanId);
      expect(change?.links).toMatchObject([{ traceId: VOTER.traceId, spanId: voting?.spanId }]);
      expect(after('vault put', change?.spanId)).toBeDefined();
      expect(after('job replication.reconcile', change?.spanId)).toBeDefined();
    });
    expect(collector.text).not.toContain(CANARY);
  });

  it('tells a refusal by its status, and begins a trace of its own where the caller has none', async () => {
    expect((await stage.api.get(`/secrets/${CANARY}`)).status).toBe(400);
    const status = { key: 'http.response.status_code', value: { intValue: 400 } };
    const isRefusal = ({ name, attributes }: CollectedSpan): boolean =>
      name === 'getSecretsId' && JSON.stringify(attributes).includes(JSON.stringify(status));
    const span = await eventually(() => {
      const found = collector.spans.find(isRefusal);
      if (!found) throw new Error('no span yet');
      return found;
    });
    expect(span.parentSpanId ?? '').toBe('');
    expect(collector.text).not.toContain(CANARY);
  });
});
