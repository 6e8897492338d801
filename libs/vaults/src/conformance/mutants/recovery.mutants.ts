import { onFailure, tamper, type Mutant, type Mutants } from './mutation.js';

/** The operation puts aside what waits, so that it finds the name free. */
const overwriting =
  (operation: 'create' | 'put', hasMetadata: boolean): Mutant =>
  (real, vault) => ({
    [operation]: async (...args: Parameters<typeof real.create>) => {
      const name = args[1];
      const { isWaiting, metadata = {} } = vault.snapshot().get(name) ?? {};
      const isMeant = isWaiting && Object.keys(metadata).length > 0 === hasMetadata;
      if (isMeant) vault.restore(new Map([...vault.snapshot()].filter(([one]) => one !== name)));
      return real[operation](...(args as unknown as Parameters<typeof real.put>));
    },
  });

export const RECOVERY_MUTANTS: Mutants = {
  'refuses to create over what waits for its deletion with PENDING_DELETION': overwriting('create', false),
  'refuses to update what waits for its deletion with PENDING_DELETION': overwriting('put', false),
  'leaves what waits for its deletion to whoever it belongs to': (real) => ({
    create: (call, name, content, metadata, reclaim) => real.create(call, name, content, metadata, reclaim ?? metadata),
  }),
  'brings back what waits for its deletion for a creation that may claim it, with the new content': (real, vault) => ({
    create: async (call, name, content, metadata, reclaim) => {
      const found = vault.snapshot().get(name);
      const receipt = await real.create(call, name, content, metadata, reclaim);
      if (found?.isWaiting) tamper(vault, name, (object) => ({ ...object, metadata: found.metadata }));
      return receipt;
    },
  }),
  'sets no metadata on what waits for its deletion, but tells NOT_FOUND': (real, vault) => {
    const { setMetadata } = onFailure(
      'setMetadata',
      (error) => error.vaultCode === 'NOT_FOUND',
      (error, [name]) => {
        if (!vault.snapshot().get(name as string)?.isWaiting) throw error;
      },
    )(real, vault);
    return { setMetadata: setMetadata! };
  },
};
