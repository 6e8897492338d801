import { Logger } from '@claviger/platform/telemetry';
import { getQueueToken, Processor } from '@nestjs/bullmq';
import {
  Injectable,
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import type { Queue } from 'bullmq';
import { BatchingJobQueue } from './batching-job-queue.js';
import { HANDLES_JOB } from './handles-job.js';
import type { JobDefinition, JobHandler } from './job-definition.js';
import { JobDispatcher } from './job-dispatcher.js';
import { JobRegistry } from './job-registry.js';
import type { JobSchedule } from './job-schedule.js';
import { LANE_WORKER_OPTIONS, LaneProcessor } from './lane-processor.js';
import { QUEUE_CONNECTION, type QueueConnection } from './queue-connection.js';
import { CHANGES_QUEUE, SWEEPS_QUEUE } from './queued-job.js';
import { ScheduleKeeper } from './schedule-keeper.js';

export type QueueWorkerOptions = {
  /** Jobs at the same time: so many users' changes and retries, and as many sweeps. */
  readonly concurrency: number;
  /** Every recurring job. */
  readonly schedules: readonly JobSchedule[];
  /** How long running jobs may take to finish when the process stops; 10 seconds unless given. */
  readonly drainMs?: number;
};

@Processor(CHANGES_QUEUE, LANE_WORKER_OPTIONS)
class ChangesProcessor extends LaneProcessor {}

@Processor(SWEEPS_QUEUE, LANE_WORKER_OPTIONS)
class SweepsProcessor extends LaneProcessor {}

/** Finds the handlers, refuses to start without all of them, runs the lanes, and drains them at the end. */
@Injectable()
class QueueWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
    private readonly dispatcher: JobDispatcher,
    private readonly schedules: ScheduleKeeper,
    private readonly changes: ChangesProcessor,
    private readonly sweeps: SweepsProcessor,
    private readonly logger: Logger,
  ) {}

  /** @throws AppError `JOB_HANDLERS_INCOMPLETE`, `JOB_HANDLED_TWICE` */
  async onApplicationBootstrap(): Promise<void> {
    for (const { instance } of this.discovery.getProviders()) if (isObject(instance)) this.#addHandlersOf(instance);
    this.dispatcher.assertComplete();
    this.changes.start();
    this.sweeps.start();
    this.schedules.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.schedules.stop();
    const drained = Promise.all([this.changes.drain(), this.sweeps.drain()]);
    this.logger.info('queue.draining');
    await drained;
  }

  #addHandlersOf(provider: Record<string, unknown>): void {
    for (const method of this.scanner.getAllMethodNames(Object.getPrototypeOf(provider) as object)) {
      const handler = provider[method] as JobHandler<unknown>;
      const definition = this.reflector.get<JobDefinition | undefined>(HANDLES_JOB, handler);
      if (definition) this.dispatcher.handle(definition, handler.bind(provider));
    }
  }
}

function isObject(instance: unknown): instance is Record<string, unknown> {
  return typeof instance === 'object' && instance !== null;
}

/** Makes a process run jobs. Needs the `QueueModule`; handlers are methods with `@HandlesJob` of any provider. */
@Module({})
export class QueueWorkerModule {
  static forRoot(options: QueueWorkerOptions): DynamicModule {
    const { concurrency, drainMs = 10_000 } = options;
    const laneProvider = (Lane: typeof ChangesProcessor | typeof SweepsProcessor) => ({
      provide: Lane,
      inject: [QUEUE_CONNECTION, JobDispatcher, ScheduleKeeper, Logger],
      useFactory: (queue: QueueConnection, dispatcher: JobDispatcher, schedules: ScheduleKeeper, logger: Logger) =>
        new Lane(dispatcher, schedules, { concurrency, drainMs, cutQueue: queue.cut }, logger),
    });
    return {
      module: QueueWorkerModule,
      imports: [DiscoveryModule],
      providers: [
        {
          provide: JobDispatcher,
          inject: [JobRegistry, Logger],
          useFactory: (registry: JobRegistry, logger: Logger) => new JobDispatcher(registry, logger),
        },
        {
          provide: ScheduleKeeper,
          inject: [getQueueToken(CHANGES_QUEUE), BatchingJobQueue, Logger],
          useFactory: (queue: Queue, jobs: BatchingJobQueue, logger: Logger) =>
            new ScheduleKeeper(queue, jobs, options.schedules, logger),
        },
        laneProvider(ChangesProcessor),
        laneProvider(SweepsProcessor),
        QueueWorker,
      ],
    };
  }
}
