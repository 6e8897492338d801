import { TRACING } from '@claviger/platform/tracing';
import type { VaultAdapter } from '@claviger/vaults/contract';
import { intercept } from '@claviger/vaults/wrappers';

/** Traces the calls of an adapter, by the id of its instance. Does nothing unless traces are told. */
export function traceCalls(adapter: VaultAdapter, instanceId: string): VaultAdapter {
  if (!TRACING.isOn) return adapter;
  const { kind } = adapter;
  return intercept(adapter, ({ operation, call, run }) => {
    const attributes = { 'claviger.vault.kind': kind, 'claviger.vault.instance_id': instanceId };
    return TRACING.within(call, { name: `vault ${operation}`, kind: 'client', attributes }, (within) => run(within));
  });
}
