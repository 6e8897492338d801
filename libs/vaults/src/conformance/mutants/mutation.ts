import { SecretValue } from '@claviger/kernel';
import {
  VaultError,
  type AdapterCall,
  type AdapterOperation,
  type ObjectDescription,
  type VaultAdapter,
  type VaultContent,
  type VaultErrorCode,
  type VersionState,
} from '../../contract/index.js';
import { intercept } from '../../wrappers/index.js';
import type { ReferenceAdapter, ReferenceObject } from '../reference-adapter.js';

/**
 * Overrides of an adapter that is right otherwise. `vault` is the state beneath, for what no operation can do; the two
 * differ where the harness made the adapter fail.
 */
export type Mutant = (real: VaultAdapter, vault: ReferenceAdapter) => Partial<VaultAdapter>;

/** A mutant and, where it cannot be helped, what it breaks besides its case. */
export type MutantEntry = Mutant | { readonly mutant: Mutant; readonly alsoBreaks: readonly string[] | 'much' };

/** Mutants by the name of the case that each of them breaks. */
export type Mutants = Readonly<Record<string, MutantEntry>>;

/** The adapter with the overrides of the mutant. */
export function mutate(real: VaultAdapter, vault: ReferenceAdapter, mutant: Mutant): VaultAdapter {
  return { ...intercept(real, ({ run }) => run()), ...mutant(real, vault) };
}

/** Reads give a changed text. */
export function reading(change: (text: string) => string): Mutant {
  return (real) => ({
    read: async (call, name, version) => {
      const result = await real.read(call, name, version);
      return { ...result, content: new SecretValue(change(result.content.reveal())) };
    },
  });
}

/** Reads give a text in which a part is replaced. */
export function rewriting(part: string | RegExp, by: string): Mutant {
  return reading((text) => text.replace(part, by));
}

type Named = Exclude<AdapterOperation, 'capabilities' | 'list' | 'readMany'>;
type AnyMethod = (call: AdapterCall, ...rest: unknown[]) => Promise<unknown>;

/** One operation acts on another name than the one it was given. */
export function renaming(operation: Named, change: (name: string) => string): Mutant {
  return (real) => ({
    [operation]: (call: AdapterCall, name: string, ...rest: unknown[]) =>
      (real[operation] as AnyMethod).call(real, call, change(name), ...rest),
  });
}

/** One operation hears nothing of a caller who has given up already. */
export function deaf(operation: AdapterOperation): Mutant {
  return (real) => ({
    [operation]: (call: AdapterCall, ...rest: unknown[]) =>
      (real[operation] as AnyMethod).call(real, hasGivenUp(call) ? attentive(call) : call, ...rest),
  });
}

function hasGivenUp({ signal }: AdapterCall): boolean {
  return signal.aborted && (signal.reason as Error | undefined)?.name !== 'TimeoutError';
}

/** The same call from a caller who never gives up. */
export function attentive(call: AdapterCall): AdapterCall {
  return { ...call, signal: new AbortController().signal };
}

/** One operation, when it fails in a certain way, ends otherwise: `instead` throws another error or gives a result. */
export function onFailure(
  operation: AdapterOperation,
  when: (error: VaultError) => boolean,
  instead: (error: VaultError, args: readonly unknown[]) => unknown,
): Mutant {
  return (real) => ({
    [operation]: async (call: AdapterCall, ...rest: unknown[]) => {
      try {
        return await (real[operation] as AnyMethod).call(real, call, ...rest);
      } catch (error) {
        if (error instanceof VaultError && when(error)) return instead(error, rest);
        throw error;
      }
    },
  });
}

/** The error says that it comes from this state of the reference harness. */
export function inState(state: string): (error: VaultError) => boolean {
  return (error) => error.details?.['backendCode'] === state;
}

/** An error like the given one, changed in some respect. */
export function altered(
  error: VaultError,
  change: { code?: VaultErrorCode; message?: string; outcomeUnknown?: boolean; details?: Record<string, unknown> },
): VaultError {
  return new VaultError({
    code: error.vaultCode,
    message: error.message,
    backend: error.backend,
    operation: error.operation,
    outcomeUnknown: error.outcomeUnknown,
    details: error.details ?? {},
    ...change,
  });
}

/** What an operation throws that fails with a code. */
export function failure(code: VaultErrorCode, operation: AdapterOperation): VaultError {
  return new VaultError({ code, message: `A mutant answers ${code}.`, backend: 'reference', operation });
}

export function textOf(content: unknown): string {
  return (content as VaultContent).reveal();
}

export function secret(text: string): VaultContent {
  return new SecretValue(text);
}

/** The description, or undefined where there is nothing. */
export async function look(
  real: VaultAdapter,
  call: AdapterCall,
  name: string,
): Promise<ObjectDescription | undefined> {
  return real.describe(call, name).catch(() => undefined);
}

/** State of the newest version; undefined where there is none. */
export function currentState(description: ObjectDescription | undefined): VersionState | undefined {
  return description?.versions.at(-1)?.state;
}

/** Changes the stored object behind the adapter's back. */
export function tamper(
  vault: ReferenceAdapter,
  name: string,
  change: (object: ReferenceObject) => ReferenceObject,
): void {
  const present = vault.snapshot().get(name) ?? { metadata: {}, versions: [], lastNumber: 0 };
  vault.restore(new Map(vault.snapshot()).set(name, change(present)));
}
