import { eventually, type ApiAnswer, type JsonBody } from '@claviger/testing';
import { beforeAll, expect, it } from '@jest/globals';
import { unique, type Stage, type StageVault } from './stage.js';

const any = { ifMatch: '*' };

/** Every rule is judged: what blocks is refused before it is written, what is found is told, what is waived is said so. */
export function tellComplianceStory(stage: () => Stage): void {
  let watched: StageVault;
  const rules = unique('rules');
  beforeAll(async () => {
    watched = await stage().vault('builtin', unique('watched'));
    await stage().register('compliance-profiles', {
      name: rules,
      rules: [
        { pack: 'passwords', rule: 'password-short', mode: 'block' },
        { pack: 'lifecycle', rule: 'no-owner' },
      ],
      vaultProfiles: [watched.profile],
    });
    // Every process knows of it within a second.
    const wanted = { name: unique('login'), sourceProfile: watched.profile, ...login('short') };
    for (const api of stage().app.apis)
      await eventually(async () => expect((await api.post('/secrets?dryRun=true', wanted)).status).toBe(400));
  });

  const login = (password: string): object => ({ type: 'basic-auth', content: { username: 'shop', password } });
  const results = (query: string): Promise<ApiAnswer> => stage().api.get(`/compliance/results?${query}`);
  const rulesOf = ({ body }: ApiAnswer): string[] => (body.items as JsonBody[]).map(({ rule }) => rule as string);

  it('tells what rules find, at present and as it was; what blocks is refused; what is waived is said so', async () => {
    const refused = await stage().api.post('/secrets', {
      name: unique('login'),
      sourceProfile: watched.profile,
      ...login('short'),
    });
    expect(refused).toMatchObject({ status: 400, body: { code: 'COMPLIANCE_BLOCKED' } });
    expect(refused.text).not.toContain('"short"');

    const { id } = await stage().secret({ source: watched, ...login('a password that is long enough') });
    await eventually(async () => expect(rulesOf(await results(`secret=${id}`))).toEqual(['no-owner']));
    const before = new Date().toISOString();
    const short = await stage().api.put(
      `/secrets/${id}/content`,
      { content: { username: 'shop', password: 'tiny' } },
      any,
    );
    expect(short.body.code).toBe('COMPLIANCE_BLOCKED');

    const waiver = await stage().api.post('/compliance/waivers', {
      secret: id,
      profile: rules,
      rule: 'no-owner',
      reason: 'the team is being renamed',
      until: new Date(Date.now() + 3_600_000).toISOString(),
    });
    expect(waiver.status).toBe(201);
    expect((await results(`secret=${id}`)).body.items).toMatchObject([
      { outcome: 'broken', waiver: { reason: 'the team is being renamed' } },
    ]);
    expect((await results(`secret=${id}&asOf=${before}`)).body.items).toMatchObject([{ waiver: null }]);
    const status = await stage().api.get(`/compliance/status?by=secret&secret=${id}`);
    expect(status.body.items).toMatchObject([{ judged: 1, compliant: 1, waived: 1 }]);
  });
}
