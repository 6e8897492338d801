import type { Clock } from '@claviger/kernel';
import { isVaultError, type AdapterOperation, type VaultAdapter, type VaultErrorCode } from '../contract/index.js';
import { intercept } from './intercept.js';

/** One finished call, for metrics: bounded labels only, no names and no values. */
export type Observation = {
  readonly kind: string;
  readonly operation: AdapterOperation;
  /** INTERNAL also for what no adapter may throw. */
  readonly outcome: 'ok' | VaultErrorCode;
  readonly durationMs: number;
};

export type Observer = (observation: Observation) => void;

/** Tells the observer of every call when it has ended. */
export function withObserver(adapter: VaultAdapter, observe: Observer, clock: Pick<Clock, 'now'>): VaultAdapter {
  return intercept(adapter, async ({ operation, run }) => {
    const startedAt = clock.now().getTime();
    const tell = (outcome: Observation['outcome']): void =>
      observe({ kind: adapter.kind, operation, outcome, durationMs: clock.now().getTime() - startedAt });
    try {
      const result = await run();
      tell('ok');
      return result;
    } catch (error) {
      tell(isVaultError(error) ? error.vaultCode : 'INTERNAL');
      throw error;
    }
  });
}
