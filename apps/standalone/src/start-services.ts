import { writeRootToken } from '@claviger/composition';
import { newId, systemContext, type RequestContext } from '@claviger/kernel';
import { TokenService } from '@claviger/features/access';
import { ChangeService } from '@claviger/features/changes';
import { IdempotencyService } from '@claviger/features/idempotency';
import { ImportScanner } from '@claviger/features/imports';
import { PlanWorker } from '@claviger/features/plans';
import { ReplicationService } from '@claviger/features/replication';
import type { Config } from '@claviger/platform/config';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { dataPaths, LogFile } from '@claviger/platform/embedded';
import { createLogger, type Logger } from '@claviger/platform/telemetry';
import type { INestApplicationContext } from '@nestjs/common';

import { ApiModule, startHttp, type RunningApi } from '../../api/src/index.js';
import { WorkerModule } from '../../worker/src/index.js';

export type ServiceOptions = {
  /** True when no other process can be using the database: what a dead predecessor left unfinished is free at once. */
  readonly isAlone: boolean;
  /** Takes the lines of api and worker; `claviger.log` of the data directory unless given. */
  readonly logger?: Logger;
};

/** Starts api and worker as one Nest application, so that they share one pool, one keyring and one set of caches. */
export function startServices(config: Config, { isAlone, logger }: ServiceOptions): Promise<RunningApi> {
  return startHttp(config, 'standalone', {
    modules: [ApiModule, WorkerModule.forRoot(config)],
    prepare: async (app) => {
      const ctx = startContext(app);
      await ensureRootToken(app, ctx, config.storage.dataDir);
      if (isAlone) await takeOver(app, ctx);
    },
    logger: logger ?? fileLogger(config),
  });
}

/** Lines for machines have a file of their own: what a person reads on standard output is short and stays readable. */
function fileLogger({ storage, telemetry }: Config): Logger {
  return createLogger({
    level: telemetry.logLevel,
    process: 'standalone',
    destination: new LogFile(dataPaths(storage.dataDir).ownLog),
  });
}

function startContext(app: INestApplicationContext): RequestContext {
  return systemContext({ requestId: newId(), storeId: app.get(Keyring).rootStoreId, job: 'standalone.start' });
}

/** The first start makes a root token; its file is written before the token becomes valid. */
async function ensureRootToken(app: INestApplicationContext, ctx: RequestContext, dataDir: string): Promise<void> {
  const tokens = app.get(TokenService, { strict: false });
  await app
    .get(Database)
    .transaction(ctx, (tx) => tokens.createFirst(tx, async (token) => writeRootToken(dataDir, token)));
}

/** Whatever holds a lease is dead: nobody needs to wait for it to run out. */
async function takeOver(app: INestApplicationContext, ctx: RequestContext): Promise<void> {
  await app.get(ChangeService, { strict: false }).expireLeases(ctx);
  await app.get(IdempotencyService, { strict: false }).expireLeases(ctx);
  await app.get(ImportScanner, { strict: false }).expireLeases(ctx);
  await app.get(PlanWorker, { strict: false }).expireLeases(ctx);
  await app.get(ReplicationService, { strict: false }).expireLeases(ctx);
}
