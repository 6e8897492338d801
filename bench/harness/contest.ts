import { setTimeout as sleep } from 'node:timers/promises';
import type { Figure } from './figures.js';
import { generateLoads, type Load, type LoadResult } from './load.js';
import { median } from './statistics.js';

/** How often each side is measured, and the pause before it. */
export type Rhythm = { readonly rounds: number; readonly pauseMs: number };

export const FEW_LONG_ROUNDS: Rhythm = { rounds: 5, pauseMs: 4_000 };
/** For small differences: what slows the machine down for some seconds meets both sides. */
export const MANY_SHORT_ROUNDS: Rhythm = { rounds: 6, pauseMs: 1_000 };
const WARM_UP_SECONDS = 8;

export const KINDS = ['read', 'write'] as const;
export type Kind = (typeof KINDS)[number];

/** One that is measured: how it is read and written, at one place or at several at the same time, and what that costs. */
export type Side = {
  readonly read: readonly Load[];
  readonly write: readonly Load[];
  /** CPU seconds used so far by all its processes, and by those that answer. */
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

export type Round = LoadResult & { readonly cpuMicroseconds: number; readonly serverCpuMicroseconds: number };

/** What was measured, by kind and side. */
export type Rounds<Name extends string> = Readonly<Record<Kind, Readonly<Record<Name, readonly Round[]>>>>;

/** Lets both sides read and write in turn, and tells medians over the rounds. */
export async function compete(contest: Contest, goals: Readonly<Record<Kind, Goal>>): Promise<Figure[]> {
  const rounds = await takeTurns(contest);
  return KINDS.flatMap((kind) => figuresOf(kind, rounds[kind], goals[kind]));
}

/** Lets all sides read and write, each round in another order. */
export async function takeTurns<Name extends string>(
  sides: Readonly<Record<Name, Side>>,
  { rounds: count, pauseMs } = FEW_LONG_ROUNDS,
): Promise<Rounds<Name>> {
  const names = Object.keys(sides) as Name[];
  const none = (): Record<Name, Round[]> => Object.fromEntries(names.map((name) => [name, []])) as never;
  const rounds: Record<Kind, Record<Name, Round[]>> = { read: none(), write: none() };
  for (const name of names)
    for (const kind of KINDS)
      await generateLoads(sides[name][kind].map((load) => ({ ...load, seconds: WARM_UP_SECONDS })));
  for (let round = 0; round < count; round++) {
    for (const kind of KINDS) {
      // Who goes second finds the machine warmer, or throttled.
      const order = names.map((_, place) => names[(place + round) % names.length]!);
      for (const name of order) rounds[kind][name].push(await measure(sides[name], kind, pauseMs));
    }
  }
  return rounds;
}

/** After a pause, so that what the other side still has to do (flush, seal, collect) is not measured as this side's. */
async function measure(side: Side, kind: Kind, pauseMs: number): Promise<Round> {
  await sleep(pauseMs);
  const before = side.cpu();
  const result = await generateLoads(side[kind]);
  const after = side.cpu();
  return {
    ...result,
    cpuMicroseconds: ((after.all - before.all) * 1e6) / result.requests,
    serverCpuMicroseconds: ((after.server - before.server) * 1e6) / result.requests,
  };
}

/** What two sides did of one kind, compared. */
export function figuresOf(
  kind: Kind,
  rounds: Readonly<Record<'ours' | 'theirs', readonly Round[]>>,
  { goal, isMet, isP99Lower = false }: Partial<Goal> = {},
): Figure[] {
  const both = (of: (round: Round) => number): { ours: number; theirs: number } => ({
    ours: median(rounds.ours.map(of)),
    theirs: median(rounds.theirs.map(of)),
  });
  const rate = both((round) => round.perSecond);
  const p99 = both((round) => round.p99Ms);
  return [
    { name: `${kind}s`, unit: '/s', ...rate, ...(goal && isMet && { goal, isMet: isMet(rate.ours, rate.theirs) }) },
    { name: `${kind} p50`, unit: 'ms', ...both((round) => round.p50Ms) },
    { name: `${kind} p99`, unit: 'ms', ...p99, ...(isP99Lower && { goal: 'lower', isMet: p99.ours < p99.theirs }) },
    { name: `${kind} CPU, all processes`, unit: 'µs', ...both((round) => round.cpuMicroseconds) },
    { name: `${kind} CPU, Node alone`, unit: 'µs', ours: both((round) => round.serverCpuMicroseconds).ours },
  ];
}

/** `5 rounds of 8 s each in turn after a pause of 4 s, medians`. */
export function tell({ rounds, pauseMs }: Rhythm, seconds: number): string {
  return `${rounds} rounds of ${seconds} s each in turn after a pause of ${pauseMs / 1_000} s, medians`;
}
