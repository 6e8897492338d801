import 'reflect-metadata';
import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { DynamicModule, Type } from '@nestjs/common';
import { FoundationModule, foundationOptions } from '@claviger/composition';
import { CLOCK, type Clock } from '@claviger/kernel';
import type { Config } from '@claviger/platform/config';
import { Keyring } from '@claviger/platform/crypto';
import { HealthRegistry, NestLogger, type Logger, type ProcessKind } from '@claviger/platform/telemetry';
import { ApiModule } from './api.module.js';
import { CertificateKeeper } from './http/certificate-keeper.js';
import { ConnectionDrain } from './http/connection-drain.js';
import { configureHttp, createHttpAdapter } from './http/http-server.js';
import { readTlsFiles, tlsFilesOf } from './http/tls-files.js';

export type RunningApi = {
  /** The address that it listens on. */
  readonly url: string;
  readonly app: NestFastifyApplication;
  /**
   * Says that it will be gone soon (`/readyz` is 503, connections end with their answers), answers for as long as the
   * configuration says, then resolves.
   */
  leave(): Promise<void>;
  /** Takes no new requests, finishes those under way, then resolves. */
  close(): Promise<void>;
};

export type HttpProcess = {
  /** What the process is composed of, over the foundation. */
  readonly modules: readonly (Type | DynamicModule)[];
  /** Runs once everything is there, before the first request. */
  readonly prepare?: (app: NestFastifyApplication) => Promise<void>;
  /** Where lines go; standard output unless given. */
  readonly logger?: Logger;
};

/** Starts the api process: the surfaces over a complete configuration (database address and root key included). */
export function startApi(config: Config, options: Omit<HttpProcess, 'modules'> = {}): Promise<RunningApi> {
  return startHttp(config, 'api', { ...options, modules: [ApiModule] });
}

/** Starts a process that listens. */
export async function startHttp(
  config: Config,
  kind: ProcessKind,
  { modules, prepare, logger }: HttpProcess,
): Promise<RunningApi> {
  const options = foundationOptions(config, kind, logger);
  const root = { module: RootModule, imports: [FoundationModule.forRoot(options), ...modules] };
  const files = tlsFilesOf(config.server);
  const { trustedProxies } = config.server;
  const tls = files && readTlsFiles(files);
  const app = await NestFactory.create<NestFastifyApplication>(root, createHttpAdapter({ tls, trustedProxies }), {
    bodyParser: false,
    abortOnError: false,
    logger: new NestLogger(options.logger),
  });
  const server: Server = app.getHttpServer();
  const connections = new ConnectionDrain(server);
  const keeper =
    files && tls && new CertificateKeeper({ server: server as TlsServer, files, logger: options.logger }, tls);
  try {
    configureHttp(app, app.get(Keyring).rootStoreId);
    await app.init();
    await prepare?.(app);
    await app.listen(config.server.port, config.server.host);
    keeper?.start();
  } catch (error) {
    await app.close();
    throw error;
  }
  const url = (await app.getUrl()).replace(/^https?:/, tls ? 'https:' : 'http:');
  options.logger.info('http.listening', { address: url });
  const leave = async (): Promise<void> => {
    options.logger.info('http.leaving', { seconds: config.server.drainSeconds });
    app.get(HealthRegistry).leave();
    await app.get<Clock>(CLOCK).sleep(config.server.drainSeconds * 1_000);
  };
  const close = async (): Promise<void> => {
    keeper?.stop();
    await connections.during(() => app.close());
  };
  return { url, app, leave, close };
}

class RootModule {}
