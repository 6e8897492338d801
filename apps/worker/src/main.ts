import { loadConfig } from '@claviger/platform/config';
import { startWorker } from './start-worker.js';

const worker = await startWorker(loadConfig(process.env));
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void worker.close().then(() => process.exit(0)));
