import { assertDatabaseReachable, runProcess } from '@claviger/composition';
import { loadConfig } from '@claviger/platform/config';
import { startWorker } from './start-worker.js';

await runProcess(async () => {
  const config = loadConfig(process.env);
  await assertDatabaseReachable(config.storage.databaseUrl);
  return startWorker(config);
});
