import { eventually } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { tellComplianceStory } from './compliance-story.js';
import { Stage, type StageVault } from './stage.js';

jest.setTimeout(60_000);

let stage: Stage;
let source: StageVault;
beforeAll(async () => {
  stage = await Stage.open({ bao: false, cluster: true });
  source = await stage.vault('builtin');
});
afterAll(() => stage?.close());

describe('every rule is judged', () => {
  tellComplianceStory(() => stage);
});

describe('an auditor and a developer', () => {
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
    await stage.secret({ source });
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
