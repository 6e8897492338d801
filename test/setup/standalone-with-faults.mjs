// The built standalone, killed from within at a fault point: the file CLAVIGER_TEST_FAULT names the point, for one time,
// and every point that is reached is appended to the file CLAVIGER_TEST_FAULT_LOG.
import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';

const { setFaultHook } = await import('../../dist/libs/kernel/src/index.js');
const { CLAVIGER_TEST_FAULT: fault, CLAVIGER_TEST_FAULT_LOG: log } = process.env;
setFaultHook((point) => {
  appendFileSync(log, `${point}\n`);
  if (!existsSync(fault) || readFileSync(fault, 'utf8') !== point) return;
  rmSync(fault);
  process.kill(process.pid, 'SIGKILL');
});
await import('../../dist/apps/standalone/src/main.js');
