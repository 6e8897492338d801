import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  AppError,
  newId,
  SecretValue,
  setFaultHook,
  systemClock,
  type Clock,
  type FaultPoint,
  type RequestContext,
} from '@claviger/kernel';
import type { AccessService } from '@claviger/features/access';
import { AUDIT_ENTITIES, AuditService } from '@claviger/features/audit';
import { Outbox } from '@claviger/features/notifications';
import type { Keyring } from '@claviger/platform/crypto';
import { createTestDatabase, FakeClock, testContext, testKeyring, type TestDatabase } from '@claviger/testing';
import { VaultError } from '@claviger/vaults/contract';
import { ChangeDigests } from './change-digest.js';
import { ChangeEntity } from './change.entity.js';
import { ACT_LIMIT_MS, ChangeExecutor } from './change-executor.js';
import { ChangeGateSlot, type ChangeGate, type GateBinding } from './change-gate.js';
import { ActAgain, ChangeHandlers, type ChangeHandler } from './change-handler.js';
import { ChangeJudgeSlot } from './change-judge.js';
import type { ExecutingChange } from './executing-change.js';
import { ChangePreviews } from './change-previews.js';
import { ChangeRepository } from './change.repository.js';
import { ChangeService } from './change.service.js';
import type { ChangeSubjectKeeper } from './change-subject.js';
import { ChangeTrail } from './change-trail.js';
import { UNGATED } from './gated-kind.js';
import { HeldChanges } from './held-changes.js';

const CANARY = 'canary-8c1f-value';
const KIND = 'test.change';

const outage = (outcomeUnknown: boolean): VaultError =>
  new VaultError({
    code: 'UNAVAILABLE',
    message: 'The vault is away.',
    backend: 'test',
    operation: 'put',
    outcomeUnknown,
  });

/** A gate that a test closes. */
class TestGate {
  binding: GateBinding | undefined;
  refusal: AppError | undefined;

  constructor(private readonly steps: string[]) {}

  bind = async (): Promise<GateBinding | undefined> => this.binding;
  open = async (): Promise<void> => void this.steps.push('open');
  close = async (): Promise<void> => void this.steps.push('close');
  admit = async (): Promise<void> => {
    if (this.refusal) throw this.refusal;
  };
}

