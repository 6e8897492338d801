import { describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { ReferenceAdapter } from '@claviger/vaults/conformance';
import { VaultError, type VaultAdapter } from '@claviger/vaults/contract';
import { FakeClock } from './fake-clock.js';
import { injectFaults, type Fault, type FaultScript } from './fault-injecting-adapter.js';

const call = { requestId: 'r', signal: new AbortController().signal };
const one = new SecretValue('{"n":"1"}');
const two = new SecretValue('{"n":"2"}');

function world(script: FaultScript): {
  clock: FakeClock;
  vault: ReferenceAdapter;
  adapter: VaultAdapter;
  stored: () => number;
} {
  const clock = new FakeClock();
  const vault = new ReferenceAdapter();
  const stored = (): number => vault.snapshot().get('a')?.lastNumber ?? 0;
  return { clock, vault, adapter: injectFaults(vault, script, clock), stored };
}

const onPut =
  (fault: Fault): FaultScript =>
  (operation) =>
    operation === 'put' ? fault : undefined;

describe('injectFaults', () => {
  it('passes on what the script leaves alone', async () => {
    const { adapter } = world(() => undefined);
    await expect(adapter.put(call, 'a', one)).resolves.toEqual({ version: '1' });
    await expect(adapter.read(call, 'b')).rejects.toMatchObject({ vaultCode: 'NOT_FOUND' });
  });

  it('asks the script about each call with its operation, index and name', async () => {
    const asked: unknown[] = [];
    const { adapter } = world((...about) => void asked.push(about));
    await adapter.put(call, 'a', one);
    await adapter.capabilities(call);
    await adapter.list(call, { prefix: 'folder', recursive: false, limit: 1 });
    expect(asked).toEqual([
      ['put', 0, 'a'],
      ['capabilities', 1, ''],
      ['list', 2, 'folder'],
    ]);
  });

  it('refuses before the vault sees it', async () => {
    const { adapter, stored } = world(onPut({ type: 'error-before', error: 'UNAVAILABLE' }));
    const refusal = { vaultCode: 'UNAVAILABLE', backend: 'reference', operation: 'put', outcomeUnknown: false };
    await expect(adapter.put(call, 'a', one)).rejects.toMatchObject(refusal);
    expect(stored()).toBe(0);
  });

  it('loses the acknowledgement of what was applied', async () => {
    const { adapter, stored } = world(onPut({ type: 'error-after', error: 'UNAVAILABLE' }));
    await expect(adapter.put(call, 'a', one)).rejects.toMatchObject({ vaultCode: 'UNAVAILABLE', outcomeUnknown: true });
    expect(stored()).toBe(1);
  });

  it('loses a refusal of the vault as well', async () => {
    const { adapter } = world(() => ({ type: 'error-after', error: 'TIMEOUT' }));
    await expect(adapter.read(call, 'absent')).rejects.toMatchObject({ vaultCode: 'TIMEOUT' });
  });

  it('passes on after a while, and at once to a caller who gives up', async () => {
    const { adapter, clock, stored } = world(onPut({ type: 'delay', ms: 500 }));
    const written = adapter.put(call, 'a', one);
    await clock.advance(499);
    expect(stored()).toBe(0);
    await clock.advance(1);
    await expect(written).resolves.toEqual({ version: '1' });
    const caller = new AbortController();
    const given = adapter.put({ ...call, signal: caller.signal }, 'a', two);
    caller.abort();
    await expect(given).rejects.toMatchObject({ vaultCode: 'CANCELLED' });
    expect(stored()).toBe(1);
  });

  it('applies a write long after its caller was told that it failed', async () => {
    const { adapter, vault, clock, stored } = world(onPut({ type: 'applied-late', error: 'TIMEOUT', ms: 500 }));
    await expect(adapter.put(call, 'a', one)).rejects.toMatchObject({ vaultCode: 'TIMEOUT', outcomeUnknown: true });
    await vault.put(call, 'a', two);
    expect(stored()).toBe(1);
    await clock.advance(500);
    expect((await vault.read(call, 'a')).content.reveal()).toBe(one.reveal());
  });

  it('spoils one answer of a bulk read', async () => {
    const fault: Fault = { type: 'error-of-one', name: 'a', error: 'PERMISSION_DENIED' };
    const asked: string[] = [];
    const vault = new ReferenceAdapter({ capabilities: { maxBulkRead: 2 } });
    const adapter = injectFaults(vault, (operation, _, name) => {
      asked.push(name);
      return operation === 'readMany' ? fault : undefined;
    });
    for (const name of ['a', 'b']) await adapter.put(call, name, one);
    const answers = await adapter.readMany(call, ['a', 'b']);
    expect(answers.map(({ name, error }) => [name, error?.vaultCode])).toEqual([
      ['a', 'PERMISSION_DENIED'],
      ['b', undefined],
    ]);
    expect(asked.at(-1)).toBe('a\nb');
  });

  it('throws the very error that the script gives', async () => {
    const error = new VaultError({ code: 'THROTTLED', message: 'x', backend: 'b', operation: 'put', retryAfterMs: 7 });
    await expect(world(onPut({ type: 'error-before', error })).adapter.put(call, 'a', one)).rejects.toBe(error);
  });
});
