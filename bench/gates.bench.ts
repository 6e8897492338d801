import { setTimeout as sleep } from 'node:timers/promises';
import { newDataDir, startClaviger, type ClavigerProcess } from './harness/claviger-process.js';
import { CONNECTIONS, prepareClaviger, SECRETS } from './harness/content-load.js';
import {
  figuresOf,
  KINDS,
  MANY_SHORT_ROUNDS,
  takeTurns,
  tell,
  type Goal,
  type Rounds,
  type Side,
} from './harness/contest.js';
import type { Figure, PartReport } from './harness/figures.js';
import { GENERATOR } from './harness/load.js';
import { residentBytes } from './harness/process-cost.js';
import { acceptAll, createScene, REPLICATED_SECRETS, replicateAll, type Scene } from './harness/replication-load.js';
import type { RestClient } from './harness/rest-client.js';
import { median } from './harness/statistics.js';

type Name = 'ours' | 'theirs';
type Both<T> = Readonly<Record<Name, T>>;
type Restart = { readonly readyMs: number; readonly megabytes: number };

/** What approvals and rules that do not apply may cost. */
const NO_SLOWER: Goal = { goal: 'at most 5 % slower', isMet: (ours, theirs) => ours >= 0.95 * theirs };
/** Two processes alike differ by some percent for as long as they run, so several pairs are measured. */
const PAIRS = 4;
const REPLICATIONS = 5;
const IDLE_MS = 20_000;

/**
 * What approvals and blocking rules cost where they are present and do not apply: Clavigers alike, of which one of two has
 * both, for another vault profile. Reading and writing of content as in (a), replication as in (b), start and memory as in (c).
 */
export async function run({ seconds: whole }: { readonly seconds: number }): Promise<PartReport> {
  const seconds = Math.ceil(whole / 4);
  const rounds: Rounds<Name>[] = [];
  const restarts: Both<Restart>[] = [];
  for (let number = 0; number < PAIRS; number++) {
    const pair = await measurePair(inTurn(number), seconds);
    rounds.push(pair.rounds);
    restarts.push(pair.restarts);
  }
  const restart = (of: (one: Restart) => number): Both<number> => medians(restarts, of);
  return {
    title: '(f) Approvals and blocking rules that are present and do not apply',
    how: `${SECRETS} secrets, ${CONNECTIONS} connections of ${GENERATOR}, ${PAIRS} pairs of new processes, of each ${tell(MANY_SHORT_ROUNDS, seconds)}; replication of ${REPLICATED_SECRETS} changes as in (b), ${REPLICATIONS} times each in turn; compared with Claviger without them.`,
    figures: [
      ...KINDS.flatMap((kind) => {
        const all = (name: Name): Rounds<Name>[typeof kind][Name] => rounds.flatMap((pair) => pair[kind][name]);
        return figuresOf(kind, { ours: all('ours'), theirs: all('theirs') }, NO_SLOWER);
      }),
      ...(await replicate()),
      { name: 'second start', unit: 'ms', ...restart(({ readyMs }) => readyMs) },
      { name: 'idle memory', unit: 'MB', ...restart(({ megabytes }) => megabytes) },
    ],
  };
}

/** Who is first is another one each time. */
function inTurn(number: number): readonly Name[] {
  return number % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours'];
}

function medians<T>(all: readonly Both<T>[], of: (one: T) => number): Both<number> {
  return { ours: median(all.map(({ ours }) => of(ours))), theirs: median(all.map(({ theirs }) => of(theirs))) };
}

async function measurePair(
  names: readonly Name[],
  seconds: number,
): Promise<{ readonly rounds: Rounds<Name>; readonly restarts: Both<Restart> }> {
  const started: ClavigerProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const claviger of started.splice(0)) await claviger.stop();
  };
  const dataDirs = { ours: newDataDir(), theirs: newDataDir() };
  try {
    const sides: Partial<Record<Name, Side>> = {};
    for (const name of names) {
      const { path } = dataDirs[name];
      const claviger = await startClaviger(path);
      started.push(claviger);
      sides[name] = await prepareClaviger(claviger, path, seconds, name === 'ours' ? makeGates : undefined);
    }
    const rounds = await takeTurns(sides as Both<Side>, MANY_SHORT_ROUNDS);
    await stop();
    for (const name of names) started.push(await startClaviger(dataDirs[name].path));
    await sleep(IDLE_MS);
    const restarts = started.map(({ pid, readyMs }) => ({ readyMs, megabytes: residentBytes(pid) / 1e6 }));
    return { rounds, restarts: Object.fromEntries(names.map((name, i) => [name, restarts[i]])) as Both<Restart> };
  } finally {
    await stop();
    for (const dataDir of Object.values(dataDirs)) dataDir.remove();
  }
}

async function replicate(): Promise<Figure[]> {
  const opened: Scene[] = [];
  try {
    opened.push(await createScene(makeGates), await createScene());
    const scenes: Both<Scene> = { ours: opened[0]!, theirs: opened[1]! };
    const measured: Both<{ accepted: number; replicated: number }>[] = [];
    for (let number = 0; number < REPLICATIONS; number++) {
      const both: Partial<Record<Name, { accepted: number; replicated: number }>> = {};
      for (const name of inTurn(number)) {
        const accepted = await acceptAll(scenes[name]);
        both[name] = { accepted, replicated: (await replicateAll(scenes[name])).perSecond };
      }
      measured.push(both as (typeof measured)[number]);
    }
    return (['accepted', 'replicated'] as const).map((what) => {
      const rates = medians(measured, (one) => one[what]);
      const name = what === 'accepted' ? 'changes accepted by the api' : 'changes replicated to both targets';
      return { name, unit: '/s', ...rates, goal: NO_SLOWER.goal, isMet: NO_SLOWER.isMet(rates.ours, rates.theirs) };
    });
  } finally {
    for (const scene of opened) await scene.close();
  }
}

/** An approval profile and a blocking rule, both for a vault profile of their own. */
async function makeGates(client: RestClient): Promise<void> {
  for (const name of ['ada', 'bob'])
    await client.call('POST', '/users', { name, password: 'correct horse battery', policies: ['approver'] });
  const steps = [{ policies: ['approver'], votes: 1 }];
  const kinds = ['create', 'content', 'delete', 'content-read'];
  await client.call('POST', '/approval-profiles', { name: 'four-eyes', kinds, steps });
  await client.call('POST', '/vault-instances', { name: 'gated', kind: 'builtin', config: {}, credentials: {} });
  const gated = { name: 'gated', instance: 'gated', mount: 'gated', approvalProfile: 'four-eyes' };
  await client.call('POST', '/vault-profiles', gated);
  await client.call('POST', '/compliance-profiles', {
    name: 'strict',
    rules: [{ pack: 'passwords', rule: 'password-weak', mode: 'block' }],
    vaultProfiles: ['gated'],
  });
}
