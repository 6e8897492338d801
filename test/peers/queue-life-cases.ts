import { newId } from '@claviger/kernel';
import { everyMs, QueueModule, QueueWorkerModule } from '@claviger/platform/queue';
import { NestLogger, TelemetryModule } from '@claviger/platform/telemetry';
import { captureLogs } from '@claviger/testing';
import { describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { BLOCK, gate, JOBS, ScriptedHandlers, SWEEP, TOUCH, until } from './queue-app.js';
import type { QueueScene } from './queue-scene.js';

/** What the queue promises about starting, stopping, and being lost or away, wherever it is kept. */
export function describeLife(scene: QueueScene): void {
  const { start } = scene;

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
      await until(async () => (await scene.place.dump()).includes(lost));
      await scene.place.empty();
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
      await scene.place.empty();
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
      await scene.place.disconnect();
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
      expect(await scene.place.countConnections()).toBeLessThanOrEqual(6);
    });
  });

  describe('while it is away', () => {
    it('lets a worker stop, also with a job running', async () => {
      const { passed, open: release } = gate();
      const app = await start({ drainMs: 50, scripts: { 'test.touch': () => passed } });
      app.jobs.enqueue(TOUCH, { id: newId() });
      await until(() => app.runs('test.touch').length === 1);
      const bringBack = await scene.place.takeAway();
      app.jobs.enqueue(TOUCH, { id: newId() });
      await app.close();
      release();
      await bringBack();
    });

    it('costs no request anything, says so without flooding the log, and comes back', async () => {
      const app = await start({ concurrency: 4 });
      await app.settled();
      const bringBack = await scene.place.takeAway();
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
          QueueModule.forRoot(scene.place.options),
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
}
