import { newDataDir, startClaviger, type ClavigerProcess } from './harness/claviger-process.js';
import { CONNECTIONS, prepareClaviger, SECRETS } from './harness/content-load.js';
import { compete, MANY_SHORT_ROUNDS, tell, type Goal } from './harness/contest.js';
import type { PartReport } from './harness/figures.js';
import { GENERATOR } from './harness/load.js';
import type { RestClient } from './harness/rest-client.js';

/** What approvals and rules that do not apply may cost. */
const NO_SLOWER: Goal = { goal: 'at most 5 % slower', isMet: (ours, theirs) => ours >= 0.95 * theirs };

/**
 * What approvals and blocking rules cost where they are present and do not apply: two Clavigers alike, one of which has
 * both, for another vault profile.
 */
export async function run({ seconds: whole }: { readonly seconds: number }): Promise<PartReport> {
  const seconds = Math.ceil(whole / 4);
  const dataDirs = [newDataDir(), newDataDir()] as const;
  const started: ClavigerProcess[] = [];
  try {
    for (const { path } of dataDirs) started.push(await startClaviger(path));
    const [ours, theirs] = started as [ClavigerProcess, ClavigerProcess];
    const contest = {
      ours: await prepareClaviger(ours, dataDirs[0].path, seconds, makeGates),
      theirs: await prepareClaviger(theirs, dataDirs[1].path, seconds),
    };
    return {
      title: '(f) Approvals and blocking rules that are present and do not apply',
      how: `${SECRETS} secrets, ${CONNECTIONS} connections of ${GENERATOR}, ${tell(MANY_SHORT_ROUNDS, seconds)}; compared with Claviger without them.`,
      figures: await compete(contest, { read: NO_SLOWER, write: NO_SLOWER }, MANY_SHORT_ROUNDS),
    };
  } finally {
    for (const program of started) await program.stop();
    for (const dataDir of dataDirs) dataDir.remove();
  }
}

async function makeGates(client: RestClient): Promise<void> {
  for (const name of ['ada', 'bob'])
    await client.call('POST', '/users', { name, password: 'correct horse battery', policies: ['approver'] });
  const steps = [{ policies: ['approver'], votes: 1 }];
  const kinds = ['create', 'content', 'delete', 'content-read'];
  await client.call('POST', '/approval-profiles', { name: 'four-eyes', kinds, steps });
  const gated = { name: 'gated', instance: 'local', mount: 'gated', approvalProfile: 'four-eyes' };
  await client.call('POST', '/vault-profiles', gated);
  await client.call('POST', '/compliance-profiles', {
    name: 'strict',
    rules: [{ pack: 'passwords', rule: 'password-weak', mode: 'block' }],
    vaultProfiles: ['gated'],
  });
}
