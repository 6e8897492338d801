import { beforeEach, describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { ReconcilerHarness, type HarnessVault } from '../../../../test/model/replication/reconciler-harness.js';
import { PLACE } from '../../../../test/model/replication/model-vault.js';
import { ATTEMPT_MS, LATE_MS, LEASE_MS } from './reconciler.js';
import { MAX_SLOW, PATIENCE_MS } from './slow-attempts.js';

const CALL = { requestId: 'test', signal: new AbortController().signal };

let harness: ReconcilerHarness;
let versioned: HarnessVault;
let plain: HarnessVault;

beforeEach(() => {
  harness = new ReconcilerHarness();
  versioned = harness.addVault('versioned', 'full');
  plain = harness.addVault('plain', 'plain');
});

const forgetCalls = (): void => {
  versioned.calls.length = 0;
  plain.calls.length = 0;
  harness.source.reads = 0;
};

describe('what a change costs', () => {
  it('reads the source once, however many targets there are', async () => {
    for (const name of ['third', 'fourth']) harness.addVault(name, 'full');
    const secret = await harness.addSecret('versioned', 'plain', 'third', 'fourth');
    await harness.reconcile(secret);
    expect(harness.source.reads).toBe(1);
  });

  it('creates a copy with one call', async () => {
    await harness.reconcile(await harness.addSecret('versioned'));
    expect(versioned.calls).toEqual(['create']);
  });

  it('writes a new version with one call where there is compare-and-set', async () => {
    const secret = await harness.addSecret('versioned');
    await harness.reconcile(secret);
    forgetCalls();
    await harness.write(secret);
    await harness.reconcile(secret);
    expect(versioned.calls).toEqual(['put']);
    expect(harness.readable('versioned')).toBe(secret.versions[1]!.text);
  });

  it('writes a new version with three calls where there is none', async () => {
    const secret = await harness.addSecret('plain');
    await harness.reconcile(secret);
    forgetCalls();
    await harness.write(secret);
    await harness.reconcile(secret);
    expect(plain.calls).toEqual(['read', 'put', 'read']);
  });

  it('writes once for many changes that came together', async () => {
    const secret = await harness.addSecret('versioned');
    await harness.reconcile(secret);
    forgetCalls();
    for (let change = 0; change < 5; change += 1) await harness.write(secret);
    await harness.reconcile(secret);
    expect(versioned.calls).toEqual(['put']);
    expect(harness.source.reads).toBe(1);
  });

  it('writes nothing when the content is there already', async () => {
    const secret = await harness.addSecret('versioned', 'plain');
    await harness.reconcile(secret);
    await harness.write(secret);
    for (const { adapter } of [versioned, plain])
      await adapter.put(CALL, PLACE, new SecretValue(secret.versions[1]!.text));
    forgetCalls();
    await harness.reconcile(secret);
    expect(versioned.calls).toEqual(['put', 'read', 'describe current']);
    expect(plain.calls).toEqual(['read']);
    expect(versioned.adapter.snapshot().get(PLACE)!.lastNumber).toBe(2);
  });

  it('verifies with two calls, and one where there are no markers', async () => {
    const secret = await harness.addSecret('versioned', 'plain');
    await harness.reconcile(secret);
    forgetCalls();
    await harness.clock.advance(3_600_000);
    await harness.ledger.verify();
    await harness.reconcile(secret);
    expect([versioned.calls, plain.calls]).toEqual([['read', 'describe current'], ['read']]);
    expect(harness.source.reads).toBe(0);
  });
});

describe('a slow target', () => {
  it('keeps a newer version from no other target for longer than the patience of a job', async () => {
    const secret = await harness.addSecret('versioned', 'plain');
    plain.fault = () => ({ type: 'delay', ms: 25_000 });
    const started = harness.clock.now().getTime();
    const first = harness.reconcile(secret);
    await harness.clock.settle();
    await harness.write(secret);
    await harness.clock.run(first);
    await harness.reconcile(secret);
    expect(harness.clock.now().getTime() - started).toBeLessThanOrEqual(PATIENCE_MS);
    expect(harness.readable('versioned')).toBe(secret.versions[1]!.text);
  });

  it('gets the newer version as soon as it has ended, without waiting for a sweep', async () => {
    const secret = await harness.addSecret('plain');
    plain.fault = () => ({ type: 'delay', ms: 5_000 });
    const first = harness.reconcile(secret);
    await harness.clock.settle();
    await harness.write(secret);
    await harness.clock.run(first);
    harness.wakeUps.length = 0;
    await harness.clock.advance(20_000);
    expect(harness.wakeUps).toEqual([secret.id]);
    plain.fault = undefined;
    await harness.reconcile(secret);
    expect(harness.readable('plain')).toBe(secret.versions[1]!.text);
  });

  it('is given up after the time of an attempt', async () => {
    const secret = await harness.addSecret('plain');
    plain.fault = () => ({ type: 'delay', ms: 10 * ATTEMPT_MS });
    await harness.clock.run(harness.reconcile(secret));
    await harness.clock.advance(ATTEMPT_MS);
    expect(await harness.target(secret, 'plain')).toMatchObject({ status: 'retrying', leaseOwner: null, attempts: 1 });
  });

  it('takes no more than its share of attempts, and none of another vault', async () => {
    plain.fault = () => ({ type: 'delay', ms: ATTEMPT_MS });
    for (let count = 0; count < MAX_SLOW; count += 1) {
      const job = harness.reconcile(await harness.addSecret('plain'));
      await harness.clock.settle();
      await harness.clock.advance(0);
      if (count % 8 === 7) await harness.clock.advance(PATIENCE_MS);
      void job;
    }
    forgetCalls();
    const secret = await harness.addSecret('plain', 'versioned');
    await harness.reconcile(secret);
    expect(plain.calls).toEqual([]);
    expect(await harness.target(secret, 'plain')).toMatchObject({ status: 'retrying', errorCode: 'VAULT_SLOW' });
    expect(await harness.target(secret, 'versioned')).toMatchObject({ status: 'in_sync' });
  });

  it('is cut off when the process stops, and its outcome is stored', async () => {
    const secret = await harness.addSecret('plain');
    plain.fault = () => ({ type: 'delay', ms: ATTEMPT_MS });
    await harness.clock.run(harness.reconcile(secret));
    const before = harness.clock.now().getTime();
    await harness.clock.run(harness.reconciler.drain());
    expect(harness.clock.now().getTime() - before).toBeLessThanOrEqual(5_000);
    expect(await harness.target(secret, 'plain')).toMatchObject({ leaseOwner: null, status: 'retrying' });
  });
});

describe('an attempt that nobody knows the end of', () => {
  /** A process that claims the target and is never heard of again. */
  const vanish = async (secretId: string): Promise<void> => {
    const now = harness.clock.now();
    const at = (ms: number): Date => new Date(now.getTime() + ms);
    await harness.ledger.claim({} as never, secretId, {
      owner: 'dead',
      now,
      until: at(LEASE_MS),
      lateUntil: at(LATE_MS),
    });
  };

  it('keeps others away until its lease is over', async () => {
    const secret = await harness.addSecret('versioned');
    await vanish(secret.id);
    await harness.clock.advance(LEASE_MS);
    await harness.reconcile(secret);
    expect(versioned.calls).toEqual([]);
    await harness.clock.advance(1);
    await harness.reconcile(secret);
    expect(harness.readable('versioned')).toBe(secret.versions[0]!.text);
  });

  it('counts, and makes the next one look before it writes', async () => {
    const secret = await harness.addSecret('versioned');
    await harness.reconcile(secret);
    await harness.write(secret);
    await vanish(secret.id);
    await harness.clock.advance(LEASE_MS + 1);
    forgetCalls();
    versioned.fault = (operation) =>
      operation === 'read' ? { type: 'error-before', error: 'UNAVAILABLE' } : undefined;
    await harness.reconcile(secret);
    expect(versioned.calls).toEqual(['read']);
    expect((await harness.target(secret, 'versioned')).attempts).toBe(2);
  });

  it.each(['versioned', 'plain'])(
    'is recognised at the %s vault when it had written, and nothing is written twice',
    async (profileId) => {
      const vault = profileId === 'plain' ? plain : versioned;
      const secret = await harness.addSecret(profileId);
      vault.fault = (operation) => (operation === 'create' ? { type: 'error-after', error: 'UNAVAILABLE' } : undefined);
      await harness.reconcile(secret);
      expect(await harness.target(secret, profileId)).toMatchObject({ status: 'retrying', ownership: 'none' });
      vault.fault = undefined;
      await harness.clock.advance(1_000);
      vault.calls.length = 0;
      await harness.reconcile(secret);
      expect(vault.calls).not.toContain('create');
      expect(vault.calls).not.toContain('put');
      expect(await harness.target(secret, profileId)).toMatchObject({ status: 'in_sync' });
    },
  );

  it('is undone within its time when it arrives after a newer version', async () => {
    const secret = await harness.addSecret('plain');
    await harness.reconcile(secret);
    await harness.write(secret);
    plain.fault = (operation) =>
      operation === 'put' ? { type: 'applied-late', error: 'TIMEOUT', ms: 60_000 } : undefined;
    await harness.reconcile(secret);
    plain.fault = undefined;
    await harness.write(secret);
    await harness.reconcile(secret);
    expect(harness.readable('plain')).toBe(secret.versions[2]!.text);
    await harness.clock.advance(LATE_MS);
    expect(harness.readable('plain')).toBe(secret.versions[1]!.text);
    await harness.ledger.verify();
    await harness.reconcile(secret);
    expect(harness.readable('plain')).toBe(secret.versions[2]!.text);
    expect(await harness.target(secret, 'plain')).toMatchObject({
      status: 'in_sync',
      unsettledUntil: null,
      drift: null,
    });
  });

  it('is not feared after a refusal, though that may have left our marker, and is after no answer', async () => {
    const secret = await harness.addSecret('versioned');
    versioned.fault = (operation) =>
      operation === 'create' ? { type: 'error-before', error: 'THROTTLED' } : undefined;
    await harness.reconcile(secret);
    const now = harness.clock.now();
    expect(await harness.target(secret, 'versioned')).toMatchObject({ status: 'retrying', unsettledUntil: now });

    await harness.clock.advance(10_000);
    versioned.fault = (operation) =>
      operation === 'create' ? { type: 'applied-late', error: 'TIMEOUT', ms: 60_000 } : undefined;
    await harness.reconcile(secret);
    const lateUntil = new Date(harness.clock.now().getTime() + LATE_MS);
    expect(await harness.target(secret, 'versioned')).toMatchObject({ unsettledUntil: lateUntil });

    await harness.clock.advance(10_000);
    versioned.fault = (operation) =>
      operation === 'create' ? { type: 'error-before', error: 'THROTTLED' } : undefined;
    await harness.reconcile(secret);
    expect(await harness.target(secret, 'versioned')).toMatchObject({ unsettledUntil: lateUntil });
  });

  it('keeps a removed target until nothing of it can arrive any more', async () => {
    const secret = await harness.addSecret('plain');
    plain.fault = (operation) =>
      operation === 'create' ? { type: 'applied-late', error: 'TIMEOUT', ms: 60_000 } : undefined;
    await harness.reconcile(secret);
    plain.fault = undefined;
    await harness.ledger.retire(secret.id, 'plain');
    await harness.reconcile(secret);
    expect(await harness.target(secret, 'plain')).toMatchObject({ errorCode: 'TARGET_MAY_RECEIVE_LATE_WRITE' });
    await harness.clock.advance(LATE_MS);
    await harness.reconcile(secret);
    expect(await harness.target(secret, 'plain')).toBeUndefined();
    expect(harness.readable('plain')).toBeUndefined();
  });
});

describe('a target at rest', () => {
  it('leaves the vault of a disabled profile alone', async () => {
    const secret = await harness.addSecret('versioned');
    versioned.isEnabled = false;
    await harness.reconcile(secret);
    expect(versioned.calls).toEqual([]);
    expect(await harness.target(secret, 'versioned')).toMatchObject({
      status: 'paused',
      errorCode: 'VAULT_PROFILE_DISABLED',
    });
  });

  it('leaves the vaults of a disabled secret alone, but for copies that are to go', async () => {
    const secret = await harness.addSecret('versioned', 'plain');
    await harness.reconcile(secret);
    secret.isDisabled = true;
    await harness.ledger.retire(secret.id, 'plain');
    await harness.ledger.resume(secret.id);
    forgetCalls();
    await harness.reconcile(secret);
    expect(versioned.calls).toEqual([]);
    expect(await harness.target(secret, 'versioned')).toMatchObject({ status: 'paused', errorCode: 'SECRET_DISABLED' });
    expect(harness.readable('plain')).toBeUndefined();
  });

  it('does not put a secret to rest that was enabled meanwhile', async () => {
    const secret = await harness.addSecret('versioned');
    secret.isDisabled = true;
    const { settle } = harness.ledger;
    harness.ledger.settle = async (...args) => {
      harness.ledger.settle = settle;
      secret.isDisabled = false;
      await harness.ledger.resume(secret.id);
      return settle.apply(harness.ledger, args);
    };
    await harness.reconcile(secret);
    await harness.reconcile(secret);
    expect(await harness.target(secret, 'versioned')).toMatchObject({ status: 'in_sync' });
  });
});

describe('what must not happen', () => {
  it('is told to the log without what was thrown, and to the target in words', async () => {
    const secret = await harness.addSecret('versioned');
    versioned.fault = () => {
      throw new Error('canary');
    };
    await harness.reconcile(secret);
    expect(harness.logs.lines('replication.attempt_failed')).toHaveLength(1);
    expect(harness.logs.text()).not.toContain('canary');
    expect(await harness.target(secret, 'versioned')).toMatchObject({ status: 'retrying', errorCode: 'INTERNAL' });
  });

  it('leaves the target to its lease when its outcome cannot be stored', async () => {
    const secret = await harness.addSecret('versioned');
    harness.ledger.settle = () => Promise.reject(new Error('no database'));
    await harness.reconcile(secret);
    expect(harness.logs.lines('replication.settle_failed')).toHaveLength(1);
    expect((await harness.target(secret, 'versioned')).leaseOwner).not.toBeNull();
  });

  it('never writes content of another version than the one that the target wants', async () => {
    const secret = await harness.addSecret('plain');
    await harness.reconcile(secret);
    await harness.write(secret);
    harness.source.keepsVersions = false;
    const [row] = (await harness.ledger.list()) as unknown as [{ desiredFingerprint: string }];
    row.desiredFingerprint = 'fp:of something else';
    await harness.reconcile(secret);
    expect(harness.readable('plain')).toBe(secret.versions[0]!.text);
    expect(await harness.target(secret, 'plain')).toMatchObject({ status: 'retrying', errorCode: 'SOURCE_MOVED' });
  });
});