describe('ChangeService', () => {
  let test: TestDatabase;
  let keyring: Keyring;
  let audit: AuditService;
  let ctx: RequestContext;
  let clock: FakeClock;
  let steps: string[];
  let handler: { -readonly [K in keyof ChangeHandler]: ChangeHandler[K] };
  let changes: ChangeService;
  let held: HeldChanges;
  let previews: ChangePreviews;
  let gate: TestGate;
  let world: unknown;
  let judged: () => void;
  const keeper: ChangeSubjectKeeper = {
    kind: 'secret',
    bind: async () => world,
    review: async () => ({ type: null, settings: [], values: [], plan: [] }),
  };

  beforeAll(async () => {
    test = await createTestDatabase([...AUDIT_ENTITIES, ChangeEntity]);
    keyring = await testKeyring(test.database);
    ctx = testContext({ storeId: keyring.rootStoreId });
  });
  afterAll(() => test.drop());

  beforeEach(() => {
    clock = new FakeClock();
    audit = new AuditService(test.database, keyring, clock);
    steps = [];
    world = { revision: 1 };
    judged = () => undefined;
    gate = new TestGate(steps);
    handler = {
      kind: KIND,
      begin: async () => void steps.push('begin'),
      act: async () => void steps.push('act'),
      complete: async () => {
        steps.push('complete');
        return { version: 1 };
      },
      fail: async () => void steps.push('fail'),
    };
    changes = service();
  });
  afterEach(() => setFaultHook(undefined));

  /** A process of its own, as far as changes go. */
  function service(time: Clock = clock): ChangeService {
    const handlers = new ChangeHandlers();
    handlers.add(handler as ChangeHandler);
    handlers.addKeeper(keeper);
    const access = { can: () => true, authorize: () => undefined } as unknown as AccessService;
    const { database } = test;
    const [rows, trail] = [new ChangeRepository(database, keyring), new ChangeTrail(audit)];
    const executor = new ChangeExecutor(database, rows, handlers, trail, new Outbox(database), time);
    const slot = new ChangeGateSlot();
    slot.set(gate as unknown as ChangeGate);
    const judges = new ChangeJudgeSlot();
    judges.set({
      couldRefuse: async () => false,
      judge: async () => judged(),
      tell: async (_, { subject }) => void steps.push(`told of ${subject.name}`),
      review: async () => [],
    });
    const digests = new ChangeDigests(keyring);
    previews = new ChangePreviews(database, handlers, slot, judges, digests, time);
    held = new HeldChanges(database, rows, handlers, slot, judges, digests, executor, trail, time);
    return new ChangeService(database, rows, handlers, executor, held, trail, access, new Outbox(database), time);
  }

  const prepared = (more: { isLocal?: boolean; secretId?: string } = {}) => ({
    subject: { kind: 'secret', id: 'x', name: 'prod/x' },
    secretId: more.secretId ?? newId(),
    parameters: { fingerprint: 'f' },
    payload: new SecretValue(CANARY),
    needs: [],
    gatedAs: UNGATED,
    isLocal: more.isLocal ?? false,
  });

  const row = async (id: string): Promise<Record<string, unknown>> =>
    (await test.database.pool.query('select * from change where id = $1', [id])).rows[0] as Record<string, unknown>;

  const phases = async (changeId: string): Promise<string[]> => {
    const sql = `select details->>'phase' as phase from audit_entry where details->>'changeId' = $1 order by tx, id`;
    return (await test.database.pool.query<{ phase: string }>(sql, [changeId])).rows.map(({ phase }) => phase);
  };

  const idOf = (error: unknown): string => (error as AppError).details!['changeId'] as string;

  it('runs a local change in one transaction and stores no payload', async () => {
    const change = await changes.submit(ctx, KIND, prepared({ isLocal: true }));
    expect(steps).toEqual(['begin', 'complete']);
    expect(change).toMatchObject({ state: 'done', result: { version: 1 }, attempts: 1 });
    expect((await row(change.id))['payload']).toBeNull();
    expect(await phases(change.id)).toEqual(['done']);
  });

  it.each([true, false])(
    'makes one change of a request that is executed twice at a time (local: %p)',
    async (isLocal) => {
      const attemptId = newId();
      const executions = ['a', 'b'].map((owner) => ({
        ...ctx,
        attempt: { id: attemptId, owner, granted: new Set<string>() },
      }));
      const ends = await Promise.allSettled(executions.map((as) => service().submit(as, KIND, prepared({ isLocal }))));
      const codes = ends.map((end) => (end.status === 'rejected' ? (end.reason as AppError).code : 'done')).sort();
      expect(codes).toEqual(['IDEMPOTENCY_IN_PROGRESS', 'done']);
      const { id } = executions[0]!.attempt;
      expect(await changes.findOfAttempt(ctx, id)).toMatchObject({ state: 'done', idempotencyId: id });
      expect(await changes.mayTakeEffect(ctx, id)).toBe(true);
    },
  );

  it('acts again, and records nothing, when what was found out has changed before it could be recorded', async () => {
    const { complete } = handler;
    let times = 0;
    handler.complete = async (...args) => {
      if (times++ < 2) {
        steps.push('overtaken');
        throw new ActAgain();
      }
      return complete(...args);
    };
    const change = await changes.submit(ctx, KIND, prepared());
    expect(steps).toEqual(['begin', 'act', 'overtaken', 'act', 'overtaken', 'act', 'complete']);
    expect(change).toMatchObject({ state: 'done', attempts: 1 });
    expect(await phases(change.id)).toEqual(['intent', 'done']);
  });

  it('fails for good when it was overtaken until its time was over', async () => {
    handler.complete = async () => {
      await clock.advance(ACT_LIMIT_MS / 2);
      throw new ActAgain();
    };
    const error = await changes.submit(ctx, KIND, prepared()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CHANGE_OVERTAKEN', kind: 'conflict', retryable: false });
    expect(steps).toEqual(['begin', 'act', 'act', 'fail']);
    expect(await row(idOf(error))).toMatchObject({ state: 'failed', error_code: 'CHANGE_OVERTAKEN' });
  });

  it('knows a change of a request that failed from one that may take effect', async () => {
    const as = { ...ctx, attempt: { id: newId(), owner: 'a', granted: new Set<string>() } };
    expect(await changes.mayTakeEffect(ctx, as.attempt.id)).toBe(false);
    handler.act = async () => {
      throw outage(false);
    };
    const error = await changes.submit(as, KIND, prepared()).catch((thrown: unknown) => thrown);
    expect(await changes.mayTakeEffect(ctx, as.attempt.id)).toBe(false);
    handler.act = async () => undefined;
    await changes.retry(ctx, idOf(error));
    expect(await changes.mayTakeEffect(ctx, as.attempt.id)).toBe(true);
  });

  it('leaves no trace of a local change that fails', async () => {
    handler.complete = async (tx) => {
      await test.database
        .manager(tx)
        .query(`insert into event (store_id, id, type) values ($1, $2, 'left-behind')`, [tx.storeId, newId()]);
      throw new AppError({ code: 'NO', kind: 'conflict', message: 'No.' });
    };
    await expect(changes.submit(ctx, KIND, prepared({ isLocal: true }))).rejects.toMatchObject({ code: 'NO' });
    const { rows } = await test.database.pool.query(`select 1 from event where type = 'left-behind'`);
    expect(rows).toEqual([]);
  });

  it('commits the intent with a sealed payload before it acts, and erases the payload at the end', async () => {
    let during: Record<string, unknown> | undefined;
    handler.act = async (_, change) => {
      steps.push('act');
      during = await row(change.id);
    };
    const change = await changes.submit(ctx, KIND, prepared());
    expect(steps).toEqual(['begin', 'act', 'complete']);
    expect(during).toMatchObject({ state: 'executing' });
    expect((during!['payload'] as Buffer).length).toBeGreaterThan(0);
    expect((during!['payload'] as Buffer).includes(CANARY)).toBe(false);
    expect(await row(change.id)).toMatchObject({ state: 'done', payload: null, lease_owner: null });
    expect(await phases(change.id)).toEqual(['intent', 'done']);
  });

  it('gives back what was reserved when the vault certainly did nothing, and keeps the payload for a retry', async () => {
    handler.act = async () => {
      throw outage(false);
    };
    const error = await changes.submit(ctx, KIND, prepared()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'VAULT_UNAVAILABLE', kind: 'unavailable' });
    expect(steps).toEqual(['begin', 'fail']);
    expect(await row(idOf(error))).toMatchObject({ state: 'failed', error_code: 'VAULT_UNAVAILABLE' });
    const told = await test.database.pool.query('select type, facts from event where subject_id = $1', [idOf(error)]);
    expect(told.rows).toEqual([{ type: 'change.failed', facts: { kind: KIND, code: 'VAULT_UNAVAILABLE' } }]);

    handler.act = async (_, change) => void steps.push(`act ${change.payload!.reveal()} ${change.attempt}`);
    const retried = await changes.retry(ctx, idOf(error));
    expect(retried).toMatchObject({ state: 'done', errorCode: null });
    expect(steps.slice(2)).toEqual(['begin', `act ${CANARY} 2`, 'complete']);
    expect((await row(retried.id))['payload']).toBeNull();
  });

  it('stays executing when nobody knows what the vault did, and recovery finds out', async () => {
    handler.act = async () => {
      throw outage(true);
    };
    const change = await changes.submit(ctx, KIND, prepared());
    expect(change.state).toBe('executing');
    expect(steps).toEqual(['begin']);
    expect(await changes.recover(ctx)).toBe(0);

    await clock.advance(60_000);
    handler.act = async (_, { attempt }) => void steps.push(`act ${attempt}`);
    expect(await changes.recover(ctx)).toBe(1);
    expect((await row(change.id))['state']).toBe('done');
    expect(steps).toEqual(['begin', 'act 2', 'complete']);
  });

  it('ends a stale change without a payload', async () => {
    handler.act = async () => {
      throw new AppError({ code: 'CHANGE_STALE', kind: 'precondition', message: 'Stale.' });
    };
    const error = await changes.submit(ctx, KIND, prepared()).catch((thrown: unknown) => thrown);
    expect(await row(idOf(error))).toMatchObject({ state: 'stale', payload: null });
    await expect(changes.retry(ctx, idOf(error))).rejects.toMatchObject({ code: 'CHANGE_NOT_IN_STATE' });
  });

  it('executes changes of one secret one after another', async () => {
    const secretId = newId();
    let inside = 0;
    let most = 0;
    handler.act = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise(setImmediate);
      inside -= 1;
    };
    const real = service(systemClock);
    const done = await Promise.all(Array.from({ length: 5 }, () => real.submit(ctx, KIND, prepared({ secretId }))));
    expect(done.map(({ state }) => state)).toEqual(Array.from({ length: 5 }, () => 'done'));
    expect(most).toBe(1);
  });

  it('cancels a failed change, erases its payload and tells of it, and never an executing one', async () => {
    handler.act = async () => {
      throw outage(false);
    };
    const failed = await changes.submit(ctx, KIND, prepared()).catch((thrown: unknown) => thrown);
    await changes.cancel(ctx, idOf(failed));
    expect(await row(idOf(failed))).toMatchObject({ state: 'cancelled', payload: null });
    const told = await test.database.pool.query('select type from event where subject_id = $1 order by id', [
      idOf(failed),
    ]);
    expect(told.rows.map(({ type }) => type as string)).toEqual(['change.failed', 'change.cancelled']);

    handler.act = async () => {
      throw outage(true);
    };
    const executing = await changes.submit(ctx, KIND, prepared());
    await expect(changes.cancel(ctx, executing.id)).rejects.toMatchObject({ code: 'CHANGE_NOT_IN_STATE' });
  });

  it('gives up failed changes after a day, erasing what they were to write', async () => {
    handler.act = async () => {
      throw outage(false);
    };
    const failed = await changes.submit(ctx, KIND, prepared()).catch((thrown: unknown) => thrown);
    expect(await changes.abandonFailed(ctx, new Date(Date.now() + 1_000))).toBeGreaterThanOrEqual(1);
    expect(await row(idOf(failed))).toMatchObject({ state: 'abandoned', payload: null });
    const told = await test.database.pool.query(`select type, facts from event where subject_id = $1 order by id`, [
      idOf(failed),
    ]);
    expect(told.rows).toEqual([
      { type: 'change.failed', facts: expect.anything() },
      { type: 'change.abandoned', facts: { kind: KIND } },
    ]);
  });

  it('refuses a second handler of a kind', () => {
    const handlers = new ChangeHandlers();
    handlers.add(handler as ChangeHandler);
    expect(() => handlers.add(handler as ChangeHandler)).toThrow(/Two handlers/);
  });

  describe('when its process dies', () => {
    class Killed extends Error {}

    const POINTS = [
      'change.submitted',
      'change.begun',
      'change.acting',
      'change.acted',
      'change.completing',
      'change.completed',
    ] as const;

    it.each(POINTS)('at %s, the next one finishes it exactly once or it never was', async (point: FaultPoint) => {
      const written = new Set<string>();
      const secretId = newId();
      handler.act = async (_, change: ExecutingChange) => {
        if (change.secretId === secretId) written.add(change.id);
      };
      setFaultHook((reached) => {
        if (reached === point) throw new Killed();
      });
      await expect(changes.submit(ctx, KIND, prepared({ secretId }))).rejects.toBeInstanceOf(Killed);
      setFaultHook(undefined);

      await clock.advance(120_000);
      await service().recover(ctx);
      const { rows } = await test.database.pool.query<{ state: string; payload: Buffer | null }>(
        'select state, payload from change where secret_id = $1',
        [secretId],
      );
      if (point === 'change.submitted') expect(rows).toEqual([]);
      else expect(rows).toEqual([{ state: 'done', payload: null }]);
      expect(steps.filter((step) => step === 'complete').length).toBeGreaterThanOrEqual(rows.length);
      expect(written.size).toBe(rows.length);
    });

    it('does not let the one that comes back end a change that another has taken over', async () => {
      let release: () => void = () => undefined;
      handler.act = () => new Promise((resolve) => (release = () => resolve(undefined)));
      const slow = changes.submit(ctx, KIND, prepared());
      await new Promise((resolve) => setTimeout(resolve, 100));
      const first = release;
      await clock.advance(120_000);
      handler.act = async () => undefined;
      expect(await service().recover(ctx)).toBe(1);
      first();
      await expect(slow).rejects.toMatchObject({ code: 'SECRET_BUSY' });
      expect(steps.filter((step) => step === 'complete')).toHaveLength(2);
      const { rows } = await test.database.pool.query(`select count(*)::int as done from audit_entry
        where details->>'phase' = 'done' and details->>'changeId' in (select id::text from change where attempts = 2 and state = 'done')`);
      expect(rows).not.toEqual([]);
    });
  });

  describe('that the judge of rules refuses', () => {
    const refusal = new AppError({ code: 'COMPLIANCE_BLOCKED', kind: 'invalid', message: 'No.' });
    beforeEach(() => {
      judged = () => {
        throw refusal;
      };
    });

    it('leaves nothing but the telling of it', async () => {
      await expect(changes.submit(ctx, KIND, prepared({ isLocal: true }))).rejects.toBe(refusal);
      expect(steps).toEqual(['told of prod/x']);
    });

    it('is not told of when it is rehearsed', async () => {
      const proposal = { kind: KIND, change: prepared({ isLocal: true }) };
      await expect(previews.preview(ctx, proposal)).rejects.toBe(refusal);
      expect(steps).toEqual([]);
    });
  });
});
