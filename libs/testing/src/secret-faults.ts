import { setFaultHook, type AppError, type FaultPoint } from '@claviger/kernel';
import type { ChangeEntity } from '@claviger/features/changes';
import type { WriteResult } from '@claviger/features/secrets';
import { VaultError, type AdapterOperation, type VaultErrorCode } from '@claviger/vaults/contract';
import type { Fault } from './fault-injecting-adapter.js';
import type { OutsideMount, SecretRoom } from './secret-room.js';

/** The operation fails so, as often as said; the rest goes through. */
export function failing(mount: OutsideMount, operation: AdapterOperation, fault: Fault, times = 1): void {
  let left = times;
  mount.faults = (called) => (called === operation && left-- > 0 ? fault : undefined);
}

/** Carried out, and the answer lost. */
export const answerLost = (): Fault => ({ type: 'error-after', error: 'TIMEOUT' });

/** Not carried out, and nobody knows. */
export function neverArrived(operation: AdapterOperation): Fault {
  const message = 'No answer.';
  const error = new VaultError({ code: 'TIMEOUT', message, backend: 'outside', operation, outcomeUnknown: true });
  return { type: 'error-before', error };
}

/** Refused for certain. */
export const refused = (error: VaultErrorCode): Fault => ({ type: 'error-before', error });

/** What a process dies of. */
export class Killed extends Error {}

/** This process dies when it comes there next. */
export function dieAt(point: FaultPoint): void {
  setFaultHook((reached) => {
    if (reached !== point) return;
    setFaultHook(undefined);
    throw new Killed();
  });
}

/** Nothing fails any more. */
export function mend(mounts: Iterable<OutsideMount>): void {
  setFaultHook(undefined);
  for (const mount of mounts) Object.assign(mount, { faults: () => undefined, holds: () => undefined });
}

/** A while later another process takes over what was left behind. */
export async function recover({ clock, changes, ctx }: SecretRoom): Promise<void> {
  clock.skip(120_000);
  await changes.recover(ctx);
}

/** What the work was refused with. */
export const errorOf = (work: Promise<unknown>): Promise<AppError> =>
  work.then(
    () => {
      throw new Error('It was done.');
    },
    (error: AppError) => error,
  );

/** The change of a write that made one. */
export function changeOf(result: WriteResult): ChangeEntity {
  if ('change' in result) return result.change;
  throw new Error('Nothing was written.');
}
