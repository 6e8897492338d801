import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FoundationModule, foundationOptions } from '@claviger/composition';
import type { Config } from '@claviger/platform/config';
import { NestLogger, type Logger } from '@claviger/platform/telemetry';
import { WorkerModule } from './worker.module.js';

export type RunningWorker = {
  /** Takes no new jobs, finishes those under way, then resolves. */
  close(): Promise<void>;
};

/** Starts the worker process over a complete configuration. `logger` takes its lines instead of standard output. */
export async function startWorker(config: Config, logger?: Logger): Promise<RunningWorker> {
  const options = foundationOptions(config, 'worker', logger);
  const root = { module: RootModule, imports: [FoundationModule.forRoot(options), WorkerModule.forRoot(config)] };
  const app = await NestFactory.createApplicationContext(root, {
    abortOnError: false,
    logger: new NestLogger(options.logger),
  });
  return { close: () => app.close() };
}

class RootModule {}
