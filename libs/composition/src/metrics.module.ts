import { AUDIT_READINGS } from '@claviger/features/audit';
import { CHANGE_READINGS } from '@claviger/features/changes';
import { NOTIFICATION_READINGS } from '@claviger/features/notifications';
import { REPLICATION_READINGS } from '@claviger/features/replication';
import { SECRET_READINGS } from '@claviger/features/secrets';
import { CLOCK, type Clock } from '@claviger/kernel';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Database } from '@claviger/platform/database';
import { measureProcess, METRICS, StateReader, type StateReading } from '@claviger/platform/metrics';
import { CHANGES_QUEUE, QueueDepth, SWEEPS_QUEUE } from '@claviger/platform/queue';
import { HealthRegistry, Logger, ProcessRegistry, type ProcessKind } from '@claviger/platform/telemetry';
import { getQueueToken } from '@nestjs/bullmq';
import {
  Inject,
  Injectable,
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { Queue } from 'bullmq';
import { MetricsListener } from './metrics-listener.js';
import { BUILD_INFO, POOL_CONNECTIONS, POOL_WAITING, PROCESS_READINGS } from './process.metrics.js';
import { PRODUCT_VERSION } from './product-version.js';

/** Everything that is read from the database for monitoring. */
export const STATE_READINGS: readonly StateReading[] = [
  ...AUDIT_READINGS,
  ...CHANGE_READINGS,
  ...NOTIFICATION_READINGS,
  ...PROCESS_READINGS,
  ...REPLICATION_READINGS,
  ...SECRET_READINGS,
];

const PROCESS_KIND = Symbol('PROCESS_KIND');

/** Measures this process from start to end, and tells it where the configuration says so. */
@Injectable()
class ProcessMetrics implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #ends: (() => void)[] = [];
  readonly #listener: MetricsListener;

  constructor(
    @Inject(PROCESS_KIND) private readonly kind: ProcessKind,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(getQueueToken(CHANGES_QUEUE)) private readonly changes: Queue,
    @Inject(getQueueToken(SWEEPS_QUEUE)) private readonly sweeps: Queue,
    private readonly database: Database,
    private readonly processes: ProcessRegistry,
    private readonly logger: Logger,
    health: HealthRegistry,
  ) {
    this.#listener = new MetricsListener({ health, logger });
  }

  /** @throws AppError METRICS_ADDRESS_UNUSABLE */
  async onApplicationBootstrap(): Promise<void> {
    const { clock, logger } = this;
    const isTeller = (): Promise<boolean> => this.#isTeller();
    const { pool } = this.database;
    const state = new StateReader(STATE_READINGS, { pool, clock, logger, isTeller });
    const depth = new QueueDepth({ changes: this.changes, sweeps: this.sweeps }, clock, isTeller);
    BUILD_INFO.of({ process: this.kind, version: PRODUCT_VERSION }).set(1);
    this.#ends.push(
      measureProcess(),
      METRICS.beforeTelling(() => this.#tellPool()),
      METRICS.beforeTelling(() => state.refresh()),
      METRICS.beforeTelling(() => depth.refresh()),
    );
    const { metricsHost: host, metricsPort } = this.config.telemetry;
    // A command runs beside the process whose environment it has.
    if (metricsPort === undefined || this.kind === 'cli') return;
    const port = await this.#listener.listen({ host, port: metricsPort });
    this.logger.info('metrics.listening', { port });
  }

  /** Last of all: until then it is of use to know that the process is stopping. */
  async onApplicationShutdown(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    await this.#listener.close();
  }

  /** The worker that has lived longest tells what all processes share, so that it is told once. */
  async #isTeller(): Promise<boolean> {
    if (this.kind !== 'worker' && this.kind !== 'standalone') return false;
    const { rows } = await this.database.pool.query<{ id: string }>(
      `select id from process_heartbeat where kind in ('worker', 'standalone') order by started_at, id limit 1`,
    );
    return rows[0]?.id === this.processes.id;
  }

  #tellPool(): void {
    const { totalCount, idleCount, waitingCount } = this.database.pool;
    POOL_CONNECTIONS.of({ state: 'used' }).set(totalCount - idleCount);
    POOL_CONNECTIONS.of({ state: 'idle' }).set(idleCount);
    POOL_CONNECTIONS.of({ state: 'max' }).set(this.config.storage.databasePoolSize);
    POOL_WAITING.of({}).set(waitingCount);
  }
}

/** Metrics of a process, and where they are told. */
@Module({})
export class MetricsModule {
  static forRoot(kind: ProcessKind): DynamicModule {
    return { module: MetricsModule, providers: [{ provide: PROCESS_KIND, useValue: kind }, ProcessMetrics] };
  }
}
