import { newDataDir, startClaviger, type ClavigerProcess } from './harness/claviger-process.js';
import { CONNECTIONS, prepareClaviger, SECRETS } from './harness/content-load.js';
import {
  figuresOf,
  KINDS,
  MANY_SHORT_ROUNDS,
  takeTurns,
  tell,
  type Goal,
  type Kind,
  type Round,
  type Rounds,
  type Side,
} from './harness/contest.js';
import type { PartReport } from './harness/figures.js';
import { GENERATOR } from './harness/load.js';
import type { RestClient } from './harness/rest-client.js';

type Name = 'ours' | 'theirs';

/** What approvals and rules that do not apply may cost. */
const NO_SLOWER: Goal = { goal: 'at most 5 % slower', isMet: (ours, theirs) => ours >= 0.95 * theirs };

/** Two processes alike differ by some percent for as long as they run, so several pairs are measured. */
const PAIRS = 4;

/**
 * What approvals and blocking rules cost where they are present and do not apply: pairs of Clavigers alike, one of which has
 * both, for another vault profile.
 */
export async function run({ seconds: whole }: { readonly seconds: number }): Promise<PartReport> {
  const seconds = Math.ceil(whole / 4);
  const pairs: Rounds<Name>[] = [];
  // Who is started first is another one in each pair.
  for (let pair = 0; pair < PAIRS; pair++)
    pairs.push(await measurePair(pair % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours'], seconds));
  const rounds = (kind: Kind, name: Name): Round[] => pairs.flatMap((pair) => pair[kind][name]);
  return {
    title: '(f) Approvals and blocking rules that are present and do not apply',
    how: `${SECRETS} secrets, ${CONNECTIONS} connections of ${GENERATOR}, ${PAIRS} pairs of new processes, of each ${tell(MANY_SHORT_ROUNDS, seconds)}; compared with Claviger without them.`,
    figures: KINDS.flatMap((kind) =>
      figuresOf(kind, { ours: rounds(kind, 'ours'), theirs: rounds(kind, 'theirs') }, NO_SLOWER),
    ),
  };
}

async function measurePair(names: readonly Name[], seconds: number): Promise<Rounds<Name>> {
  const started: ClavigerProcess[] = [];
  const dataDirs: ReturnType<typeof newDataDir>[] = [];
  try {
    const sides: Partial<Record<Name, Side>> = {};
    for (const name of names) {
      const dataDir = newDataDir();
      dataDirs.push(dataDir);
      const claviger = await startClaviger(dataDir.path);
      started.push(claviger);
      sides[name] = await prepareClaviger(claviger, dataDir.path, seconds, name === 'ours' ? makeGates : undefined);
    }
    return await takeTurns(sides as Record<Name, Side>, MANY_SHORT_ROUNDS);
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
