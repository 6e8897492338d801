import { newId } from '@claviger/kernel';
import {
  defineJob,
  HandlesJob,
  JobQueue,
  QueueModule,
  QueueWorkerModule,
  type JobRun,
  type JobSchedule,
  type QueueOptions,
} from '@claviger/platform/queue';
import { HealthRegistry, NestLogger, TelemetryModule } from '@claviger/platform/telemetry';
import { captureLogs, type LogCapture } from '@claviger/testing';
import { getQueueToken } from '@nestjs/bullmq';
import { Injectable, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import type { Queue } from 'bullmq';
import { z } from 'zod';

const payload = z.object({ id: z.uuid() });

export const TOUCH = defineJob({ name: 'test.touch', payload, lane: 'user', retry: { attempts: 1, backoffMs: 0 } });
export const BLOCK = defineJob({ name: 'test.block', payload, lane: 'user', retry: { attempts: 1, backoffMs: 0 } });
export const FLAKY = defineJob({ name: 'test.flaky', payload, lane: 'user', retry: { attempts: 3, backoffMs: 1 } });
export const PATIENT = defineJob({
  name: 'test.patient',
  payload,
  lane: 'user',
  retry: { attempts: 2, backoffMs: 3_600_000 },
});
export const SWEEP = defineJob({
  name: 'test.sweep',
  payload: z.object({}),
  lane: 'sweep',
  retry: { attempts: 1, backoffMs: 0 },
});
export const JOBS = [TOUCH, BLOCK, FLAKY, PATIENT, SWEEP] as const;

type JobName = (typeof JOBS)[number]['name'];
export type Handled = {
  readonly name: JobName;
  readonly id: string | undefined;
  readonly run: JobRun;
  readonly at: number;
};
type Script = (id: string | undefined, run: JobRun) => Promise<void>;

/** Handlers that note what they were asked and then do what the test says. */
@Injectable()
export class ScriptedHandlers {
  readonly handled: Handled[] = [];
  readonly scripts = new Map<JobName, Script>();

  @HandlesJob(TOUCH)
  touch({ id }: { id: string }, run: JobRun): Promise<void> {
    return this.#play('test.touch', run, id);
  }

  @HandlesJob(BLOCK)
  block({ id }: { id: string }, run: JobRun): Promise<void> {
    return this.#play('test.block', run, id);
  }

  @HandlesJob(FLAKY)
  flaky({ id }: { id: string }, run: JobRun): Promise<void> {
    return this.#play('test.flaky', run, id);
  }

  @HandlesJob(PATIENT)
  patient({ id }: { id: string }, run: JobRun): Promise<void> {
    return this.#play('test.patient', run, id);
  }

  @HandlesJob(SWEEP)
  sweep(_: object, run: JobRun): Promise<void> {
    return this.#play('test.sweep', run);
  }

  async #play(name: JobName, run: JobRun, id?: string): Promise<void> {
    this.handled.push({ name, id, run, at: performance.now() });
    await this.scripts.get(name)?.(id, run);
  }
}

@Module({ providers: [ScriptedHandlers], exports: [ScriptedHandlers] })
class HandlersModule {}

export type AppOptions = {
  readonly queue: QueueOptions;
  readonly isWorker?: boolean;
  readonly concurrency?: number;
  readonly drainMs?: number;
  readonly schedules?: readonly JobSchedule[];
  readonly scripts?: Partial<Record<JobName, Script>>;
};

/** A process of Claviger, as far as the queue is concerned. */
export class QueueApp {
  private constructor(
    readonly module: TestingModule,
    readonly logs: LogCapture,
  ) {}

  static async start(options: AppOptions): Promise<QueueApp> {
    const logs = captureLogs();
    const { concurrency = 1, drainMs = 10_000, schedules = [], isWorker = true } = options;
    const worker = [HandlersModule, QueueWorkerModule.forRoot({ concurrency, drainMs, schedules })];
    const module = await Test.createTestingModule({
      imports: [
        TelemetryModule.forRoot(logs.logger),
        QueueModule.forRoot(options.queue),
        QueueModule.forFeature(...JOBS),
        ...(isWorker ? worker : []),
      ],
    })
      .setLogger(new NestLogger(logs.logger))
      .compile();
    const app = new QueueApp(module, logs);
    for (const [name, script] of Object.entries(options.scripts ?? {}))
      if (script) app.handlers.scripts.set(name as JobName, script);
    await module.init();
    return app;
  }

  get jobs(): JobQueue {
    return this.module.get(JobQueue);
  }

  get handlers(): ScriptedHandlers {
    return this.module.get(ScriptedHandlers);
  }

  get health(): HealthRegistry {
    return this.module.get(HealthRegistry);
  }

  /** BullMQ's own view of a queue. */
  bull(name: 'changes' | 'sweeps'): Queue {
    return this.module.get<Queue>(getQueueToken(name), { strict: false });
  }

  /** How often a job ran so far. */
  runs(name: JobName, id?: string): readonly Handled[] {
    return this.handlers.handled.filter((run) => run.name === name && (id === undefined || run.id === id));
  }

  /** Resolves when everything that was enqueued before has been run, or waits for its time. */
  async settled(): Promise<void> {
    const id = newId();
    this.jobs.enqueue(TOUCH, { id }, { lane: 'retry' });
    await until(() => this.runs('test.touch', id).length > 0);
    await this.idle();
  }

  /** Resolves when no job waits or runs, other than for its time. */
  async idle(): Promise<void> {
    for (const name of ['changes', 'sweeps'] as const)
      await until(async () => {
        const counts = await this.bull(name).getJobCounts('active', 'waiting', 'prioritized');
        return Object.values(counts).every((count) => count === 0);
      });
  }

  close(): Promise<void> {
    return this.module.close();
  }
}

/** Polls until the condition holds. @throws after 20 seconds */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`It did not come about: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A gate that handlers wait at until the test opens it. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open: () => open() };
}
