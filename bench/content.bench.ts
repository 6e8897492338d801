import { newDataDir, startClaviger, type ClavigerProcess } from './harness/claviger-process.js';
import { CONNECTIONS, prepareClaviger, prepareOpenBao, SECRETS } from './harness/content-load.js';
import { compete, FEW_LONG_ROUNDS, tell, type Goal } from './harness/contest.js';
import type { PartReport } from './harness/figures.js';
import { GENERATOR } from './harness/load.js';
import { startRaftOpenBao, type RaftOpenBao } from './harness/raft-open-bao.js';

/**
 * (a) Reading and writing content: Claviger's REST API on the built-in vault (audit durable, fsync on) against OpenBao's
 * KV v2 on raft storage with a file audit device.
 */
export async function run({ seconds }: { readonly seconds: number }): Promise<PartReport> {
  const dataDir = newDataDir();
  let claviger: ClavigerProcess | undefined;
  let openBao: RaftOpenBao | undefined;
  try {
    claviger = await startClaviger(dataDir.path);
    openBao = await startRaftOpenBao();
    const contest = {
      ours: await prepareClaviger(claviger, dataDir.path, seconds),
      theirs: await prepareOpenBao(openBao, seconds),
    };
    return {
      title: '(a) Reading and writing content, one machine',
      how: `${SECRETS} secrets, ${CONNECTIONS} connections of ${GENERATOR}, ${tell(FEW_LONG_ROUNDS, seconds)}; compared with OpenBao KV v2 on raft.`,
      figures: await compete(contest, { read: times(4, 2.4), write: times(3, 2) }),
    };
  } finally {
    await claviger?.stop();
    await openBao?.stop();
    dataDir.remove();
  }
}

const times = (goal: number, atLeast: number): Goal => ({
  goal: `${goal} × (never below ${atLeast} ×)`,
  isMet: (ours, theirs) => ours >= goal * theirs,
  isP99Lower: true,
});
