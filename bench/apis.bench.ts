import { CONNECTIONS, fillClaviger, loadsOf, prepareOpenBao, SECRETS } from './harness/content-load.js';
import { FEW_LONG_ROUNDS, figuresOf, KINDS, takeTurns, tell, type Rounds, type Side } from './harness/contest.js';
import type { Figure, PartReport } from './harness/figures.js';
import { createInstallation, type Installation } from './harness/installation.js';
import { GENERATOR } from './harness/load.js';
import { cpuSeconds, treeCpuSeconds } from './harness/process-cost.js';
import type { Program } from './harness/program.js';
import { startRaftOpenBao, type RaftOpenBao } from './harness/raft-open-bao.js';

type Name = 'two' | 'one' | 'openBao';

/**
 * (g) The same reading and writing of content as in (a), in the shape of production: api processes and a worker on one
 * PostgreSQL. Two apis, one of them alone, and OpenBao, each in its turn.
 */
export async function run({ seconds }: { readonly seconds: number }): Promise<PartReport> {
  const installation = await createInstallation();
  const started: Program[] = [];
  let openBao: RaftOpenBao | undefined;
  try {
    const apis = [await installation.startApi(), await installation.startApi()];
    const worker = await installation.startWorker();
    started.push(...apis, worker);
    openBao = await startRaftOpenBao();
    const filled = await fillClaviger(apis[0]!.address, installation.rootToken);
    const side = (asked: readonly Program[]): Side => ({
      ...loadsOf(
        filled,
        asked.map(({ address }) => address),
        seconds,
      ),
      cpu: () => costOf(installation, asked, started),
    });
    const rounds = await takeTurns<Name>({
      two: side(apis),
      one: side(apis.slice(0, 1)),
      openBao: await prepareOpenBao(openBao, seconds),
    });
    return {
      title: '(g) Two apis on one PostgreSQL',
      how: `${SECRETS} secrets, ${CONNECTIONS} connections of ${GENERATOR}, shared out between two apis, at one of them, and at OpenBao KV v2 on raft; ${tell(FEW_LONG_ROUNDS, seconds)}.`,
      figures: [
        ...compared(rounds, 'two', 'one', 'two apis with one'),
        ...compared(rounds, 'two', 'openBao', 'two apis with OpenBao'),
        ...compared(rounds, 'one', 'openBao', 'one api with OpenBao'),
      ],
    };
  } finally {
    for (const program of started.reverse()) await program.stop();
    await openBao?.stop();
    await installation.close();
  }
}

/** The worker seals, and the api that is not asked lives: both are paid for. */
function costOf(
  { databasePid }: Installation,
  asked: readonly Program[],
  all: readonly Program[],
): ReturnType<Side['cpu']> {
  const cost = (programs: readonly Program[]): number => programs.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);
  return { server: cost(asked), all: cost(all) + treeCpuSeconds(databasePid) };
}

function compared(rounds: Rounds<Name>, ours: Name, theirs: Name, title: string): Figure[] {
  return KINDS.flatMap((kind) => figuresOf(kind, { ours: rounds[kind][ours], theirs: rounds[kind][theirs] })).map(
    (figure) => ({ ...figure, name: `${title}: ${figure.name}` }),
  );
}
