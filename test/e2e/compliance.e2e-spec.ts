import { eventually, type ApiAnswer, type JsonBody } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Stage, unique, type StageVault } from './stage.js';

jest.setTimeout(60_000);

const any = { ifMatch: '*' };

let stage: Stage;
let source: StageVault;
beforeAll(async () => {
  stage = await Stage.open({ bao: false, cluster: true });
  source = await stage.vault('builtin');
  await stage.register('compliance-profiles', {
    name: 'base',
    rules: [
      { pack: 'passwords', rule: 'password-short', mode: 'block' },
      { pack: 'lifecycle', rule: 'no-owner' },
    ],
    vaultProfiles: [source.profile],
  });
});
afterAll(() => stage?.close());

const login = (password: string): object => ({ type: 'basic-auth', content: { username: 'shop', password } });
const results = (query: string): Promise<ApiAnswer> => stage.api.get(`/compliance/results?${query}`);
const rulesOf = ({ body }: ApiAnswer): string[] => (body.items as JsonBody[]).map(({ rule }) => rule as string);

describe('an auditor and a developer', () => {
  it('see what rules find, at present and as it was; what blocks is refused; what is waived is said so', async () => {
    const refused = await stage.api.post('/secrets', {
      name: unique('login'),
      sourceProfile: source.profile,
      ...login('short'),
    });
    expect(refused).toMatchObject({ status: 400, body: { code: 'COMPLIANCE_BLOCKED' } });
    expect(refused.text).not.toContain('"short"');

    const { id } = await stage.secret({ source, ...login('a password that is long enough') });
    await eventually(async () => expect(rulesOf(await results(`secret=${id}`))).toEqual(['no-owner']));
    const before = new Date().toISOString();
    const short = await stage.api.put(
      `/secrets/${id}/content`,
      { content: { username: 'shop', password: 'tiny' } },
      any,
    );
    expect(short.body.code).toBe('COMPLIANCE_BLOCKED');

    const waiver = await stage.api.post('/compliance/waivers', {
      secret: id,
      profile: 'base',
      rule: 'no-owner',
      reason: 'the team is being renamed',
      until: new Date(Date.now() + 3_600_000).toISOString(),
    });
    expect(waiver.status).toBe(201);
    expect((await results(`secret=${id}`)).body.items).toMatchObject([
      { outcome: 'broken', waiver: { reason: 'the team is being renamed' } },
    ]);
    expect((await results(`secret=${id}&asOf=${before}`)).body.items).toMatchObject([{ waiver: null }]);
    const status = await stage.api.get(`/compliance/status?by=secret&secret=${id}`);
    expect(status.body.items).toMatchObject([{ judged: 1, compliant: 1, waived: 1 }]);
  });

  it('are told the place of what is wrong in a rule', async () => {
    const { body } = await stage.api.post('/compliance-profiles', {
      name: 'wrong',
      rules: [
        {
          id: 'x',
          title: 'Wrong',
          severity: 'low',
          mode: 'warn',
          brokenWhen: { all: [{ any: [{ fact: 'colour', operator: 'equal', value: 'red' }] }] },
          remediation: 'None.',
        },
      ],
    });
    expect(body).toMatchObject({
      code: 'INPUT_INVALID',
      details: { errors: [{ pointer: '#/rules/0/brokenWhen/all/0/any/0/fact' }] },
    });
  });

  it('ask for an evaluation and a replay, and follow them', async () => {
    const { id } = (await stage.api.post('/compliance/evaluations', { vaultProfile: source.profile })).body;
    await eventually(async () =>
      expect((await stage.api.get(`/compliance/evaluations/${id}`)).body).toMatchObject({ state: 'done' }),
    );
    const moments = [new Date().toISOString()];
    const asked = await stage.api.post('/compliance/replays', {
      rules: [{ pack: 'lifecycle', rule: 'no-expiry' }],
      vaultProfiles: [source.profile],
      moments,
    });
    expect(asked.status).toBe(202);
    await eventually(async () =>
      expect((await stage.api.get(`/compliance/replays/${asked.body.id}`)).body).toMatchObject({
        state: 'done',
        moments: [{ secrets: 1, rules: { 'no-expiry': { broken: 1 } } }],
      }),
    );
  });
});
