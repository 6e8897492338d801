import { newId, systemContext } from '@claviger/kernel';
import { TokenService } from '@claviger/features/access';
import type { Config } from '@claviger/platform/config';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import type { Logger } from '@claviger/platform/telemetry';
import type { INestApplicationContext } from '@nestjs/common';

import { ApiModule, startHttp, type RunningApi } from '../../api/src/index.js';
import { WorkerModule } from '../../worker/src/index.js';

import { writeRootToken } from './root-token-file.js';

/**
 * Starts api and worker as one Nest application, so that they share one pool, one keyring and one set of caches. `logger`
 * takes their lines instead of standard output.
 */
export function startServices(config: Config, logger?: Logger): Promise<RunningApi> {
  return startHttp(config, 'standalone', {
    modules: [ApiModule, WorkerModule.forRoot(config)],
    prepare: (app) => ensureRootToken(app, config.storage.dataDir),
    ...(logger ? { logger } : {}),
  });
}

/** The first start makes a root token; its file is written before the token becomes valid. */
async function ensureRootToken(app: INestApplicationContext, dataDir: string): Promise<void> {
  const ctx = systemContext({
    requestId: newId(),
    storeId: app.get(Keyring).rootStoreId,
    job: 'standalone.first-start',
  });
  const tokens = app.get(TokenService, { strict: false });
  await app
    .get(Database)
    .transaction(ctx, (tx) => tokens.createFirst(tx, async (token) => writeRootToken(dataDir, token)));
}
