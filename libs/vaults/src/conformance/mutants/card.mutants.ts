import type { Mutants } from './mutation.js';

export const CARD_MUTANTS: Mutants = {
  'carries the name of its kind': () => ({ kind: 'other' }),
  'declares the capabilities that are expected of it': (real) => ({
    capabilities: async (call) => ({ ...(await real.capabilities(call)), recursiveList: false }),
  }),
};
