import type { Config } from '@claviger/platform/config';

import { ApiModule, startHttp, type RunningApi } from '../../api/src/index.js';
import { WorkerModule } from '../../worker/src/index.js';

/** Starts api and worker as one Nest application, so that they share one pool, one keyring and one set of caches. */
export function startServices(config: Config): Promise<RunningApi> {
  return startHttp(config, 'standalone', [ApiModule, WorkerModule.forRoot(config)]);
}
