import { onFailure, tamper, type Mutant, type Mutants } from './mutation.js';

/** The operation puts aside what waits, so that it finds the name free. */
const overwriting =
  (operation: 'create' | 'put', hasMetadata: boolean): Mutant =>
  (real, vault) => ({
    [operation]: async (...[call, name, content, more]: Parameters<typeof real.create>) => {
      const { isWaiting, metadata = {} } = vault.snapshot().get(name) ?? {};
      const isMeant = isWaiting && Object.keys(metadata).length > 0 === hasMetadata;
      if (isMeant) vault.restore(new Map([...vault.snapshot()].filter(([one]) => one !== name)));
      return real[operation](call, name, content, more as never);
    },
  });

export const RECOVERY_MUTANTS: Mutants = {
  'refuses to create over what waits for its deletion with PENDING_DELETION': overwriting('create', false),
  'refuses to update what waits for its deletion with PENDING_DELETION': overwriting('put', false),
  'leaves what waits for its deletion under the marker of another': (real, vault) => ({
    create: async (call, name, content, metadata) => {
      const found = vault.snapshot().get(name);
      const isForeign = found?.isWaiting && Object.keys(found.metadata).length === 1;
      if (isForeign && metadata) tamper(vault, name, (object) => ({ ...object, metadata }));
      return real.create(call, name, content, metadata);
    },
  }),
  'brings back what waits for its deletion for a creation with its marker, with the new content': (real, vault) => ({
    create: async (call, name, content, metadata) => {
      const found = vault.snapshot().get(name);
      const receipt = await real.create(call, name, content, metadata);
      if (found?.isWaiting) tamper(vault, name, (object) => ({ ...object, versions: found.versions }));
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
