import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { newDataDir, saysAddress } from './harness/claviger-process.js';
import type { PartReport } from './harness/figures.js';
import { residentBytes } from './harness/process-cost.js';
import { startProgram, type Program } from './harness/program.js';
import { median } from './harness/statistics.js';

const START = fileURLToPath(new URL('../tools/start/start.mjs', import.meta.url));
const STARTS = 5;
const IDLE_MS = 20_000;
const GOAL_START_MS = 1_500;
const GOAL_RESIDENT = 180;

/** (c) The second start, when everything is installed and built, and the memory of an idle Claviger. */
export async function run(): Promise<PartReport> {
  const dataDir = newDataDir();
  try {
    const first = await start(dataDir.path);
    await first.stop();
    const startMs: number[] = [];
    let megabytes = Number.NaN;
    for (let number = 1; number <= STARTS; number++) {
      const program = await start(dataDir.path);
      startMs.push(program.readyMs);
      if (number === STARTS) megabytes = await idleMegabytes(program);
      await program.stop();
    }
    const second = median(startMs);
    return {
      title: '(c) Start and memory',
      how: `What npm start runs, ${STARTS} starts on existing data, median; resident memory of the Node process after ${IDLE_MS / 1_000} s without requests, PostgreSQL not counted.`,
      figures: [
        { name: 'first start', unit: 'ms', ours: first.readyMs },
        {
          name: 'second start',
          unit: 'ms',
          ours: second,
          goal: `at most ${GOAL_START_MS} ms`,
          isMet: second <= GOAL_START_MS,
        },
        { name: 'npm itself', unit: 'ms', ours: npmMs() },
        {
          name: 'idle memory',
          unit: 'MB',
          ours: megabytes,
          goal: `at most ${GOAL_RESIDENT} MB`,
          isMet: megabytes <= GOAL_RESIDENT,
        },
      ],
    };
  } finally {
    dataDir.remove();
  }
}

function start(dataDir: string): Promise<Program> {
  const env = { CLAVIGER_DATA_DIR: dataDir, CLAVIGER_PORT: '0' };
  return startProgram({ args: [START], env: { ...env, NODE_ENV: undefined }, ready: saysAddress });
}

async function idleMegabytes({ pid }: Program): Promise<number> {
  await sleep(IDLE_MS);
  return residentBytes(pid) / 1e6;
}

/** What `npm start` adds before it gives way to the program. */
function npmMs(): number {
  const startedAt = performance.now();
  spawnSync('npm', ['run', '--silent', 'start', '--', '--help'], { stdio: 'ignore' });
  const withNpm = performance.now() - startedAt;
  const bareAt = performance.now();
  spawnSync(process.execPath, [START, '--help'], { stdio: 'ignore' });
  return withNpm - (performance.now() - bareAt);
}
