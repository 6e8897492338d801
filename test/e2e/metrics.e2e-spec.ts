import { METRICS, OTHER } from '@claviger/platform/metrics';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { describeModule } from '../../apps/api/src/http/openapi.js';
import { ApiModule } from '../../apps/api/src/api.module.js';
import { hasOpenBao, Stage, unique } from './stage.js';

jest.setTimeout(60_000);

const CANARY = 'metrics-canary-7f3a';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open({ env: { CLAVIGER_METRICS_PORT: '0' } });
});
afterAll(() => stage?.close());

async function metrics(): Promise<string> {
  const [line] = stage.app.logs.lines('metrics.listening');
  const answer = await fetch(`http://127.0.0.1:${line!['port'] as number}/metrics`);
  expect(answer.status).toBe(200);
  return answer.text();
}

/** Every sample with its labels. */
function samples(text: string): { readonly name: string; readonly labels: Record<string, string> }[] {
  return text
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => {
      const [, name = '', all = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
      return { name, labels: Object.fromEntries([...all.matchAll(/(\w+)="([^"]*)"/g)].map(([, k, v]) => [k!, v!])) };
    });
}

/** Requests that nobody means well with, to an address that is there. */
async function ask(method: string, path: string): Promise<void> {
  const url = `${stage.app.api.url}${path.replace(/\{\w+\}/g, `${CANARY}%2F..%00"}`)}`;
  const headers = { authorization: `Bearer ${stage.app.rootToken}`, 'if-match': '*' };
  const bodies = method === 'get' || method === 'delete' ? [undefined] : ['{', JSON.stringify({ [CANARY]: CANARY })];
  for (const body of bodies) {
    const init = {
      method: method.toUpperCase(),
      headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
    };
    await (await fetch(`${url}?${CANARY}=${CANARY}`, { ...init, ...(body && { body }) })).arrayBuffer();
  }
}

it('tells numbers under labels of declared values, whatever is asked of it and of vaults', async () => {
  if (hasOpenBao) {
    const source = await stage.vault('kv2');
    const { id } = await stage.secret({ name: unique(CANARY), source, targets: [await stage.vault('kv1')] });
    await stage.inSync(id);
    await stage.content(id);
  }
  const { paths = {} } = describeModule(ApiModule);
  const known = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item ?? {}).map((method) => [method, path]),
  );
  for (const [method, path] of known) await ask(method!, path!);
  for (const path of [`/${CANARY}`, `/api/v1/${CANARY}`, `/api/v1/secrets/%zz${CANARY}`, '/api/v1/secrets/']) {
    await ask('get', path);
    await ask('put', path);
  }

  const text = await metrics();
  expect(text).not.toContain(CANARY);
  const families = new Map(METRICS.families().map((family) => [family.name, family.declarations()]));
  for (const { name, labels } of samples(text)) {
    const declared = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''))!;
    for (const [label, value] of Object.entries(labels)) {
      if (label === 'le') continue;
      // In a set there is; what fell out of every set would be told as OTHER, and nothing has.
      expect({ name, label, value, isDeclared: declared.get(label)?.includes(value) }).toMatchObject({
        isDeclared: true,
      });
      expect(value).not.toBe(OTHER);
    }
  }
  expect(text).toMatch(/claviger_http_request_seconds_count{operation="none",status="4xx"} \d/);
  expect(text).toMatch(/claviger_http_request_seconds_count{operation="putSecretsIdContent",status="4xx"} \d/);
  expect(text).toMatch(/claviger_targets{status="in_sync"} \d/);
  expect(text).toMatch(/claviger_processes{process="standalone"} 1\n/);
  if (hasOpenBao) expect(text).toMatch(/claviger_vault_calls_total{kind="kv",operation="create",outcome="ok"} [12]\n/);
});
