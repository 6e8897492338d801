import { newId } from '@claviger/kernel';
import type { QueueOptions } from '@claviger/platform/queue';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest } from '@jest/globals';
import { BLOCK, gate, QueueApp, TOUCH, until, type AppOptions } from './queue-app.js';

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

/** The processes of a test, on one place that is emptied after each. */
export class QueueScene {
  place: QueuePlace;
  readonly #apps: QueueApp[] = [];

  /** Hooks the scene into the enclosing `describe`. */
  constructor(open: () => Promise<QueuePlace>) {
    jest.setTimeout(30_000);
    beforeAll(async () => {
      this.place = await open();
    });
    beforeEach(() => {
      // BullMQ prints errors that nobody listens to, with everything that hangs on them.
      for (const method of ['log', 'warn', 'error'] as const)
        jest.spyOn(console, method).mockImplementation(() => undefined);
    });
    afterEach(async () => {
      await Promise.all(this.#apps.splice(0).map((app) => app.close()));
      await this.place.empty();
      for (const method of ['log', 'warn', 'error'] as const) expect(console[method]).not.toHaveBeenCalled();
      jest.restoreAllMocks();
    });
    afterAll(() => this.place.stop());
  }

  readonly start = async (options: Omit<AppOptions, 'queue'> = {}): Promise<QueueApp> => {
    const app = await QueueApp.start({ queue: this.place.options, ...options });
    this.#apps.push(app);
    return app;
  };

  /** Keeps the only place of a worker busy until the returned function is called. */
  readonly occupy = async (app: QueueApp): Promise<() => void> => {
    const { passed, open: release } = gate();
    app.handlers.scripts.set('test.block', () => passed);
    const id = newId();
    app.jobs.enqueue(BLOCK, { id });
    await until(() => app.runs('test.block', id).length === 1);
    return release;
  };

  /** Waits until what was enqueued so far has been sent. */
  readonly sentBy = async (app: QueueApp): Promise<void> => {
    const id = newId();
    app.jobs.enqueue(TOUCH, { id }, { delayMs: 3_600_000 });
    await until(async () => (await this.place.dump()).includes(id));
  };
}
