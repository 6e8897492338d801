import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { APPROVAL_FAULT_POINTS, type FaultPoint } from '@claviger/kernel';
import { ApiClient, eventually, startOpenBao, type JsonBody, type OpenBaoPeer } from '@claviger/testing';
import { hasOpenBao } from './stage.js';
import { ProgramYard, repository, type StartedProgram } from './started-program.js';
import { KvMount } from './vault-mounts.js';

const WITH_FAULTS = join(repository, 'test/setup/standalone-with-faults.mjs');
const WITHIN_MS = 30_000;
const PASSWORD = 'correct horse battery';

jest.setTimeout(120_000);

const describeWithBao = hasOpenBao ? describe : describe.skip;

describeWithBao('kill -9 at a numbered point of an approval', () => {
  const yard = new ProgramYard();
  let bao: OpenBaoPeer;
  let mount: KvMount;
  let dataDir: string;

  beforeAll(async () => {
    bao = await startOpenBao();
    mount = await KvMount.make(bao, 'gated', 'kv2');
    dataDir = yard.newDataDir();
    const { program, api } = await start();
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
    await program.end('SIGTERM');
  });
  afterAll(async () => {
    await yard.stopAll();
    await bao.close();
    yard.remove();
  });

  async function start(fault?: FaultPoint): Promise<{ program: StartedProgram; api: ApiClient; voter: ApiClient }> {
    const log = join(yard.root, 'fault-points');
    const env = { CLAVIGER_TEST_FAULT_LOG: log, ...(fault ? { CLAVIGER_TEST_FAULT: fault } : {}) };
    const program = yard.start(dataDir, { command: [process.execPath, WITH_FAULTS], env });
    const api = new ApiClient(await program.ready(), program.rootToken);
    const login = await api.as(undefined).post('/login/password', { name: 'ada', password: PASSWORD });
    return { program, api, voter: api.as((login.body.token as string | undefined) ?? 'none') };
  }

  const must = async (answer: ReturnType<ApiClient['get']>): Promise<JsonBody> => {
    const { status, body } = await answer;
    if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body;
  };

  const approve = (voter: ApiClient, id: string): ReturnType<ApiClient['get']> =>
    voter.post(`/approvals/${id}/votes`, { decision: 'approve' });

  it.each(APPROVAL_FAULT_POINTS)(
    '%s, the next start has it never asked for, or decides and executes it once',
    async (point) => {
      const name = point.replace(/\W/g, '-');
      const doomed = await start(point);
      const act = async (): Promise<void> => {
        const body = { name, type: 'key-value', content: { value: 'new' }, sourceProfile: 'gated' };
        const { change } = await must(doomed.api.post('/secrets', body));
        await must(approve(doomed.voter, change.id as string));
      };
      await Promise.race([act().catch(() => undefined), doomed.program.exit()]);
      expect(await doomed.program.exit()).toBe('SIGKILL');

      const { program, api, voter } = await start();
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
      await program.end('SIGTERM');
    },
  );

  it('visits every one there is', () => {
    const reached = new Set(readFileSync(join(yard.root, 'fault-points'), 'utf8').trim().split('\n'));
    expect([...reached]).toEqual(expect.arrayContaining([...APPROVAL_FAULT_POINTS]));
  });
});
