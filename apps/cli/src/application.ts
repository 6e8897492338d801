import 'reflect-metadata';
import { FoundationModule, foundationOptions } from '@claviger/composition';
import { AccessModule } from '@claviger/features/access';
import type { Config } from '@claviger/platform/config';
import { createLogger, NestLogger } from '@claviger/platform/telemetry';
import type { INestApplicationContext, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

class RootModule {}

/** The features that commands need, over the foundation, without a word of its own on standard output. */
export function openApplication(
  config: Config,
  features: readonly Type[] = [AccessModule],
): Promise<INestApplicationContext> {
  const logger = createLogger({ level: 'silent', process: 'cli' });
  const options = { ...foundationOptions(config, 'cli'), logger };
  const root = { module: RootModule, imports: [FoundationModule.forRoot(options), ...features] };
  return NestFactory.createApplicationContext(root, { abortOnError: false, logger: new NestLogger(logger) });
}
