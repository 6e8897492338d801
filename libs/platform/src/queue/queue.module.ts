import { HealthRegistry, Logger } from '@claviger/platform/telemetry';
import { BullModule, getQueueToken } from '@nestjs/bullmq';
import {
  Global,
  Inject,
  Injectable,
  Module,
  type DynamicModule,
  type FactoryProvider,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { Queue, type QueueOptions as QueueOptionsOfBullMQ } from 'bullmq';
import type { Pool } from 'pg';
import { BatchingJobQueue } from './batching-job-queue.js';
import { BullSink } from './bull-sink.js';
import { ErrorThrottle } from './error-throttle.js';
import type { JobDefinition } from './job-definition.js';
import { JobQueue } from './job-queue.js';
import { JobRegistry } from './job-registry.js';
import { assertQueueMigrated } from './migrate-queue.js';
import {
  installBackends,
  openQueueConnection,
  QUEUE_CONNECTION,
  type QueueConnection,
  type QueueOptions,
} from './queue-connection.js';
import { CHANGES_QUEUE, QUEUE_NAMES, SWEEPS_QUEUE, type QueueName } from './queued-job.js';

/** Looks after the queues from start to end. */
@Injectable()
class QueueLifecycle implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(QUEUE_CONNECTION) private readonly connection: QueueConnection,
    @Inject(getQueueToken(CHANGES_QUEUE)) private readonly changes: Queue,
    @Inject(getQueueToken(SWEEPS_QUEUE)) private readonly sweeps: Queue,
    private readonly jobs: BatchingJobQueue,
    private readonly health: HealthRegistry,
  ) {}

  /** @throws AppError `QUEUE_SCHEMA_OLDER`, `QUEUE_SCHEMA_NEWER` */
  async onModuleInit(): Promise<void> {
    if (this.connection.backend === 'postgres') await assertQueueMigrated(this.connection.client as Pool);
    this.health.register({ name: 'queue', check: () => this.connection.ping(), isOptional: true });
  }

  /** After the last request and the last job: what they asked for is sent, then the queues close. */
  async onApplicationShutdown(): Promise<void> {
    await this.jobs.close();
    await Promise.all([this.changes.close(), this.sweeps.close()]);
    await this.connection.close();
  }
}

@Module({})
class JobDefinitionsModule {}

/** Gives every feature the {@link JobQueue}. Handlers run in processes that also have the `QueueWorkerModule`. */
@Global()
@Module({})
export class QueueModule {
  static forRoot(options: QueueOptions): DynamicModule {
    installBackends();
    return {
      module: QueueModule,
      // Without a queue of its own, for its search for processors: its queues close before the last wake-ups are sent.
      imports: [BullModule.registerQueue()],
      providers: [
        JobRegistry,
        {
          provide: QUEUE_CONNECTION,
          inject: [Logger],
          useFactory: (logger: Logger) => openQueueConnection(options, logger),
        },
        ...QUEUE_NAMES.map(queueProvider),
        {
          provide: BatchingJobQueue,
          inject: [JobRegistry, Logger, ...QUEUE_NAMES.map((name) => getQueueToken(name))],
          useFactory: (registry: JobRegistry, logger: Logger, changes: Queue, sweeps: Queue) =>
            new BatchingJobQueue(registry, new BullSink({ changes, sweeps }), logger),
        },
        { provide: JobQueue, useExisting: BatchingJobQueue },
        QueueLifecycle,
      ],
      exports: [
        QUEUE_CONNECTION,
        JobQueue,
        BatchingJobQueue,
        JobRegistry,
        ...QUEUE_NAMES.map((name) => getQueueToken(name)),
      ],
    };
  }

  /** Registers the jobs of a feature. @throws AppError `JOB_DEFINED_TWICE` while the application starts */
  static forFeature(...definitions: readonly JobDefinition[]): DynamicModule {
    const jobs = {
      provide: Symbol('JOB_DEFINITIONS'),
      inject: [JobRegistry],
      useFactory: (registry: JobRegistry) => registry.add(...definitions),
    };
    return { module: JobDefinitionsModule, providers: [jobs] };
  }
}

function queueProvider(name: QueueName): FactoryProvider<Queue> {
  return {
    provide: getQueueToken(name),
    inject: [QUEUE_CONNECTION, Logger],
    useFactory: (connection: QueueConnection, logger: Logger) => {
      const queue = new Queue(name, {
        connection: connection.client as QueueOptionsOfBullMQ['connection'],
        prefix: 'claviger',
        // Nobody reads BullMQ's events; on PostgreSQL 0 would keep them all.
        streams: { events: { maxLen: 100 } },
      });
      // Without a listener BullMQ prints the whole error, which on PostgreSQL has the password in it.
      queue.on('error', new ErrorThrottle(logger, 'queue.error').onError);
      return queue;
    },
  };
}
