import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { APPROVAL_FAULT_POINTS } from '@claviger/kernel';
import { eventually, startOpenBao, type ApiClient, type JsonBody, type OpenBaoPeer } from '@claviger/testing';
import { MortalProgram, must } from './mortal-program.js';
import { hasOpenBao } from './stage.js';
import { KvMount } from './vault-mounts.js';

const WITHIN_MS = 30_000;
const PASSWORD = 'correct horse battery';

jest.setTimeout(120_000);

const describeWithBao = hasOpenBao ? describe : describe.skip;

describeWithBao('kill -9 at a numbered point of an approval', () => {
  const claviger = new MortalProgram();
  let bao: OpenBaoPeer;
  let mount: KvMount;

  beforeAll(async () => {
    bao = await startOpenBao();
    mount = await KvMount.make(bao, 'gated', 'kv2');
    const api = await claviger.api();
    const credentials = { type: 'token', token: bao.rootToken };
    await must(
      api.post('/vault-instances', { name: 'bao', kind: 'kv', config: { address: bao.address }, credentials }),
    );
    for (const name of ['ada', 'bob'])
      await must(api.post('/users', { name, password: PASSWORD, policies: ['approver'] }));
    const steps = [{ policies: ['approver'], votes: 1 }];
    await must(api.post('/approval-profiles', { name: 'four-eyes', kinds: ['create'], steps }));
    const profile = { name: 'gated', instance: 'bao', mount: 'gated', approvalProfile: 'four-eyes' };
    await must(api.post('/vault-profiles', profile));
  });
  afterAll(async () => {
    await claviger.remove();
    await bao.close();
  });

  const logIn = async (api: ApiClient): Promise<ApiClient> => {
    const login = await api.as(undefined).post('/login/password', { name: 'ada', password: PASSWORD });
    return api.as((login.body.token as string | undefined) ?? 'none');
  };

  const approve = (voter: ApiClient, id: string): ReturnType<ApiClient['get']> =>
    voter.post(`/approvals/${id}/votes`, { decision: 'approve' });

  it.each(APPROVAL_FAULT_POINTS)(
    '%s, the next start has it never asked for, or decides and executes it once',
    async (point) => {
      const name = point.replace(/\W/g, '-');
      const before = await logIn(await claviger.api());
      await claviger.dieAt(point, async (api) => {
        const body = { name, type: 'key-value', content: { value: 'new' }, sourceProfile: 'gated' };
        const { change } = await must(api.post('/secrets', body));
        await must(approve(before, change.id as string));
      });

      const api = await claviger.api();
      const voter = await logIn(api);
      const { items } = await must(api.get('/changes?kind=secret.create&limit=1'));
      const change = items.find(({ subject }: JsonBody) => subject === `gated/${name}`);
      if (point === 'approval.opening') {
        expect(change).toBeUndefined();
        expect(await mount.countVersions(name).catch(() => 0)).toBe(0);
      } else {
        await eventually(async () => {
          const { state } = await must(api.get(`/changes/${change!.id}`));
          if (state === 'pending_approval') await approve(voter, change!.id as string);
          expect(state).toBe('done');
        }, WITHIN_MS);
        expect(await mount.read(name)).toEqual({ value: 'new' });
        expect(await mount.countVersions(name)).toBe(1);
        const { votes } = await must(voter.get(`/approvals/${change!.id}`));
        expect(votes).toHaveLength(1);
      }
    },
  );

  it('visits every one there is', () => {
    expect(claviger.reached()).toEqual(expect.arrayContaining([...APPROVAL_FAULT_POINTS]));
  });
});
