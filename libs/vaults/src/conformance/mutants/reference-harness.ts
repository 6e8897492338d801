import { VaultError, type VaultCapabilities, type VaultErrorCode } from '../../contract/index.js';
import { intercept } from '../../wrappers/index.js';
import { ReferenceAdapter } from '../reference-adapter.js';
import type { BrokenState, OpenedVault, VaultHarness } from '../vault-harness.js';
import { mutate, tamper, type Mutant } from './mutation.js';

const ANSWERS: Readonly<Record<BrokenState | 'losesAnswers', { code: VaultErrorCode; outcomeUnknown?: boolean }>> = {
  withBadCredentials: { code: 'UNAUTHENTICATED' },
  withoutPermission: { code: 'PERMISSION_DENIED' },
  sealed: { code: 'SEALED' },
  unreachable: { code: 'UNAVAILABLE' },
  failing: { code: 'UNAVAILABLE', outcomeUnknown: true },
  throttled: { code: 'THROTTLED' },
  missingMount: { code: 'MISCONFIGURED' },
  losesAnswers: { code: 'UNAVAILABLE', outcomeUnknown: true },
};

const RETRY_AFTER_MS = 1234;
export const CREDENTIAL = 'canary-credential-of-the-reference';

const unchanged: Mutant = () => ({});

/** The reference adapter in one flavour, with every hook, as a mutant changes it. */
export function referenceHarness(
  flavour: string,
  capabilities: VaultCapabilities,
  mutant: Mutant = unchanged,
): VaultHarness {
  const vaults = new WeakMap<object, ReferenceAdapter>();

  const broken = (state: BrokenState | 'losesAnswers') => async (): Promise<OpenedVault> => {
    const vault = new ReferenceAdapter({ capabilities });
    const { code, outcomeUnknown = false } = ANSWERS[state];
    const refusing = intercept(vault, async ({ operation }) => {
      throw new VaultError({
        code,
        message: `The reference vault is ${state}.`,
        backend: 'reference',
        operation,
        backendCode: state,
        outcomeUnknown,
        ...(state === 'throttled' ? { retryAfterMs: RETRY_AFTER_MS } : {}),
      });
    });
    return { adapter: mutate(refusing, vault, mutant) };
  };

  return {
    flavour,
    capabilities,
    credentialTexts: [CREDENTIAL],
    throttledRetryAfterMs: RETRY_AFTER_MS,
    fresh: async () => {
      const vault = new ReferenceAdapter({ capabilities });
      const adapter = mutate(vault, vault, mutant);
      vaults.set(adapter, vault);
      return { adapter };
    },
    interruptCreate: async ({ adapter }, name, metadata) => {
      tamper(vaults.get(adapter)!, name, (object) => ({ ...object, metadata }));
    },
    stalled: async () => {
      const vault = new ReferenceAdapter({ capabilities });
      let reach: () => void;
      const reached = new Promise<void>((resolve) => (reach = resolve));
      const silent = intercept(vault, ({ operation, call, mutates }) => {
        const answer = {
          code: 'CANCELLED',
          message: 'Given up.',
          backendCode: 'stalled',
          outcomeUnknown: mutates,
        } as const;
        return new Promise((_, reject) => {
          const giveUp = (): void => reject(new VaultError({ ...answer, backend: 'reference', operation }));
          if (call.signal.aborted) return giveUp();
          call.signal.addEventListener('abort', giveUp, { once: true });
          return reach();
        });
      });
      return { adapter: mutate(silent, vault, mutant), reached };
    },
    withBadCredentials: broken('withBadCredentials'),
    withoutPermission: broken('withoutPermission'),
    sealed: broken('sealed'),
    unreachable: broken('unreachable'),
    failing: broken('failing'),
    throttled: broken('throttled'),
    missingMount: broken('missingMount'),
    losesAnswers: broken('losesAnswers'),
  };
}
