import { loadConfig } from '@claviger/platform/config';
import { startApi } from './start-api.js';

const api = await startApi(loadConfig(process.env));
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void api.close().then(() => process.exit(0)));
