// The built standalone, killed from within at a fault point: CLAVIGER_TEST_FAULT names the point, and every point that
// is reached is appended to the file CLAVIGER_TEST_FAULT_LOG.
import { appendFileSync } from 'node:fs';

const { setFaultHook } = await import('../../dist/libs/kernel/src/index.js');
const { CLAVIGER_TEST_FAULT: fatal, CLAVIGER_TEST_FAULT_LOG: log } = process.env;
setFaultHook((point) => {
  appendFileSync(log, `${point}\n`);
  if (point === fatal) process.kill(process.pid, 'SIGKILL');
});
await import('../../dist/apps/standalone/src/main.js');
