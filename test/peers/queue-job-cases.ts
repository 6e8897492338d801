import { AppError, newId } from '@claviger/kernel';
import { everyMs } from '@claviger/platform/queue';
import { describe, expect, it } from '@jest/globals';
import { FLAKY, gate, PATIENT, SWEEP, TOUCH, until, type QueueApp } from './queue-app.js';
import type { QueueScene } from './queue-scene.js';

const canary = 'canary-3d9e5b';

/** What the queue promises about jobs, wherever it is kept. */
export function describeJobs(scene: QueueScene): void {
  const { start, occupy, sentBy } = scene;

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
      await until(async () => !(await scene.place.dump()).includes(id));
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
      expect(await scene.place.dump()).not.toContain(canary);
      await until(async () => (await app.bull('changes').getFailedCount()) === 2);
      const dump = await scene.place.dump();
      expect(dump).toContain('JOB_FAILED');
      expect(dump).not.toContain(canary);
      expect(dump).not.toContain('queue-job-cases');
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

  async function iterations(app: QueueApp): Promise<number> {
    const [scheduler] = await app.bull('changes').getJobSchedulers();
    return scheduler?.iterationCount ?? 0;
  }
}
