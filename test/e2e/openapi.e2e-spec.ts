import type { ApiClient } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ApiJudge, committedDescription } from './api-judge.js';
import { walk } from './every-endpoint.js';
import { Stage, type StageVault } from './stage.js';

jest.setTimeout(120_000);

let stage: Stage;
let source: StageVault;
let target: StageVault;
beforeAll(async () => {
  stage = await Stage.open({ bao: false });
  source = await stage.vault('builtin', 'source');
  target = await stage.vault('builtin', 'target');
});
afterAll(() => stage?.close());

describe('the description that is served', () => {
  it('is the one in the documents', async () => {
    const served = await stage.api.raw({ method: 'GET', path: '/api/openapi.json' });
    expect(served.body).toEqual(committedDescription());
  });

  it('can be browsed', async () => {
    const page = await stage.api.raw({ method: 'GET', path: '/api/docs' });
    expect(page).toMatchObject({ status: 200 });
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
    expect(parts).toHaveLength(3);
    for (const path of parts) expect(await stage.api.raw({ method: 'GET', path })).toMatchObject({ status: 200 });
  });
});

describe('every endpoint answers as described', () => {
  const contradictions = async (caller: ApiClient): Promise<readonly string[]> => {
    const judge = new ApiJudge();
    for await (const [endpoint, answer] of walk({ stage, source, target }, caller)) {
      const [method, path] = endpoint.split(' ') as [string, string];
      judge.hear({ method, path }, answer);
    }
    return [...judge.contradictions];
  };

  it('to one who may do everything', async () => expect(await contradictions(stage.api)).toEqual([]));

  it('to one who may do nothing', async () => expect(await contradictions(await stage.tokenWith())).toEqual([]));

  it('to nobody', async () => expect(await contradictions(stage.api.as(undefined))).toEqual([]));
});

describe('the judge of answers', () => {
  const heard = (method: string, path: string, status: number, body: unknown): number => {
    const judge = new ApiJudge();
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = new Headers({ 'content-type': status < 400 ? 'application/json' : 'application/problem+json' });
    judge.hear({ method, path }, { status, body, text, headers, etag: undefined });
    return judge.contradictions.size;
  };

  it.each([
    ['a status that is not described', 'GET', '/livez', 418, { status: 'ok' }, 1],
    ['a field that is not described', 'GET', '/livez', 200, { status: 'ok', more: 1 }, 1],
    ['a field that is missing', 'GET', '/livez', 200, {}, 1],
    ['a body where there is none', 'DELETE', '/api/v1/tokens/abc', 204, {}, 1],
    ['a code that is not described', 'GET', '/api/v1/secrets?limit=1', 404, { code: 'TOKEN_NOT_FOUND' }, 1],
    ['a kind of answer that is not described', 'GET', '/api/v1/secrets', 404, undefined, 1],
    ['nothing wrong', 'GET', '/livez?x', 200, { status: 'ok' }, 0],
    ['no endpoint', 'GET', '/api/v1/nothing', 404, {}, 0],
  ])('finds %s', (_, method, path, status, body, count) => {
    expect(heard(method, path, status, body)).toBe(count);
  });
});
