import { assertDatabaseReachable, runProcess } from '@claviger/composition';
import { loadConfig } from '@claviger/platform/config';
import { startApi } from './start-api.js';

await runProcess(async () => {
  const config = loadConfig(process.env);
  await assertDatabaseReachable(config.storage.databaseUrl);
  return startApi(config);
});
