import { AppError, newId } from '@claviger/kernel';
import { everyMs, QueueModule, QueueWorkerModule, type QueueOptions } from '@claviger/platform/queue';
import { NestLogger, TelemetryModule } from '@claviger/platform/telemetry';
import { captureLogs } from '@claviger/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  BLOCK,
  until,
  FLAKY,
  gate,
  JOBS,
  PATIENT,
  QueueApp,
  ScriptedHandlers,
  SWEEP,
  TOUCH,
  type AppOptions,
} from './queue-app.js';

/** A place where BullMQ keeps queues, and what a test may do to it. */
export type QueuePlace = {
  readonly options: QueueOptions;
  /** Everything that is stored, as text. */
  dump(): Promise<string>;
  /** Forgets everything at once, whoever is using it. */
  empty(): Promise<void>;
  /** Cuts all connections, and lets new ones come. */
  disconnect(): Promise<void>;
  /** Takes it away, connections and all, until the returned function is called. */
  takeAway(): Promise<() => Promise<void>>;
  /** Connections of the process under test. */
  countConnections(): Promise<number>;
  stop(): Promise<void>;
};

const canary = 'canary-3d9e5b';

/** What the queue promises, wherever it is kept. */
export function describeQueue(open: () => Promise<QueuePlace>): void {
  jest.setTimeout(30_000);
  let place: QueuePlace;
  const apps: QueueApp[] = [];

  const start = async (options: Omit<AppOptions, 'queue'> = {}): Promise<QueueApp> => {
    const app = await QueueApp.start({ queue: place.options, ...options });
    apps.push(app);
    return app;
  };
  /** Keeps the only place of a worker busy until the gate opens. */
  const occupy = async (app: QueueApp): Promise<() => void> => {
    const { passed, open: release } = gate();
    app.handlers.scripts.set('test.block', () => passed);
    const id = newId();
    app.jobs.enqueue(BLOCK, { id });
    await until(() => app.runs('test.block', id).length === 1);
    return release;
  };

  beforeAll(async () => {
    place = await open();
  });
  beforeEach(() => {
    // BullMQ prints errors that nobody listens to, with everything that hangs on them.
    for (const method of ['log', 'warn', 'error'] as const)
      jest.spyOn(console, method).mockImplementation(() => undefined);
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    await place.empty();
    for (const method of ['log', 'warn', 'error'] as const) expect(console[method]).not.toHaveBeenCalled();
    jest.restoreAllMocks();
  });
  afterAll(() => place.stop());

  describe('a job', () => {
    it('reaches its handler with its payload', async () => {
      const app = await start();
      const id = newId();
      app.jobs.enqueue(TOUCH, { id });
      await until(() => app.runs('test.touch', id).length === 1);
      const { run } = app.runs('test.touch', id)[0]!;
      expect(run).toMatchObject({ attempt: 1, isLastAttempt: true });
      expect(run.requestId).toMatch(/^[0-9a-f-]{36}$/);
      expect(run.signal.aborted).toBe(false);
    });

    it('is run by a worker that starts later', async () => {
      const api = await start({ isWorker: false });
      const id = newId();
      api.jobs.enqueue(TOUCH, { id });
      await until(async () => (await api.bull('changes').count()) === 1);
      const worker = await start();
      await until(() => worker.runs('test.touch', id).length === 1);
    });

    it('leaves nothing behind when it is done', async () => {
      const app = await start();
      const id = newId();
      app.jobs.enqueue(TOUCH, { id });
      await app.settled();
      await until(async () => !(await place.dump()).includes(id));
    });

    it('arrives among a thousand', async () => {
      const app = await start({ concurrency: 16 });
      const ids = Array.from({ length: 1_000 }, () => newId());
      for (const id of ids) app.jobs.enqueue(TOUCH, { id });
      await until(() => app.runs('test.touch').length >= 1_000);
      expect(new Set(app.runs('test.touch').map(({ id }) => id))).toEqual(new Set(ids));
    });

    it('does not run before its time', async () => {
      const app = await start();
      const id = newId();
      const askedAt = performance.now();
      app.jobs.enqueue(TOUCH, { id }, { delayMs: 300 });
      await until(() => app.runs('test.touch', id).length === 1);
      expect(app.runs('test.touch', id)[0]!.at - askedAt).toBeGreaterThan(290);
    });
  });

  describe('the same job', () => {
    it('runs once when it is asked for again while it waits', async () => {
      const app = await start();
      const release = await occupy(app);
      const id = newId();
      for (let i = 0; i < 3; i += 1) {
        app.jobs.enqueue(TOUCH, { id });
        await sentBy(app);
      }
      release();
      await app.settled();
      expect(app.runs('test.touch', id)).toHaveLength(1);
    });

    it('runs once more when it is asked for while it runs', async () => {
      const { passed, open: release } = gate();
      const app = await start({ concurrency: 4, scripts: { 'test.touch': () => passed } });
      const id = newId();
      app.jobs.enqueue(TOUCH, { id });
      await until(() => app.runs('test.touch', id).length === 1);
      for (let i = 0; i < 3; i += 1) {
        app.jobs.enqueue(TOUCH, { id });
        await sentBy(app);
      }
      expect(app.runs('test.touch', id)).toHaveLength(1);
      release();
      await until(() => app.runs('test.touch', id).length === 2);
      await app.settled();
      expect(app.runs('test.touch', id)).toHaveLength(2);
    });

    it('runs once more also when the run that it was asked for in fails', async () => {
      const { passed, open: release } = gate();
      const fail = (): Promise<void> => passed.then(() => Promise.reject(new Error('x')));
      const app = await start({ concurrency: 4, scripts: { 'test.touch': fail } });
      const id = newId();
      app.jobs.enqueue(TOUCH, { id });
      await until(() => app.runs('test.touch', id).length === 1);
      app.jobs.enqueue(TOUCH, { id });
      await sentBy(app);
      release();
      await until(() => app.runs('test.touch', id).length === 2);
    });

    it('runs now when it is asked for now, though it was asked for later before', async () => {
      const app = await start();
      const id = newId();
      app.jobs.enqueue(TOUCH, { id }, { delayMs: 3_600_000 });
      await until(async () => (await app.bull('changes').getDelayedCount()) === 1);
      app.jobs.enqueue(TOUCH, { id });
      await until(() => app.runs('test.touch', id).length === 1);
      expect(await app.bull('changes').getDelayedCount()).toBe(0);
    });

    it('runs now when it is asked for now, though it waits for its next attempt', async () => {
      let fails = true;
      const app = await start({
        scripts: { 'test.patient': () => (fails ? Promise.reject(new Error('x')) : Promise.resolve()) },
      });
      const id = newId();
      app.jobs.enqueue(PATIENT, { id });
      await until(async () => (await app.bull('changes').getDelayedCount()) === 1);
      fails = false;
      app.jobs.enqueue(PATIENT, { id });
      await until(() => app.runs('test.patient', id).length === 2);
      await app.settled();
      expect(await app.bull('changes').getDelayedCount()).toBe(0);
    });

    it('is told apart by its deduplication key, where it has one', async () => {
      const app = await start();
      const release = await occupy(app);
      const [first, second] = [newId(), newId()];
      app.jobs.enqueue(TOUCH, { id: first }, { dedupKey: 'same' });
      app.jobs.enqueue(TOUCH, { id: second }, { dedupKey: 'same' });
      release();
      await app.settled();
      expect(app.runs('test.touch', first).length + app.runs('test.touch', second).length).toBe(1);
    });
  });

  describe('lanes', () => {
    it("let a user's change go before retries", async () => {
      const app = await start();
      const release = await occupy(app);
      const [retry, again, user] = [newId(), newId(), newId()];
      app.jobs.enqueue(TOUCH, { id: retry }, { lane: 'retry' });
      app.jobs.enqueue(TOUCH, { id: again }, { lane: 'retry' });
      await until(async () => (await app.bull('changes').count()) === 2);
      app.jobs.enqueue(TOUCH, { id: user }, { lane: 'user' });
      await until(async () => (await app.bull('changes').count()) === 3);
      release();
      await app.settled();
      const order = app.runs('test.touch').map(({ id }) => id);
      expect(order.slice(0, 3)).toEqual([user, retry, again]);
    });

    it("do not let a sweep hold a user's change up", async () => {
      const { passed, open: release } = gate();
      const app = await start({ concurrency: 1, scripts: { 'test.sweep': () => passed } });
      app.jobs.enqueue(SWEEP, {});
      await until(() => app.runs('test.sweep').length === 1);
      const id = newId();
      app.jobs.enqueue(TOUCH, { id });
      await until(() => app.runs('test.touch', id).length === 1);
      release();
    });

    it("do not let a user's change wait behind the same job of a later lane", async () => {
      const app = await start();
      const release = await occupy(app);
      const [id, other] = [newId(), newId()];
      app.jobs.enqueue(TOUCH, { id: other }, { lane: 'retry' });
      app.jobs.enqueue(TOUCH, { id }, { lane: 'retry' });
      await until(async () => (await app.bull('changes').count()) === 2);
      app.jobs.enqueue(TOUCH, { id }, { lane: 'user' });
      await until(async () => (await app.bull('changes').count()) === 3);
      release();
      await app.settled();
      expect(app.runs('test.touch')[0]!.id).toBe(id);
    });
  });

  describe('a job that fails', () => {
    it('runs again as often as its policy says', async () => {
      const app = await start({ scripts: { 'test.flaky': () => Promise.reject(new Error('x')) } });
      const id = newId();
      app.jobs.enqueue(FLAKY, { id });
      await until(() => app.runs('test.flaky', id).length === 3);
      await app.settled();
      expect(app.runs('test.flaky', id).map(({ run }) => [run.attempt, run.isLastAttempt])).toEqual([
        [1, false],
        [2, false],
        [3, true],
      ]);
      expect(app.logs.lines('queue.job_will_retry')).toHaveLength(2);
      expect(app.logs.lines('queue.job_failed')).toHaveLength(1);
    });

    it('does not run again once it has succeeded', async () => {
      const app = await start({
        scripts: { 'test.flaky': (_, run) => (run.attempt === 2 ? Promise.resolve() : Promise.reject(new Error('x'))) },
      });
      const id = newId();
      app.jobs.enqueue(FLAKY, { id });
      await until(() => app.runs('test.flaky', id).length === 2);
      await app.settled();
      expect(app.runs('test.flaky', id)).toHaveLength(2);
    });

    it('does not run again when that is of no use', async () => {
      const gone = new AppError({ code: 'SECRET_NOT_FOUND', kind: 'not_found', message: 'x' });
      const app = await start({ scripts: { 'test.flaky': () => Promise.reject(gone) } });
      const id = newId();
      app.jobs.enqueue(FLAKY, { id });
      await until(async () => (await app.bull('changes').getFailedCount()) === 1);
      expect(app.runs('test.flaky', id)).toHaveLength(1);
      const [failed] = await app.bull('changes').getFailed();
      expect(failed).toMatchObject({ failedReason: 'SECRET_NOT_FOUND', stacktrace: [] });
    });

    it('leaves a code and nothing else in the queue, the log and the errors', async () => {
      const secrets: unknown[] = [
        new Error(canary, { cause: new Error(canary) }),
        new AppError({
          code: 'X_FAILED',
          kind: 'internal',
          message: 'x',
          details: { canary },
          cause: new Error(canary),
        }),
        Object.assign(new Error(canary), { name: canary, code: canary, stack: canary, response: { body: canary } }),
        canary,
        { message: canary, stack: canary, name: canary },
        Object.assign(new Error(canary), { name: 'DelayedError' }),
        Object.assign(new Error('bullmq:rateLimitExceeded'), { canary }),
      ];
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      const app = await start({ scripts: { 'test.flaky': () => Promise.reject(secrets.shift()) } });
      for (let i = 0; i < 2; i += 1) app.jobs.enqueue(FLAKY, { id: newId() });
      await until(() => app.runs('test.flaky').length === 6);
      expect(await place.dump()).not.toContain(canary);
      await until(async () => (await app.bull('changes').getFailedCount()) === 2);
      const dump = await place.dump();
      expect(dump).toContain('JOB_FAILED');
      expect(dump).not.toContain(canary);
      expect(dump).not.toContain('queue-cases');
      expect(app.logs.text()).not.toContain(canary);
    });

    it('does not take the worker with it when the queue holds what nobody knows', async () => {
      const app = await start();
      await app.bull('changes').add('test.of-tomorrow', { [canary]: canary });
      await app.bull('changes').add(TOUCH.name, { id: canary });
      await until(async () => (await app.bull('changes').getFailedCount()) === 2);
      await app.settled();
      const reasons = (await app.bull('changes').getFailed()).map(({ failedReason }) => failedReason);
      expect(new Set(reasons)).toEqual(new Set(['JOB_UNKNOWN', 'JOB_PAYLOAD_INVALID']));
      expect(app.logs.text()).not.toContain(canary);
    });
  });

  describe('a schedule', () => {
    it('asks for its job again and again', async () => {
      const app = await start({ schedules: [everyMs(50, SWEEP, {})] });
      await until(() => app.runs('test.sweep').length >= 3);
    });

    it('never runs its job twice at a time', async () => {
      const { passed, open: release } = gate();
      const app = await start({
        concurrency: 4,
        schedules: [everyMs(20, SWEEP, {})],
        scripts: { 'test.sweep': () => passed },
      });
      await until(() => app.runs('test.sweep').length === 1);
      const ticks = (): Promise<number> => iterations(app);
      const before = await ticks();
      await until(async () => (await ticks()) > before + 5);
      expect(app.runs('test.sweep')).toHaveLength(1);
      release();
      await until(() => app.runs('test.sweep').length >= 3);
    });

    it('is shared by all workers', async () => {
      const schedules = [everyMs(3_600_000, SWEEP, {})];
      const workers = await Promise.all([start({ schedules }), start({ schedules })]);
      const runs = (): number => workers.reduce((sum, app) => sum + app.runs('test.sweep').length, 0);
      await until(() => runs() === 1);
      await Promise.all(workers.map((app) => app.idle()));
      expect(runs()).toBe(1);
      expect(await workers[0]!.bull('changes').getJobSchedulersCount()).toBe(1);
    });

    it('changes with the list', async () => {
      const first = await start({
        schedules: [everyMs(3_600_000, SWEEP, {}), everyMs(3_600_000, TOUCH, { id: newId() })],
      });
      await until(async () => (await first.bull('changes').getJobSchedulersCount()) === 2);
      await first.close();
      const second = await start({ schedules: [everyMs(7_200_000, SWEEP, {})] });
      const present = async (): Promise<unknown[]> =>
        (await second.bull('changes').getJobSchedulers()).map(({ key, every }) => [key, every]);
      await until(async () => (await present()).length === 1);
      expect(await present()).toEqual([['test.sweep', 7_200_000]]);
    });
  });

  describe('when a worker stops', () => {
    it('finishes what runs, and takes nothing more', async () => {
      const { passed, open: release } = gate();
      let isDone = false;
      const app = await start({ scripts: { 'test.touch': () => passed.then(() => void (isDone = true)) } });
      const [running, waiting] = [newId(), newId()];
      app.jobs.enqueue(TOUCH, { id: running });
      await until(() => app.runs('test.touch', running).length === 1);
      app.jobs.enqueue(TOUCH, { id: waiting });
      await until(async () => (await app.bull('changes').count()) === 1);
      const closing = app.close();
      await until(() => app.logs.lines('queue.draining').length === 1);
      release();
      await closing;
      expect(isDone).toBe(true);
      expect(app.runs('test.touch')).toHaveLength(1);
      const next = await start();
      await until(() => next.runs('test.touch', waiting).length === 1);
    });

    it('puts back what does not end in time, for another worker', async () => {
      const app = await start({ drainMs: 50, scripts: { 'test.touch': () => new Promise(() => undefined) } });
      const id = newId();
      app.jobs.enqueue(TOUCH, { id });
      await until(() => app.runs('test.touch', id).length === 1);
      await app.close();
      expect(app.runs('test.touch', id)[0]!.run.signal.aborted).toBe(true);
      const next = await start();
      await until(() => next.runs('test.touch', id).length === 1);
    });

    it('sends what was asked for in the last moment', async () => {
      const app = await start({ isWorker: false });
      const id = newId();
      app.jobs.enqueue(TOUCH, { id });
      await app.close();
      const next = await start();
      await until(() => next.runs('test.touch', id).length === 1);
    });

    it('sends what its last jobs asked for', async () => {
      const id = newId();
      const { passed, open: release } = gate();
      const app = await start();
      app.handlers.scripts.set('test.block', () => passed.then(() => app.jobs.enqueue(TOUCH, { id })));
      app.jobs.enqueue(BLOCK, { id });
      await until(() => app.runs('test.block').length === 1);
      const closing = app.close();
      await until(() => app.logs.lines('queue.draining').length === 1);
      release();
      await closing;
      const next = await start();
      await until(() => next.runs('test.touch', id).length === 1);
    });
  });

  describe('when everything in the queue is lost', () => {
    it('goes on, also with what was running', async () => {
      const { passed, open: release } = gate();
      const app = await start({ concurrency: 4, schedules: [everyMs(3_600_000, SWEEP, {})] });
      app.handlers.scripts.set('test.block', () => passed);
      const lost = newId();
      for (let i = 0; i < 4; i += 1) app.jobs.enqueue(BLOCK, { id: newId() });
      await until(() => app.runs('test.block').length === 4);
      app.jobs.enqueue(TOUCH, { id: lost });
      await until(async () => (await place.dump()).includes(lost));
      await place.empty();
      release();
      const ids = Array.from({ length: 20 }, () => newId());
      for (const id of ids) app.jobs.enqueue(TOUCH, { id });
      await until(() => ids.every((id) => app.runs('test.touch', id).length === 1));
      await app.settled();
      expect(app.runs('test.touch', lost)).toHaveLength(0);
    });

    it('asks for a job again that was running when it was lost', async () => {
      const { passed, open: release } = gate();
      const app = await start({ concurrency: 4, scripts: { 'test.touch': () => passed } });
      const id = newId();
      app.jobs.enqueue(TOUCH, { id });
      await until(() => app.runs('test.touch', id).length === 1);
      await place.empty();
      app.jobs.enqueue(TOUCH, { id });
      await until(() => app.runs('test.touch', id).length === 2);
      release();
      await app.settled();
    });
  });

  describe('when its connections break', () => {
    it('comes back by itself', async () => {
      const app = await start({ concurrency: 2 });
      await app.settled();
      await place.disconnect();
      const id = newId();
      await until(() => {
        app.jobs.enqueue(TOUCH, { id });
        return app.runs('test.touch', id).length > 0;
      });
      await until(async () => (await app.health.report()).isHealthy);
    });

    it('says that the queue cannot be reached, by name, and needs few connections', async () => {
      const app = await start({ concurrency: 16 });
      for (let i = 0; i < 100; i += 1) app.jobs.enqueue(TOUCH, { id: newId() });
      await app.settled();
      expect((await app.health.report()).checks).toEqual([expect.objectContaining({ name: 'queue', isHealthy: true })]);
      expect(await place.countConnections()).toBeLessThanOrEqual(6);
    });
  });

  describe('while it is away', () => {
    it('lets a worker stop, also with a job running', async () => {
      const { passed, open: release } = gate();
      const app = await start({ drainMs: 50, scripts: { 'test.touch': () => passed } });
      app.jobs.enqueue(TOUCH, { id: newId() });
      await until(() => app.runs('test.touch').length === 1);
      const bringBack = await place.takeAway();
      app.jobs.enqueue(TOUCH, { id: newId() });
      await app.close();
      release();
      await bringBack();
    });

    it('costs no request anything, says so without flooding the log, and comes back', async () => {
      const app = await start({ concurrency: 4 });
      await app.settled();
      const bringBack = await place.takeAway();
      await until(async () => !(await app.health.report()).checks[0]!.isHealthy);
      for (let i = 0; i < 50; i += 1) app.jobs.enqueue(TOUCH, { id: newId() });
      await until(() => app.logs.lines().some(({ level }) => level === 'warn'));
      await bringBack();
      const id = newId();
      await until(() => {
        app.jobs.enqueue(TOUCH, { id });
        return app.runs('test.touch', id).length > 0;
      });
      expect(app.logs.lines().filter(({ event }) => event.startsWith('queue.')).length).toBeLessThan(20);
    });
  });

  describe('a worker that is put together wrongly', () => {
    const refusal = async (imports: unknown[], providers: (typeof ScriptedHandlers)[]): Promise<unknown> => {
      const logs = captureLogs();
      const module = await Test.createTestingModule({
        imports: [
          TelemetryModule.forRoot(logs.logger),
          QueueModule.forRoot(place.options),
          QueueWorkerModule.forRoot({ concurrency: 1, schedules: [] }),
          ...(imports as ReturnType<typeof QueueModule.forFeature>[]),
        ],
        providers,
      })
        .setLogger(new NestLogger(logs.logger))
        .compile();
      try {
        return await module.init().then(
          () => 'started',
          (error: unknown) => error,
        );
      } finally {
        await module.close();
      }
    };

    it('refuses to start without a handler for each job, naming it', async () => {
      expect(await refusal([QueueModule.forFeature(...JOBS)], [])).toMatchObject({
        code: 'JOB_HANDLERS_INCOMPLETE',
        message: expect.stringMatching(/"test\.touch" has no handler.*@HandlesJob/),
      });
    });

    it('refuses to start with a handler of an unknown job, naming it', async () => {
      const some = JOBS.filter((job) => job !== SWEEP);
      expect(await refusal([QueueModule.forFeature(...some)], [ScriptedHandlers])).toMatchObject({
        code: 'JOB_HANDLERS_INCOMPLETE',
        message: expect.stringMatching(/"test\.sweep" has no job.*forFeature/),
      });
    });

    it('refuses two handlers of one job, naming it', async () => {
      class More extends ScriptedHandlers {}
      expect(await refusal([QueueModule.forFeature(...JOBS)], [ScriptedHandlers, More])).toMatchObject({
        code: 'JOB_HANDLED_TWICE',
      });
    });
  });

  /** Waits until what was enqueued so far has been sent. */
  async function sentBy(app: QueueApp): Promise<void> {
    const id = newId();
    app.jobs.enqueue(TOUCH, { id }, { delayMs: 3_600_000 });
    await until(async () => (await place.dump()).includes(id));
  }

  async function iterations(app: QueueApp): Promise<number> {
    const [scheduler] = await app.bull('changes').getJobSchedulers();
    return scheduler?.iterationCount ?? 0;
  }
}
