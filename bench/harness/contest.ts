import { setTimeout as sleep } from 'node:timers/promises';
import type { Figure } from './figures.js';
import { generateLoad, type Load, type LoadResult } from './load.js';
import { median } from './statistics.js';

export const ROUNDS = 5;
export const PAUSE_MS = 4_000;
const WARM_UP_SECONDS = 8;

export const KINDS = ['read', 'write'] as const;
export type Kind = (typeof KINDS)[number];

/** One that is measured: how it is read and written, and what that costs. */
export type Side = {
  readonly read: Load;
  readonly write: Load;
  /** CPU seconds used so far by all its processes, and by the one that answers. */
  readonly cpu: () => { readonly all: number; readonly server: number };
};

/** Both are filled with the same. */
export type Contest = { readonly ours: Side; readonly theirs: Side };

/** What should hold for the rates of one kind: ours against theirs. */
export type Goal = {
  readonly goal: string;
  readonly isMet: (ours: number, theirs: number) => boolean;
  /** The slowest hundredth is to be faster as well. */
  readonly isP99Lower?: boolean;
};

type Round = LoadResult & { readonly cpuMicroseconds: number; readonly serverCpuMicroseconds: number };

/** Lets both sides read and write in turn, and tells medians over the rounds. */
export async function compete({ ours, theirs }: Contest, goals: Readonly<Record<Kind, Goal>>): Promise<Figure[]> {
  const rounds = { read: { ours: [], theirs: [] }, write: { ours: [], theirs: [] } } as Record<
    Kind,
    Record<'ours' | 'theirs', Round[]>
  >;
  for (const side of [ours, theirs])
    for (const kind of KINDS) await generateLoad({ ...side[kind], seconds: WARM_UP_SECONDS });
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of KINDS) {
      // Who goes second finds the machine warmer, or throttled.
      const order =
        round % 2 === 0
          ? ([
              ['ours', ours],
              ['theirs', theirs],
            ] as const)
          : ([
              ['theirs', theirs],
              ['ours', ours],
            ] as const);
      for (const [name, side] of order) rounds[kind][name].push(await measure(side, kind));
    }
  }
  return KINDS.flatMap((kind) => figuresOf(kind, rounds[kind], goals[kind]));
}

/** After a pause, so that what the other side still has to do (flush, seal, collect) is not measured as this side's. */
async function measure(side: Side, kind: Kind): Promise<Round> {
  await sleep(PAUSE_MS);
  const before = side.cpu();
  const result = await generateLoad(side[kind]);
  const after = side.cpu();
  return {
    ...result,
    cpuMicroseconds: ((after.all - before.all) * 1e6) / result.requests,
    serverCpuMicroseconds: ((after.server - before.server) * 1e6) / result.requests,
  };
}

function figuresOf(
  kind: Kind,
  rounds: Record<'ours' | 'theirs', readonly Round[]>,
  { goal, isMet, isP99Lower = false }: Goal,
): Figure[] {
  const both = (of: (round: Round) => number): { ours: number; theirs: number } => ({
    ours: median(rounds.ours.map(of)),
    theirs: median(rounds.theirs.map(of)),
  });
  const rate = both((round) => round.perSecond);
  const p99 = both((round) => round.p99Ms);
  return [
    { name: `${kind}s`, unit: '/s', ...rate, goal, isMet: isMet(rate.ours, rate.theirs) },
    { name: `${kind} p50`, unit: 'ms', ...both((round) => round.p50Ms) },
    { name: `${kind} p99`, unit: 'ms', ...p99, ...(isP99Lower && { goal: 'lower', isMet: p99.ours < p99.theirs }) },
    { name: `${kind} CPU, all processes`, unit: 'µs', ...both((round) => round.cpuMicroseconds) },
    { name: `${kind} CPU, Node alone`, unit: 'µs', ours: both((round) => round.serverCpuMicroseconds).ours },
  ];
}
